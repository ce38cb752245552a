"""A day that is asked for twice at once, or after a newer one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from headrace_launcher.services.airflow_api import DagRun, RequestRefused
from tests.e2e.clinic.landing import land
from tests.e2e.contents import contents
from tests.embedded import Embedded
from tests.faults.days import MONITOR, SOURCE, TABLES, Wanted, day_counts, rows_landed
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

TWICE, OLDER, NEWER = "2024-03-06", "2024-03-07", "2024-03-08"


def test_a_day_is_there_once_when_it_is_asked_for_twice_at_once(clinic: Embedded) -> None:
    land(Path(clinic.settings.landing), TWICE)
    known = frozenset(run.run_id for run in clinic.runs(MONITOR))

    with ThreadPoolExecutor(2) as people:
        runs = list(people.map(lambda _: clinic.api.trigger(SOURCE, TWICE), range(2)))
    Wanted(clinic, [TWICE], runs, known).wait_done()

    landed = rows_landed(clinic, TWICE)
    for table in TABLES:
        assert day_counts(clinic, table)[TWICE] == (landed, landed)
    before = contents(clinic.lake)
    Wanted.again(clinic, TWICE).wait_done()
    assert contents(clinic.lake) == before


def test_one_run_is_made_when_two_people_give_it_the_same_name(clinic: Embedded) -> None:
    known = frozenset(run.run_id for run in clinic.runs(MONITOR))
    before, name, day = contents(clinic.lake), f"manual__{uuid4()}", "2024-03-01"
    body = {"logical_date": None, "dag_run_id": name, "partition_key": day}

    def start(_: int) -> DagRun | int:
        try:
            made = clinic.api.request("POST", f"/dags/{SOURCE}/dagRuns", json=body)
        except RequestRefused as refused:
            return int(refused.fields["status"])
        return DagRun.parse(made)

    with ThreadPoolExecutor(2) as people:
        found = list(people.map(start, range(2)))

    assert [one for one in found if isinstance(one, int)] == [httpx.codes.CONFLICT]
    runs = [one for one in found if isinstance(one, DagRun)]
    Wanted(clinic, [day], runs, known).wait_done()
    assert contents(clinic.lake) == before


def test_an_older_day_is_there_when_it_is_backfilled_after_a_newer_one(clinic: Embedded) -> None:
    Wanted.first(clinic, NEWER).wait_done()
    before = {table: day_counts(clinic, table) for table in TABLES}
    assert all(OLDER not in counts for counts in before.values())
    land(Path(clinic.settings.landing), OLDER)
    known = {run.run_id for run in clinic.runs(MONITOR)}

    begin, end = datetime(2024, 3, 7, tzinfo=UTC), datetime(2024, 3, 7, 12, tzinfo=UTC)
    clinic.api.backfill(SOURCE, begin, end, "completed")

    def is_decided() -> bool:
        runs = [run for run in clinic.runs(MONITOR, OLDER) if run.run_id not in known]
        return any(run.state == "success" for run in runs)

    wait_until(is_decided, "the older day is decided")
    wait_until(clinic.is_idle, "all runs ended")
    landed = rows_landed(clinic, OLDER)
    for table in TABLES:
        assert day_counts(clinic, table) == before[table] | {OLDER: (landed, landed)}
