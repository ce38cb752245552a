"""The job host that the first task starts, where no service keeps one: the real host."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from airflow.sdk import Connection

from headrace_airflow.engine.job_directory import JobDirectory
from headrace_airflow.engine.job_host import ask, ask_host, host_environment
from headrace_airflow.settings import DeploymentSettings
from headrace_schemas.errors import ConnectionInvalid, EngineUnavailable
from tests.projects import make_project

CONNECT = Connection(
    conn_id="headrace_connect",
    conn_type="spark_connect",
    host="spark-connect",
    port=15002,
    password="the token",
)


@pytest.fixture
def settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connection: Any
) -> Iterator[DeploymentSettings]:
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path))
    monkeypatch.setenv("HEADRACE_JOB_HOST", str(tmp_path / "run" / "host.sock"))
    monkeypatch.setenv("HEADRACE_JOB_HOST_START", "on-demand")
    yield DeploymentSettings.current()
    for process in psutil.process_iter():
        if str(tmp_path / "run" / "host.sock") in " ".join(cmdline(process)):
            os.killpg(process.pid, signal.SIGKILL)


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "get", lambda name: CONNECT)


def test_tasks_at_the_same_time_start_one_host_and_a_dead_one_is_started_again(
    settings: DeploymentSettings, tmp_path: Path
) -> None:
    directories = [JobDirectory.create(tmp_path / f"job-{one}", "{}") for one in range(3)]
    with ThreadPoolExecutor(3) as tasks:
        list(tasks.map(lambda one: ask_host(one, settings), directories))

    first = ask(Path(str(settings.job_host)), {"ping": True})["pid"]
    assert len({(one.path / "pid").read_text() for one in directories}) == 3
    os.killpg(first, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(first)], timeout=10)

    ask_host(JobDirectory.create(tmp_path / "job-4", "{}"), settings)
    assert ask(Path(str(settings.job_host)), {"ping": True})["pid"] != first


def test_the_error_names_the_log_when_the_host_does_not_start(
    settings: DeploymentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "great_expectations.py").write_text("raise ImportError('as if it were broken')")
    project = make_project(tmp_path / "project", tmp_path, [broken])
    monkeypatch.setenv("HEADRACE_PROJECT", str(project))

    with pytest.raises(EngineUnavailable, match=r"host\.log says why"):
        ask_host(JobDirectory.create(tmp_path / "job", "{}"), DeploymentSettings.current())

    assert "as if it were broken" in (tmp_path / "run" / "host.log").read_text()


def test_nothing_is_started_when_a_service_keeps_the_host(
    settings: DeploymentSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADRACE_JOB_HOST_START")

    with pytest.raises(EngineUnavailable, match="job host"):
        ask_host(JobDirectory.create(tmp_path / "job", "{}"), DeploymentSettings.current())

    assert not (tmp_path / "run").exists()


def test_the_token_of_the_connection_reaches_the_host_and_airflow_s_secrets_do_not(
    connection: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")

    environment = host_environment()

    assert environment["SPARK_REMOTE"] == "sc://spark-connect:15002"
    assert environment["HEADRACE_CONNECT_TOKEN"] == "the token"
    assert not [name for name in environment if name.startswith("AIRFLOW")]


def test_options_of_the_connection_are_the_url_s(monkeypatch: pytest.MonkeyPatch) -> None:
    secured = Connection(
        conn_id="headrace_connect",
        conn_type="spark_connect",
        host="spark.example",
        port=443,
        extra='{"use_ssl": "true"}',
    )
    monkeypatch.setattr(Connection, "get", lambda name: secured)

    assert host_environment()["SPARK_REMOTE"] == "sc://spark.example:443/;use_ssl=true"


def test_two_servers_are_known_by_a_file_each_when_publishing_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    servers = {
        f"headrace_connect{name}": Connection(
            conn_id=f"headrace_connect{name}",
            conn_type="spark_connect",
            host=f"host{name}",
            extra=f'{{"token-file": "/secrets/token{name}"}}',
        )
        for name in ("", "_publish")
    }
    monkeypatch.setattr(Connection, "get", servers.__getitem__)

    environment = host_environment()

    assert environment["SPARK_REMOTE"] == "sc://host:15002"
    assert environment["HEADRACE_CONNECT_TOKEN_FILE"] == "/secrets/token"
    assert environment["HEADRACE_PUBLISH_REMOTE"] == "sc://host_publish:15002"
    assert environment["HEADRACE_PUBLISH_TOKEN_FILE"] == "/secrets/token_publish"


def test_a_connection_of_another_type_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Connection(conn_id="headrace_connect", conn_type="spark", host="local[2]")
    monkeypatch.setattr(Connection, "get", lambda name: other)

    with pytest.raises(ConnectionInvalid, match="has type spark and host local"):
        host_environment()
