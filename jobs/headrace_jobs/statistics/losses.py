"""The loss of each row that belongs to a metric, and the moments of many rows' losses."""

from enum import StrEnum

import numpy as np

from headrace_jobs.statistics import metrics
from headrace_jobs.statistics.metrics import Values
from headrace_schemas.decisions.gain import Moments
from headrace_schemas.declarations.metrics import METRICS
from headrace_schemas.declarations.model import Task

MOST = 1e150
"""A larger loss has no finite square."""

LEAST_PROBABILITY = 1e-6
"""Nearer to 0 and 1 no probability is believed, so that one row's log loss is at most 14."""


class Loss(StrEnum):
    """What one row costs."""

    LOG = "log loss"
    BRIER = "squared error of a probability"
    SQUARED = "squared error"
    ABSOLUTE = "absolute error"

    @property
    def is_bounded(self) -> bool:
        """Whether one row alone can cost only so much."""
        return self in (Loss.LOG, Loss.BRIER)


OF_METRIC = {
    "auc": Loss.LOG,
    "pr_auc": Loss.LOG,
    "logloss": Loss.LOG,
    "brier": Loss.BRIER,
    "rmse": Loss.SQUARED,
    "r2": Loss.SQUARED,
    "mae": Loss.ABSOLUTE,
}


def of_metric(metric: str, task: Task) -> Loss:
    """The loss whose mean moves as the metric does; that of the task for an extension's metric."""
    own = Loss.LOG if task is Task.BINARY else Loss.SQUARED
    return OF_METRIC.get(metric, own)


def by_row(loss: Loss, target: Values, predicted: Values) -> Values:
    """Loss of each row; `predicted` may be one number for all."""
    if loss is Loss.LOG:
        sure = np.clip(predicted, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        found: Values = -(target * np.log(sure) + (1 - target) * np.log1p(-sure))
        return found
    with np.errstate(over="ignore"):
        error: Values = target - predicted
        return np.abs(error) if loss is Loss.ABSOLUTE else error**2


def constant(loss: Loss, target: Values) -> float:
    """The number that loses least where it is predicted for all rows: their mean, or median."""
    if target.size == 0:
        return 0.0
    return float(np.median(target) if loss is Loss.ABSOLUTE else target.mean())


def base(loss: Loss, target: Values, reference: Values) -> float:
    """Mean loss on `target` of the constant that `reference` gives; 0 without rows.

    Losses of models are compared in units of it.
    """
    if target.size == 0:
        return 0.0
    return moments(
        loss, by_row(loss, target, np.full(target.shape, constant(loss, reference)))
    ).mean


def moments(loss: Loss, values: Values) -> Moments:
    """Moments of losses, or of paired differences of them; unbounded ones are winsorised.

    Rows whose value is no number, or above `MOST`, are left out.
    """
    values = values[np.abs(values) < MOST]
    if values.size == 0:
        return Moments(rows=0, mean=0.0, variance=0.0)
    if not loss.is_bounded:
        values = winsorised(values)
    return Moments(rows=values.size, mean=float(values.mean()), variance=float(values.var()))


def winsorised(values: Values) -> Values:
    """Values with the furthest ones drawn in, to a distance from the median that n rows can bear.

    The distance T solves sum(min(d**2 / T**2, 1)) = ln n over distances d, the tuning-free truncation of
    L. Wang, C. Zheng, W. Zhou and W. Zhou (A new principle for tuning-free Huber regression, Statistica
    Sinica 31, 2021). Fewer than ln n rows can lie beyond T, about 10 deviations of 500 rows: then a mean
    of finite variance is as sure as a normal one (G. Lugosi and S. Mendelson, Foundations of
    Computational Mathematics 19, 2019). It draws the mean towards the median by at most what those
    few rows exceed T with, over n: an outlier counts as a large value, not as what it says. As the
    variance is finite, T grows with n and the mean is the true one in the limit. Where no more
    than ln n rows differ from the median at all, nothing is known of a tail, and all is left.
    """
    centre = float(np.median(values))
    squares = np.sort((values - centre) ** 2)
    kept = np.arange(1, values.size + 1)  # the smallest ones, that lie within T
    beyond = np.log(values.size) - (values.size - kept)
    possible = beyond > 0
    if np.count_nonzero(squares) <= np.log(values.size):
        return values
    level = np.cumsum(squares)[possible] / beyond[possible]
    within = squares[possible] <= level
    above = np.r_[squares, np.inf][kept[possible]] >= level
    fitting = level[within & above]
    distance = float(np.sqrt(fitting[0])) if fitting.size else np.inf
    return np.clip(values, centre - distance, centre + distance)


def metric_moments(metric: str, target: Values, predicted: Values) -> Moments | None:
    """A metric itself as the mean of a loss, in its own unit: of one with a best value, what is missing.

    So is `max_drop` declared. The variance is the rows' share in the metric's standard error, as a
    metric of many rows is nearly a mean of what each row adds to it (A. van der Vaart, Asymptotic
    Statistics, Cambridge 1998, chapter 12). None where the metric is no number.
    """
    value = metrics.measure(metric, target, predicted)
    error = metrics.standard_error(metric, target, predicted)
    if value is None or error is None or not np.isfinite(error):
        return None
    known = METRICS.named(metric)
    best = known.most if np.isfinite(known.most) else 0.0
    mean = best - value if known.higher_is_better else value
    return Moments(rows=target.size, mean=mean, variance=error**2 * target.size)
