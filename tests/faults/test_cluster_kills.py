"""kill -9 of each part of the cluster in the middle of work: it completes, nothing is lost, nothing is doubled.

Every test does work again whose result is known: the tables must be what they were, whenever the kill came.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import psutil
import pytest

from tests.cluster.flagship import Deployment, start_training
from tests.cluster.native import Native
from tests.conftest import Cluster
from tests.faults.outages import pass_time
from tests.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.faults, pytest.mark.timeout(1800)]

FEBRUARY = "2013-02"
SOURCE = "bronze.weather"


def running(deployment: Deployment, task_id: str) -> list[dict[str, Any]]:
    """Instances of a task that run now."""
    return [one for one in deployment.api.tasks(["running"]) if one["task_id"] == task_id]


def in_the_middle(
    deployment: Deployment, native: Native, task_id: str, said: str
) -> Callable[[], bool]:
    """Whether a task runs whose job has said in its log that it has begun."""

    def is_so() -> bool:
        for task in running(deployment, task_id):
            jobs = (native.root / "scheduler-0" / "jobs").glob(f"{task['dag_id']}-{task_id}-*")
            started = [one for one in jobs if not (one / "rc").exists() and said in log(one)]
            if started:
                return True
        return False

    def log(directory: Any) -> str:
        file = directory / "job.log"
        return file.read_text(errors="replace") if file.exists() else ""

    return is_so


def delivered_again(deployment: Deployment) -> str:
    """Have February's weather built again, with all that follows from it; the run's name."""
    run_id = f"manual__{uuid4()}"
    body = {"logical_date": None, "dag_run_id": run_id, "partition_key": FEBRUARY}
    deployment.api.request("POST", f"/dags/{SOURCE}/dagRuns", json=body)
    return run_id


@pytest.mark.parametrize(
    ("service", "task_id"),
    [
        ("spark-worker", "load"),
        ("spark-worker", "publish"),
        ("spark-connect", "gate"),
        ("spark-connect-publish", "publish"),
        ("minio", "publish"),
        ("postgres", "load"),
        ("scheduler", "load"),
    ],
)
def test_a_month_is_built_when_a_service_is_killed_while_a_task_works(
    native_cluster: Cluster, service: str, task_id: str
) -> None:
    native, deployment = native_cluster.native, native_cluster.deployment
    before = deployment.outcome()
    run_id = delivered_again(deployment)
    wait_until(in_the_middle(deployment, native, task_id, "started"), f"{task_id} works")

    native.kill(service)

    deployment.wait_success(SOURCE, run_id)
    deployment.wait_idle()
    now = deployment.outcome()
    assert now.tables == before.tables
    assert now.decisions == before.decisions


@contextmanager
def database_away(native: Native) -> Iterator[None]:
    """Nobody starts the killed database again meanwhile."""
    (one,) = native.running["postgres"]
    assert one.process is not None
    one.stopped = True
    server = psutil.Process(one.process.pid)
    for process in [server, *server.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    try:
        yield
    finally:
        one.stopped = False
    wait_until(one.is_healthy, "the database is back")


def test_a_month_is_built_and_no_job_starts_twice_when_the_database_is_away_for_20_seconds(
    native_cluster: Cluster,
) -> None:
    native, deployment = native_cluster.native, native_cluster.deployment
    before = deployment.outcome()
    run_id = delivered_again(deployment)
    wait_until(in_the_middle(deployment, native, "load", "started"), "load works")

    with database_away(native):
        pass_time(20)

    deployment.wait_success(SOURCE, run_id)
    deployment.wait_idle()
    specs = (native.root / "scheduler-0" / "jobs").glob(f"{SOURCE}-*/spec.json")
    started = [one.parent.name for one in specs if f'"run_id":"{run_id}"' in one.read_text()]
    assert sorted(name.split("-")[1] for name in started) == ["gate", "load", "publish"]
    now = deployment.outcome()
    assert now.tables == before.tables
    assert now.decisions == before.decisions


def trained_in_peace(deployment: Deployment) -> str:
    """sha256 of the booster that a training by hand gives while nothing is killed."""
    known = deployment.boosters()
    deployment.train(f"manual__{uuid4()}")
    boosters = deployment.boosters()
    (version,) = boosters.keys() - known.keys()
    return boosters[version]


@pytest.fixture(scope="module")
def undisturbed(native_cluster: Cluster) -> str:
    return trained_in_peace(native_cluster.deployment)


@pytest.mark.parametrize("said", ["trained by 2 workers", " rounds"])
def test_a_training_gives_the_same_booster_when_a_worker_is_killed_in_it(
    native_cluster: Cluster, undisturbed: str, said: str
) -> None:
    native, deployment = native_cluster.native, native_cluster.deployment
    known = deployment.boosters()
    run_id = f"manual__{uuid4()}"
    start_training(deployment.api, run_id)
    trains = in_the_middle(deployment, native, "train", said)
    wait_until(trains, "the workers train")

    native.kill("spark-worker", 1)

    deployment.wait_success("train.delay", run_id)
    boosters = deployment.boosters()
    (version,) = boosters.keys() - known.keys()
    assert boosters[version] == undisturbed
