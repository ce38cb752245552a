"""Airflow's database is locked, or its servers are away, while a task works: it survives, nothing is doubled."""

from pathlib import Path

import psutil
import pytest

from headrace_launcher.services.airflow import airflow_database
from tests.e2e.contents import contents
from tests.embedded import Embedded
from tests.faults.days import Wanted
from tests.faults.outages import away, locked, pass_time
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

DAY = "2024-03-03"

LOCKED_SECONDS = 45
"""Airflow's services wait 30 s for SQLite's lock."""


def job_folders(stack: Embedded, run_id: str) -> list[Path]:
    """The job folders of one run's tasks: one for each time that a job was started."""
    marks = f'"run_id":"{run_id}"'
    return [
        one.parent for one in stack.settings.jobs.glob("*/spec.json") if marks in one.read_text()
    ]


def working_job(stack: Embedded, run_id: str) -> psutil.Process:
    """The process of a job of the run, once one works."""

    def found() -> list[Path]:
        folders = job_folders(stack, run_id)
        return [one for one in folders if (one / "pid").exists() and not (one / "rc").exists()]

    (folder, *_) = wait_until(found, "a job works")
    return psutil.Process(int((folder / "pid").read_text()))


def assert_undisturbed(stack: Embedded, wanted: Wanted, before: dict[str, tuple[int, str]]) -> None:
    """Every run has ended well, each of the run's jobs was started once, tables are what they were."""
    wanted.wait_done()
    (run,) = wanted.runs
    jobs = sorted(one.name.split("-")[1] for one in job_folders(stack, run.run_id))
    assert jobs == ["gate", "load", "publish"]
    assert contents(stack.lake) == before


def test_a_day_is_built_when_the_database_is_locked_for_longer_than_airflow_waits(
    clinic: Embedded,
) -> None:
    before = contents(clinic.lake)
    wanted = Wanted.again(clinic, DAY)
    working_job(clinic, wanted.runs[0].run_id)

    with locked(airflow_database(clinic.settings)):
        pass_time(LOCKED_SECONDS)

    assert_undisturbed(clinic, wanted, before)


def test_a_job_goes_on_when_the_servers_are_away_for_a_minute_of_its_work(clinic: Embedded) -> None:
    before = contents(clinic.lake)
    wanted = Wanted.again(clinic, DAY)
    job = working_job(clinic, wanted.runs[0].run_id)

    job.suspend()  # so that it outlasts the outage, as a long one would
    try:
        with away(clinic, "execution-api", "api-server", seconds=60):
            pass
    finally:
        job.resume()

    assert_undisturbed(clinic, wanted, before)
