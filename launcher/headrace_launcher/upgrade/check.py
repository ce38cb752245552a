"""What another version of Headrace changes for a project: declarations, Dags, and rows of its tables.

Both versions work on copies: of the Dag files, and in lakes of their own. Nothing of the project, its
home or its lake is written.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from headrace_launcher.project.batches import Wanted
from headrace_launcher.project.deliveries import own_deliveries
from headrace_launcher.upgrade.lakes import compare
from headrace_launcher.upgrade.sides import Side, Tell
from headrace_schemas.batch import WHOLE
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.places import Lake
from headrace_schemas.project import FILE, Project


@dataclass(frozen=True)
class TableChange:
    """What becomes of a batch of a table with the next version.

    Attributes:
        batch: None where none could be built by both.
        changes: Sentences without a full stop; empty if its rows stay the same.
    """

    table: str
    batch: str | None
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Changes:
    """What the next version changes.

    Attributes:
        declarations: What it refuses of them.
        dags: Of the Dags, and of reading them.
        requires: The project's range of versions, if the next one is not in it.
    """

    present: str
    next: str
    requires: str | None
    declarations: tuple[str, ...]
    dags: tuple[str, ...]
    tables: tuple[TableChange, ...]

    @property
    def is_none(self) -> bool:
        """Whether nothing changes that the project could see."""
        return not (self.declarations or self.dags or any(table.changes for table in self.tables))

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "present": self.present,
            "next": self.next,
            "requires": self.requires,
            "is_same": self.is_none,
            "declarations": list(self.declarations),
            "dags": list(self.dags),
            "tables": [
                {"table": table.table, "batch": table.batch, "changes": list(table.changes)}
                for table in self.tables
            ],
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"headrace {self.present} -> {self.next}"
        said = self.declarations or ("are read as before",)
        yield from (f"declarations: {sentence}" for sentence in said)
        yield from (f"DAGs: {sentence}" for sentence in self.dags or ("are the same",))
        for table in self.tables:
            for change in table.changes or ("the same rows",):
                yield f"{table.table} {table.batch or ''}".rstrip() + f": {change}"
        if self.requires is not None:
            yield f"requires: change `{self.requires}` in {FILE}, so that {self.next} is in it"
        yield "Nothing changes." if self.is_none else "Look at what changes before you upgrade."


@dataclass
class UpgradeCheck:
    """A project under two versions.

    Attributes:
        folder: A scratch folder, removed by whoever made it.
    """

    project: Project
    present: Side
    next: Side
    folder: Path
    tell: Tell
    catalog: Catalog = field(init=False)
    landing: str = field(init=False)

    def __post_init__(self) -> None:
        self.catalog = Catalog.load(self.project.schemas)
        self.landing = self.project.landing

    def changes(self) -> Changes:
        """Compare all of it.

        Raises:
            UpgradeFailed: A version does not answer.
        """
        self.copy_project()
        self.tell(f"{self.next.version}: declarations")
        refused = tuple(self.refused())
        dags = () if refused else tuple(self.dag_changes())
        tables = () if refused else tuple(self.table_changes())
        unfit = None if self.is_fit() else self.project.table.requires
        return Changes(self.present.version, self.next.version, unfit, refused, dags, tables)

    def is_fit(self) -> bool:
        """Whether the project's range of versions has the next one."""
        return SpecifierSet(self.project.table.requires).contains(
            self.next.version, prereleases=True
        )

    def copy_project(self) -> None:
        """A project for both versions, with the Dag files of this one and all else in its place.

        Dag files are copied, as a Dag file belongs to the project that it lies in.
        """
        given = self.project.table.model_dump(exclude_none=True)
        given |= {
            "requires": ">=0",
            "schemas": str(self.project.schemas),
            "dags": "dags",
            "plugins": str(self.project.plugins),
            "tests": str(self.project.tests),
            "packages": [str(package) for package in self.project.packages],
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in given.items()]
        shutil.copytree(self.project.dags, self.folder / "dags")
        (self.folder / FILE).write_text("\n".join(["[tool.headrace]", *lines, ""]))

    def variables(self, side: Side) -> dict[str, str]:
        """Where a side's project, home and lake are."""
        own = "present" if side is self.present else "next"
        return {
            "HEADRACE_PROJECT": str(self.folder),
            "HEADRACE_HOME": str(self.folder / own),
            "HEADRACE_LAKE": str(self.folder / own / "lake"),
            "HEADRACE_LANDING": self.landing,
        }

    def refused(self) -> Iterator[str]:
        """What the next version refuses of the declarations."""
        variables = self.variables(self.next)
        found = self.next.document("headrace_launcher", "validate", "--json", **variables)
        for problem in found.get("problems") or ():
            yield str(problem.get("message", problem))
        if "error" in found:
            yield str(found["error"]["message"])

    def dag_changes(self) -> Iterator[str]:
        """What differs between the Dags of both versions."""
        before, after = (self.dags(side) for side in (self.present, self.next))
        for file, error in after["errors"].items():
            yield f"{Path(file).name} cannot be read: {error.strip().splitlines()[-1]}"
        old, new = before["dags"], after["dags"]
        for what, names in (("is gone", old.keys() - new), ("is new", new.keys() - old)):
            yield from (f"{name} {what}" for name in sorted(names))
        for name in sorted(old.keys() & new):
            if old[name]["schedule"] != new[name]["schedule"]:
                yield f"{name}: schedule {old[name]['schedule']} -> {new[name]['schedule']}"
            tasks, others = old[name]["tasks"], new[name]["tasks"]
            apart = sorted(
                task for task in tasks.keys() | others if tasks.get(task) != others.get(task)
            )
            if apart:
                yield f"{name}: tasks differ: {', '.join(apart)}"

    def dags(self, side: Side) -> dict[str, Any]:
        """What Airflow makes of the Dag files with a version."""
        self.tell(f"{side.version}: DAGs")
        home = self.folder / f"airflow-{side.version}"
        variables = {
            **self.variables(side),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.project.plugins),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "PYTHONPATH": self.project.environment(side.environment)["PYTHONPATH"],
        }
        found: dict[str, Any] = side.document(
            "headrace_airflow.read_dags", str(self.folder / "dags"), **variables
        )
        return found

    def table_changes(self) -> Iterator[TableChange]:
        """What differs between the rows that both versions make of one partition of each table."""
        chosen = self.chosen()
        present, following = (self.run(side, chosen) for side in (self.present, self.next))
        before, after = (
            Lake(root=self.variables(side)["HEADRACE_LAKE"]) for side in (self.present, self.next)
        )
        for table in self.catalog.order:
            batch = chosen.get(table, (None, None))[1]
            sentences = [
                f"{found.name}: {change}" if found.name != table else change
                for found in compare(before, after, table)
                for change in found.changes
            ]
            was, will = outcome(present.get(table)), outcome(following.get(table))
            if was != will:
                sentences.append(f"{was} -> {will}")
            elif batch is None or not present.get(table, {}).get("verdict"):
                sentences.append(f"not compared: {was}")
                batch = None
            yield TableChange(table, batch, tuple(sentences))

    def chosen(self) -> dict[str, tuple[PartitionUnit | None, str]]:
        """Table → the batch that is compared: the oldest that each table of its unit can have.

        The oldest needs no partitions before it. Deliveries are those of the landing area, else the
        project's own.
        """
        found = self.possible()
        if not any(partitions for partitions in found.values()) and self.project.table.deliveries:
            self.tell("deliveries of the project")
            folder = self.folder / "landing"
            folder.mkdir()
            own_deliveries(self.project)(folder)
            self.landing = str(folder)
            found = self.possible()
        chosen: dict[str, tuple[PartitionUnit | None, str]] = {}
        for unit in dict.fromkeys(build.partition for build in self.catalog.builds.values()):
            own = [build.name for build in self.catalog.builds.values() if build.partition is unit]
            if unit is None:
                chosen |= dict.fromkeys(own, (None, WHOLE))
                continue
            common = set.intersection(*[found[name] for name in own if found[name]] or [set()])
            if common:
                key = min(common, key=lambda partition: partition.start).key
                chosen |= {name: (unit, key) for name in own if found[name]}
        return chosen

    def possible(self) -> dict[str, set[Partition]]:
        """Table → the partitions that could be built from what was delivered."""
        empty = Lake(root=str(self.folder / "empty"))
        wanted = Wanted(self.catalog, empty, self.landing, (), None, is_all=True, with_inputs=True)
        return {name: wanted.available(name) for name in self.catalog.order}

    def run(
        self, side: Side, chosen: dict[str, tuple[PartitionUnit | None, str]]
    ) -> dict[str, dict[str, Any]]:
        """Build the chosen batches with a version; table → what came of it."""
        done: dict[str, dict[str, Any]] = {}
        for key in sorted({key for _, key in chosen.values()}, key=lambda batch: batch != WHOLE):
            tables = [name for name, (_, batch) in chosen.items() if batch == key]
            self.tell(f"{side.version}: {key} of {', '.join(tables)}")
            asked = [] if key == WHOLE else ["--partition", key]
            found = side.document(
                "headrace_launcher",
                "run",
                *tables,
                *asked,
                "--with-inputs",
                "--json",
                **self.variables(side),
            )
            for built in found.get("batches", ()):
                done.setdefault(built["table"], built)
            if "error" in found:
                done |= dict.fromkeys(tables, found)
        return done


def outcome(run: dict[str, Any] | None) -> str:
    """What came of a batch, in a few words that two versions can be compared by."""
    if run is None:
        return "nothing was delivered for it"
    if run["error"] is not None:
        return f"{run['error']['type']}: {run['error']['message']}"
    return f"gate {run['verdict']}"
