"""kill -9 in the middle of a training: an error within seconds, nothing left, and the next try learns the same."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
from airflow.sdk import Connection
from deltalake import write_deltalake

from headrace_airflow.engine.job_directory import JobDirectory
from headrace_airflow.engine.job_starters import submit, submit_command
from headrace_airflow.operators.models import TrainOperator
from headrace_airflow.settings import DeploymentSettings, submitted_program
from headrace_schemas.wire.model_jobs import TrainSpec
from headrace_schemas.wire.spec import PinnedTable
from tests.cluster.native import JARS
from tests.faults.outages import has_ended
from tests.jobs.learning import TABLE, model, train_spec, trips
from tests.jobs.registry_database import Held, held
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

ERROR_SECONDS = 60
"""It takes two or three on an idle machine."""

ROUNDS = 2000
"""The workers train for some seconds."""


@dataclass(frozen=True)
class Workshop:
    """A feature table, a registry, and trainings as Airflow's operator starts them."""

    folder: Path
    features: PinnedTable

    @property
    def registry(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    def spec(self, name: str, attempt: int) -> TrainSpec:
        training = {"num_workers": 2, "num_boost_round": ROUNDS, "params": {"max_depth": 3}}
        spec = train_spec(model(name, training=training), self.features)
        return spec.model_copy(update={"job_id": f"{name}-{attempt}"})

    def start(self, name: str, attempt: int = 1) -> JobDirectory:
        spec = self.spec(name, attempt)
        directory = JobDirectory.create(self.folder / "jobs" / spec.job_id, spec.model_dump_json())
        submit(
            directory, submit_command(directory, DeploymentSettings.current(), TrainOperator.conf)
        )
        return directory

    def learn(self, name: str, attempt: int = 1) -> str:
        """sha256 of the booster that an undisturbed training registers."""
        directory = self.start(name, attempt)
        wait_until(lambda: directory.status() != "RUNNING", "the training has ended")
        assert directory.status() == "SUCCEEDED", directory.log.read_text()[-3000:]
        assert held(self.registry, name) == Held({"1": "candidate"}, {})
        (file,) = (self.folder / "models" / name).rglob("model.ubj")
        return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    folder = tmp_path_factory.mktemp("trainings")
    rows = trips()
    rows["_partition"] = rows["starts_at"].dt.strftime("%Y-%m")
    for name in ("starts_at", "known_at"):
        rows[name] = rows[name].dt.as_unit("us")
    table = pa.Table.from_pandas(rows, preserve_index=False)
    write_deltalake(folder / "features", table, partition_by=["_partition"])
    made = Workshop(folder, PinnedTable(name=TABLE, uri=str(folder / "features"), version=0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADRACE_HOME", str(folder))
        patch.setenv("HEADRACE_JARS", JARS)
        patch.setenv("HEADRACE_MODELS", str(folder / "models"))
        patch.setenv("MLFLOW_TRACKING_URI", made.registry)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        spark = Connection(conn_id="headrace_spark", conn_type="spark", host="local[2]")
        patch.setattr(Connection, "get", lambda _: spark)
        subprocess.run([sys.executable, "-m", "headrace_jobs", "registry"], check=True)
        yield made


@pytest.fixture(scope="module")
def undisturbed(workshop: Workshop) -> str:
    return workshop.learn("undisturbed")


def family(directory: JobDirectory) -> list[psutil.Process]:
    """Every process of a job: shell, Java, Python, Spark's workers."""
    leader = psutil.Process(directory.pid())
    return [leader, *leader.children(recursive=True)]


def java(directory: JobDirectory) -> psutil.Process:
    return next(one for one in family(directory) if one.name() == "java")


def driver(directory: JobDirectory) -> psutil.Process:
    """The job's own Python."""
    return next(one for one in pythons(directory) if str(submitted_program()) in one.cmdline())


def pythons(directory: JobDirectory) -> list[psutil.Process]:
    return [one for one in family(directory) if one.name().startswith("python")]


def learning(directory: JobDirectory) -> list[psutil.Process]:
    """Workers that are connected with each other, as XGBoost's are while they train."""
    teacher = driver(directory)
    lines = {
        one: {(line.laddr, line.raddr) for line in one.net_connections("tcp") if line.raddr}
        for one in pythons(directory)
        if one != teacher
    }
    everybody = set().union(*lines.values())
    return [one for one, own in lines.items() if any((far, near) in everybody for near, far in own)]


VICTIMS = {
    "a worker": lambda directory: learning(directory)[0],
    "the other one; either has the tracker": lambda directory: learning(directory)[1],
    "the driver": driver,
    "Java": java,
}


@pytest.mark.parametrize("victim", list(VICTIMS))
def test_nothing_is_left_and_the_next_try_learns_the_same_when_a_training_is_killed(
    workshop: Workshop, undisturbed: str, victim: str
) -> None:
    name = f"killed_{list(VICTIMS).index(victim)}"
    directory = workshop.start(name)
    wait_until(lambda: f"fits {ROUNDS} rounds" in log(directory), "the workers are called")
    wait_until(lambda: len(learning(directory)) == 2, "both workers train")
    before = family(directory)

    VICTIMS[victim](directory).kill()

    wait_until(lambda: directory.status() != "RUNNING", "the job has ended", ERROR_SECONDS)
    report = directory.report()
    assert report is None or report.error is not None
    assert report is None or report.error.retryable
    wait_until(lambda: all(map(has_ended, before)), "nothing of it is left", ERROR_SECONDS)
    assert held(workshop.registry, name) == Held({}, {})
    assert workshop.learn(name, attempt=2) == undisturbed


def log(directory: JobDirectory) -> str:
    return directory.log.read_text() if directory.log.exists() else ""
