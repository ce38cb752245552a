"""kill -9 between a booster's bytes and the registry's word on them."""

import multiprocessing
import os
import signal
from collections.abc import Callable

import pytest

from headrace_jobs.learning.registry import CHAMPION, Registry
from tests.jobs.killed_registration import register_until
from tests.jobs.registry_database import Held, held
from tests.jobs.test_registry import booster, manifest, pinned

WORKSHOP = multiprocessing.get_context("forkserver")
WORKSHOP.set_forkserver_preload(["tests.jobs.killed_registration"])

SERVED = Held({"1": "candidate"}, {CHAMPION: "1"})
KEPT = Held({"1": "candidate", "2": "candidate"}, {CHAMPION: "1"})

Kill = Callable[[str, int, str], None]


@pytest.fixture
def kill_at(mlflow_uri: str) -> Kill:
    """Registers a second booster in a process that is killed at a step."""
    places, second = (mlflow_uri, os.environ["HEADRACE_MODELS"]), booster(3)

    def run(step: str, call: int, name: str) -> None:
        given = (step, call, places, manifest(second, name), second, "run-2")
        process = WORKSHOP.Process(target=register_until, args=given)
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL

    return run


@pytest.mark.parametrize(
    ("step", "call", "left"),
    [
        ("log_artifact", 1, SERVED),
        ("log_artifact", 2, SERVED),
        ("set_terminated", 1, SERVED),
        ("create_model_version", 1, SERVED),
        # it is registered, and nobody was told
        ("search_model_versions", 2, KEPT),
    ],
)
def test_the_champion_stays_and_a_repeated_run_registers_once_when_a_training_is_killed(
    mlflow_uri: str, kill_at: Kill, step: str, call: int, left: Held
) -> None:
    registry, name = Registry(), f"killed_{step}_{call}"
    first = pinned(registry, name)
    registry.set_alias(name, CHAMPION, first.version)

    kill_at(step, call, name)

    assert held(mlflow_uri, name) == left
    assert registry.load(name, first).booster == booster()
    again = [pinned(registry, name, "run-2", rounds=3) for _ in range(2)]
    assert [one.version for one in again] == ["2", "2"]
    assert registry.load(name, again[0]).booster == booster(3)
    assert held(mlflow_uri, name) == KEPT
