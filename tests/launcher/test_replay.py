"""A replay notices that nothing moves on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headrace_launcher.project.deliveries import Deliveries, FolderLanding
from headrace_launcher.project.replay import Replay, ReplayStalled, StallWatch
from headrace_launcher.services.airflow_api import PAGE, DagRun, RunFailed
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake

SCHEMAS = Path(__file__).parents[2] / "schemas"


class OneTask:
    """Airflow while a single task is under way."""

    def __init__(self, dag_id: str, task_id: str, state: str) -> None:
        self.task = {"dag_id": dag_id, "task_id": task_id, "state": state}
        self.failed: list[DagRun] = []

    def runs(self, dag_id: str, states: list[str]) -> list[DagRun]:
        return list(self.failed)

    def failed_runs(self) -> list[DagRun]:
        return self.failed[-PAGE:]

    def failure(self, run: DagRun) -> RunFailed:
        return RunFailed(run.dag_id, run.run_id, None, "")

    def tasks(self, states: tuple[str, ...]) -> list[dict[str, str]]:
        return [self.task] if self.task["state"] in states else []


def watch(tmp_path: Path, airflow: OneTask) -> StallWatch:
    """Over a replay that has seen nothing move on for longer than it has patience."""
    catalog = Catalog.load(SCHEMAS)
    replay = Replay(
        api=airflow,
        lake=Lake(root=str(tmp_path)),
        catalog=catalog,
        pipeline=catalog.pipelines["flights"],
        deliveries=Deliveries(tmp_path, FolderLanding(tmp_path / "landing")),
        stall_seconds=60,
    )
    begun = StallWatch(replay, "2013-01")
    begun.last_activity -= 61
    return begun


@pytest.mark.parametrize("state", ["running", "deferred", "up_for_retry"])
def test_replay_goes_on_when_a_task_is_under_way(tmp_path, state):
    airflow = OneTask("gold.flight_features", "publish", state)
    assert watch(tmp_path, airflow).look("news") == "gold.flight_features publish"


@pytest.mark.parametrize(
    ("dag", "task", "state"),
    [("retrain.delay", "await_request", "deferred"), ("maintain_models", "delay", "running")],
)
def test_replay_stalls_when_only_daily_work_goes_on(tmp_path, dag, task, state):
    airflow = OneTask(dag, task, state)
    with pytest.raises(ReplayStalled) as stalled:
        watch(tmp_path, airflow).look("the decision on 2013-01")
    assert stalled.value.fields["waiting_for"] == "the decision on 2013-01"


NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def failed(number: int, dag: str = "bronze.flights") -> DagRun:
    """The run that failed as the `number`th."""
    ended = NOON + timedelta(minutes=number)
    return DagRun(dag, f"scheduled__{number}", "failed", None, NOON, ended)


def test_replay_goes_on_when_earlier_failures_come_to_light_by_others_being_cleared(tmp_path):
    airflow = OneTask("gold.flight_features", "publish", "running")
    airflow.failed = [failed(number) for number in range(PAGE + 50)]
    begun = watch(tmp_path, airflow)
    airflow.failed = airflow.failed[:-10]
    assert begun.look("news") == "gold.flight_features publish"


@pytest.mark.parametrize(
    "news",
    [failed(7), failed(0, "bronze.weather"), replace(failed(0), ended=NOON + timedelta(hours=1))],
)
def test_replay_stops_when_a_run_fails_for_the_first_time_or_again(tmp_path, news):
    airflow = OneTask("gold.flight_features", "publish", "running")
    airflow.failed = [failed(0)]
    begun = watch(tmp_path, airflow)
    airflow.failed = [failed(0), news]
    with pytest.raises(RunFailed) as stopped:
        begun.look("news")
    assert stopped.value.fields["run_id"] == news.run_id
