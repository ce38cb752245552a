"""The deployments that several folders of tests share."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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
    with tempfile.TemporaryDirectory(prefix="hr-") as folder, cluster(Path(folder) / "c") as native:
        deployment = on(native)
        yield Cluster(native, deployment, two_months(deployment))


def on(native: Native) -> Deployment:
    """How to reach a native cluster."""
    environment = native.lake_environment
    return Deployment(
        airflow=native.airflow_url, mlflow=f"http://{native.address('mlflow')}:5000", user="admin",
        password=native.values["HEADRACE_ADMIN_PASSWORD"], lake=environment["HEADRACE_LAKE"],
        landing=environment["HEADRACE_LANDING"], environment=environment,
        folder=native.root / "mine",
    )  # fmt: skip
