"""Who is in a training's group of workers, and where they meet."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from xgboost import collective
from xgboost.tracker import RabitTracker

from headrace_jobs.learning.collective import (
    StrangerAmongWorkers,
    meeting_place,
    require_all_known,
)


def problems(secrets: list[str]) -> list[str | None]:
    """What each worker has against the others, when each knows one of the secrets."""
    tracker = RabitTracker(n_workers=len(secrets), host_ip="127.0.0.1", sortby="task")
    tracker.start()
    place = tracker.worker_args()

    def joins(rank: int) -> str | None:
        with collective.CommunicatorContext(**place, dmlc_task_id=f"{rank:06d}"):
            try:
                require_all_known(secrets[rank])
            except StrangerAmongWorkers as error:
                return str(error)
        return None

    with ThreadPoolExecutor(len(secrets)) as workers:
        found = list(workers.map(joins, range(len(secrets))))
    tracker.wait_for(60)
    return found


def test_workers_trust_each_other_when_all_know_the_secret() -> None:
    assert problems(["right", "right", "right"]) == [None, None, None]


def test_workers_refuse_to_train_when_one_of_them_does_not_know_the_secret() -> None:
    assert all(problems(["right", "guessed", "right"]))


@pytest.mark.parametrize(
    ("hosts", "place"),
    [
        (["worker-1", "worker-1"], "127.0.0.1"),
        (["10.0.0.7", "10.0.0.8"], "10.0.0.7"),
    ],
    ids=["one machine", "two"],
)
def test_tracker_listens_where_no_more_than_the_workers_can_reach_it(
    hosts: list[str], place: str
) -> None:
    assert meeting_place(hosts) == place
