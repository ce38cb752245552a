"""An embedded Headrace: all services of one machine, started as a user does."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from flights import deliveries as flights_deliveries
from headrace_launcher.project.deliveries import Deliveries, FolderLanding
from headrace_launcher.project.replay import Replay
from headrace_launcher.services.airflow_api import AirflowApi, DagRun
from headrace_launcher.services.running import running_api
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.state import StackState, read_state
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake
from tests.e2e.clinic import landing as clinic
from tests.projects import make_project
from tests.waiting import is_idle, wait_until

PROJECT = Path(__file__).parents[1]
CLINIC = PROJECT / "tests" / "e2e" / "clinic"
MONTHS = ("2013-01", "2013-02", "2013-03")
"""Of the flagship, that tests deliver."""


@dataclass(frozen=True)
class Embedded:
    """A running stack."""

    settings: Settings
    environment: dict[str, str]
    api: AirflowApi
    catalog: Catalog

    @property
    def lake(self) -> Path:
        return Path(self.settings.lake)

    def state(self) -> StackState:
        state = read_state(self.settings.state_file)
        assert state is not None
        return state

    def headrace(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "headrace_launcher", *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def replay(self, pipeline: str, end: Any) -> Replay:
        """The replay of a pipeline until `end`; its deliveries are written once."""
        folder = self.settings.home / "deliveries" / pipeline
        if not folder.exists():
            if pipeline == "clinic":
                clinic.write(folder)
            else:
                flights_deliveries.write(folder, MONTHS)
        return Replay(
            api=self.api,
            lake=Lake(root=self.settings.lake),
            catalog=self.catalog,
            pipeline=self.catalog.pipelines[pipeline].model_copy(update={"end": end}),
            deliveries=Deliveries(folder, FolderLanding(Path(self.settings.landing))),
        )

    def runs(self, dag_id: str, partition: str | None = None) -> list[DagRun]:
        found = self.api.runs(dag_id)
        return [run for run in found if partition is None or run.partition == partition]

    def is_idle(self) -> bool:
        return is_idle(self.api)

    def clear(self, run: DagRun, task_id: str) -> None:
        """Have one task of a run done again, as the UI's button does, and wait for the run's end.

        Airflow closes a run some moments after its last task; a task that is cleared in between
        stays without a state in a run that has succeeded.
        """
        body = {
            "dry_run": False,
            "dag_run_id": run.run_id,
            "task_ids": [task_id],
            "only_failed": False,
            "include_downstream": False,
            "include_upstream": False,
        }
        tries = self.task(run, task_id)["try_number"]
        self.api.request("POST", f"/dags/{run.dag_id}/clearTaskInstances", json=body)

        def is_done_again() -> bool:
            task = self.task(run, task_id)
            return task["try_number"] > tries and task["state"] in ("success", "skipped", "failed")

        def is_closed() -> bool:
            path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}"
            return self.api.request("GET", path)["state"] in ("success", "failed")

        wait_until(is_done_again, f"{run.dag_id}.{task_id} done again")
        wait_until(is_closed, f"{run.dag_id} {run.run_id} closed")
        assert self.task(run, task_id)["state"] != "failed"

    def task(self, run: DagRun, task_id: str) -> dict[str, Any]:
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}"
        return self.api.request("GET", path)


def declared(folder: Path, *sources: Path) -> Path:
    """A folder of its own with the declarations of others."""
    for source in sources:
        for kind in ("contracts", "pipelines", "models"):
            shutil.copytree(source / kind, folder / kind, dirs_exist_ok=True)
    return folder


@contextmanager
def running(home: Path, schemas: Path, **settings: str) -> Iterator[Embedded]:
    """All services of one machine, started as a user does and gone afterwards."""
    project = home.with_name(f"{home.name}-project")
    make_project(project, schemas, [PROJECT / "jobs", CLINIC])
    environment = {
        **os.environ,
        "HEADRACE_HOME": str(home),
        "HEADRACE_PROJECT": str(project),
        **settings,
    }
    found = Settings.from_environment(environment)
    command = [sys.executable, "-m", "headrace_launcher"]
    try:
        subprocess.run([*command, "up"], env=environment, check=True)
        yield Embedded(found, environment, running_api(found), Catalog.load(schemas))
    finally:
        subprocess.run([*command, "down"], env=environment, check=True)
    assert not [one for one in psutil.process_iter() if belongs_to(one, home)]


def belongs_to(process: psutil.Process, home: Path) -> bool:
    """Whether a process was started for `home`."""
    try:
        return process.environ().get("HEADRACE_HOME") == str(home)
    except psutil.Error:
        return False
