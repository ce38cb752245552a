"""Removal as the accounts of an object store allow it: by maintenance, and by nobody else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from headrace_jobs.lake import files
from headrace_jobs.lake.delta_log import DeltaLog
from headrace_jobs.lake.removal import remove_needless
from headrace_schemas.accounts import job_account
from headrace_schemas.planning.table_history import history_properties
from headrace_schemas.wire.jobs import JOBS
from headrace_schemas.wire.maintenance_jobs import MaintainedTable
from tests.launcher.stores import Place, write_keys
from tests.object_store import ObjectStore

TABLE, RECORD, STAGED = (
    f"s3a://headrace/lake/{one}" for one in ("tables/gold/readings", "gates/gold/p", "staging/t/p")
)

HISTORY = 100


class Job:
    """A process with the keys of its account."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self.monkeypatch = place, monkeypatch

    def becomes(self, job: str) -> None:
        account = JOBS.named(job).account
        own = job_account(account, self.place.environment)
        for name, value in (self.place.environment | own).items():
            self.monkeypatch.setenv(name, value)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    with ObjectStore(tmp_path / "store") as server:
        place = Place(server, "headrace", stages=write_keys(tmp_path / "keys"))
        place.provision()
        yield Job(place, monkeypatch)


def remove(uri: str) -> int:
    """Remove what a year from now nobody needs; how many files it was."""
    table = MaintainedTable(name="gold.readings", uri=uri, history_days=HISTORY)
    later = datetime.now(tz=UTC) + timedelta(days=365)
    log = DeltaLog.at(uri)
    assert log is not None
    entries, data, _ = remove_needless(table, log, files.below(uri), later, later)
    return len(entries) + len(data)


def test_old_files_are_removed_under_maintenance_s_keys_alone(job: Job) -> None:
    job.becomes("publish")
    for number in range(12):
        rows = pyarrow.table({"n": [number], "_partition": ["a b"]})
        write_deltalake(
            TABLE,
            rows,
            mode="overwrite",
            partition_by=["_partition"],
            configuration={**history_properties(HISTORY), "delta.checkpointInterval": "5"},
        )
    files.write_text(RECORD, "index.html", "the verdict")
    files.write_text(STAGED, "rows.txt", "rows")
    before = job.place.objects()
    for other in ("load", "publish", "train"):
        job.becomes(other)
        with pytest.raises(OSError, match=r"ACCESS_DENIED|Access Denied"):
            remove(TABLE)
        with pytest.raises(OSError, match=r"ACCESS_DENIED|Access Denied"):
            files.remove(RECORD)
    assert job.place.objects() == before
    job.becomes("maintain")
    assert remove(TABLE) > 11
    files.remove(RECORD)
    files.remove(STAGED)
    gone = set(before) - set(job.place.objects())
    assert {f"lake/{one}" for one in ("gates/gold/p/index.html", "staging/t/p/rows.txt")} < gone
    read = QueryBuilder().register("t", DeltaTable(TABLE)).execute("SELECT n FROM t")
    assert read.read_all().column(0).to_pylist() == [11]
