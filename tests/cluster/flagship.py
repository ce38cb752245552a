"""Two months of the flagship on any deployment, and what came of them, to compare deployments by."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from flights.deliveries import write
from headrace_lake.ledger import DECISIONS, VERSIONS
from headrace_launcher.object_store.endpoint import Location
from headrace_launcher.project.deliveries import Deliveries, landing_at
from headrace_launcher.project.replay import Replay
from headrace_launcher.services.airflow_api import AirflowApi, RequestRefused
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.places import Lake
from tests.cluster.compose_file import PROJECT
from tests.e2e.contents import contents
from tests.waiting import is_idle, wait_until

MONTHS = (date(2013, 2, 1), date(2013, 3, 1))
TRAINED = "manual__two-months"
LEARNT_BY = "2013-02-05T00:00:00Z"
"""January's labels are known by then, and hardly any of February's."""


@dataclass(frozen=True)
class Outcome:
    """What two deployments must have in common.

    Attributes:
        tables: Rows and a hash of all rows of each Delta table, the ledger of decisions among them.
        boosters: sha256 of each registered version of the model.
    """

    tables: dict[str, tuple[int, str]]
    boosters: dict[str, str]
    decisions: list[tuple[str, ...]]


@dataclass(frozen=True)
class Deployment:
    """A running Headrace, wherever it runs.

    Attributes:
        environment: What readers of its lake need.
        folder: Of this machine, for deliveries and copies of the lake.
    """

    airflow: str
    user: str
    password: str
    lake: str
    landing: str
    environment: Mapping[str, str]
    folder: Path

    @cached_property
    def api(self) -> AirflowApi:
        return AirflowApi(self.airflow, self.user, self.password)

    def replay(self, end: date) -> Replay:
        catalog = Catalog.load(PROJECT / "schemas")
        folder = self.folder / "deliveries"
        if not folder.exists():
            write(folder, ["2013-01", "2013-02"])
        return Replay(
            api=self.api,
            lake=Lake(root=self.lake),
            catalog=catalog,
            pipeline=catalog.pipelines["flights"].model_copy(update={"end": end}),
            deliveries=Deliveries(folder, landing_at(self.landing, os.environ)),
            stall_seconds=300,
        )

    @contextmanager
    def readable(self) -> Iterator[None]:
        """This process reads the lake as the deployment does."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def month(self, end: date) -> None:
        """Deliver the months before `end` that are not done yet, and wait for their decisions."""
        with self.readable():
            for _ in self.replay(end).run():
                pass
        self.wait_idle()

    def train(self, run_id: str = TRAINED) -> None:
        """Train by hand on what January taught, and wait for the answer."""
        start_training(self.api, run_id)
        self.wait_success("train.delay", run_id)
        self.wait_idle()

    def wait_success(self, dag_id: str, run_id: str, seconds: float = 600) -> None:
        def ended() -> str | None:
            state = str(self.api.request("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])
            return state if state in ("success", "failed") else None

        reached = wait_until(through_failures(ended), f"{dag_id} {run_id} ends", seconds)
        assert reached == "success", self.failures(dag_id, run_id)

    def failures(self, dag_id: str, run_id: str) -> str:
        """The logs of a run's failed tasks."""
        run = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        tasks = self.api.request("GET", run)["task_instances"]
        logs = [
            self.api.request("GET", f"{run}/{one['task_id']}/logs/{one['try_number']}")
            for one in tasks
            if one["state"] == "failed"
        ]
        return "\n".join(str(line) for log in logs for line in log["content"])

    def wait_idle(self) -> None:
        """Nothing runs and nothing is about to."""
        wait_until(through_failures(partial(is_idle, self.api)), "all runs have ended", 600)

    def local_lake(self) -> Path:
        """The lake on this machine's disk; a copy of it where it is elsewhere."""
        place = Location.of("HEADRACE_LAKE", self.lake)
        if place is None:
            return Path(self.lake)
        target = self.folder / "lake"
        shutil.rmtree(target, ignore_errors=True)
        with self.readable():
            client = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=place.bucket, Prefix=f"{place.prefix}/"
            )
            for entry in (one for page in pages for one in page.get("Contents", ())):
                name = entry["Key"].removeprefix(f"{place.prefix}/")
                if not name.endswith("/") and not name.startswith(("staging/", "logs/")):
                    (target / name).parent.mkdir(parents=True, exist_ok=True)
                    client.download_file(place.bucket, entry["Key"], str(target / name))
        return target

    def boosters(self) -> dict[str, str]:
        """sha256 of the booster of each version of the model."""
        with self.readable():
            versions = VERSIONS.read(Lake(root=self.lake).versions, "delay")
        return {kept.version: kept.booster_sha256 for kept in versions}

    def outcome(self) -> Outcome:
        """What came of it all."""
        with self.readable():
            ledger = DECISIONS.read(Lake(root=self.lake).ledger, "delay")
        decisions = [
            (one.kind.value, one.window or "", one.verdict.value, one.reason) for one in ledger
        ]
        return Outcome(contents(self.local_lake()), self.boosters(), decisions)


def through_failures(ask: Callable[[], Any]) -> Callable[[], Any]:
    """The same question, unanswered while Airflow or its database is being started again."""

    def asked() -> Any:
        try:
            return ask()
        except EngineUnavailable:
            return None
        except RequestRefused as error:
            # Without its database Airflow takes nobody's password.
            if error.fields["status"] < 500 and error.fields["request"] != "the login":
                raise
            return None

    return asked


def start_training(api: AirflowApi, run_id: str) -> Any:
    """Start a training by hand under a name of the caller's choice, so that runs compare."""
    form = {"reason": "January is complete", "as_of": LEARNT_BY}
    body = {"logical_date": None, "dag_run_id": run_id, "conf": form}
    return api.request("POST", "/dags/train.delay/dagRuns", json=body)


def two_months(deployment: Deployment) -> Outcome:
    """January, a training by hand, February."""
    january, february = MONTHS
    deployment.month(january)
    deployment.train()
    deployment.month(february)
    return deployment.outcome()
