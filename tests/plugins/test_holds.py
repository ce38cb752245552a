"""A held window: announced, asked about once, released by a person."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from headrace_airflow import notifications
from headrace_airflow.hold_questions import question
from headrace_airflow.operators.holds import (
    AnnounceHoldOperator,
    PlanReleaseOperator,
    ReleaseOperator,
)
from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, canonical
from headrace_schemas.decisions.holds import held_windows
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.notifications import Event
from tests.plugins.conftest import FakeSubmit, PerAsset
from tests.plugins.ledger import FEBRUARY, decision, write_ledger

RunContext = Callable[..., Any]

MISSING = Incident(
    scope=Scope.COLUMN,
    subject="distance|km",
    sign="missing share",
    value=0.9,
    high=0.12,
    weight=0.4,
    text="missing share of distance|km: 0.9, at most 0.12 by its history",
)
LABELS = Incident(
    scope=Scope.LABEL, subject="", sign="base rate", value=1.0, low=0.2, high=0.3, text="all late"
)


def held(window: str, *incidents: Incident, days: int = 0) -> Decision:
    evidence = MonitorEvidence(
        window=window,
        matured_partitions=3,
        rows=1200,
        labelled=1100,
        incidents=incidents or (MISSING,),
    )
    return decision(
        Verdict.HOLD,
        FEBRUARY + timedelta(days=days),
        window=window,
        reason="data incident: nulls",
        evidence=canonical(evidence),
    )


@pytest.fixture
def asked(catalog: Catalog) -> dict[str, Any]:
    return {"model": "long_trip", "catalog": catalog}


@pytest.fixture
def notified(
    catalog: Catalog, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> list[Event]:
    """What people are notified of, by a model that names a notifier."""
    found: list[Event] = []
    monkeypatch.setattr(notifications, "send", lambda name, event: found.append(event))
    declared = catalog.models["long_trip"].model_copy(update={"notify": ("log",)})
    asked["catalog"] = catalog.model_copy(
        update={"models": {**catalog.models, "long_trip": declared}}
    )
    return found


def announce(asked: dict[str, Any], context: Any) -> None:
    AnnounceHoldOperator(task_id="announce_hold", **asked).execute(context)


def test_window_is_announced_when_it_is_held(
    home: Path, asked: dict[str, Any], run_context: RunContext
) -> None:
    one = held("2013-02")
    write_ledger(home, [one])
    context = run_context("2013-02", decide={"decision": one.model_dump(mode="json")})

    announce(asked, context)

    extra = context["outlet_events"]["hold.long_trip"].extra
    assert (extra["decision"], extra["window"]) == (one.id, "2013-02")


def test_people_are_notified_once_of_beginning_and_end_when_runs_come_twice(
    home: Path, asked: dict[str, Any], run_context: RunContext, notified: list[Event]
) -> None:
    incident, normal = held("2013-02"), decision(Verdict.KEEP, FEBRUARY + timedelta(days=30))
    normal = normal.model_copy(update={"window": "2013-03"})
    stores = PerAsset(run_context()["asset_state_store"].make)
    write_ledger(home, [incident])
    for one in (incident, incident, normal, normal, incident):
        write_ledger(home, [one])
        context = run_context(one.window, decide={"decision": one.model_dump(mode="json")})
        context["asset_state_store"] = stores
        if one is normal:
            with pytest.raises(AirflowSkipException, match="2013-03 is not held"):
                announce(asked, context)
        else:
            announce(asked, context)

    assert [(event.kind.value, event.batch) for event in notified] == [
        ("incident", "2013-02"),
        ("recovered", "2013-03"),
    ]


def test_each_held_window_is_asked_about_once_when_runs_are_lost_or_doubled(
    home: Path, asked: dict[str, Any], run_context: RunContext
) -> None:
    write_ledger(home, [held("2013-01", days=-30), held("2013-02")])
    stores = PerAsset(run_context()["asset_state_store"].make)
    plan = PlanReleaseOperator(task_id="plan", **asked)

    def started(run: str, window: str | None = None) -> str:
        context = run_context(conf={"window": window})
        context["asset_state_store"], context["run_id"] = stores, run
        return str(plan.execute(context)["window"])

    assert [started("a"), started("b"), started("a")] == ["2013-01", "2013-02", "2013-01"]
    with pytest.raises(AirflowSkipException, match="nobody was asked about"):
        started("c")
    assert started("d", "2013-02") == "2013-02"
    with pytest.raises(AirflowFailException, match=r"2013-07 is not held\. Held are: 2013-01, 20"):
        started("e", "2013-07")


def test_nobody_is_asked_when_the_window_was_released_meanwhile(
    home: Path, asked: dict[str, Any], run_context: RunContext
) -> None:
    one = held("2013-02")
    word = decision(Verdict.RELEASE, window="2013-02", kind=Kind.RELEASE, id="word")
    write_ledger(home, [one, word])

    with pytest.raises(AirflowSkipException):
        PlanReleaseOperator(task_id="plan", **asked).execute(run_context(conf={"window": None}))


def test_word_goes_into_the_ledger_when_a_person_approves(
    home: Path,
    asked: dict[str, Any],
    fake_submit: FakeSubmit,
    run_context: RunContext,
    notified: list[Event],
) -> None:
    one = held("2013-02")
    write_ledger(home, [one])
    planned = PlanReleaseOperator(task_id="plan", **asked).execute(
        run_context(conf={"window": None})
    )
    answer = {
        "params_input": {"reason": "a new meter"},
        "responded_by_user": {"id": "u", "name": "Uma"},
    }
    word = decision(
        Verdict.RELEASE, window="2013-02", kind=Kind.RELEASE, id="word", reason="released by Uma"
    )
    fake_submit.answer = {"decision": word}

    ReleaseOperator(task_id="release", **asked).execute(run_context(plan=planned, ask=answer))

    spec = fake_submit.spec
    assert (spec.window, spec.as_of, spec.reason, spec.by) == (
        "2013-02",
        one.as_of,
        "a new meter",
        "Uma",
    )
    assert [event.kind.value for event in notified] == ["recovered"]


def test_question_says_what_is_held_and_what_follows(catalog: Catalog) -> None:
    one = held("2013-02", MISSING, LABELS)
    (incidents,) = held_windows([one], "long_trip").values()

    text = question(catalog.models["long_trip"], one, incidents)

    assert r"| missing share | distance\|km | 0.9 | at most 0.12 | 40% |" in text
    assert "| base rate | all rows | 1 | 0.2 to 0.3 | 100% |" in text
    assert "labels are held, and with them training and promotion: 1,200 rows of gold.trip" in text
    assert "**Approve**" in text
    assert "**Reject**, or no answer" in text
