"""Between which values a statistic of a window is ordinary, by its own history.

Auto-Validate-by-History (D. Tu and others, KDD 2023) bounds a statistic by its mean and variance over
earlier runs, after differencing one that trends. Here both are bounded, the level and the step from
the window before, and a value is out of the ordinary only beyond both: so neither a trend, a season or
a random walk alarms, nor does a test have to say which of them a short history is.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

SURE = 4.0
"""Standard normal quantile beyond which a value is not chance: 6 of 100,000 windows, by one of hundreds
of statistics."""


class Bounds(NamedTuple):
    """The ordinary values of a statistic; infinite where nothing is known."""

    low: float
    high: float


def history_bounds(values: Sequence[float], error: float = 0.0, least: float = 0.0) -> Bounds:
    """Bounds of the next value of a series.

    Args:
        values: Of earlier windows, oldest first; empty if nothing is known.
        error: Standard error of one value by sampling alone.
        least: A difference below which a change does not matter.
    """
    if not values:
        return Bounds(-math.inf, math.inf)
    middle, last = median(values), values[-1]
    least *= 1 + 1 / len(values)
    level = allowed([value - middle for value in values], len(values) - 1, error, least)
    steps = [after - before for before, after in pairwise(values)]
    step = allowed(steps, len(steps), error * math.sqrt(2), least)
    return Bounds(min(middle - level, last - step), max(middle + level, last + step))


def allowed(deviations: Sequence[float], degrees: int, error: float, least: float) -> float:
    """How far the next value may deviate.

    As far as an earlier one did, as sampling does (`SURE` standard errors), or as a prediction of Student's from the
    spread that sampling does not explain; a spread of few windows is hardly known, so its bounds are wide.

    Args:
        degrees: Of freedom of the deviations.
    """
    ordinary = max(SURE * error, least, *(abs(deviation) for deviation in deviations), 0.0)
    if degrees < 1:
        return ordinary
    variance = sum(deviation**2 for deviation in deviations) / degrees - error**2
    return max(ordinary, student_quantile(SURE, degrees) * math.sqrt(max(variance, 0.0)))


def student_quantile(normal: float, degrees: int) -> float:
    """Student's quantile at the probability of a standard normal one.

    The expansion 26.7.5 of M. Abramowitz and I. Stegun, Handbook of Mathematical Functions (1964), to its
    second term: too low below five degrees of freedom, where the true bounds hardly bound anything.
    """
    first = (normal**3 + normal) / 4
    second = (5 * normal**5 + 16 * normal**3 + 3 * normal) / 96
    return normal + first / degrees + second / degrees**2


def share_error(share: float, rows: float) -> float:
    """Standard error of a share of so many rows, above 0 for a share of 0 or 1 as well.

    With two successes and two failures added (A. Agresti and B. Coull, American Statistician 52, 1998).
    """
    near = (share * rows + 2) / (rows + 4)
    return math.sqrt(near * (1 - near) / (rows + 4))


def log_share(share: float, rows: float) -> float:
    """Logarithm of a share of so many rows, finite for one of 0."""
    return math.log((max(share, 0.0) * rows + 0.5) / (rows + 1))


def log_share_error(share: float, rows: float) -> float:
    """Standard error of the logarithm of a share of so many rows (delta method)."""
    near = (max(share, 0.0) * rows + 0.5) / (rows + 1)
    return math.sqrt((1 - near) / (near * (rows + 1)))


def is_chance(share: float, usual: float, rows: float) -> bool:
    """Whether sampling alone makes so low a share of rows that have usually more.

    By Chernoff's bound of a Poisson count, P(X <= x) <= exp(-(m - x + x log(x / m))), against the same of
    a normal deviation of `SURE`; a logarithm's standard error knows nothing of counts near 0.
    """
    mean, count = usual * rows, share * rows
    if count >= mean:
        return True
    excess = mean - count + (count * math.log(count / mean) if count > 0 else 0.0)
    return excess < SURE**2 / 2 + math.log(2)
