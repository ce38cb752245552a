"""People are notified once that a data incident began, and once that it ended."""

from datetime import UTC, datetime, timedelta

import pytest

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, canonical
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.incident_notices import notice_of
from headrace_schemas.notifications import EventKind

START = datetime(2024, 1, 1, tzinfo=UTC)


def decided(day: int, *columns: str) -> Decision:
    """The decision on a window in which these columns were broken."""
    window = f"{START + timedelta(days=day):%Y-%m-%d}"
    incidents = tuple(
        Incident(scope=Scope.COLUMN, subject=column, sign="missing share", value=0.9, text=column)
        for column in columns
    )
    evidence = MonitorEvidence(window=window, matured_partitions=day, incidents=incidents)
    return Decision(
        id=window,
        model="m",
        kind=Kind.RETRAINING,
        window=window,
        as_of=START + timedelta(days=day),
        verdict=Verdict.HOLD if columns else Verdict.KEEP,
        reason="why",
        evidence=canonical(evidence),
    )


def released(held: Decision) -> Decision:
    return held.model_copy(
        update={"id": f"r{held.id}", "kind": Kind.RELEASE, "verdict": Verdict.RELEASE}
    )


def notices(*windows: Decision) -> list[EventKind | None]:
    """What comes of each in turn."""
    return [notice_of(one, windows[: i + 1]) for i, one in enumerate(windows)]


def test_one_notice_begins_and_one_ends_an_incident_when_it_lasts_for_windows() -> None:
    windows = [decided(1), decided(2, "a"), decided(3, "a"), decided(4), decided(5)]

    assert notices(*windows) == [None, EventKind.INCIDENT, None, EventKind.RECOVERED, None]


def test_another_incident_has_a_notice_when_it_begins_within_the_first() -> None:
    windows = [decided(1, "a"), decided(2, "a", "b"), decided(3, "b")]

    assert notices(*windows) == [EventKind.INCIDENT, EventKind.INCIDENT, None]


@pytest.mark.parametrize("is_next_decided", [False, True])
def test_end_has_one_notice_when_a_window_is_released(is_next_decided: bool) -> None:
    held, normal = decided(1, "a"), decided(2)
    word = released(held)
    windows = [held, normal, word] if is_next_decided else [held, word, normal]

    assert notices(*windows) == [EventKind.INCIDENT, EventKind.RECOVERED, None]


def test_windows_before_a_decision_count_when_others_were_decided_first() -> None:
    newest, older = decided(3, "a"), decided(2, "a")

    assert notices(newest, older) == [EventKind.INCIDENT, EventKind.INCIDENT]
    assert notice_of(newest, [newest, older]) is None
