"""MLflow's pages: to look at, by who has the password, and by no page of another origin."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from headrace_jobs.learning.registry import Registry
from headrace_jobs.learning.registry_pages import HOSTS, LOGIN, LookOnly
from tests.jobs.test_registry import free_port, pinned, wait_until_healthy

HOST = "localhost:5000"
PASSWORD = "right: horse"
KNOWN = {"host": HOST, "authorization": f"Basic {b64encode(f'admin:{PASSWORD}'.encode()).decode()}"}
SEARCH = "/ajax-api/2.0/mlflow/runs/search"


async def answered(scope, receive, send) -> None:
    """The application behind."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"shown"})


def status(method: str, path: str, headers: dict[str, str]) -> int:
    sent = []

    async def send(message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    guarded = LookOnly(answered, {"admin": PASSWORD}, frozenset({HOST, "127.0.0.1:5000"}))
    asyncio.run(guarded(scope, None, send))
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("HEAD", "/static-files/x.js"), ("POST", SEARCH)]
)
def test_who_has_the_password_may_look(method: str, path: str) -> None:
    assert status(method, path, KNOWN) == 200
    assert status(method, path, {**KNOWN, "origin": f"http://{HOST}"}) == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"host": HOST}, 401),
        ({**KNOWN, "authorization": "Basic !"}, 401),
        ({**KNOWN, "authorization": "Bearer x"}, 401),
        ({**KNOWN, "authorization": f"Basic {b64encode(b'admin:').decode()}"}, 401),
        ({**KNOWN, "authorization": f"Basic {b64encode(b'nobody:').decode()}"}, 401),
        ({**KNOWN, "host": "evil.example:5000"}, 403),
        ({**KNOWN, "host": "localhost:8080"}, 403),
        ({**KNOWN, "origin": "http://localhost:8080"}, 403),
        ({**KNOWN, "origin": "null"}, 403),
    ],
)
def test_everybody_else_is_refused(headers: dict[str, str], expected: int) -> None:
    assert status("GET", "/", headers) == expected
    assert status("POST", SEARCH, headers) == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/2.0/mlflow/experiments/create"),
        ("POST", "/ajax-api/2.0/mlflow/experiments/create"),
        ("POST", "/ajax-api/2.0/mlflow/runs/search/../create"),
        ("POST", "/ajax-api/2.0/mlflow/model-versions/set-tag"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/x"),
        ("DELETE", "/ajax-api/2.0/mlflow/registered-models/delete"),
        ("PATCH", SEARCH),
    ],
)
def test_nothing_is_changed_by_who_looks(method: str, path: str) -> None:
    assert status(method, path, KNOWN) == 405


@pytest.fixture
def pages(mlflow_uri: str, tmp_path: Path) -> Iterator[str]:
    """The pages as `headrace mlflow` serves them."""
    port = free_port()
    login = tmp_path / "login.json"
    login.write_text(json.dumps({"admin": PASSWORD}))
    command = [
        str(Path(sys.executable).parent / "mlflow"),
        "server",
        "--app-name",
        "headrace",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
        "--no-serve-artifacts",
    ]
    environment = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": mlflow_uri,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        LOGIN: str(login),
        HOSTS: f"127.0.0.1:{port}",
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True, cwd=tmp_path
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(url, process, auth=("admin", PASSWORD))
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_versions_are_shown_and_folders_of_the_machine_are_not_taken(
    pages: str, tmp_path: Path
) -> None:
    pinned(Registry(), "shown")
    auth = ("admin", PASSWORD)
    path = "/ajax-api/2.0/mlflow/model-versions/search"
    found = requests.get(
        f"{pages}{path}", params={"filter": "name='shown'"}, auth=auth, timeout=30
    ).json()
    assert [one["version"] for one in found["model_versions"]] == ["1"]

    evil = {"name": "evil", "artifact_location": str(tmp_path / "dags")}
    for given in (auth, None):
        url = f"{pages}/api/2.0/mlflow/experiments/create"
        answer = requests.post(url, json=evil, auth=given, timeout=30)
        assert answer.status_code == (405 if given else 401)
        url = f"{pages}/api/2.0/mlflow-artifacts/artifacts/evil.py"
        answer = requests.put(url, data=b"evil", auth=given, timeout=30)
        assert answer.status_code == (405 if given else 401)
    assert Registry().client.get_experiment_by_name("evil") is None
