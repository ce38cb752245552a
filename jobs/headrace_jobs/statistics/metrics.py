"""What is measured of predictions, on plain arrays: metrics, calibration and the paired bootstrap.

Own code, as XGBoost's distributed AUC depends on how rows are spread over workers. All metrics take
row weights, so that a bootstrap sorts the rows once and not once per resample.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace_schemas.declarations.metrics import METRICS
from headrace_schemas.declarations.model import Task

Values = NDArray[np.float64]
Weighing = Callable[[Values], Values]
"""Weights, a line per resample, to the metric of each line; NaN where it is not defined."""

LEAST_PROBABILITY = 1e-15
WEIGHTS_AT_ONCE = 4_000_000

RESAMPLES = 100
"""For a standard error; its own error is then about a fourteenth of it."""


def measure(metric: str, target: Values, predicted: Values) -> float | None:
    """One metric of all rows; None where it is no number, as is the AUC of a single class."""
    if target.size == 0:
        return None
    value = float(weighing(metric, target, predicted)(np.ones((1, target.size)))[0])
    return value if np.isfinite(value) else None


def measure_all(names: Sequence[str], target: Values, predicted: Values) -> dict[str, float]:
    """Those of the metrics that are defined."""
    found = {name: measure(name, target, predicted) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def positive(task: Task, target: Values) -> int | None:
    """Rows of class 1; None where the target is a number."""
    return int(target.sum()) if task is Task.BINARY else None


def weighing(metric: str, target: Values, predicted: Values) -> Weighing:
    """A metric of fixed rows under any weights."""
    if metric == "auc":
        return auc(target, predicted)
    if metric == "pr_auc":
        return average_precision(target, predicted)
    if metric == "logloss":
        sure = np.clip(predicted, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        return mean(-(target * np.log(sure) + (1 - target) * np.log(1 - sure)))
    if metric == "r2":
        return explained(target, predicted)
    if metric == "mae":
        return mean(np.abs(target - predicted))
    if metric in ("brier", "rmse"):
        squares = mean((target - predicted) ** 2)
        return squares if metric == "brier" else lambda weights: np.sqrt(squares(weights))
    asked = METRICS.named(metric)
    return repeating(METRICS.code(asked, asked.measure), target, predicted)


def repeating(
    measure: Callable[[Values, Values], float], target: Values, predicted: Values
) -> Weighing:
    """A metric that knows no weights: each row stands there as often as it weighs, a whole number."""

    def weigh(weights: Values) -> Values:
        counts = weights.astype(np.intp)
        values = [
            measure(np.repeat(target, repeats), np.repeat(predicted, repeats))
            if repeats.any()
            else math.nan
            for repeats in counts
        ]
        return np.array(values, dtype=np.float64)

    return weigh


def mean(losses: Values) -> Weighing:
    """The mean of a loss that each row has by itself."""
    return lambda weights: ratio(weighed(weights, losses), weights.sum(axis=1))


def explained(target: Values, predicted: Values) -> Weighing:
    """R2: the share of the target's variance that the predictions explain."""

    def weigh(weights: Values) -> Values:
        total = weights.sum(axis=1)
        spread = weighed(weights, target**2) - ratio(weighed(weights, target) ** 2, total)
        return 1 - ratio(weighed(weights, (target - predicted) ** 2), spread)

    return weigh


def auc(target: Values, predicted: Values) -> Weighing:
    """Area under the ROC curve by ranks; a pair with equal predictions counts half."""
    order, starts = tied(predicted)

    def weigh(weights: Values) -> Values:
        positive, negative = by_tie(weights, target, order, starts)
        below = np.cumsum(negative, axis=1) - negative
        won = (positive * (below + negative / 2)).sum(axis=1)
        return ratio(won, positive.sum(axis=1) * negative.sum(axis=1))

    return weigh


def average_precision(target: Values, predicted: Values) -> Weighing:
    """Area under the precision-recall curve as a sum of steps, without interpolation."""
    order, starts = tied(-predicted)

    def weigh(weights: Values) -> Values:
        positive, negative = by_tie(weights, target, order, starts)
        found, seen = np.cumsum(positive, axis=1), np.cumsum(positive + negative, axis=1)
        steps = positive * np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
        # without a negative row the curve is a point
        return ratio(steps.sum(axis=1), np.where(negative.any(axis=1), found[:, -1], 0))

    return weigh


def tied(scores: Values) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """An order by score, and where within it each group of equal scores starts."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])


def by_tie(
    weights: Values, target: Values, order: NDArray[np.intp], starts: NDArray[np.intp]
) -> tuple[Values, Values]:
    """Weights of positive and of negative rows, summed within groups of equal scores."""
    ordered, positive = weights[:, order], target[order]
    return (
        np.add.reduceat(ordered * positive, starts, axis=1),
        np.add.reduceat(ordered * (1 - positive), starts, axis=1),
    )


def weighed(weights: Values, values: Values) -> Values:
    """The weighed sum of `values` for each line of weights.

    Not by BLAS: how many threads it has changes the last digits of its sums, and machines differ.
    """
    total: Values = (weights * values).sum(axis=1)
    return total


def ratio(part: Values, whole: Values) -> Values:
    """`part / whole`, NaN where there is nothing to divide by."""
    divided: Values = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return divided


def standard_error(metric: str, target: Values, predicted: Values) -> float | None:
    """By how much chance moves a metric of so many rows; None where the metric is no number.

    AUC: J. Hanley and B. McNeil, Radiology 143, 1982. Area under the precision-recall curve: that of
    a share of the positive rows (K. Boyd, K. Eng and C. Page, ECML PKDD 2013). The others are means,
    or functions of means, of what each row has by itself: the delta method. A metric of an
    extension: the bootstrap (B. Efron, Annals of Statistics 7, 1979), the same at each repeat.
    """
    value = measure(metric, target, predicted)
    if value is None:
        return None
    if metric == "auc":
        return hanley_mcneil(value, target.sum(), target.size - target.sum())
    if metric == "pr_auc":
        return math.sqrt(value * (1 - value) / target.sum())
    if METRICS.named(metric).measure:
        return resampled_error(weighing(metric, target, predicted), target.size)
    losses = (target - predicted) ** 2
    if metric == "logloss":
        sure = np.clip(predicted, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        losses = -(target * np.log(sure) + (1 - target) * np.log(1 - sure))
    elif metric == "mae":
        losses = np.abs(target - predicted)
    elif metric == "rmse":
        losses = losses / (2 * value) if value else losses
    elif metric == "r2":
        spread = (target - target.mean()) ** 2
        losses = (losses - (1 - value) * spread) / spread.mean()
    return float(losses.std() / math.sqrt(target.size))


def resampled_error(weigh: Weighing, rows: int) -> float | None:
    """Standard deviation over resamples of the rows; None if it is defined in hardly any of them."""
    generator = np.random.default_rng(0)
    values = [weigh(generator.poisson(1.0, (1, rows)).astype(np.float64)) for _ in range(RESAMPLES)]
    found = np.concatenate(values)
    found = found[np.isfinite(found)]
    return float(found.std(ddof=1)) if found.size > RESAMPLES // 2 else None


def hanley_mcneil(auc: float, positive: float, negative: float) -> float:
    """Standard error of an AUC of so many rows of each class."""
    two_positive, two_negative = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positive - 1) * (two_positive - auc**2)
    variance += (negative - 1) * (two_negative - auc**2)
    return math.sqrt(variance / (positive * negative))


def resampled_gains(
    metric: str, target: Values, new: Values, old: Values, resamples: int, seed: int
) -> Values:
    """By how much `new` beats `old` in each of the paired bootstrap's resamples; negative if it is worse.

    Both are weighed with the same Poisson(1) counts per row, which resample rows with replacement
    without drawing indices (J. Hanley and B. MacGibbon, Computer Methods and Programs in
    Biomedicine 83, 2006). NaN in a resample in which the metric is not defined.
    """
    sign = 1 if METRICS.named(metric).higher_is_better else -1
    weigh_new, weigh_old = weighing(metric, target, new), weighing(metric, target, old)
    generator = np.random.default_rng(seed)
    found, at_once = [], max(1, WEIGHTS_AT_ONCE // max(target.size, 1))
    for start in range(0, resamples, at_once):
        lines = min(at_once, resamples - start)
        weights = generator.poisson(1.0, (lines, target.size)).astype(np.float64)
        found.append(sign * (weigh_new(weights) - weigh_old(weights)))
    return np.concatenate(found)


def spread(gains: Values) -> float:
    """Standard error of a gain by its resamples; 0 where it is defined in none of them."""
    found = gains[np.isfinite(gains)]
    return float(found.std()) if found.size else 0.0


def distance(some: Values, others: Values) -> float:
    """Root of the mean square of the difference, row by row."""
    return float(np.sqrt(((some - others) ** 2).mean()))


def calibration(target: Values, predicted: Values, bins: int = 10) -> list[dict[str, Any]]:
    """Mean prediction beside mean target in bins of equally many rows, lowest predictions first."""
    order = np.argsort(predicted, kind="stable")
    return [
        {
            "rows": int(group.size),
            "predicted": float(predicted[group].mean()),
            "observed": float(target[group].mean()),
        }
        for group in np.array_split(order, bins)
        if group.size
    ]
