"""Which windows a training learns from, as the ledger says it."""

from datetime import UTC, datetime, timedelta

import pytest

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, canonical
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.training_windows import (
    champion_learns_from,
    labels_held,
    windows_left_out,
)
from tests.schemas.short_model import delay

MARCH = datetime(2024, 4, 3, tzinfo=UTC)


def decided(window: str, as_of: datetime, *scopes: Scope, model: str = "delay") -> Decision:
    """A window, with what is wrong in it."""
    signs = [
        Incident(scope=scope, subject="y", sign="rate", value=1, text=f"odd {scope.value}")
        for scope in scopes
    ]
    evidence = MonitorEvidence(window=window, matured_partitions=9, incidents=tuple(signs))
    return Decision(
        id=f"{model}/retraining/{window}",
        model=model,
        kind=Kind.RETRAINING,
        window=window,
        as_of=as_of,
        verdict=Verdict.HOLD if scopes else Verdict.KEEP,
        reason="",
        evidence=canonical(evidence),
    )


def days(count: float) -> timedelta:
    return timedelta(days=count)


@pytest.mark.parametrize(
    ("history", "left_out", "labels"),
    [
        pytest.param([], (), None, id="nothing was decided"),
        pytest.param([decided("2024-03", MARCH)], (), None, id="all is well"),
        pytest.param(
            [decided("2024-03", MARCH, Scope.LABEL)],
            ("2024-03",),
            "the labels of 2024-03 are held: odd label",
            id="labels, known at the very time",
        ),
        pytest.param(
            [decided("2024-03", MARCH, Scope.ROWS)], ("2024-03",), None, id="rows, labels are well"
        ),
        pytest.param(
            [decided("2024-02", MARCH - days(29), Scope.LABEL), decided("2024-03", MARCH)],
            ("2024-02",),
            None,
            id="labels are well again",
        ),
        pytest.param(
            [decided("2024-03", MARCH + days(0.1), Scope.LABEL)], (), None, id="not known by then"
        ),
        pytest.param(
            [decided("2024-03", MARCH, Scope.LABEL, model="other")], (), None, id="of another model"
        ),
    ],
)
def test_held_windows_are_left_out_when_a_training_is_planned(
    history: list[Decision], left_out: tuple[str, ...], labels: str | None
) -> None:
    assert windows_left_out(delay(), history, MARCH) == left_out
    assert labels_held(delay(), history, MARCH) == labels


def test_a_release_counts_when_it_was_given_later_than_what_is_learnt() -> None:
    held = decided("2024-03", MARCH, Scope.LABEL)
    released = held.model_copy(
        update={
            "id": "delay/release/2024-03",
            "kind": Kind.RELEASE,
            "verdict": Verdict.RELEASE,
            "as_of": MARCH + days(400),
            "evidence": "{}",
        }
    )
    assert windows_left_out(delay(), [held, released], MARCH) == ()
    assert labels_held(delay(), [held, released], MARCH) is None


def test_where_the_champion_learnt_from_is_told_when_it_serves() -> None:
    promoted = [
        Decision(
            id=f"delay/promotion/{version}",
            model="delay",
            kind=Kind.PROMOTION,
            window=version,
            as_of=MARCH + days(offset),
            effective_from=MARCH + days(offset),
            verdict=Verdict.PROMOTE,
            reason="",
            model_version=version,
            learn_from=learn_from,
        )
        for version, offset, learn_from in [("1", -60, None), ("2", -30, "2024-02")]
    ]
    assert champion_learns_from([], "delay", MARCH) is None
    assert champion_learns_from(promoted, "delay", MARCH) == "2024-02"
    assert champion_learns_from(promoted, "delay", MARCH - days(30)) is None
