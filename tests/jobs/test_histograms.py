"""Bins and the population stability index."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from headrace_jobs.learning.manifest import Feature, FeatureKind, Histogram
from headrace_jobs.statistics import histograms
from headrace_jobs.statistics.divergence import stability_index
from headrace_jobs.statistics.histograms import LEAST_SHARE
from headrace_schemas.decisions.psi import fewest_rows

RANDOM = np.random.default_rng(3)
NORMAL = pd.Series(RANDOM.normal(size=5000).astype(np.float32))
TOWNS = pd.Series(RANDOM.choice(["a", "b", "c"], 5000, p=[0.6, 0.3, 0.1]))


def number(values: pd.Series) -> Feature:
    feature = Feature(name="x", type="DOUBLE", kind=FeatureKind.NUMBER)
    return feature.model_copy(update={"histogram": histograms.reference(feature, values)})


def category(values: pd.Series) -> Feature:
    codes = {name: code for code, name in enumerate(sorted(values.dropna().unique()))}
    feature = Feature(name="x", type="STRING", kind=FeatureKind.CATEGORY, codes=codes)
    return feature.model_copy(update={"histogram": histograms.reference(feature, values)})


def psi(expected: Sequence[float], found: Sequence[float], least: float = LEAST_SHARE) -> float:
    """The index of shares of which none is below `least`."""
    old, new = (np.maximum(np.array(shares), least) for shares in (expected, found))
    return float(stability_index(old, new))


def moved(feature: Feature, values: pd.Series) -> float:
    return psi(feature.histogram.shares, histograms.shares(feature, values))


def test_bins_are_tenths_when_a_number_is_spread() -> None:
    histogram = number(NORMAL).histogram

    assert len(histogram.edges) == 9
    assert histogram.heavy == ()
    assert histogram.shares == pytest.approx([0.0] + [0.1] * 10 + [0.0, 0.0], abs=0.001)
    assert histogram.rows == 5000


@pytest.mark.parametrize(
    ("values", "shares"),
    [
        pytest.param([0.0] * 95 + [1.0] * 5, [0, 0.05, 0, 0.95, 0], id="mostly zero"),
        pytest.param([4.0] * 10, [0, 0, 0, 1, 0], id="constant"),
        pytest.param([np.nan] * 4, [0, 1], id="never there"),
        pytest.param([0.0, 1.0, np.nan, np.nan], [0, 0, 0, 0.25, 0.25, 0.5], id="zeros and ones"),
        pytest.param([10.0] * 92 + [*range(8)], [0, 0.08, 0, 0.92, 0], id="capped"),
        pytest.param([0.0] * 50 + [*range(1, 51)], [0, *[0.1] * 5, 0, 0.5, 0], id="half zero"),
        pytest.param([*range(10)] * 10, [0, *[0.1] * 10, 0, 0], id="ten values, none heavy"),
    ],
)
def test_heavy_values_have_bins_of_their_own_when_values_repeat(
    values: list[float], shares: list[float]
) -> None:
    assert number(pd.Series(values, dtype="float32")).histogram.shares == pytest.approx(shares)


@pytest.mark.parametrize("truths", [950, 80, 0, 1000])
def test_a_flag_has_two_bins_when_training_rows_hold_one_value_or_both(truths: int) -> None:
    values = pd.Series([1.0] * truths + [0.0] * (1000 - truths), dtype="float32")
    feature = Feature(name="x", type="BOOLEAN", kind=FeatureKind.FLAG)

    histogram = histograms.reference(feature, values)

    assert histogram.edges == (0.0,)
    assert histogram.shares == pytest.approx((1 - truths / 1000, truths / 1000, 0.0))
    seen = feature.model_copy(update={"histogram": histogram})
    assert moved(seen, 1 - values) > 0.2


UNIFORM = RANDOM.uniform(0, 10, 1000)
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
        pytest.param(NORMAL, NORMAL.where(NORMAL > -1.28, -999), id="lowest tenth is a sentinel"),
        pytest.param(NORMAL, NORMAL.where(NORMAL < 1.28, np.inf), id="highest tenth is infinite"),
        pytest.param([np.nan] * 1000, [3.0] * 1000, id="was always missing"),
    ],
)
def test_psi_is_high_when_values_leave_the_training_range_or_a_heavy_value(
    trained: list[float], found: list[float]
) -> None:
    feature = number(pd.Series(trained, dtype="float32"))

    assert moved(feature, pd.Series(found, dtype="float32")) > 0.2
    assert moved(feature, pd.Series(trained, dtype="float32")) == 0


def test_an_older_manifest_is_read_as_it_was_written_when_it_knows_no_range() -> None:
    written = '{"edges":[0.0,1.0],"categories":[],"shares":[0.25,0.25,0.0,0.5]}'
    feature = Feature(
        name="x",
        type="INT",
        kind=FeatureKind.NUMBER,
        histogram=Histogram.model_validate_json(written),
    )

    found = histograms.shares(feature, pd.Series([-7, 0, 1, 9, np.nan], dtype="float32"))

    assert found == (0.4, 0.2, 0.2, 0.2)
    assert psi(feature.histogram.shares, found) > 0


SKEWED = pd.Series(RANDOM.choice(50, 5000, p=(weights := 1 / np.arange(1, 51)) / weights.sum()))


@pytest.mark.parametrize(
    ("feature", "population"),
    [
        pytest.param(number(NORMAL), NORMAL, id="number"),
        pytest.param(number(SKEWED.astype("float32")), SKEWED.astype("float32"), id="heavy values"),
        pytest.param(category(SKEWED.astype(str)), SKEWED.astype(str), id="rare categories"),
        pytest.param(category(TOWNS), TOWNS, id="few categories"),
    ],
)
def test_chance_hardly_ever_moves_a_feature_when_rows_are_enough(
    feature: Feature, population: pd.Series
) -> None:
    histogram = feature.histogram
    bins = sum(share > 0 for share in histogram.shares)
    rows = int(fewest_rows(0.2, bins, histogram.rows))
    least, random = histograms.least_share(rows, histogram.rows), np.random.RandomState(5)

    found = [
        psi(
            histogram.shares,
            histograms.shares(feature, population.sample(rows, replace=True, random_state=random)),
            least,
        )
        for _ in range(400)
    ]

    assert np.mean(np.array(found) >= 0.2) < 0.03


def test_nothing_moved_when_values_are_the_same() -> None:
    assert moved(number(NORMAL), NORMAL) == 0
    assert moved(category(TOWNS), TOWNS) == 0


def test_a_still_feature_stays_low_when_other_rows_are_drawn() -> None:
    other = pd.Series(np.random.default_rng(4).normal(size=2000).astype(np.float32))

    assert moved(number(NORMAL), other) < 0.02


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        pytest.param(number(NORMAL), NORMAL + 1, id="shifted"),
        pytest.param(number(NORMAL), NORMAL * 3, id="wider"),
        pytest.param(number(NORMAL), NORMAL.where(NORMAL > 0), id="half of it missing"),
        pytest.param(number(NORMAL), pd.Series([np.nan] * 9, dtype="float32"), id="all missing"),
        pytest.param(category(TOWNS), TOWNS.map({"a": "b", "b": "a", "c": "c"}), id="swapped"),
        pytest.param(category(TOWNS), TOWNS.replace("b", "d"), id="never seen"),
        pytest.param(category(TOWNS), TOWNS.where(TOWNS != "b"), id="missing category"),
    ],
)
def test_psi_is_high_when_a_feature_moved(feature: Feature, values: pd.Series) -> None:
    assert moved(feature, values) > 0.2


def test_psi_is_the_textbooks_when_shares_are_given() -> None:
    expected = 0.1 * np.log(0.6 / 0.5) + -0.1 * np.log(0.4 / 0.5)

    assert psi([0.5, 0.5], [0.6, 0.4]) == pytest.approx(expected)
    assert psi([0.9, 0.1, 0.0], [0.9, 0.1, 0.0]) == 0


def test_rare_categories_share_a_bin_when_there_are_many() -> None:
    names = pd.Series([f"town {index:03}" for index in range(200)] * 3 + ["capital"] * 50)

    histogram = category(names).histogram

    assert len(histogram.categories) == histograms.SHOWN_CATEGORIES
    assert histogram.categories[:2] == ("capital", "town 000")
    assert histogram.shares[-3] == pytest.approx(171 * 3 / 650)
    assert histogram.shares[-2:] == (0.0, 0.0)


def test_shares_are_zero_when_there_are_no_rows() -> None:
    assert set(histograms.shares(number(NORMAL), NORMAL[:0])) == {0.0}
    assert set(histograms.shares(category(TOWNS), TOWNS[:0])) == {0.0}
