"""How far a window's counts are from a reference's."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.alarm_rates import DISTRIBUTIONS, SIZES, Distribution, rate
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.statistics.bin_counts import counts, feature_of
from headrace_jobs.statistics.divergence import (
    Divergence,
    difference,
    divergence,
    jensen_shannon,
    psi,
    psi_values,
    share,
    spread,
    wasserstein,
)
from headrace_jobs.statistics.sketches import ColumnSketch, sketch

RANDOM = np.random.default_rng(7)
UNIFORM = RANDOM.uniform(0, 10, 1000)
NORMAL = RANDOM.normal(size=5000)

COUNTS = st.lists(st.integers(0, 50), min_size=6, max_size=6).filter(any)


def number(values: Any) -> ColumnSketch:
    return sketch(FeatureKind.NUMBER, pd.Series(values, dtype="float32"))


def measured(trained: Any, found: Any) -> Divergence:
    reference = number(trained)
    feature = feature_of("x", reference)
    result = divergence(feature, counts(feature, reference), number(found), reference)
    assert result is not None
    return result


CONSTANT, CAPPED, MOSTLY_ZERO = (
    [5.0] * 1000,
    [10.0] * 920 + list(UNIFORM[:80]),
    [0.0] * 950 + [1.0] * 50,
)


@pytest.mark.parametrize(
    ("trained", "found"),
    [
        pytest.param(CONSTANT, [4.0] * 1000, id="constant sinks"),
        pytest.param(CONSTANT, [6.0] * 1000, id="constant rises"),
        pytest.param(CONSTANT, [4.0] * 100 + [5.0] * 900, id="a tenth of a constant sinks"),
        pytest.param(CAPPED, [10.0] * 500 + list(UNIFORM[:500]), id="half below the cap"),
        pytest.param(CAPPED, list(UNIFORM), id="none at the cap"),
        pytest.param(CAPPED, [0.0] * 1000, id="all zero"),
        pytest.param(CAPPED, [11.0] * 1000, id="all above the cap"),
        pytest.param(MOSTLY_ZERO, [-5.0] * 950 + [1.0] * 50, id="zeros become negative"),
        pytest.param(MOSTLY_ZERO, [0.5] * 950 + [1.0] * 50, id="zeros become halves"),
        pytest.param(MOSTLY_ZERO, [1.0] * 1000, id="all ones"),
        pytest.param(NORMAL, np.where(NORMAL > -1.28, NORMAL, -999), id="lowest tenth is a code"),
        pytest.param(NORMAL, np.where(NORMAL < 1.28, NORMAL, np.inf), id="highest tenth infinite"),
        pytest.param([np.nan] * 1000, [3.0] * 1000, id="was always missing"),
        pytest.param(NORMAL, [np.nan] * 1000, id="is always missing"),
    ],
)
def test_a_shift_is_not_hidden_when_a_reference_is_constant_or_heavy(
    trained: Any, found: Any
) -> None:
    effect = measured(trained, found).psi

    assert effect.low > 0.2
    assert measured(trained, trained).psi.high < 0.05


@settings(deadline=None)
@given(COUNTS, COUNTS)
def test_effects_are_numbers_within_their_intervals_when_counts_are_any(
    old: list[int], new: list[int]
) -> None:
    one, other = np.array(old, dtype=float), np.array(new, dtype=float)

    for measure in (psi, jensen_shannon):
        effect = measure(one, other, "x")
        assert effect.low <= effect.value <= effect.high
        assert math.isfinite(effect.high - effect.low)
        assert measure(one, other, "x") == effect
    assert jensen_shannon(one, other, "x").value <= 1
    assert psi_values(one[None], other[None])[0] == pytest.approx(psi(one, other, "x").value)


def test_chance_is_taken_out_when_windows_are_of_one_distribution() -> None:
    random = np.random.default_rng(0)
    trained = random.multinomial(5000, [0.1] * 10).astype(float)
    drawn = random.multinomial(500, [0.1] * 10, size=2000).astype(float)
    # Chance levels are for a reference that is drawn anew, too.
    references = random.multinomial(5000, [0.1] * 10, size=2000).astype(float)

    found = psi_values(references, drawn)
    bits = [jensen_shannon(trained, each, "x").value for each in drawn[:300]]

    level = 9 * (1 / 500 + 1 / 5000)
    assert found.mean() == pytest.approx(0, abs=0.1 * level)
    assert np.mean(bits) == pytest.approx(0, abs=0.2 * level / (8 * math.log(2)))


@pytest.mark.parametrize(
    ("rows", "trained", "bins"), [(1, 1000, 10), (12, 5000, 10), (50, 900, 30)]
)
def test_chance_is_taken_out_when_most_bins_are_empty(rows: int, trained: int, bins: int) -> None:
    random = np.random.default_rng(rows)
    shares = random.dirichlet(np.ones(bins))
    references = random.multinomial(trained, shares, 3000).astype(float)

    found = psi_values(references, random.multinomial(rows, shares, 3000).astype(float))

    assert found.mean() == pytest.approx(0, abs=0.03)


def test_jensen_shannon_is_the_textbooks_when_rows_are_many() -> None:
    old, new = np.array([5e8, 5e8, 0.0]), np.array([0.0, 5e8, 5e8])

    assert jensen_shannon(old, new, "x").value == pytest.approx(0.5, abs=1e-6)
    assert jensen_shannon(old, old[::-1] * 0 + [0, 0, 1e9], "x").value == pytest.approx(1, abs=1e-6)


def test_wasserstein_is_in_spreads_of_the_reference_when_numbers_move() -> None:
    random = np.random.default_rng(3)
    wide = random.normal(100, 8, 20_000)

    moved = wasserstein(number(wide), number(random.normal(104, 8, 20_000)), "x")
    still = wasserstein(number(wide), number(random.normal(100, 8, 2_000)), "x")

    assert moved is not None
    assert still is not None
    assert moved.value == pytest.approx(0.5, abs=0.03)
    assert moved.low < 0.5 < moved.high
    assert still.low < 0 < still.high


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(RANDOM.normal(5, 3, 50_000), 3.0, id="normal"),
        pytest.param([0.0] * 90 + [3.29] * 10, 1.0, id="mostly zero"),
        pytest.param([0.0] * 999 + [4.653], 1.0, id="hardly anything but zero"),
        pytest.param([-5.0] * 10, 5.0, id="constant"),
        pytest.param([0.0] * 10, 1.0, id="constantly zero"),
        pytest.param([math.inf] * 10, 1.0, id="infinite"),
    ],
)
def test_a_spread_is_above_zero_whatever_the_reference(values: Any, expected: float) -> None:
    assert spread(number(values)) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("values", [[math.inf] * 3, [-math.inf, math.inf], [1.0]])
def test_wasserstein_is_a_number_when_values_are_infinite_or_one(values: Any) -> None:
    for one, other in ((values, NORMAL), (NORMAL, values), (values, values)):
        found = wasserstein(number(one), number(other), "x")
        assert found is not None
        assert math.isfinite(found.value)


def test_nothing_is_measured_when_a_side_has_no_rows() -> None:
    feature = feature_of("x", number(NORMAL))
    trained = counts(feature, number(NORMAL))

    assert divergence(feature, trained, number([])) is None
    assert divergence(feature, trained * 0, number(NORMAL)) is None
    assert wasserstein(number([math.nan]), number(NORMAL), "x") is None


def test_unseen_rows_are_those_beyond_the_range_or_of_new_categories() -> None:
    towns = sketch(FeatureKind.CATEGORY, pd.Series(["a"] * 60 + ["b"] * 40, dtype=object))
    later = sketch(FeatureKind.CATEGORY, pd.Series(["a"] * 70 + ["c"] * 30, dtype=object))
    feature = feature_of("town", towns)
    found = divergence(feature, counts(feature, towns), later, towns)

    assert found is not None
    assert found.unseen.value == pytest.approx(0.3)
    assert found.wasserstein is None
    assert measured([1.0, 2.0, 3.0] * 9, [0.0, 2.0, 4.0, 9.0]).unseen.value == pytest.approx(0.75)
    flag = Feature(name="is_late", type="BOOLEAN", kind=FeatureKind.FLAG)
    assert flag.histogram.lowest is None


def test_missing_shares_differ_by_the_published_interval() -> None:
    """R. Newcombe, Statistics in Medicine 17, 1998, table II, 56/70 - 48/80, for 95 % on both sides."""
    scale = 1.959964 / 1.645
    old, new = (48 / 1, 80 / 1), (56 / 1, 70 / 1)

    found = difference(
        (old[0] * scale**-2, old[1] * scale**-2), (new[0] * scale**-2, new[1] * scale**-2)
    )

    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-4)


def test_a_share_of_nothing_begins_at_zero() -> None:
    assert share(0, 10).low == 0
    assert share(10, 10).high == 1


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=lambda each: each.name)
def test_alarms_are_as_rare_and_shifts_as_sure_at_any_size(distribution: Distribution) -> None:
    for rows in SIZES:
        assert rate(distribution, distribution.draw, rows, 15) == 0
        assert rate(distribution, distribution.shifted, rows, 15) >= 0.8


@pytest.mark.parametrize("rows", [200, 2000, 1_000_000])
def test_an_effect_just_asked_for_is_alarmed_of_as_rarely_as_its_interval_says(rows: int) -> None:
    random, trained = np.random.default_rng(rows), np.full(10, 1_000_000.0)
    tilt = np.linspace(-1, 1, 10)
    shares = 0.1 * (1 + 0.7216 * tilt)
    exact = float(((shares - 0.1) * np.log(shares / 0.1)).sum())

    lows = [
        psi(trained, random.multinomial(rows, shares).astype(float), str(index)).low >= exact
        for index in range(400)
    ]

    assert np.mean(lows) < 0.1
