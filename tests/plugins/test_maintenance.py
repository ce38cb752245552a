"""What maintenance knows of pins, jobs and batches, and what goes from this machine."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from arro3.core import Array, DataType, Table
from deltalake import write_deltalake

from headrace_airflow.engine.old_folders import (
    FAILED,
    LOGS,
    NEWEST_JOBS,
    SUCCEEDED,
    clean_jobs,
    clean_logs,
)
from headrace_airflow.operators.maintenance import CheckLakeOperator, MaintainOperator
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import ClockSkewed
from headrace_schemas.places import Lake
from headrace_schemas.wire.job_folders import JobFolder
from tests.plugins.ledger import write_table

TABLE = "gold.trip_features"
NOW = datetime.now(tz=UTC)


def job(home: Path, name: str, spec: dict[str, Any], status: str = "", days: float = 0) -> Path:
    """A job's folder that is so old."""
    folder = home / "jobs" / name
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(spec))
    if status:
        (folder / "report.json").write_text(json.dumps({"status": status}))
    then = time.time() - days * 86_400
    os.utime(folder / "spec.json", (then, then))
    return folder


def pinned(version: int, table: str = TABLE) -> dict[str, Any]:
    return {"name": table, "uri": f"/lake/{table}", "version": version}


def planned(catalog: Catalog, context: dict[str, Any], fake: Any, **given: Any) -> Any:
    MaintainOperator(task_id="one", catalog=catalog, **given).execute(context)
    return fake.spec


def test_versions_that_running_jobs_read_are_pinned(
    home: Path, catalog: Catalog, run_context: Callable[..., Any], fake_submit: Any
) -> None:
    job(home, "trains", {"job": "train", "features": pinned(3)})
    job(home, "derives", {"job": "load", "inputs": {"a": {"table": pinned(4)}}})
    job(home, "has-ended", {"job": "train", "features": pinned(5)}, "succeeded")
    job(
        home,
        "was-lost",
        {"job": "monitor", "features": pinned(6), "model": {"time_limit_minutes": 20}},
        days=1,
    )
    job(home, "of-another", {"job": "score", "features": pinned(7, "silver.trips")})
    spec = planned(catalog, run_context(), fake_submit, subject="table", name=TABLE)
    kept, quarantine = spec.tables
    assert {(pin.version, pin.kind.value) for pin in kept.pins} == {(3, "job"), (4, "job")}
    assert (quarantine.name, quarantine.pins) == (f"quarantine {TABLE}", ())
    assert kept.history_days == 400


def test_versions_that_models_and_people_need_are_pinned(
    home: Path, catalog: Catalog, run_context: Callable[..., Any], fake_submit: Any
) -> None:
    lake = Lake(root=str(home / "lake"))
    versions(lake, (1, 10), (3, 20), (2, 30))
    holds(lake, (1, "hold"), (2, "hold"), (2, "release"))
    spec = planned(catalog, run_context(), fake_submit, subject="table", name=TABLE)
    assert {(pin.version, pin.kind.value) for pin in spec.tables[0].pins} == {
        (20, "model"),
        (1, "hold"),
    }


def versions(lake: Lake, *rows: tuple[int, int]) -> None:
    """Registered versions of long_trip: number, version of the table."""
    count = len(rows)
    write_deltalake(
        lake.versions,
        Table.from_pydict(
            {
                "model": text(["long_trip"] * count),
                "version": text([str(one) for one, _ in rows]),
                "booster_sha256": text(["b"] * count),
                "manifest_sha256": text(["m"] * count),
                "table": text([TABLE] * count),
                "table_version": Array([version for _, version in rows], DataType.int64()),
                "as_of": instants([NOW] * count),
                "answers": text(["x"] * count),
            }
        ),
        partition_by=["model"],
    )


def holds(lake: Lake, *said: tuple[int, str]) -> None:
    """What a person said, one after the other."""
    for number, (version, action) in enumerate(said):
        write_deltalake(
            lake.holds,
            Table.from_pydict(
                {
                    "table": text([TABLE]),
                    "version": Array([version], DataType.int64()),
                    "action": text([action]),
                    "reason": text(["an audit"]),
                    "by": text(["ada"]),
                    "at": instants([NOW + timedelta(seconds=number)]),
                }
            ),
            mode="append",
        )


def text(values: list[str]) -> Array:
    return Array(values, DataType.utf8())


def instants(values: list[datetime]) -> Array:
    micros = [round(one.timestamp() * 1_000_000) for one in values]
    return Array(micros, DataType.int64()).cast(DataType.timestamp("us", tz="UTC"))


def test_batches_are_told_apart_when_they_are_published_or_used(
    home: Path, catalog: Catalog, run_context: Callable[..., Any], fake_submit: Any
) -> None:
    staging = f"{home}/lake/staging/{TABLE}"
    job(
        home,
        "g",
        {"job": "gate", "staged_uri": f"{staging}/k/l1", "gated_uri": f"{staging}/k/g1"},
        "succeeded",
    )
    job(home, "p", {"job": "publish", "gated_uri": f"{staging}/k/g1"}, "succeeded")
    job(home, "q", {"job": "publish", "gated_uri": f"{staging}/k/g2"}, "failed")
    uri = f"{home}/lake/tables/gold/trip_features"
    job(home, "r", {"job": "publish", "gated_uri": f"{staging}/k/g3", "table_uri": uri})
    spec = planned(catalog, run_context(), fake_submit, subject="table", name=TABLE)
    assert spec.published == (f"{staging}/k/g1", f"{staging}/k/l1")
    assert spec.running == (f"{staging}/k/g3",)
    assert spec.is_written
    other = planned(catalog, run_context(), fake_submit, subject="table", name="silver.trips")
    assert (other.published, other.running, other.is_written) == ((), (), False)


def test_models_and_ledger_are_looked_after(
    catalog: Catalog, run_context: Callable[..., Any], fake_submit: Any
) -> None:
    spec = planned(catalog, run_context(), fake_submit, subject="model", name="duration")
    kinds = [(one.name, one.is_row_table) for one in spec.tables]
    assert kinds == [
        ("predictions.duration", False),
        ("monitoring.duration", True),
        ("sketches.duration", True),
    ]
    assert spec.time_limit_minutes == 20
    spec = planned(catalog, run_context(), fake_submit, subject="ledger", name="ledger")
    assert [one.name for one in spec.tables] == [
        "ledger.decisions",
        "ledger.versions",
        "ledger.evaluations",
        "ledger.holds",
    ]
    assert all(one.is_row_table for one in spec.tables)


def test_lake_is_read_as_a_whole_and_damage_fails_the_task(
    home: Path, run_context: Callable[..., Any]
) -> None:
    write_table(home, TABLE, ["2013-01"])
    write_table(home, TABLE, ["2013-02"])
    task = CheckLakeOperator(task_id="one")
    assert task.execute(run_context()) == {"tables": 1, "damages": 0}
    log = home.joinpath("lake", "tables", *TABLE.split("."), "_delta_log")
    (log / f"{1:020}.json").write_bytes(b"")
    with pytest.raises(AirflowFailException, match=f"damaged: {TABLE}"):
        task.execute(run_context())


def test_job_folders_go_when_they_are_old(home: Path) -> None:
    short, long = SUCCEEDED.days + 1, FAILED.days + 1
    for number in range(NEWEST_JOBS):
        job(home, f"new-{number:03}", {}, "succeeded")
    gone = [
        job(home, "old", {}, "succeeded", short),
        job(home, "bad", {}, "failed", long),
        job(home, "lost", {}, "", long),
    ]
    kept = [job(home, "bad-new", {}, "failed", short), job(home, "lost-new", {}, "", short)]
    assert clean_jobs(home / "jobs", NOW) == len(gone)
    assert [one.exists() for one in (*gone, *kept)] == [False] * 3 + [True] * 2
    assert clean_jobs(home / "none", NOW) == 0


def test_newest_job_folders_stay_when_all_are_old(home: Path) -> None:
    for number in range(NEWEST_JOBS):
        job(home, f"job-{number:03}", {}, "failed", 1000)
    assert clean_jobs(home / "jobs", NOW) == 0


def test_no_job_folder_goes_when_the_clock_is_behind(home: Path) -> None:
    job(home, "of-tomorrow", {}, "succeeded", -1)
    with pytest.raises(ClockSkewed, match=r"24\.0 h behind"):
        clean_jobs(home / "jobs", datetime.now(tz=UTC))


def test_logs_go_when_their_run_is_old(tmp_path: Path) -> None:
    old, new = LOGS.days + 1, LOGS.days - 1
    for name, days in (
        ("dag_id=a/run_id=1", old),
        ("dag_id=a/run_id=2", new),
        ("dag_processor/2024-01-01", old),
        ("other/run_id=1", old),
    ):
        folder = tmp_path / name
        (folder / "task_id=b").mkdir(parents=True)
        then = time.time() - days * 86_400
        for one in (folder / "task_id=b", folder):
            os.utime(one, (then, then))
    assert clean_logs(tmp_path, NOW) == 2
    assert (tmp_path / "dag_id=a/run_id=2").exists()
    assert (tmp_path / "other/run_id=1").exists()


def test_job_counts_as_running_until_its_limit_when_it_has_no_report(home: Path) -> None:
    limited = {"model": {"time_limit_minutes": 60, "training": {"time_limit_minutes": 3000}}}
    trains = JobFolder(job(home, "a", {"job": "train", **limited}, days=1))
    scores = JobFolder(job(home, "b", {"job": "score", **limited}, days=1))
    half = JobFolder(job(home, "c", {"job": "gate"}, days=1))
    (half.path / "spec.json").write_text("{")
    assert [one.is_running(NOW) for one in (trains, scores, half)] == [True, False, True]
