"""The job host as it is run: a process, a socket, and jobs that attach to a Spark Connect server."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from headrace_schemas.wire.jobs import read_report
from headrace_schemas.wire.spec import JobSpec
from tests.jobs.batches import HEADER, Batch, contract
from tests.jobs.hosts import job_host, until

pytestmark = pytest.mark.spark


class Host:
    """A running host and the directory of its jobs."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path, jobs: Path) -> None:
        self.process = process
        self.path = path
        self.jobs = jobs

    def run(self, spec: JobSpec, code: str) -> Any:
        """Run a job to its end, which must be `code`."""
        directory = self.jobs / spec.job_id
        directory.mkdir(parents=True)
        (directory / "spec.json").write_text(spec.model_dump_json())
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.path))
            client.sendall(json.dumps({"job_dir": str(directory)}).encode() + b"\n")
            assert json.loads(client.makefile().readline())["pid"] > 0
        until((directory / "rc").exists, self.process)
        assert (directory / "rc").read_text() == code, (directory / "job.log").read_text()
        return read_report((directory / "report.json").read_text())


@pytest.fixture
def host(connect_url: str, tmp_path: Path) -> Iterator[Host]:
    with job_host(connect_url, tmp_path) as (process, path):
        yield Host(process, path, tmp_path / "jobs")


def test_batch_is_published_when_the_host_runs_its_jobs(host: Host, tmp_path: Path) -> None:
    batch = Batch(None, tmp_path, contract(tmp_path))  # type: ignore[arg-type]
    file = batch.deliver(f"{HEADER}\na,2024-05-01,1,1\nb,2024-05-01,NaN,1\n")
    for spec in (batch.load_spec(file), batch.gate_spec(), batch.publish_spec()):
        assert host.run(spec, "0").status == "succeeded"
    assert DeltaTable(batch.table).to_pyarrow_table().num_rows == 1
    assert DeltaTable(batch.quarantine).to_pyarrow_table().num_rows == 1

    missing = batch.load_spec(str(tmp_path / "readings" / "none.csv"))
    report = host.run(missing, "1")
    assert report.error is not None
    assert (report.error.type, report.error.retryable) == ("SourceMissing", True)
    log = (host.jobs / missing.job_id / "job.log").read_text()
    assert "SourceMissing: bronze.readings: no file matches" in log

    tasks = Path(f"/proc/{host.process.pid}/task")
    names = [(task / "comm").read_text().strip() for task in tasks.iterdir()]
    assert not [name for name in names if name.startswith(("grpc", "event_engine", "resolver"))]

    os.kill(host.process.pid, signal.SIGTERM)
    assert host.process.wait(60) == 0
    assert not host.path.exists()
