"""Headrace's jobs on an object store, run as they are run: of each part the test can make an end.

Everything that they say to the store goes through a proxy.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from json import dumps, loads
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyspark
from deltalake import DeltaTable

from headrace_jobs.engine import session
from headrace_jobs.testing.spark import SMALL
from headrace_schemas.places import Lake
from headrace_schemas.wire import spark_settings
from headrace_schemas.wire.jobs import read_report
from headrace_schemas.wire.spec import JobSpec
from tests.fault_proxy import Exchange, Fault, FaultProxy
from tests.jobs import readers
from tests.jobs.batches import MAY, Batch, contract, text
from tests.jobs.conftest import free_port, start_server, wait_for_port
from tests.jobs.hosts import SUBMITTED, job_host
from tests.object_store import REGION, ObjectStore
from tests.projects import CHECKOUT
from tests.waiting import wait_until

BUCKET = "lake"
JOB_SECONDS = 600
WAIT_SECONDS = 120

FIRST = [f"a{n:02},2024-05-01T00:00:00Z,{n}.5,1" for n in range(20)]
SECOND = [f"b{n:02},2024-05-02T00:00:00Z,{n}.25,2" for n in range(30)]
"""Rows of two deliveries of one batch."""


class Engine:
    """A Spark Connect server and a job host on one store; both are started when they are needed.

    Attributes:
        store: What the proxy stands before.
        proxy: Knows every request, and does to it what the test says.
    """

    def __init__(self, folder: Path, store: ObjectStore, proxy: FaultProxy) -> None:
        self.folder = folder
        self.store = store
        self.proxy = proxy
        self.port = free_port()
        self.environment = {
            **store.environment(proxy.endpoint),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/registry.db",
            "HEADRACE_MODELS": str(folder / "models"),
        }
        self._spark: subprocess.Popen[bytes] | None = None
        self._host: Path | None = None
        self._stack = ExitStack()
        self._jobs = 0

    @property
    def settings(self) -> dict[str, str]:
        """What Spark is started with to reach the store."""
        return spark_settings.S3 | {
            "spark.hadoop.fs.s3a.endpoint": self.proxy.endpoint,
            "spark.hadoop.fs.s3a.endpoint.region": REGION,
            "spark.hadoop.fs.s3a.path.style.access": "true",
        }

    def start_spark(self) -> None:
        """Start the Connect server; returns when it listens."""
        self._spark = start_server(self.folder, self.port, self.settings, self.environment)
        wait_for_port(self.port, self._spark)

    def kill_spark(self) -> None:
        """End the server as kill -9 does."""
        if self._spark is not None:
            os.killpg(self._spark.pid, signal.SIGKILL)
            self._spark.wait()
            self._spark = None

    def start(self, spec: JobSpec) -> Path:
        """Start a job as the warm engine does; its folder."""
        if self._spark is None:
            self.start_spark()
        if self._host is None:
            url = f"sc://localhost:{self.port}"
            host = job_host(url, self.folder, self.environment)
            self._host = self._stack.enter_context(host)[1]
        directory = self.asked(spec)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self._host))
            client.sendall(dumps({"job_dir": str(directory)}).encode() + b"\n")
            assert "pid" in loads(client.makefile().readline())
        return directory

    def run(self, spec: JobSpec) -> Any:
        """Do a job from beginning to end."""
        return ended(self.start(spec))

    @contextmanager
    def submitted(
        self, spec: JobSpec, environment: Mapping[str, str] | None = None
    ) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """A job with a Spark of its own, by spark-submit: its process group, and its folder."""
        directory = self.asked(spec)
        given = (
            SMALL
            | session.DELTA
            | self.settings
            | {
                "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
            }
        )
        command = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit")]
        command += ["--master", "local[2]", "--driver-class-path", f"{session.jars_folder()}/*"]
        for key, value in given.items():
            command += ["--conf", f"{key}={value}"]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("SPARK_")}
        with (directory / "job.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, str(SUBMITTED), "run", "--job-dir", str(directory)],
                env={
                    **kept,
                    "HEADRACE_PROJECT": str(CHECKOUT),
                    **self.environment,
                    **(environment or {}),
                },
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                start_new_session=True,
            )
        try:
            yield process, directory
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def asked(self, spec: JobSpec) -> Path:
        """A new folder for a job."""
        self._jobs += 1
        directory = self.folder / "jobs" / f"{self._jobs}-{spec.job_id}"
        directory.mkdir(parents=True)
        (directory / "spec.json").write_text(spec.model_dump_json())
        return directory

    def close(self) -> None:
        """End whatever was started."""
        self._stack.close()
        self.kill_spark()


@contextmanager
def running_engine(folder: Path) -> Iterator[Engine]:
    """An engine with a store of its own."""
    with ObjectStore(folder / "store") as store, FaultProxy(store.endpoint) as proxy:
        store.make_bucket(BUCKET)
        made = Engine(folder, store, proxy)
        try:
            yield made
        finally:
            made.close()


def killed(engine: Engine, spec: JobSpec, request: str) -> None:
    """Do a job by a driver of its own, which is killed with -9 once a request was answered."""
    with engine.submitted(spec) as (process, directory):
        end = partial(os.killpg, process.pid, signal.SIGKILL)  # Java and Python
        engine.proxy.on(request, killing(end), times=1)
        process.wait(WAIT_SECONDS)
    assert not (directory / "report.json").exists()


def killing(kill: Callable[[], None]) -> Fault:
    """Have a request done, and then end who asked for it."""

    def fault(exchange: Exchange) -> None:
        assert exchange.forward() == 200
        kill()
        exchange.reset()

    return fault


def ended(directory: Path) -> Any:
    """The report of a job, once there is one."""
    report = directory / "report.json"
    wait_until(lambda: report.exists() or (directory / "rc").exists(), "a report", JOB_SECONDS)
    assert report.exists(), (directory / "job.log").read_text(errors="replace")[-3000:]
    return read_report(report.read_text())


class StoredBatch(Batch):
    """A batch whose files are delivered on this machine, and whose lake is in the store."""

    def __init__(self, engine: Engine, folder: Path, **build: object) -> None:
        super().__init__(None, folder, contract(folder), **build)  # type: ignore[arg-type]
        self.engine = engine
        self.key = folder.name
        self.delivery = 0

    @property
    def place(self) -> Lake:
        return Lake(root=f"s3a://{BUCKET}/{self.key}")

    @property
    def staged(self) -> str:
        return self.place.staging(self.contract.name, MAY.key, f"load-{self.delivery}")

    @property
    def gated(self) -> str:
        return self.place.staging(self.contract.name, MAY.key, f"gate-{self.delivery}")

    @property
    def table(self) -> str:
        return self.place.table(self.contract.name)

    @property
    def quarantine(self) -> str:
        return self.place.quarantine(self.contract.name)

    def path(self, uri: str) -> str:
        """A table's path in the store's URLs."""
        return f"/{uri.partition('://')[2]}"

    def deliver_rows(self, *rows: str) -> None:
        """Deliver rows, load and gate them: what is left is to publish them."""
        self.delivery += 1
        file = self.deliver(text(*rows))
        for spec in (self.load_spec(file), self.gate_spec()):
            report = self.engine.run(spec)
            assert report.error is None, report.error

    def published(self, *rows: str) -> int:
        """The version that has these rows."""
        self.deliver_rows(*rows)
        report = self.engine.run(self.publish_spec())
        assert report.table is not None, report.error
        return report.table.version

    def seen(self) -> "Seen":
        """The table as others see it now."""
        return Seen(self.engine.store, self.table)


class Seen:
    """A table as others see it: a copy of its objects, read by delta-rs and by DuckDB."""

    def __init__(self, store: ObjectStore, uri: str) -> None:
        key = uri.removeprefix(f"s3a://{BUCKET}/")
        self._copy = TemporaryDirectory()  # as long as this object lives
        self.folder = folder = Path(self._copy.name)
        self.objects: dict[str, str] = {}
        for one in store.client.list_objects(BUCKET, f"{key}/", recursive=True):
            name = (one.object_name or "").removeprefix(f"{key}/")
            if name.endswith("/"):
                continue  # stands for a folder
            self.objects[name] = str(one.etag)
            store.client.fget_object(BUCKET, f"{key}/{name}", str(folder / name))
        self.delta = DeltaTable(folder)

    @property
    def version(self) -> int:
        return self.delta.version()

    @property
    def referenced(self) -> set[str]:
        """Data files of every version."""
        found: set[str] = set()
        for version in range(self.version + 1):
            table = DeltaTable(self.folder, version=version)
            found |= {str(Path(uri).relative_to(self.folder)) for uri in table.file_uris()}
        return found

    @property
    def orphans(self) -> set[str]:
        """Data files of no version."""
        data = {name for name in self.objects if name.endswith(".parquet")}
        return {name for name in data if not name.startswith("_delta_log/")} - self.referenced

    def rows(self, order: str) -> list[dict[str, Any]]:
        """All rows, on which both readers agree."""
        return readers.read(str(self.folder), order)

    @property
    def meters(self) -> list[str]:
        """The rows of a batch's table by their meters, with repetitions."""
        return [str(row["meter"]) for row in self.rows("meter")]


def meters_of(rows: list[str]) -> list[str]:
    """What `Seen.meters` is to be when rows were delivered."""
    return [row.split(",")[0] for row in rows]
