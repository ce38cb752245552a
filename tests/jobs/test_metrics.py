"""Metrics against scikit-learn's, and the paired bootstrap."""

import numpy as np
import pytest
from sklearn import metrics as reference
from threadpoolctl import threadpool_limits

from headrace_jobs.statistics import metrics

RANDOM = np.random.default_rng(5)
TARGET = (RANDOM.random(3000) < 0.3).astype(float)
SCORE = np.clip(np.round(0.3 * TARGET + RANDOM.random(3000) * 0.7, 2), 0.001, 0.999)
WEIGHTS = RANDOM.poisson(1.0, (2, 3000)).astype(float)

KNOWN = {
    "auc": reference.roc_auc_score,
    "pr_auc": reference.average_precision_score,
    "logloss": reference.log_loss,
    "brier": reference.brier_score_loss,
    "rmse": reference.root_mean_squared_error,
    "mae": reference.mean_absolute_error,
    "r2": reference.r2_score,
}


@pytest.mark.parametrize("metric", KNOWN)
def test_a_metric_is_scikit_learns_when_scores_are_tied(metric: str) -> None:
    assert metrics.measure(metric, TARGET, SCORE) == pytest.approx(KNOWN[metric](TARGET, SCORE))


@pytest.mark.parametrize("metric", KNOWN)
def test_a_metric_repeats_to_the_last_digit_when_numpy_has_more_threads(metric: str) -> None:
    generator = np.random.default_rng(1)
    found = set()
    for rows in (11_673, 12_487, 48_000):
        target = (generator.random(rows) < 0.3).astype(float)
        score = np.clip(0.3 * target + generator.random(rows) * 0.7, 0.001, 0.999)
        for threads in (1, 2):
            with threadpool_limits(threads):
                found.add((rows, metrics.measure(metric, target, score)))
    assert len(found) == 3


@pytest.mark.parametrize("metric", KNOWN)
def test_a_metric_is_scikit_learns_when_rows_are_weighted(metric: str) -> None:
    found = metrics.weighing(metric, TARGET, SCORE)(WEIGHTS)

    expected = [KNOWN[metric](TARGET, SCORE, sample_weight=line) for line in WEIGHTS]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "target"),
    [
        ("auc", [1.0, 1.0]),
        ("auc", [0.0, 0.0]),
        ("pr_auc", [0.0, 0.0]),
        ("pr_auc", [1.0, 1.0]),
        ("r2", [0.5, 0.5]),
        ("auc", []),
        ("rmse", []),
        ("logloss", []),
    ],
)
def test_a_metric_is_not_measured_when_it_is_not_defined(metric: str, target: list[float]) -> None:
    values = np.array(target)

    assert metrics.measure(metric, values, values * 0.5) is None
    assert metrics.measure_all([metric], values, values) == {}


def share_better(
    metric: str,
    target: metrics.Values,
    new: metrics.Values,
    old: metrics.Values,
    least: float,
    resamples: int,
    seed: int,
) -> float:
    gains = metrics.resampled_gains(metric, target, new, old, resamples, seed)
    assert gains.shape == (resamples,)
    return float((gains > least).mean())


@pytest.mark.parametrize("metric", ["auc", "logloss", "rmse"])
def test_the_better_one_is_found_when_both_judge_the_same_rows(metric: str) -> None:
    worse = np.clip(SCORE + RANDOM.normal(0, 0.3, SCORE.size), 0.001, 0.999)

    assert share_better(metric, TARGET, SCORE, worse, 0.0, 100, 1) == 1.0
    assert share_better(metric, TARGET, worse, SCORE, 0.0, 100, 1) == 0.0


def test_nothing_is_better_when_both_are_the_same() -> None:
    assert share_better("auc", TARGET, SCORE, SCORE, 0.0, 100, 1) == 0.0


def test_a_gain_does_not_count_when_it_is_below_the_least() -> None:
    worse = np.clip(SCORE + RANDOM.normal(0, 0.3, SCORE.size), 0.001, 0.999)
    gain = (metrics.measure("auc", TARGET, SCORE) or 0) - (
        metrics.measure("auc", TARGET, worse) or 0
    )

    assert share_better("auc", TARGET, SCORE, worse, gain * 2, 100, 1) == 0.0


def test_the_bootstrap_repeats_when_rows_and_seed_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noise = np.random.default_rng(11).normal(0, 0.005, SCORE.size)  # neither is always better
    other = np.clip(SCORE + noise, 0.001, 0.999)
    once = share_better("auc", TARGET, SCORE, other, 0.0, 200, 7)
    monkeypatch.setattr(metrics, "WEIGHTS_AT_ONCE", 30_000)

    assert 0 < once < 1
    assert share_better("auc", TARGET, SCORE, other, 0.0, 200, 7) == once


def test_resamples_count_as_not_better_when_they_hold_one_class() -> None:
    target, score = np.array([1.0, 0.0]), np.array([0.9, 0.1])

    assert share_better("auc", target, score, 1 - score, 0.0, 200, 1) < 0.6


def test_bins_hold_equally_many_rows_when_calibration_is_shown() -> None:
    table = metrics.calibration(TARGET, SCORE)

    assert [one["rows"] for one in table] == [300] * 10
    assert table[0]["predicted"] < table[-1]["predicted"]
    assert sum(one["observed"] for one in table) / 10 == pytest.approx(TARGET.mean())
    assert metrics.calibration(TARGET[:0], SCORE[:0]) == []


@pytest.mark.parametrize("metric", KNOWN)
def test_a_standard_error_is_that_of_resamples_when_rows_are_many(metric: str) -> None:
    weights = np.random.default_rng(8).poisson(1.0, (400, TARGET.size)).astype(float)
    spread = metrics.weighing(metric, TARGET, SCORE)(weights).std()

    # of the areas under curves it is a bound rather
    least, most = (1.0, 1.6) if metric == "pr_auc" else (0.85, 1.25)
    found = metrics.standard_error(metric, TARGET, SCORE)
    assert found is not None
    assert least * spread < found < most * spread


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_is_measured_when_a_prediction_is_no_number(value: float) -> None:
    predicted = np.where(np.arange(TARGET.size) == 5, value, SCORE)

    assert metrics.measure("rmse", TARGET, predicted) is None
    assert metrics.standard_error("rmse", TARGET, predicted) is None


def test_an_error_is_hanleys_and_mcneils_when_an_auc_is_given() -> None:
    # Radiology 143, 1982, table 1: 58 normal and 51 abnormal images
    assert metrics.hanley_mcneil(0.893, 51, 58) == pytest.approx(0.032, abs=0.001)
