"""The executor ends, whichever worker takes which order to stop."""

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from airflow.executors.base_executor import BaseExecutor

from headrace_airflow.engine.executor import LocalExecutor

SECONDS = 30


class Busy:
    """A task that begins, says where, and goes on until it may end."""

    def __init__(self) -> None:
        self.worker = multiprocessing.Value("i", 0)
        self.begun, self.may_end = multiprocessing.Event(), multiprocessing.Event()
        self.workload = SimpleNamespace(
            key="a task",
            display_name="a task",
            running_state=None,
            success_state="success",
            failure_state="failed",
        )

    def run(self, workload: Any, **_: Any) -> None:
        self.worker.value = os.getpid()
        self.begun.set()
        assert self.may_end.wait(SECONDS)


class EagerQueue:
    """The workers' queue, where an idle worker takes the first order to stop and is gone at once."""

    def __init__(self, queue: Any, idle: multiprocessing.Process, busy: Busy) -> None:
        self.queue, self.idle, self.busy = queue, idle, busy

    def put(self, order: None) -> None:
        self.queue.put(order)
        if not self.busy.may_end.is_set():
            self.idle.join(SECONDS)
            self.busy.may_end.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queue, name)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Busy:
    found = Busy()
    monkeypatch.setattr(BaseExecutor, "run_workload", staticmethod(found.run))
    return found


@pytest.fixture
def executor(busy: Busy) -> Iterator[LocalExecutor]:
    """One of its two workers is busy, and is the first to be told to stop."""
    made = LocalExecutor(parallelism=2)
    made.start()
    processes = [psutil.Process(pid) for pid in made.workers]  # knows a number that is given anew
    made.activity_queue.put(busy.workload)
    assert busy.begun.wait(SECONDS)
    made.workers = dict(sorted(made.workers.items(), key=lambda one: one[0] != busy.worker.value))
    yield made
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def test_executor_ends_when_an_idle_worker_takes_a_busy_one_s_order(
    executor: LocalExecutor, busy: Busy
) -> None:
    first, second = executor.workers.values()
    assert first.pid == busy.worker.value
    executor.activity_queue = EagerQueue(executor.activity_queue, second, busy)
    results = []
    executor.change_state = lambda key, state: results.append((key, state))

    ending = Thread(target=executor.end, daemon=True)
    ending.start()
    ending.join(SECONDS)

    assert not ending.is_alive()
    assert results == [("a task", "success")]  # it was waited for
