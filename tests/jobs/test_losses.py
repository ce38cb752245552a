"""Losses of rows, and what an outlier does to their moments."""

import numpy as np
import pytest

from headrace_jobs.statistics import losses, metrics
from headrace_jobs.statistics.losses import Loss
from headrace_schemas.declarations.model import Task

RANDOM = np.random.default_rng(2)


@pytest.mark.parametrize(
    ("metric", "task"), [("logloss", Task.BINARY), ("brier", Task.BINARY), ("mae", Task.REGRESSION)]
)
def test_the_mean_of_the_losses_is_the_metric_when_it_is_one(metric: str, task: Task) -> None:
    target = (RANDOM.random(500) < 0.3).astype(float)
    predicted = RANDOM.uniform(0.01, 0.99, 500)
    found = losses.by_row(losses.of_metric(metric, task), target, predicted).mean()
    assert found == pytest.approx(metrics.measure(metric, target, predicted))


@pytest.mark.parametrize(("loss", "best"), [(Loss.ABSOLUTE, 2.0), (Loss.SQUARED, 4.0)])
def test_the_constant_is_the_median_or_the_mean_when_that_loses_least(
    loss: Loss, best: float
) -> None:
    assert losses.constant(loss, np.array([1.0, 2.0, 9.0])) == best


def test_one_outlier_changes_the_mean_little_when_losses_are_unbounded() -> None:
    values = RANDOM.normal(size=1000)
    spoiled = losses.moments(Loss.SQUARED, np.r_[values, 1e12])
    clean = losses.moments(Loss.SQUARED, values)
    assert abs(spoiled.mean - clean.mean) < 0.02
    assert spoiled.variance < 1.3 * clean.variance


def test_losses_are_left_as_they_are_when_their_tail_is_light() -> None:
    values = RANDOM.normal(size=1000)
    assert np.array_equal(losses.winsorised(values), values)


def test_rare_losses_count_in_full_when_they_are_no_outliers() -> None:
    values = np.r_[np.full(20, 5.0), RANDOM.normal(0, 0.01, 980)]
    assert losses.winsorised(values).mean() == pytest.approx(values.mean())


def test_the_winsorised_mean_is_surer_when_tails_are_heavy() -> None:
    plain, drawn = [], []
    for _ in range(300):
        values = RANDOM.standard_t(2.1, 400)
        plain.append(values.mean())
        drawn.append(losses.winsorised(values).mean())
    assert np.std(drawn) < 0.9 * np.std(plain)


@pytest.mark.parametrize(
    "values", [[], [1.0], [2.0, 2.0], [0.0, 0.0, 1e300], [np.inf, np.nan, 1.0]]
)
def test_moments_are_finite_when_values_are_few_or_infinite(values: list[float]) -> None:
    for loss in Loss:
        found = losses.moments(loss, np.array(values))
        assert np.isfinite([found.mean, found.variance]).all()


def test_a_metric_of_one_class_has_no_moments_when_it_is_an_auc() -> None:
    assert losses.metric_moments("auc", np.ones(9), RANDOM.random(9)) is None


def test_the_moments_of_an_auc_give_its_standard_error_when_divided_by_the_rows() -> None:
    target = (RANDOM.random(800) < 0.3).astype(float)
    predicted = 0.3 * target + RANDOM.random(800)
    found = losses.metric_moments("auc", target, predicted)
    assert found is not None
    assert found.mean == pytest.approx(1 - (metrics.measure("auc", target, predicted) or 0))
    assert (found.variance / found.rows) ** 0.5 == pytest.approx(
        metrics.standard_error("auc", target, predicted)
    )
