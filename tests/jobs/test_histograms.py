"""Bins and the population stability index."""

import numpy as np
import pandas as pd
import pytest

from headrace_jobs import histograms
from headrace_jobs.manifest import Feature, FeatureKind

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


def moved(feature: Feature, values: pd.Series) -> float:
    return histograms.psi(feature.histogram.shares, histograms.shares(feature, values))


def test_bins_are_tenths_when_a_number_is_spread() -> None:
    histogram = number(NORMAL).histogram

    assert len(histogram.edges) == 9
    assert histogram.shares == pytest.approx([0.1] * 10 + [0.0], abs=0.001)


@pytest.mark.parametrize(
    ("values", "shares"),
    [
        pytest.param([0.0] * 95 + [1.0] * 5, [0.95, 0.05, 0.0], id="mostly zero"),
        pytest.param([4.0] * 10, [1.0, 0.0, 0.0], id="constant"),
        pytest.param([np.nan] * 4, [0.0, 1.0], id="never there"),
        pytest.param([0.0, 1.0, np.nan, np.nan], [0.25, 0.25, 0.0, 0.5], id="flag"),
    ],
)
def test_bins_are_fewer_when_values_repeat(values: list[float], shares: list[float]) -> None:
    assert number(pd.Series(values, dtype="float32")).histogram.shares == pytest.approx(shares)


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

    assert histograms.psi([0.5, 0.5], [0.6, 0.4]) == pytest.approx(expected)
    assert histograms.psi([0.9, 0.1, 0.0], [0.9, 0.1, 0.0]) == 0


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
