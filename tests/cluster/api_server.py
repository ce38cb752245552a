"""Airflow's api-server as a cluster runs it, with roles and a user for each."""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from headrace_airflow.access.roles import ADMIN, ROLES
from tests.projects import make_project
from tests.waiting import wait_until

PROJECT = Path(__file__).parents[2]
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"

MORE_DAGS = '''
"""Dags of kinds that the declarations do not have: questions, and such that name nothing."""
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from headrace_airflow.access.roles import DagKind, access_control
from tests.projects import make_project

for dag_id in ("unnamed", "to_delete"):
    with DAG(dag_id, schedule=None):
        EmptyOperator(task_id="anything")
with DAG("questions", schedule=None, access_control=access_control(DagKind.APPROVAL)):
    for name in ("first", "second"):
        ApprovalOperator(task_id=name, subject="May it serve?")
'''
RECORD = "gates/bronze.trips/2013-04/index.html"


@dataclass
class Cluster:
    """An api-server with users, and no scheduler: what is triggered stays queued."""

    home: Path
    url: str
    environment: dict[str, str] = field(repr=False)
    password: str = field(repr=False)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30), repr=False)
    tokens: dict[str, str] = field(default_factory=dict, repr=False)

    def ask(self, who: str | None, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request of a user, or of nobody."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        self.client.cookies.clear()
        return self.client.request(method, self.url + path, headers=headers, json=body)

    def log_in(self, name: str, password: str) -> httpx.Response:
        body = {"username": name, "password": password}
        return self.ask(None, "POST", "/auth/token", body)

    def make_user(self, name: str, role: str) -> str:
        password = secrets.token_urlsafe(12)
        body = {
            "username": name,
            "password": password,
            "email": f"{name}@example.org",
            "first_name": name,
            "last_name": role,
            "roles": [{"name": role}],
        }
        assert self.ask(ADMIN, "POST", "/auth/fab/v1/users", body).status_code == 200
        return password

    def provision(self, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command that writes the roles."""
        command = [sys.executable, "-m", "headrace_airflow.access.database"]
        environment = {**self.environment, "HEADRACE_ADMIN_PASSWORD": self.password, **more}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def airflow(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def permissions(self, role: str) -> set[tuple[str, str]]:
        answer = self.ask(ADMIN, "GET", f"/auth/fab/v1/roles/{role}").json()
        return {(one["action"]["name"], one["resource"]["name"]) for one in answer["actions"]}


class Browser:
    """A person with a browser who logs in by the form, from a loopback address of their own."""

    def __init__(self, url: str, address: str = "127.0.0.1") -> None:
        transport = httpx.HTTPTransport(local_address=address)
        self.client = httpx.Client(base_url=url, timeout=30, transport=transport)

    def log_in(self, name: str, password: str) -> httpx.Response:
        return self.send("/auth/login/", username=name, password=password)

    def send(self, form: str, **fields: str) -> httpx.Response:
        """Fill in a form of a page."""
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.client.get(form).text)
        assert token is not None
        return self.client.post(form, data={"csrf_token": token[1], **fields})


def cluster_environment(home: Path, port: int) -> dict[str, str]:
    """What the roles need of a cluster's settings, on a database of the test's own."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "HEADRACE"))
    }
    return {
        **inherited,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__AUTH_MANAGER": FAB,
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "project" / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=30",
        "AIRFLOW__FAB__CONFIG_FILE": str(PROJECT / "deploy" / "webserver_config.py"),
        "AIRFLOW__FAB__UPDATE_FAB_PERMS": "False",
        "HEADRACE_HOME": str(home),
        "HEADRACE_PROJECT": str(home / "project"),
    }


@contextmanager
def running_cluster(home: Path) -> Iterator[Cluster]:
    """Set up as a cluster's start does, with a user for each role and a run of each kind of Dag."""
    project = make_project(home / "project", PROJECT / "tests" / "dags" / "declarations")
    (project / "dags" / "more.py").write_text(MORE_DAGS)
    record = home / "lake" / RECORD
    record.parent.mkdir(parents=True)
    record.write_text("<h1>warned</h1>")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cluster = Cluster(
        home,
        f"http://127.0.0.1:{port}",
        cluster_environment(home, port),
        password=secrets.token_urlsafe(12),
    )
    cluster.airflow("db", "migrate")
    done = cluster.provision()
    assert done.returncode == 0, done.stderr
    assert cluster.password not in done.stdout + done.stderr
    with (home / "api-server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server"],
            env=cluster.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            cluster.airflow("dag-processor", "--num-runs", "1")
            wait_until(lambda: is_up(cluster), f"api-server, see {log.name}")
            cluster.tokens[ADMIN] = cluster.log_in(ADMIN, cluster.password).json()["access_token"]
            for role in ROLES.keys() - {ADMIN}:
                password = cluster.make_user(f"a_{role}", role)
                answer = cluster.log_in(f"a_{role}", password)
                cluster.tokens[role] = answer.json()["access_token"]
            for dag in ("silver.trips", "train.duration", "promote.duration"):
                body = {"logical_date": None, "dag_run_id": "made"}
                made = cluster.ask(ADMIN, "POST", f"/api/v2/dags/{dag}/dagRuns", body)
                assert made.status_code == 200, made.text
            yield cluster
        finally:
            cluster.client.close()
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(60)


def is_up(cluster: Cluster) -> bool:
    try:
        return cluster.ask(None, "GET", "/api/v2/monitor/health").status_code == 200
    except httpx.TransportError:
        return False
