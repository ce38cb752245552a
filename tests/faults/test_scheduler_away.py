"""kill -9 of the scheduler while runs are in flight: all of them end well, and nothing doubles."""

import pytest

from tests.e2e.contents import contents
from tests.embedded import Embedded
from tests.faults.days import TABLES, Wanted, day_counts, unfinished
from tests.faults.outages import away
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

DAYS = ("2024-03-03", "2024-03-04", "2024-03-05")


@pytest.mark.parametrize("seconds", [0, 20, 60])
def test_three_runs_end_well_when_the_scheduler_is_killed_and_stays_away(
    clinic: Embedded, seconds: float
) -> None:
    before = contents(clinic.lake)
    wanted = Wanted.again(clinic, *DAYS)
    names = {run.run_id for run in wanted.runs}

    def are_in_flight() -> bool:
        tasks = clinic.api.tasks(["running"])
        runs = {run.run_id for run in clinic.runs("bronze.visits") if run.state == "running"}
        return runs >= names and bool(tasks)

    wait_until(are_in_flight, "three runs are in flight")
    with away(clinic, "scheduler", seconds=seconds):
        pass
    wanted.wait_done()

    assert not unfinished(clinic)
    assert contents(clinic.lake) == before
    for table in TABLES:
        assert all(rows == patients for rows, patients in day_counts(clinic, table).values())
