"""One classic Spark session and one Spark Connect server for all tests of the jobs' side."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

from headrace_jobs.engine import session
from headrace_jobs.testing.spark import SMALL, small_session
from tests.jobs.batches import Batch, contract
from tests.jobs.learning import learned, mlflow_uri

__all__ = ["learned", "mlflow_uri"]

SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"

START_SECONDS = 180


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for a session is marked: it takes minutes where the rest takes seconds."""
    engines = {"spark", "connect", "connect_url", "engine"}
    for item in items:
        if engines & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.spark)


@pytest.fixture(scope="session", autouse=True)
def python_of_workers() -> None:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    # At the very end, when standard output is closed, it would still tell of its own end.
    logging.getLogger("py4j").setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The classic session, with Delta."""
    found = small_session(tmp_path_factory.mktemp("spark"))
    yield found
    found.stop()


@pytest.fixture(scope="session")
def connect_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Spark Connect server that lives as long as the tests."""
    folder = tmp_path_factory.mktemp("connect")
    with connect_server(folder, free_port()) as url:
        yield url


@pytest.fixture
def connect(connect_url: str) -> Iterator[SparkSession]:
    """A session at the server; while it lives, functions build Connect's columns."""
    with connected(connect_url) as found:
        yield found


@pytest.fixture(params=["classic", "connect"])
def engine(request: pytest.FixtureRequest) -> SparkSession:
    """Both engines, one after the other."""
    name = "spark" if request.param == "classic" else "connect"
    found: SparkSession = request.getfixturevalue(name)
    return found


@pytest.fixture
def batch(spark: SparkSession, tmp_path: Path) -> Batch:
    """A batch of meter readings, nothing loaded yet."""
    return Batch(spark, tmp_path, contract(tmp_path))


@contextmanager
def connected(url: str) -> Iterator[SparkSession]:
    """A Connect session beside the classic one of this process."""
    try:
        found = session.connect(url)
        yield found
        session.release(found)
    finally:
        os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)


@contextmanager
def connect_server(folder: Path, port: int) -> Iterator[str]:
    """A Spark Connect server of its own; all of its processes end with it."""
    process = start_server(folder, port)
    try:
        wait_for_port(port, process)
        yield f"sc://localhost:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start_server(
    folder: Path,
    port: int,
    settings: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start the server; it does not listen yet.

    Args:
        settings: Further Spark settings.
        environment: Further variables of its processes.
    """
    given = (
        SMALL
        | session.SESSION
        | session.DELTA
        | dict(settings or {})
        | {
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": str(port),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
        }
    )
    command = [
        str(Path(pyspark.__file__).parent / "bin" / "spark-submit"),
        "--master",
        "local[2]",
        "--driver-class-path",
        f"{session.jars_folder()}/*",
        "--class",
        SERVER,
    ]
    for key, value in given.items():
        command += ["--conf", f"{key}={value}"]
    with (folder / "server.log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until the server listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        process_wait(process)
    raise TimeoutError(f"no Spark Connect server on port {port}")


def process_wait(process: subprocess.Popen[bytes]) -> None:
    """A moment, or less if the process ends."""
    try:
        process.wait(0.2)
    except subprocess.TimeoutExpired:
        return


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
