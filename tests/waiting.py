"""Waiting for what happens by itself: until it is so, not for a time."""

from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any

from headrace_launcher.project.replay import RUNNING, is_work
from headrace_launcher.services.airflow_api import UNDER_WAY, AirflowApi

WAIT_SECONDS = 300.0


def wait_until(is_true: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
    """Ask again and again until the answer is true; the answer."""
    pause, deadline = Event(), monotonic() + seconds
    while not (answer := is_true()):
        assert monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        pause.wait(0.3)
    return answer


def is_idle(api: AirflowApi) -> bool:
    """Nothing runs and nothing is about to; a sensor may wait for drift, as it does once a day."""
    busy = [task["dag_id"] for task in api.tasks(RUNNING)]
    busy += [run.dag_id for run in api.runs("~", UNDER_WAY)]
    return not any(is_work(dag_id) for dag_id in busy)
