"""What is looked after, and how: specs of the job `maintain` from declarations, pins and job folders."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import HISTORY_DAYS, LONGEST_MINUTES
from headrace_schemas.planning.pins import Pin
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.job_folders import (
    JobFolder,
    published_staging,
    staged_by_running,
    written_tables,
)
from headrace_schemas.wire.maintenance_jobs import MaintainedTable, MaintainSpec

LEDGERS = ("decisions", "versions", "evaluations", "holds")
"""The tables of the ledger; no declaration says how long their history is kept."""


@dataclass(frozen=True)
class Upkeep:
    """Plans the looking after as things stand now.

    Attributes:
        pins: Everything that is kept, jobs' pins included.
        folders: Every job's folder that this machine has.
    """

    planner: Planner
    pins: Sequence[Pin]
    folders: Sequence[JobFolder]
    now: datetime

    def table(self, name: str, job_id: str) -> MaintainSpec:
        """A table of a pipeline, its quarantine, and its batches."""
        build, lake = self.planner.catalog.build(name), self.planner.lake
        quarantine = f"quarantine {name}"
        kept = {name: lake.table(name), quarantine: lake.quarantine(name)}
        spec = self.spec(job_id, kept, build.history_days, lake.at("staging", name))
        update = {
            "gates_uri": lake.at("gates", name),
            "time_limit_minutes": build.time_limit_minutes,
        }
        return spec.model_copy(update=update)

    def model(self, model: Model, job_id: str) -> MaintainSpec:
        """A model's predictions, what monitoring measured, and sketches of its inputs."""
        lake, days = self.planner.lake, self.planner.catalog.build(model.table).history_days
        monitoring, sketches = f"monitoring.{model.name}", f"sketches.{model.name}"
        kept = {
            f"predictions.{model.name}": lake.predictions(model.name),
            monitoring: lake.monitoring(model.name),
            sketches: lake.sketches(model.name),
        }
        staging = lake.at("staging", f"model.{model.name}")
        spec = self.spec(job_id, kept, days, staging, row_tables=(monitoring, sketches))
        return spec.model_copy(update={"time_limit_minutes": model.time_limit_minutes})

    def ledger(self, job_id: str) -> MaintainSpec:
        """Decisions, versions of models, and holds."""
        lake = self.planner.lake
        kept = {f"ledger.{name}": lake.at("ledger", name) for name in LEDGERS}
        return self.spec(job_id, kept, HISTORY_DAYS, lake.at("staging", "ledger"), row_tables=kept)

    def spec(
        self,
        job_id: str,
        tables: dict[str, str],
        history_days: int,
        staging: str,
        row_tables: Collection[str] = (),
    ) -> MaintainSpec:
        """What all of them carry; `row_tables` names those to which jobs commit single rows."""
        written = written_tables(self.folders, self.now)
        maintained = tuple(
            MaintainedTable(
                name=name,
                uri=uri,
                history_days=history_days,
                pins=tuple(pin for pin in self.pins if pin.table == name),
                is_row_table=name in row_tables,
            )
            for name, uri in tables.items()
        )
        here = f"{staging}/"
        used = staged_by_running(self.folders, self.now, staging)
        published = {
            folder for folder in published_staging(self.folders) if folder.startswith(here)
        }
        return MaintainSpec(
            **self.planner.head(job_id),
            tables=maintained,
            staging_uri=staging,
            running=tuple(sorted(used)),
            published=tuple(sorted(published)),
            is_written=not written.isdisjoint(tables.values()),
            time_limit_minutes=LONGEST_MINUTES,
        )
