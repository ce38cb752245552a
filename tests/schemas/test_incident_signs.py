"""Signs of incidents by hand: what tells each from drift, and windows in which nothing can be said."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.incidents import find_incidents
from headrace_schemas.decisions.profile import ColumnProfile, LabelProfile, WindowProfile
from tests.schemas.test_incidents import (
    LEARNT,
    WEIGHTS,
    Rng,
    changed,
    codes,
    distances,
    found_in,
    history,
    labelled,
    part,
    still,
)
from tests.schemas.windows import Numbers, categories, numbers, window


def test_one_incident_names_the_source_when_only_its_columns_moved() -> None:
    def weather(rng: Rng, place: int, rows: int, warmer: float = 0.0) -> WindowProfile:
        names = ("temperature", "rain", "visibility", "distance", "delay")
        shifts = (warmer, warmer, warmer, 0.0, 0.0)
        return window(
            place,
            rows,
            [
                numbers(name, rng.normal(20 + shift, 5, rows))
                for name, shift in zip(names, shifts, strict=True)
            ],
        )

    past = history(weather, 1, 500, 20)
    rng = np.random.default_rng(2)
    broken = weather(rng, 20, 500, warmer=30)
    (found,) = found_in([*past, broken], moved=True)
    assert (found.scope, found.subject, found.sign) == (Scope.COLUMN, "weather", "upstream")
    assert found.weight == WEIGHTS["temperature"]
    assert found.text == "only columns from weather moved: temperature, rain, visibility"
    elsewhere = numbers("delay", rng.normal(60, 5, 500))
    all_moved = broken.model_copy(update={"columns": (*broken.columns[:4], elsewhere)})
    assert found_in([*past, all_moved], moved=True) == (), "the world changed"
    assert find_incidents(broken, past, WEIGHTS, True) == (), "nobody knows where they come from"


def test_a_share_is_no_incident_when_it_has_wandered_as_far_before() -> None:
    def gappy(rng: Rng, place: int, rows: int) -> WindowProfile:
        missing = 0.5 if place == 7 else 0.01
        return window(place, rows, [numbers("distance", distances(rng, rows), missing)])

    past = history(gappy, 1, 500, 20)
    rng = np.random.default_rng(2)
    assert not found_in([*past, gappy(rng, 7, 500)])
    assert [each.sign for each in found_in([*past[8:], gappy(rng, 7, 500)])] == ["missing share"]


def test_a_new_category_is_drift_when_all_others_are_still_there() -> None:
    past = history(still, 1, 500, 12)
    rng = np.random.default_rng(2)

    def among(share: float) -> tuple[Incident, ...]:
        values = part(rng, codes(rng, 500), share, "VX")
        make = changed("carrier", lambda _, __: categories("carrier", values, LEARNT, 0.1))
        return found_in([*past, make(rng, past[-1])])

    assert not among(0.1)
    assert [each.sign for each in among(0.4)] == ["unseen share"]


@pytest.mark.parametrize("mean", [1.0, 2.0, 4.5])
def test_more_or_less_zeros_are_drift_when_counts_moved_as_a_whole(mean: float) -> None:
    past = history(
        lambda rng, place, rows: window(place, rows, [numbers("stops", rng.poisson(3, rows))]),
        *(1, 2_000, 12),
    )
    fewer = numbers("stops", np.random.default_rng(2).poisson(mean, 2_000))
    assert not found_in([*past, window(12, 2_000, [fewer])])


def numeric_labels(rng: Rng, rows: int, make: Callable[[Numbers], Numbers]) -> LabelProfile:
    drawn = make(rng.lognormal(3, 0.6, rows))
    return LabelProfile(
        rows=rows, mean=float(drawn.mean()), deviation=float(drawn.std()), skill=0.4
    )


@pytest.mark.parametrize(
    ("make", "sign"),
    [
        (lambda values: values, None),
        (lambda values: values * 1.3, None),
        (lambda values: values * 100, "unit"),
        (lambda values: values / 1_000, "unit"),
        (lambda values: -values, "unit"),
        (lambda values: values * 0, "constant"),
        (lambda values: values * 0 + 20, "constant"),
    ],
)
def test_numeric_labels_are_held_when_their_unit_changes_or_they_stop_varying(
    make: Callable[[Numbers], Numbers], sign: str | None
) -> None:
    rng = np.random.default_rng(1)
    past = [
        window(place, 1_000, of=[numeric_labels(rng, 1_000, lambda values: values)])
        for place in range(12)
    ]
    found = found_in([*past, window(12, 1_000, of=[numeric_labels(rng, 1_000, make)])])
    assert [each.sign for each in found] == ([] if sign is None else [sign])


def test_labels_are_held_when_they_and_their_base_rate_are_turned_around() -> None:
    past = history(still, 1, 2_000, 12)
    rng = np.random.default_rng(2)
    turned = labelled(("", 0.7, {"flipped": 0.5}))(rng, past[-1])
    assert [each.sign for each in found_in([*past, turned])] == ["upside down"]
    concept = labelled(("", 0.45, {"flipped": 0.5}))(rng, past[-1])
    assert not found_in([*past, concept]), "a concept may turn around"


def test_a_slice_is_no_incident_when_its_siblings_are_on_the_way_to_another_concept_too() -> None:
    past, rng = history(still, 1, 2_000, 12), np.random.default_rng(2)
    first, *others = [each.slice for each in past[-1].labels if each.slice]
    exchanged = (first, 0.3, {"flipped": 0.5})
    alone = labelled(exchanged)(rng, past[-1])
    assert [each.sign for each in found_in([*past, alone])] == ["upside down"]
    together = labelled(exchanged, *((name, 0.3, {"flipped": -0.1}) for name in others))
    assert not found_in([*past, together(rng, past[-1])])


def test_a_slice_is_no_incident_when_its_labels_are_neither_the_old_ones_nor_their_opposite() -> (
    None
):
    past, rng = history(still, 1, 5_000, 12), np.random.default_rng(2)
    name = next(each.slice for each in past[-1].labels if each.slice)
    assert not found_in([*past, labelled((name, 0.3, {"flipped": 0.2}))(rng, past[-1])])


def test_nothing_is_said_when_there_is_no_history() -> None:
    assert find_incidents(history(still, 1, 500, 1)[0], [], {}, False) == ()


def odd_columns() -> list[ColumnProfile]:
    infinite = (-math.inf, -math.inf, 0.0, 1.0, 2.0, 3.0, 4.0, math.inf, math.inf)
    return [
        ColumnProfile(column="empty", kind="number", rows=0),
        numbers("missing", np.full(5, np.nan)),
        numbers("zeros", np.zeros(9)),
        numbers("one", np.ones(1)),
        ColumnProfile(column="infinite", kind="number", rows=9, top=0.1, quantiles=infinite),
        ColumnProfile(
            column="all infinite", kind="number", rows=9, zero=0.5, quantiles=(math.inf,) * 9
        ),
        ColumnProfile(column="none", kind="category", rows=0),
        categories("wide", np.array([str(place) for place in range(10_000)]), set()),
    ]


def odd_window(**changes: Any) -> WindowProfile:
    """Constant, empty, missing and infinite columns under one name each, and odd labels."""
    labels_of = [
        LabelProfile(rows=0, mean=0, deviation=0),
        LabelProfile(slice="a=1", rows=1, mean=1, deviation=0, skill=0.0, flipped=-3.0),
        LabelProfile(slice="a=2", rows=5, mean=-3.5, deviation=2, skill=-1.0),
    ]
    made = window(0, 0, odd_columns(), labels_of)
    return made.model_copy(update=changes)


@pytest.mark.parametrize("windows", [1, 2, 3, 20])
def test_no_incident_and_no_error_when_odd_windows_are_alike(windows: int) -> None:
    assert found_in([odd_window()] * (windows + 1)) == ()


@pytest.mark.parametrize("windows", [1, 2, 20])
def test_incidents_have_finite_numbers_when_odd_windows_differ(windows: int) -> None:
    columns = odd_columns()
    names = [each.column for each in columns]
    for turn in range(1, len(columns)):
        mixed = tuple(
            columns[(place + turn) % len(columns)].model_copy(update={"column": name})
            for place, name in enumerate(names)
        )
        other = odd_window(columns=mixed, rows=10**9, delivered=None, quarantined=1.0)
        for past, now in ((odd_window(), other), (other, odd_window())):
            for each in found_in([*[past] * windows, now]):
                assert all(map(math.isfinite, filter(None, (each.value, each.low, each.high))))
                assert "nan" not in each.text
                assert "inf" not in each.text.replace("infinite", "")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("warmth", [-20.0, 0.5, 17.6, 20.0, 22.0, 24.5, 27.0, 30.0, 36.0, 45.0])
def test_a_warm_day_is_no_other_unit_when_its_spread_stays(warmth: float, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def day(place: int, warmth: float) -> WindowProfile:
        return window(place, 72, [numbers("temperature", rng.normal(warmth, 1.5, 72))])

    past = [day(place, rng.uniform(8, 14)) for place in range(19)]
    warm = day(19, warmth)
    assert "unit" not in {found.sign for found in found_in([*past, warm], moved=True)}


@pytest.mark.parametrize("seed", range(20))
def test_few_amounts_are_no_other_unit_when_they_are_skewed(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def night(place: int, factor: float = 1.0) -> WindowProfile:
        rows = int(rng.integers(18, 25))
        return window(place, rows, [numbers("amount", rng.lognormal(3, 1, rows) * factor)])

    past = [night(0)]
    for place in range(1, 40):
        past.append(night(place))
        assert "unit" not in {found.sign for found in found_in(past, moved=True)}
    assert "unit" in {found.sign for found in found_in([*past, night(40, 1000)], moved=True)}
