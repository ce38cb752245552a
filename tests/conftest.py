"""The deployments that several folders of tests share."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from headrace_launcher.services.running import service_url
from headrace_launcher.services.secrets import USER, Secrets
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.state import read_state
from tests.cluster.flagship import Deployment, Outcome, two_months
from tests.cluster.native import Native, cluster


@dataclass(frozen=True)
class Cluster:
    """The compose file's services on this machine, with two months of the flagship done."""

    native: Native
    deployment: Deployment
    outcome: Outcome


@pytest.fixture(scope="session")
def native_cluster() -> Iterator[Cluster]:
    # A short path: a Unix socket below it may have a hundred characters.
    with tempfile.TemporaryDirectory(prefix="hr-") as folder:
        Path(folder).chmod(0o711)  # the database's own user passes through
        with cluster(Path(folder) / "c") as native:
            deployment = on(native)
            yield Cluster(native, deployment, two_months(deployment))


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Two months on the embedded default, which is down again."""
    home = tmp_path_factory.mktemp("embedded")
    environment = {**environment_of_tests(), "HEADRACE_HOME": str(home)}
    command = [sys.executable, "-m", "headrace_launcher"]
    settings = Settings.from_environment(environment)
    try:
        subprocess.run([*command, "up"], env=environment, check=True)
        state = read_state(settings.state_file)
        assert state is not None
        return two_months(
            Deployment(
                airflow=str(service_url(state, "api-server")),
                user=USER,
                password=Secrets(settings.secrets).password(),
                lake=settings.lake,
                landing=settings.landing,
                environment={},
                folder=home / "mine",
            )
        )
    finally:
        subprocess.run([*command, "down"], env=environment, check=True)


def environment_of_tests() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}


def on(native: Native) -> Deployment:
    """How to reach a native cluster."""
    environment = native.lake_environment
    return Deployment(
        airflow=native.airflow_url,
        user="admin",
        password=native.secret("admin_password"),
        lake=environment["HEADRACE_LAKE"],
        landing=environment["HEADRACE_LANDING"],
        environment=environment,
        folder=native.root / "mine",
    )
