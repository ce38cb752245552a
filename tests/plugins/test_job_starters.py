"""Starting jobs: by the warm job host, or by spark-submit."""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from headrace_airflow.engine import job_starters
from headrace_airflow.engine.job_directory import JobDirectory
from headrace_airflow.engine.job_starters import start_job, submit_command, submitted_environment
from headrace_airflow.settings import DeploymentSettings, job_environment, submitted_program
from headrace_schemas.accounts import keys_text
from headrace_schemas.errors import ConnectionInvalid, EngineUnavailable
from headrace_schemas.project import Project

Answer = Callable[[dict[str, Any]], bytes]


@pytest.fixture
def directory(tmp_path: Path) -> JobDirectory:
    return JobDirectory.create(tmp_path / "jobs" / "one", '{"job": "train"}')


class Host:
    """A job host that answers one request as a test wants it."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.asked: dict[str, Any] = {}
        self.answer = answer
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.thread = Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as stream:
            self.asked = json.loads(stream.readline())
            connection.sendall(self.answer(self.asked))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], Host]]:
    path = tmp_path / "s"
    monkeypatch.setenv("HEADRACE_JOB_HOST", str(path))
    hosts: list[Host] = []

    def open_host(answer: Answer) -> Host:
        hosts.append(Host(path, answer))
        return hosts[-1]

    yield open_host
    for one in hosts:
        one.thread.join(5)
        one.listener.close()


def test_host_is_asked_when_there_is_one(
    directory: JobDirectory, host: Callable[[Answer], Host]
) -> None:
    asked = host(lambda _: b'{"pid": 4242}\n')
    start_job("warm", directory, DeploymentSettings.current(), {})
    asked.thread.join(5)
    assert asked.asked == {"job_dir": str(directory.path)}
    assert directory.pid() == 4242


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b'{"error": "too many jobs"}\n', "too many jobs"),
        (b"", "closed the connection without an answer"),
        (b"nonsense\n", "Expecting value"),
    ],
)
def test_host_is_unavailable_when_it_gives_no_process(
    directory: JobDirectory, host: Callable[[Answer], Host], answer: bytes, message: str
) -> None:
    host(lambda _: answer)
    with pytest.raises(EngineUnavailable, match=message):
        start_job("warm", directory, DeploymentSettings.current(), {})


def test_host_is_unavailable_when_nobody_listens(
    directory: JobDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_JOB_HOST", str(tmp_path / "nobody"))
    with pytest.raises(EngineUnavailable, match=r"job host at .*nobody") as raised:
        start_job("warm", directory, DeploymentSettings.current(), {})
    assert raised.value.retryable


@pytest.fixture
def spark(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Defines the Airflow connection to Spark."""

    def define(host: str = "local[2]", **fields: Any) -> None:
        given = {"conn_type": "spark", "host": host, "port": None, "extra_dejson": {}, **fields}
        monkeypatch.setattr(Connection, "get", lambda _: SimpleNamespace(**given))

    return define


@pytest.mark.parametrize(
    ("host_of_spark", "is_submitted"),
    [("spark://big:7077", True), ("k8s://https://big", True), ("local[2]", False), (None, False)],
)
def test_training_is_submitted_when_there_is_a_cluster_to_submit_it_to(
    directory: JobDirectory,
    host: Callable[[Answer], Host],
    spark: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    host_of_spark: str | None,
    is_submitted: bool,
) -> None:
    def missing(name: str) -> None:
        raise AirflowNotFoundException(name)

    spark(str(host_of_spark))
    if host_of_spark is None:
        monkeypatch.setattr(Connection, "get", missing)
    submitted: list[list[str]] = []
    monkeypatch.setattr(job_starters, "submit", lambda _, command: submitted.append(command))
    if not is_submitted:
        host(lambda _: b'{"pid": 4242}\n')

    start_job("cluster", directory, DeploymentSettings.current(), {})

    assert bool(submitted) is is_submitted
    assert directory.pid() == (None if is_submitted else 4242)


def test_submit_command_holds_everything_when_built(
    directory: JobDirectory,
    spark: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spark(extra_dejson={"queue": "night", "conf": {"spark.executor.memory": "1g"}})
    (tmp_path / "b.jar").touch()
    (tmp_path / "a.jar").touch()
    monkeypatch.setenv("HEADRACE_JARS", str(tmp_path))
    command = submit_command(directory, DeploymentSettings.current(), {"spark.task.cpus": "1"})
    assert command[1:5] == ["--master", "local[2]", "--deploy-mode", "client"]
    assert command[command.index("--jars") + 1] == f"{tmp_path}/a.jar,{tmp_path}/b.jar"
    assert command[command.index("--queue") + 1] == "night"
    given = {command[at + 1] for at, word in enumerate(command) if word == "--conf"}
    assert {"spark.executor.memory=1g", "spark.task.cpus=1"} < given
    assert command[-4:] == [str(submitted_program()), "run", "--job-dir", str(directory.path)]


@pytest.mark.parametrize(
    ("host", "port", "master"),
    [
        ("local[2]", None, "local[2]"),
        ("spark://master", 7077, "spark://master:7077"),
        ("master", 7077, "spark://master:7077"),
        ("k8s://https://cluster", None, "k8s://https://cluster"),
        ("yarn", None, "yarn"),
    ],
)
def test_master_is_read_when_a_connection_names_it(
    directory: JobDirectory, spark: Callable[..., None], host: str, port: int | None, master: str
) -> None:
    spark(host, port=port)
    assert submit_command(directory, DeploymentSettings.current(), {})[2] == master


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"conn_type": "http"}, "has type http"),
        ({"host": ""}, "host none"),
        ({"extra_dejson": {"deploy-mode": "cluster"}}, "deploy-mode cluster"),
        (
            {"extra_dejson": {"conf": {"spark.hadoop.fs.s3a.secret.key": "x"}}},
            r"spark\.hadoop\.fs\.s3a\.secret\.key on the command line",
        ),
    ],
)
def test_connection_is_refused_when_it_cannot_be_used(
    directory: JobDirectory, spark: Callable[..., None], fields: dict[str, Any], message: str
) -> None:
    spark(**fields)
    with pytest.raises(ConnectionInvalid, match=message) as raised:
        submit_command(directory, DeploymentSettings.current(), {})
    assert not raised.value.retryable


def test_connection_is_asked_for_when_it_is_missing(
    directory: JobDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: str) -> None:
        raise AirflowNotFoundException("headrace_spark")

    monkeypatch.setattr(Connection, "get", missing)
    with pytest.raises(ConnectionInvalid, match=r"headrace_spark: is not defined\. Define it"):
        submit_command(directory, DeploymentSettings.current(), {})


def test_jars_are_not_handed_over_when_spark_has_them(
    directory: JobDirectory,
    spark: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spark(extra_dejson={"has-jars": True})
    (tmp_path / "a.jar").touch()
    monkeypatch.setenv("HEADRACE_JARS", str(tmp_path))
    assert "--jars" not in submit_command(directory, DeploymentSettings.current(), {})


def test_jars_are_missed_when_their_directory_is_empty(
    directory: JobDirectory,
    spark: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spark()
    (tmp_path / "jars").mkdir()
    monkeypatch.setenv("HEADRACE_JARS", str(tmp_path / "jars"))
    with pytest.raises(EngineUnavailable, match="holds no jars"):
        submit_command(directory, DeploymentSettings.current(), {})


def test_job_is_submitted_when_there_is_no_host(
    directory: JobDirectory, spark: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    spark()
    monkeypatch.setattr(
        job_starters, "submit_command", lambda *_: ["sh", "-c", 'echo "$0"; exit 3']
    )
    start_job("warm", directory, DeploymentSettings.current(), {})
    pid = directory.pid()
    assert pid is not None
    os.waitpid(pid, 0)
    assert (directory.path / "rc").read_text() == "3\n"
    assert directory.log.read_text() == "sh\n"


def test_job_gets_no_key_of_airflow_when_it_is_submitted() -> None:
    given = {
        "AIRFLOW__CORE__FERNET_KEY": "k",
        "AIRFLOW_CONN_X": "c",
        "_AIRFLOW_X": "x",
        "SPARK_REMOTE": "sc://host",
        "AWS_SECRET_ACCESS_KEY": "the job's own",
        "PATH": "/bin",
    }
    assert job_environment(given) == {
        **Project.current(given).environment(given),
        "AWS_SECRET_ACCESS_KEY": "the job's own",
        "PATH": "/bin",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
    }


def test_a_submitted_job_has_its_account_s_keys_and_spark_s_secret_when_files_hold_them(
    directory: JobDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s3_learn").write_text(keys_text("key", "its secret"))
    (tmp_path / "spark").write_text("of the cluster")
    monkeypatch.setenv("HEADRACE_S3_ACCOUNTS", str(tmp_path))
    monkeypatch.setenv("_SPARK_AUTH_SECRET_FILE", str(tmp_path / "spark"))

    environment = submitted_environment(directory)

    assert environment["AWS_ACCESS_KEY_ID"] == "key"
    assert environment["AWS_SECRET_ACCESS_KEY"] == "its secret"
    assert environment["_SPARK_AUTH_SECRET"] == "of the cluster"
