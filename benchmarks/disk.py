"""What a lake needs on disk beside its tables: as it was left, and a fortnight later, looked after.

    python benchmarks/disk.py [HOME]

HOME is the state directory that `make demo` left, `.headrace` by default. A copy of its lake is dated
back and maintained; the lake itself is only read.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from deltalake import DeltaTable

from headrace_airflow.pins import upkeep
from headrace_airflow.settings import DeploymentSettings
from headrace_jobs.engine.session import classic
from headrace_jobs.tables.maintain import maintain
from headrace_lake.ledger import digests_of
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.maintenance_jobs import MaintainSpec

CHECKOUT = Path(__file__).parents[1]
LATER = timedelta(days=15)
"""A batch that was staged and is in its table stays for a day, one that is not for 14."""


def main(home: Path) -> None:
    """Print files and bytes, and how many times those of the tables they are."""
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", dir=home.parent) as folder:
        copied = Path(folder) / "lake"
        shutil.copytree(home / "lake", copied)
        tables = sum(current(log.parent) for log in copied.rglob("_delta_log"))
        print(f"tables, newest versions: {tables / 1e6:.1f} MB")
        tell("as it was left", copied, tables)
        for file in copied.rglob("*"):
            then = file.stat().st_mtime - LATER.total_seconds()
            os.utime(file, (then, then))
        look_after(copied, home)
        tell("looked after, a fortnight later", copied, tables)


def current(table: Path) -> int:
    """Bytes of the data files of a table's newest version."""
    actions = DeltaTable(table).get_add_actions(flatten=True)
    return sum(actions.column("size_bytes").to_pylist())


def tell(when: str, lake: Path, tables: int) -> None:
    """A line, and one for each folder of the lake."""
    sizes = {
        one.name: [file.stat().st_size for file in one.rglob("*") if file.is_file()]
        for one in sorted(lake.iterdir())
    }
    total, files = sum(map(sum, sizes.values())), sum(map(len, sizes.values()))
    print(f"{when}: {total / 1e6:.1f} MB in {files:,} files, {total / tables:.2f} times the tables")
    for name, found in sizes.items():
        print(f"  {name:<12}{sum(found) / 1e6:>8.1f} MB {len(found):>6,} files")


def look_after(lake: Path, home: Path) -> None:
    """Run what the Dags `maintain.*` run in a day."""
    catalog = Catalog.load(CHECKOUT / "schemas")
    place = Lake(root=str(lake))
    planner = Planner(catalog, place, lambda _: None, partial(digests_of, place), "benchmark")
    settings = DeploymentSettings.current({"HEADRACE_HOME": str(home), "HEADRACE_LAKE": str(lake)})
    found = upkeep(catalog, planner, settings, datetime.now(tz=UTC))

    def specs() -> Iterator[MaintainSpec]:
        yield from (found.table(name, f"benchmark-{name}") for name in catalog.builds)
        yield from (found.model(one, f"benchmark-{one.name}") for one in catalog.models.values())
        yield found.ledger("benchmark-ledger")

    with classic("disk", "local[2]") as spark:
        for spec in specs():
            maintain(spark, spec, datetime.now(tz=UTC))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else CHECKOUT / ".headrace").absolute())
