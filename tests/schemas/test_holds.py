"""Holds: which windows the ledger keeps out of training, and what releases them."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, canonical
from headrace_schemas.decisions.evidence_codec import read_evidence
from headrace_schemas.decisions.holds import blocks, held_windows, release, special_seasons
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.seasons import comparable, seasons
from tests.schemas.test_decisions import AS_OF, decision


def incident(
    sign: str = "missing share", scope: Scope = Scope.COLUMN, weight: float = 0.3
) -> Incident:
    subject = "temp" if scope is Scope.COLUMN else ""
    return Incident(scope=scope, subject=subject, sign=sign, value=0.5, weight=weight, text=sign)


MISSING = incident()
LABELS = incident("constant", Scope.LABEL)
ROWS = incident("rows", Scope.ROWS)


def day(number: float) -> datetime:
    return AS_OF + timedelta(days=number)


def decided(window: str, *incidents: Incident, on: float | None = None) -> Decision:
    """The decision on a window, one day after the other unless said `on` which."""
    at = day(float(window) if on is None else on)
    evidence = MonitorEvidence(window=window, matured_partitions=1, incidents=incidents)
    verdict = Verdict.HOLD if incidents else Verdict.KEEP
    return decision(
        verdict, at, window=window, evidence=canonical(evidence), id=f"{window} {at.isoformat()}"
    )


def held(history: Sequence[Decision], new_normal: int = 3) -> dict[str, tuple[Incident, ...]]:
    return held_windows(history, "delay", new_normal)


def test_evidence_is_what_it_was_when_there_are_no_incidents() -> None:
    assert "incidents" not in json.loads(decided("1").evidence)
    assert read_evidence(decided("1", MISSING)).incidents == (MISSING,)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (MISSING, True),
        (incident(weight=0.02), True),
        (incident(weight=0.019), False),
        (incident("rows", Scope.ROWS, 0.0), True),
        (incident("skill", Scope.LABEL, 0.0), True),
    ],
)
def test_an_incident_blocks_when_it_is_not_of_a_column_that_hardly_matters(
    found: Incident, expected: bool
) -> None:
    assert blocks(found) is expected
    assert held([decided("1", found)]) == ({"1": (found,)} if expected else {})


def test_a_window_stays_held_when_the_next_one_is_normal() -> None:
    history = [decided("1"), decided("2", MISSING, incident("unit", weight=0.0)), decided("3")]
    assert held(history) == {"2": (MISSING,)}
    assert held(list(reversed(history))) == {"2": (MISSING,)}


def test_a_window_is_released_when_its_corrected_delivery_is_normal() -> None:
    assert held([decided("1", MISSING), decided("2"), decided("1", on=3)]) == {}
    assert held([decided("1"), decided("2"), decided("1", ROWS, on=3)]) == {"1": (ROWS,)}


def test_a_window_is_released_when_a_person_says_so() -> None:
    history = [decided("1", LABELS), decided("2", LABELS)]
    word = release("delay", "1", day(5), "the registry closed", "ada")
    assert (word.kind, word.verdict) == (Kind.RELEASE, Verdict.RELEASE)
    assert word.reason == "released by ada: the registry closed"
    assert held([*history, word]) == {"2": (LABELS,)}
    assert held([word, decided("1", LABELS, on=6)]) == {"1": (LABELS,)}, "known at its time alone"
    assert held([*history, word.model_copy(update={"model": "other"})]).keys() == {"1", "2"}


def test_another_incident_holds_a_released_window_when_a_later_delivery_brings_it() -> None:
    word = release("delay", "1", day(5), "it is so", "ada")
    assert held([decided("1", MISSING), word, decided("1", MISSING, on=6)]) == {}
    assert held([decided("1", MISSING), word, decided("1", ROWS, on=6)]) == {"1": (ROWS,)}


def test_windows_are_released_when_the_same_sign_stays() -> None:
    run = [decided(str(number), MISSING) for number in range(1, 4)]
    assert held(run[:2]).keys() == {"1", "2"}
    assert held(run) == {}
    assert held(run, new_normal=4).keys() == {"1", "2", "3"}
    assert held([*run, decided("4", MISSING, ROWS)]) == {"4": (ROWS,)}


def test_windows_stay_held_when_a_normal_one_is_between_them() -> None:
    history = [decided("1", MISSING), decided("2", MISSING), decided("3"), decided("4", MISSING)]
    assert held(history).keys() == {"1", "2", "4"}
    assert held([decided("1", MISSING), decided("2", ROWS), decided("3", MISSING)]).keys() == {
        "1",
        "2",
        "3",
    }


def test_broken_labels_are_never_the_new_normal_when_they_stay() -> None:
    history = [decided(str(number), LABELS, MISSING) for number in range(1, 7)]
    assert set(held(history).values()) == {(LABELS,)}
    assert len(held(history)) == 6


def test_nothing_is_held_when_the_ledger_has_other_rows_alone() -> None:
    promotion = decision(Verdict.PROMOTE, day(1), window="7")
    assert held([]) == {}
    assert held([promotion, release("delay", "1", day(1), "nothing there", "ada")]) == {}
    assert held_windows([decided("1", MISSING)], "other") == {}


def few(rows: float) -> Incident:
    return ROWS.model_copy(update={"value": rows})


def daily(*windows: tuple[str, float | None]) -> list[Decision]:
    """Decisions on days, some of which have few rows."""
    return [
        decided(key, *([] if rows is None else [few(rows)]), on=number)
        for number, (key, rows) in enumerate(windows, start=1)
    ]


def test_windows_are_released_when_the_sign_comes_back_with_the_calendar() -> None:
    saturdays = ("2024-06-01", "2024-06-08", "2024-06-15")
    days = [f"2024-06-{number:02}" for number in range(1, 16)]
    run = daily(*[(key, 150.0 if key in saturdays else None) for key in days])

    assert held(run[:14]).keys() == set(saturdays[:2])
    assert held(run) == {}
    assert special_seasons(run[:14], "delay") == frozenset()
    assert special_seasons(run, "delay") == {"Saturdays"}


def test_the_last_days_of_months_are_released_when_they_come_back() -> None:
    last = ("2024-01-31", "2024-02-29", "2024-03-31")
    run = daily(*[(key, 900.0) for key in last])
    between = daily(("2024-02-01", None), ("2024-03-01", None))
    days = sorted([*run, *between], key=lambda decision: decision.window)
    days = [one.model_copy(update={"as_of": day(n)}) for n, one in enumerate(days)]

    assert held(days[:4]).keys() == set(last[:2])
    assert held(days) == {}
    assert special_seasons(days, "delay") == {"last day of a month"}


def test_another_incident_is_held_when_windows_with_its_sign_are_normal() -> None:
    run = daily(*[(str(number), 150.0) for number in range(1, 4)])

    assert held([*run, decided("4", few(140), on=4)]) == {}
    assert held([*run, decided("4", few(3), on=4)]) == {"4": (few(3),)}


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("2024-06-01", ("day 01 of a month", "Saturdays")),
        ("2024-02-29", ("last day of a month", "Thursdays")),
        ("2024-06-03T07", ("Mondays 07:00", "07:00")),
        ("2024-12", ("month 12",)),
        ("2024-W05", ("week W05",)),
        ("2024-Q4", ("quarter Q4",)),
        ("2024", ()),
        ("1", ()),
    ],
)
def test_a_window_has_seasons_when_its_unit_has_some(
    window: str, expected: tuple[str, ...]
) -> None:
    assert seasons(window) == expected


def test_windows_of_a_special_season_are_compared_with_each_other_alone() -> None:
    days = ["2024-05-31", "2024-06-01", "2024-06-02", "2024-06-07"]

    assert comparable("2024-06-08", days, {"Saturdays"}) == ["2024-06-01"]
    assert comparable("2024-06-10", days, {"Saturdays"}) == [days[0], days[2], days[3]]
    assert comparable("2024-06-10", days, ()) == days
