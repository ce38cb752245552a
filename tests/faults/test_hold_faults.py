"""Held windows, while what hears of them dies, loses them or hears of them twice: one question, one release.

The holds are written as monitoring writes them; everything after that is the real thing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from headrace_lake.ledger import DECISIONS
from headrace_launcher.services.airflow_api import DagRun
from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, canonical
from headrace_schemas.decisions.holds import held_windows
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.places import Lake
from tests.embedded import Embedded
from tests.faults.outages import away
from tests.plugins.ledger import decision, write_ledger
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

MODEL, RELEASE = "progression", "release.progression"

BROKEN = Incident(
    scope=Scope.ROWS, subject="", sign="rows", value=9, low=500, high=2000, text="rows: 9"
)


@dataclass
class Hold:
    """A held window that a test writes, and the questions that come of it."""

    stack: Embedded
    decision: Decision
    known: frozenset[str]

    def ledger(self) -> list[Decision]:
        return DECISIONS.read(Lake(root=self.stack.settings.lake).ledger, MODEL)

    def releases(self) -> list[Decision]:
        found = [one for one in self.ledger() if one.kind is Kind.RELEASE]
        return [one for one in found if one.window == self.decision.window]

    def announce(self) -> None:
        """An event of the asset, as `announce_hold` gives it."""
        found = self.stack.api.request("GET", "/assets", params={"name_pattern": f"hold.{MODEL}"})
        body = {"asset_id": found["assets"][0]["id"], "extra": {"decision": self.decision.id}}
        self.stack.api.request("POST", "/assets/events", json=body)

    def runs(self) -> list[DagRun]:
        return [run for run in self.stack.runs(RELEASE) if run.run_id not in self.known]

    def asking(self) -> list[DagRun]:
        """Runs whose question waits for a person."""
        return [
            run for run in self.runs() if self.stack.task(run, "ask")["state"] == "awaiting_input"
        ]

    def skipped(self) -> list[DagRun]:
        """Runs that found nobody to ask."""
        return [run for run in self.runs() if self.stack.task(run, "plan")["state"] == "skipped"]

    def answer(self, option: str) -> dict[str, Any]:
        """What a person does in the list of required actions; what they were asked."""
        (run,) = self.asking()
        path = f"/dags/{RELEASE}/dagRuns/{run.run_id}/taskInstances/ask/-1/hitlDetails"
        asked: dict[str, Any] = self.stack.api.request("GET", path)
        body = {"chosen_options": [option], "params_input": {"reason": "a new meter"}}
        self.stack.api.request("PATCH", path, json=body)
        wait_until(self.are_ended, "all questions are answered", 600)
        assert {one.state for one in self.runs()} == {"success"}
        return asked

    def are_ended(self) -> bool:
        return all(run.state in ("success", "failed") for run in self.runs())


@pytest.fixture
def hold(clinic: Embedded) -> Iterator[Hold]:
    """A window that is held; when the test is over, nothing is."""
    wait_until(clinic.is_idle, "all runs ended")
    lake = Lake(root=clinic.settings.lake)
    latest = max(one.as_of for one in DECISIONS.read(lake.ledger, MODEL)) + timedelta(days=1)
    window = f"{latest:%Y-%m-%d}"
    # A sign of its own: the same one in three windows in a row would be the new normal.
    broken = BROKEN.model_copy(update={"subject": window})
    evidence = MonitorEvidence(window=window, matured_partitions=9, rows=9, incidents=(broken,))
    written = decision(
        Verdict.HOLD, latest, MODEL, window=window, reason="rows", evidence=canonical(evidence)
    )
    write_ledger(clinic.settings.home, [written])
    yield Hold(clinic, written, frozenset(run.run_id for run in clinic.runs(RELEASE)))
    word = decision(
        Verdict.RELEASE,
        latest,
        MODEL,
        id=f"{MODEL}/cleared/{window}",
        kind=Kind.RELEASE,
        window=window,
    )
    write_ledger(clinic.settings.home, [word])


def test_one_question_and_one_release_come_of_a_hold_when_its_event_comes_three_times(
    hold: Hold,
) -> None:
    hold.announce()
    wait_until(hold.asking, "a person is asked")
    for _ in range(2):
        before = len(hold.runs())
        hold.announce()
        wait_until(lambda before=before: len(hold.runs()) > before, "the event was heard again")
    wait_until(lambda: len(hold.skipped()) == 2, "the others ask nobody")

    asked = hold.answer("Approve")

    assert hold.decision.window in asked["subject"]
    assert f"| rows | {hold.decision.window} | 9 | 500 to 2000 | 100% |" in asked["body"]
    (word,) = hold.releases()
    assert word.reason.startswith("released by ")
    assert word.reason.endswith(": a new meter")
    assert hold.decision.window not in held_windows(hold.ledger(), MODEL)


def test_window_is_asked_about_and_stays_held_when_its_event_was_lost_and_the_answer_is_no(
    hold: Hold,
) -> None:
    hold.stack.api.trigger(RELEASE)  # as the calendar does every day
    wait_until(hold.asking, "a person is asked")

    hold.answer("Reject")

    assert hold.releases() == []
    assert hold.decision.window in held_windows(hold.ledger(), MODEL)
    hold.stack.api.trigger(RELEASE)
    wait_until(hold.skipped, "nobody is asked twice")


def test_question_outlives_the_triggerer_and_the_scheduler_when_they_are_killed(hold: Hold) -> None:
    hold.announce()
    wait_until(hold.asking, "a person is asked")
    with away(hold.stack, "triggerer", "scheduler"):
        pass

    hold.answer("Approve")

    assert len(hold.releases()) == 1
    assert len(hold.runs()) == 1
