"""Through the real scheduler, on real services: a month of flights, and a whole small loop."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest

from headrace_lake import story
from headrace_launcher.project.replay import is_work
from headrace_launcher.project.report import write_page
from headrace_launcher.services.airflow_api import DagRun, RequestRefused
from headrace_schemas.decisions.decision import Verdict
from tests.e2e.contents import ask, contents, delta_tables
from tests.embedded import Embedded
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

FEBRUARY = "2013-02"

WITHOUT_PARTITIONS = "silver.planes"
"""The clinic has only tables with them."""

AT_ONCE = 3
"""Runs of which tasks are done again side by side: most of it is waiting for Airflow."""


@pytest.fixture(scope="session")
def clinic(flights: Embedded) -> Embedded:
    """The whole of the small pipeline, done; the flagship's two months are compared without it."""
    stack = flights
    end = stack.catalog.pipelines["clinic"].end
    for _ in stack.replay("clinic", end).run():
        pass
    return stack


def rows_landed(stack: Embedded, partition: str) -> int:
    """Lines of the delivery, less its header."""
    file = Path(stack.settings.landing) / "flights" / f"{partition}.csv"
    return len(file.read_text().splitlines()) - 1


def story_of(stack: Embedded, pipeline: str, model: str, end: date):
    replay = stack.replay(pipeline, end)
    learns = stack.catalog.models[model]
    return story.story_of(replay.lake, replay.pipeline, learns, replay.partitions)


def test_rows_add_up_when_a_month_has_run(flights):
    story = story_of(flights, "flights", "delay", date(2013, 3, 1))
    assert not story.unbalanced
    tables = {account.table for account in story.batches}
    assert tables == set(flights.catalog.pipelines["flights"].entries)
    bronze = {(one.table, one.batch): one for one in story.batches}
    assert bronze["bronze.flights", FEBRUARY].rows_in == rows_landed(flights, FEBRUARY)


def test_implausible_wind_is_in_quarantine_when_february_has_run(flights):
    uri = delta_tables(flights.lake)["quarantine/silver/weather"]
    rows = ask(
        {"q": f"SELECT rule_ids, source_file, source_row, row_json FROM delta_scan('{uri}')"}
    )
    wind = [row for row in rows["q"] if "1048.3" in row["row_json"]]
    assert len(wind) == 1
    assert any("wind_speed" in rule for rule in wind[0]["rule_ids"])
    assert "2013-02" in wind[0]["source_file"]
    assert wind[0]["source_row"] > 0


def test_nothing_is_predicted_until_there_is_a_champion(flights):
    story = story_of(flights, "flights", "delay", date(2013, 3, 1))
    january, february = story.windows
    assert january.decision.verdict is Verdict.WAIT
    assert "1 of 3 partitions" in january.decision.reason
    assert january.current is None
    assert february.current is not None


def test_loop_closes_when_another_domain_is_declared(clinic):
    story = story_of(clinic, "clinic", "progression", clinic.catalog.pipelines["clinic"].end)
    assert not story.unbalanced
    assert story.promotions()
    answered = [line.answer for line in story.windows if line.answer]
    assert all(one.reason for one in answered)
    scored = [line for line in story.windows if line.current is not None]
    assert scored
    page = write_page(story, clinic.settings.home / "report", datetime.now(UTC), {})
    assert "<svg" in page.read_text()


def do_again(stack: Embedded, run: DagRun) -> set[tuple[str, str]]:
    """Each task of a run once more, one by one; their Dag's kind and names."""
    # The last one first: a training's `plan` would find its question answered and skip the rest.
    tasks = sorted(stack.api.tasks_of(run), key=lambda one: one["start_date"] or "", reverse=True)
    done = [task["task_id"] for task in tasks if task["state"] == "success"]
    for task_id in done:
        stack.clear(run, task_id)
    return {(run.dag_id.split(".")[0], task_id) for task_id in done}


def test_tables_stay_the_same_when_any_task_is_done_again(clinic, flights):
    wait_until(clinic.is_idle, "all runs ended")
    before = contents(clinic.lake)
    assert before["ledger/decisions"][0] > 0
    small = {*clinic.catalog.pipelines["clinic"].entries, WITHOUT_PARTITIONS}
    newest = {}
    for run in clinic.api.runs("~", ["success"]):
        if run.dag_id in small or (run.dag_id.endswith(".progression") and is_work(run.dag_id)):
            newest.setdefault(run.dag_id, run)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        done = set().union(*threads.map(partial(do_again, clinic), newest.values()))
    jobs = {"load", "gate", "publish", "score", "monitor", "decide"}
    jobs |= {"plan", "train", "evaluate", "promote"}
    assert jobs <= {task for _, task in done}
    wait_until(clinic.is_idle, "all runs ended")
    assert contents(clinic.lake) == before


@pytest.mark.parametrize(
    "bad",
    [{"max_depth": 0}, {"num_boost_round": "many"}, {"as_of": "x; touch y"}, {"reason": ""}],
)
def test_form_refuses_a_value_when_it_is_not_allowed(stack, bad):
    body = {"logical_date": None, "conf": bad}
    with pytest.raises(RequestRefused) as refused:
        stack.api.request("POST", "/dags/train.delay/dagRuns", json=body)
    assert refused.value.fields["status"] == httpx.codes.BAD_REQUEST


def test_nothing_is_served_when_nobody_is_logged_in(stack):
    answer = httpx.get(f"{stack.api.url}/api/v2/dags")
    assert answer.status_code == httpx.codes.UNAUTHORIZED
