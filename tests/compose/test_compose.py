"""docker-compose.yml on a Docker engine: all healthy, two months of the flagship, gone without a trace."""

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headrace_launcher.services.compose import FOLDER, ensure_env
from headrace_schemas import accounts
from headrace_schemas.wire.spark_settings import SMALL_JAVA
from tests.cluster.compose_file import PROJECT, read_env
from tests.cluster.flagship import Deployment, Outcome, two_months
from tests.object_store import free_port

pytestmark = [pytest.mark.compose, pytest.mark.timeout(3600)]

NAME = "headrace-test"
PORTS = (
    "HEADRACE_AIRFLOW_PORT",
    "HEADRACE_HISTORY_PORT",
)
ONCE = {"minio-volume", "provision", "airflow-init", "registry-init"}


@dataclass(frozen=True)
class Compose:
    """A project of its own, beside whatever else runs on the engine."""

    env: Path

    def run(self, *arguments: str, check: bool = True) -> str:
        command = ["docker", "compose", "--project-name", NAME, "--env-file", str(self.env)]
        kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/root")}
        done = subprocess.run(
            [*command, *arguments],
            cwd=PROJECT,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def containers(self) -> list[dict[str, Any]]:
        lines = self.run("ps", "--all", "--format", "json").splitlines()
        return [json.loads(line) for line in lines]

    def address(self, service: str) -> str:
        """Where the host reaches a service that is not published."""
        container = self.run("ps", "--quiet", service).split()[0]
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        done = subprocess.run(
            ["docker", "inspect", "--format", form, container],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()[0]


@pytest.fixture(scope="session")
def compose() -> Iterator[Compose]:
    """The file with secrets and ports of its own; images as HEADRACE_*_IMAGE of the environment say."""
    with tempfile.TemporaryDirectory(prefix="hr-") as folder:
        env = Path(folder) / ".env"
        ensure_env(env)
        given = {one: value for one, value in os.environ.items() if one.endswith("_IMAGE")}
        ports = {name: str(free_port()) for name in PORTS}
        small = {
            "HEADRACE_JAVA_OPTIONS": SMALL_JAVA,
            "HEADRACE_SECRETS": str(env.with_name(FOLDER)),
        }
        with env.open("a") as file:
            file.writelines(
                f"{name}={value}\n" for name, value in {**given, **ports, **small}.items()
            )
        yield Compose(env)


@pytest.fixture(scope="session")
def up(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    # Volumes of a run that was killed hold the passwords of another .env.
    compose.run("--profile", "*", "down", "--volumes", "--timeout", "20")
    try:
        compose.run("up", "--detach", "--wait", "--wait-timeout", "900")
        values = read_env(compose.env)
        folder = compose.env.with_name(FOLDER)
        yield Deployment(
            airflow=f"http://127.0.0.1:{values['HEADRACE_AIRFLOW_PORT']}",
            user="admin",
            password=(folder / "admin_password").read_text(),
            lake="s3a://headrace/lake",
            landing="s3a://headrace/landing",
            environment={
                accounts.FOLDER: str(folder),
                "AWS_SHARED_CREDENTIALS_FILE": str(folder / "s3_airflow"),
                "AWS_FORCE_CREDENTIAL_LOAD": "true",
                "AWS_REGION": "us-east-1",
                "AWS_ALLOW_HTTP": "true",
                "AWS_ENDPOINT_URL": f"http://{compose.address('minio')}:9000",
            },
            folder=tmp_path_factory.mktemp("compose"),
        )
    finally:
        compose.run("--profile", "*", "down", "--volumes", "--timeout", "20")


@pytest.fixture(scope="session")
def outcome(up: Deployment) -> Outcome:
    return two_months(up)


def test_the_file_is_clean(compose: Compose) -> None:
    assert compose.run("config", "--quiet") == ""


def test_every_service_is_healthy(compose: Compose, up: Deployment) -> None:
    found = compose.containers()
    assert len([one for one in found if one["Service"] == "spark-worker"]) == 2
    for one in found:
        if one["Service"] in ONCE:
            assert (one["State"], one["ExitCode"]) == ("exited", 0)
        else:
            assert (one["Service"], one["Health"]) == (one["Service"], "healthy")


def test_only_web_pages_are_published_and_on_loopback(compose: Compose, up: Deployment) -> None:
    published = {
        one["Service"]: {port["URL"] for port in one["Publishers"] if port["PublishedPort"]}
        for one in compose.containers()
    }
    assert {name for name, urls in published.items() if urls} == {"api-server"}
    assert set().union(*published.values()) == {"127.0.0.1"}


@pytest.mark.parametrize(
    "service", ["api-server", "scheduler", "spark-worker", "minio", "postgres"]
)
def test_a_container_is_nobody_special(compose: Compose, up: Deployment, service: str) -> None:
    container = compose.run("ps", "--quiet", service).split()[0]
    inspected = subprocess.run(["docker", "inspect", container], capture_output=True, check=True)
    found = json.loads(inspected.stdout)[0]
    assert found["Config"]["User"].split(":")[0] not in ("", "0", "root")
    assert found["HostConfig"]["ReadonlyRootfs"]
    assert found["HostConfig"]["CapDrop"] == ["ALL"]
    assert found["HostConfig"]["Memory"] > 0
    assert found["HostConfig"]["NanoCpus"] > 0
    assert found["HostConfig"]["PidsLimit"] > 0
    assert found["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


REACH = """
import json, socket, sys

def reached(host, port):
    try:
        socket.create_connection((host, port), 3).close()
    except OSError:
        return False
    return True

print(json.dumps([host for host, port in json.loads(sys.argv[1]) if reached(host, port)]))
"""

PLACES = {
    "postgres": 5432,
    "api-server": 8080,
    "minio": 9000,
    "spark-master": 7077,
    "1.1.1.1": 443,
}


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("spark-worker", {"minio", "spark-master"}),
        ("spark-connect", {"minio", "spark-master"}),
        ("dag-processor", {"postgres", "api-server"}),
        ("triggerer", {"postgres", "api-server", "minio"}),
    ],
)
def test_a_container_reaches_what_it_needs_and_nothing_else(
    compose: Compose, up: Deployment, service: str, expected: set[str]
) -> None:
    asked = json.dumps(list(PLACES.items()))
    found = json.loads(compose.run("exec", "-T", service, "python", "-c", REACH, asked))
    assert set(found) == expected


def test_a_container_s_description_holds_no_secret(compose: Compose, up: Deployment) -> None:
    secrets = {
        part
        for file in compose.env.with_name(FOLDER).iterdir()
        for part in file.read_text().split()
        if len(part) >= 20 and not part.startswith("aws_")
    }
    assert len(secrets) > 20
    described = subprocess.run(
        ["docker", "inspect", *compose.run("ps", "--all", "--quiet").split()],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [one for one in secrets if one in described] == []


def test_two_months_give_what_the_embedded_default_gives(
    embedded: Outcome, outcome: Outcome
) -> None:
    assert outcome.tables == embedded.tables
    assert outcome.decisions == embedded.decisions
    assert outcome.boosters == embedded.boosters


def test_nothing_is_left_when_it_is_down(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="hr-") as folder:
        env = Path(folder) / ".env"
        ensure_env(env)
        port = free_port()
        images = [f"{one}={value}\n" for one, value in os.environ.items() if one.endswith("_IMAGE")]
        own = f"HEADRACE_SECRETS={env.with_name(FOLDER)}\nHEADRACE_HISTORY_PORT={port}\n"
        env.write_text(env.read_text() + "".join(images) + own)
        compose = Compose(env)
        name = ["--project-name", f"{NAME}-down"]
        compose.run(*name, "up", "--detach", "--wait", "spark-history")
        compose.run(*name, "--profile", "*", "down", "--volumes")
        assert compose.run(*name, "ps", "--all", "--quiet") == ""
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
