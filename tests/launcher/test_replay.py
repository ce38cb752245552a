"""A replay notices that nothing moves on."""

from pathlib import Path

import pytest

from headrace_launcher.project.deliveries import Deliveries, FolderLanding
from headrace_launcher.project.replay import Replay, ReplayStalled, StallWatch
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake

SCHEMAS = Path(__file__).parents[2] / "schemas"


class OneTask:
    """Airflow while a single task is under way."""

    def __init__(self, dag_id: str, task_id: str, state: str) -> None:
        self.task = {"dag_id": dag_id, "task_id": task_id, "state": state}

    def failed_runs(self) -> list:
        return []

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
