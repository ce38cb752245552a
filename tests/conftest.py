"""The deployments that several folders of tests share."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from headrace_launcher.services.secrets import USER, Secrets
from tests.cluster.flagship import Deployment, Outcome, two_months
from tests.cluster.native import Native, cluster
from tests.embedded import CLINIC, PROJECT, Embedded, declared, running


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
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """All services of the embedded default, with the flagship's pipeline and the clinic's."""
    schemas = declared(tmp_path_factory.mktemp("declared"), PROJECT / "schemas", CLINIC)
    with running(
        tmp_path_factory.mktemp("headrace"),
        schemas,
        HEADRACE_AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT="20",
    ) as found:
        yield found


@pytest.fixture(scope="session")
def embedded(stack: Embedded) -> Outcome:
    """What two months on the embedded default gave, when nothing else had run there."""
    return two_months(
        Deployment(
            airflow=stack.api.url,
            user=USER,
            password=Secrets(stack.settings.secrets).password(),
            lake=stack.settings.lake,
            landing=stack.settings.landing,
            environment={},
            folder=stack.settings.home / "two-months",
        )
    )


@pytest.fixture(scope="session")
def flights(stack: Embedded, embedded: Outcome) -> Embedded:
    """The embedded default with these two months done."""
    assert embedded.boosters
    return stack


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
