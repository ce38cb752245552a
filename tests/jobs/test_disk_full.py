"""A disk without room: a clear answer, nothing half-published, and the next try succeeds."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable, QueryBuilder
from pyspark.sql import SparkSession

from headrace_jobs.engine.errors import job_error
from headrace_jobs.sources.copies import CopyErrors
from headrace_jobs.sources.ingest import Delivery
from headrace_schemas.errors import SourceInvalid
from tests.jobs.batches import Batch, contract, text
from tests.jobs.hosts import job_host, until

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]

SIZE = 4 * 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, left: int = 0) -> Path:
    """Take all room but for `left` bytes."""
    found = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(b"x" * max(0, found.f_bavail * found.f_frsize - left))
    return filler


def rows_of(uri: str) -> list[str]:
    """The meters of a table by another reader."""
    query = QueryBuilder().register("t", DeltaTable(uri)).execute("SELECT meter FROM t ORDER BY 1")
    return query.read_all().column("meter").to_pylist()


def rows(count: int, name: str) -> list[str]:
    return [f"{name}-{n:05d},2024-05-01T00:00:00Z,{n}.5,1" for n in range(count)]


@pytest.mark.parametrize("left", [0, 4_096, 12_288])
def test_table_stays_as_it_was_until_there_is_room_again(
    engine: SparkSession, disk: Path, tmp_path: Path, left: int
) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path))
    batch.lake = disk / "lake"
    for name in ("first", "second"):
        batch.load_rows(*rows(500, name))
        batch.gate()
        if name == "first":
            batch.publish()
            version = DeltaTable(batch.table).version()
    filler = fill(disk, left)

    with pytest.raises(Exception) as caught:
        batch.publish()

    found = job_error(caught.value, "here", "publish")
    assert (found.type, found.retryable) == ("StorageFull", True)
    assert "No space left on device" in found.message
    log = Path(batch.table) / "_delta_log"
    assert not [one.name for one in log.iterdir() if one.is_file() and not one.stat().st_size]
    assert not [one.name for one in log.rglob("*.tmp*")]
    assert DeltaTable(batch.table).version() == version
    assert len(rows_of(batch.table)) == 500

    filler.unlink()
    batch.publish()
    assert set(rows_of(batch.table)) == {one.split(",")[0] for one in rows(500, "second")}


def test_delivery_is_not_blamed_when_there_is_no_room_to_stage_it(
    engine: SparkSession, disk: Path
) -> None:
    batch = Batch(engine, disk, contract(disk))
    file = batch.deliver(text(*rows(2_000, "one")))
    filler = fill(disk, 96 * 1024)  # enough for the copy of the file, not for what is made of it

    with pytest.raises(Exception) as caught:
        batch.load(file)

    found = job_error(caught.value, "here", "load")
    assert (found.type, found.retryable) == ("StorageFull", True), found.message
    filler.unlink()
    assert batch.load(file).metrics["rows_not_readable"] == 0


def test_full_disk_is_told_from_a_damaged_file_when_its_error_names_the_file() -> None:
    one = Delivery(
        uri="one.csv",
        name="readings/one.csv",
        size=1,
        columns=("a",),
        rows=1,
        copy_uri="/staging/000000-abc.csv",
    )
    with pytest.raises(OSError, match="No space left"), CopyErrors([one]):
        raise OSError("reading 000000-abc.csv: No space left on device")
    with (
        pytest.raises(SourceInvalid, match=r"readings/one\.csv: Spark cannot read it"),
        CopyErrors([one]),
    ):
        raise OSError("000000-abc.csv is not whole")


def test_job_host_survives_when_jobs_have_no_room_for_their_logs(
    connect_url: str, disk: Path, tmp_path: Path
) -> None:
    batch = Batch(None, tmp_path, contract(tmp_path))  # type: ignore[arg-type]
    spec = batch.load_spec(batch.deliver(text("a,2024-05-01,1,1")))
    jobs = [disk / name for name in ("full", "free")]
    for one in jobs:
        one.mkdir()
        (one / "spec.json").write_text(spec.model_dump_json())
    filler = fill(disk)
    with job_host(connect_url, tmp_path) as (process, path):
        pid = int(ask(path, {"job_dir": str(jobs[0])})["pid"])
        until(lambda: not Path(f"/proc/{pid}").exists(), process)
        assert ask(path, {"ping": True})["pid"] == process.pid
        filler.unlink()
        ask(path, {"job_dir": str(jobs[1])})
        until((jobs[1] / "rc").exists, process)
        assert (jobs[1] / "rc").read_text() == "0", (jobs[1] / "job.log").read_text()
    assert not (jobs[0] / "report.json").exists()


def ask(path: Path, question: dict[str, object]) -> dict[str, int]:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(json.dumps(question).encode() + b"\n")
        answer: dict[str, int] = json.loads(client.makefile().readline())
    return answer
