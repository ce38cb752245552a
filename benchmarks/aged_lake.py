"""What three years of days leave behind: files of a lake and folders of jobs, before and after their care.

    python benchmarks/aged_lake.py

One table, a partition a day, one in thirty of them delivered again a week later; each batch leaves what load,
gate and publish leave. Times are dated back; neither Spark nor a clock is needed.
"""

import json
import os
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from headrace_airflow.engine.old_folders import clean_jobs
from headrace_jobs.tables.maintain import maintain
from headrace_schemas.declarations.pipeline import HISTORY_DAYS
from headrace_schemas.planning.pins import Pin, PinKind
from headrace_schemas.planning.table_history import history_properties
from headrace_schemas.wire.maintenance_jobs import MaintainedTable, MaintainSpec

DAYS, AGAIN, NAME = 3 * 365, 30, "gold.readings"
STAGED, STEPS = 4, ("load", "gate", "publish")
PINNED = 100
"""A version of a thousand days ago that somebody holds."""


def main() -> None:
    """Print counts, and that the oldest promise is kept."""
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        lake, jobs = Path(folder) / "lake", Path(folder) / "jobs"
        table = lake / "tables" / "gold" / "readings"
        live(lake, table, jobs)
        held = DeltaTable(table, version=PINNED).to_pyarrow_dataset().count_rows()
        print(f"after {DAYS:,} days: {count(lake):,} files of the lake, {count(jobs):,} of jobs")
        pin = Pin(table=NAME, version=PINNED, kind=PinKind.HOLD, why="an audit")
        spec = MaintainSpec(
            job_id="benchmark",
            run_id="benchmark",
            headrace_version=version("headrace"),
            tables=(
                MaintainedTable(name=NAME, uri=str(table), history_days=HISTORY_DAYS, pins=(pin,)),
            ),
            staging_uri=str(lake / "staging" / NAME),
            gates_uri=str(lake / "gates" / NAME),
            time_limit_minutes=60,
            is_written=True,
        )
        started = time.monotonic()
        maintain(None, spec, datetime.now(tz=UTC))  # type: ignore[arg-type] # it joins no files
        clean_jobs(jobs, datetime.now(tz=UTC))
        seconds = time.monotonic() - started
        print(
            f"looked after in {seconds:.1f} s: {count(lake):,} files of the lake, {count(jobs):,} of jobs"
        )
        for name in ("tables", "staging", "gates"):
            print(f"  {name:<10}{count(lake / name):>7,}")
        assert DeltaTable(table, version=PINNED).to_pyarrow_dataset().count_rows() == held
        print(f"version {PINNED}, which is held, has its {held:,} rows")


def live(lake: Path, table: Path, jobs: Path) -> None:
    """Three years of days, the last of them yesterday's."""
    first = datetime.now(tz=UTC).date() - timedelta(days=DAYS)
    kept = {**history_properties(HISTORY_DAYS), "delta.checkpointInterval": "10"}
    for day in range(DAYS):
        age = (DAYS - day) * 86_400.0
        batches = [first + timedelta(days=day)]
        if day >= AGAIN and day % AGAIN == 0:
            batches.append(first + timedelta(days=day - 7))
        for partition in batches:
            for file in publish(table, partition, kept):
                date_back(file, age)
            leave_behind(lake, jobs, f"{partition}", day, age)
        if not day % 100:
            print(f"\rday {day:,} of {DAYS:,}", end="", flush=True)
    print("\r", end="")


def publish(table: Path, partition: date, kept: dict[str, str]) -> list[Path]:
    """Replace a day's rows, in one commit; its files."""
    rows = pa.table({"n": list(range(10)), "_partition": [f"{partition}"] * 10})
    write_deltalake(
        table,
        rows,
        mode="overwrite",
        partition_by=["_partition"],
        configuration=kept,
        predicate=f"_partition = '{partition}'" if table.exists() else None,
    )
    log = table / "_delta_log"
    newest = max(one.name[:20] for one in log.glob("*.json"))
    return [*table.glob(f"_partition={partition}/*"), *log.glob(f"{newest}*")]


def leave_behind(lake: Path, jobs: Path, key: str, day: int, age: float) -> None:
    """What a batch's three jobs leave beside its table."""
    record = lake / "gates" / NAME / key
    record.mkdir(parents=True, exist_ok=True)
    made = [record / "index.html", record / "result.json"]
    for step in STEPS:
        folder = jobs / f"{NAME}-{step}-{key}-{day}"
        folder.mkdir(parents=True)
        made += [folder / "spec.json", folder / "report.json", folder / "job.log"]
        if step != "publish":
            staged = lake / "staging" / NAME / key / f"{step}-{day}"
            staged.mkdir(parents=True)
            made += [staged / f"part-{number}.parquet" for number in range(STAGED)]
    for file in made:
        succeeded = json.dumps({"status": "succeeded"})
        file.write_text(succeeded if file.name == "report.json" else "{}")
        date_back(file, age)


def date_back(file: Path, age: float) -> None:
    """Give a file the time of so many seconds ago."""
    os.utime(file, (time.time() - age,) * 2)


def count(folder: Path) -> int:
    """Files below a folder."""
    return sum(one.is_file() for one in folder.rglob("*"))


if __name__ == "__main__":
    main()
