"""kill -9 in the middle of a month: the supervisor recovers, the month completes, nothing doubles."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, date, datetime

import psutil
import pytest

from tests.e2e.contents import ask, contents
from tests.embedded import Embedded
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.faults, pytest.mark.timeout(1800)]

MARCH = "2013-03"


def kill_service(stack: Embedded, name: str) -> int:
    """End a service as the kernel does when memory runs out; its process id."""
    service = next(one for one in stack.state().services if one.name == name)
    assert service.pid is not None
    os.kill(service.pid, signal.SIGKILL)
    return service.pid


def is_restarted(stack: Embedded, name: str, old: int) -> bool:
    service = next(one for one in stack.state().services if one.name == name)
    return service.is_fine and service.pid not in (None, old)


def task_processes(stack: Embedded) -> list[psutil.Process]:
    """Processes that run a task now: below the scheduler's workers."""
    scheduler = next(one for one in stack.state().services if one.name == "scheduler")
    children = psutil.Process(scheduler.pid).children(recursive=True)
    return [one for one in children if not one.children() and one.parent().pid != scheduler.pid]


def running_tasks(stack: Embedded, task_id: str) -> list[dict]:
    return [one for one in stack.api.tasks(["running"]) if one["task_id"] == task_id]


def advance(steps: Iterator, is_reached, what: str) -> None:
    """Go on with the replay until something is so."""
    for _ in steps:
        if is_reached():
            return
    pytest.fail(f"the month was done before: {what}")


def test_month_completes_when_processes_are_killed_in_it(flights: Embedded):
    stack = flights
    steps = stack.replay("flights", date(2013, 4, 1)).run()

    advance(steps, lambda: running_tasks(stack, "load"), "a load runs")
    scheduler = kill_service(stack, "scheduler")
    wait_until(lambda: is_restarted(stack, "scheduler", scheduler), "the scheduler is back")

    advance(steps, lambda: running_tasks(stack, "gate") and task_processes(stack), "a gate runs")
    for process in task_processes(stack)[:1]:
        process.kill()

    advance(steps, lambda: stack.api.tasks(["running"]), "a task runs")
    connect = kill_service(stack, "connect")
    for _ in steps:
        pass
    wait_until(lambda: is_restarted(stack, "connect", connect), "Spark Connect is back")
    wait_until(stack.is_idle, "all runs ended")

    assert [run.state for run in stack.runs("monitor.delay", MARCH)].count("success") >= 1
    ledger = ask(
        {
            "q": f"SELECT count(*) AS n, count(DISTINCT id) AS ids FROM "
            f"delta_scan('{stack.lake}/ledger/decisions')"
        }
    )["q"][0]
    assert ledger["n"] == ledger["ids"]

    # An undisturbed backfill replaces the month's partitions: the killed run must have left the same.
    before = contents(stack.lake)
    known = {run.run_id for run in stack.runs("monitor.delay")}
    begin, end = datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 3, 3, tzinfo=UTC)
    for table in ("bronze.flights", "bronze.weather"):
        stack.api.backfill(table, begin, end, "completed")

    def is_cascaded() -> bool:
        runs = [run for run in stack.runs("monitor.delay", MARCH) if run.run_id not in known]
        return any(run.state == "success" for run in runs)

    wait_until(is_cascaded, "the backfill has reached monitoring")
    wait_until(stack.is_idle, "all runs ended")
    assert contents(stack.lake) == before
