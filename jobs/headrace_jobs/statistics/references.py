"""What a window's inputs are compared with: the training window, the window before, the same season.

How it works: the effect that counts is the declared one, or more where the reference's own windows
differ by more among themselves. What fluctuates from window to window by itself is no drift.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headrace_jobs.learning.manifest import Feature
from headrace_jobs.statistics.bin_counts import Counts, counts, feature_of
from headrace_jobs.statistics.divergence import QUANTILE, Effect, psi, psi_values
from headrace_jobs.statistics.sketches import ColumnSketch, empty
from headrace_schemas.decisions.signal import Question, Signal

WindowSketches = Mapping[str, ColumnSketch]
"""Of one window, by column."""

METHOD = "PSI"
SEASON_METHOD = "PSI against the same season"
BEFORE_METHOD = "PSI against the window before"

ALL_INPUTS = "all inputs"

ALPHA = 0.05
"""False alarms that are wanted: of one window by its reference's own, and among all features of one."""

SEASONS = (4, 7, 12, 24, 52, 168, 365)
"""Lengths of a season in windows: a year of quarters, months, weeks or days, a week of days or hours, a
day of hours."""

LEAST_WEIGHT = 1e-9
"""Of an input without importance, so that inputs that all have none count alike."""

NORMAL = NormalDist()


@dataclass(frozen=True)
class Season:
    """After how many windows inputs are alike again.

    Attributes:
        windows: None without a season, or where none can be known.
        why_not: In words; None with a season.
    """

    windows: int | None
    why_not: str | None


@dataclass(frozen=True)
class Comparison:
    """One feature against one reference.

    Attributes:
        threshold: From which effect on it counts.
    """

    method: str
    effect: Effect
    threshold: float

    @property
    def margin(self) -> float:
        """By how many standard errors it is beyond its threshold."""
        distance = self.effect.value - self.threshold
        return (
            distance / self.effect.error if self.effect.error else math.copysign(math.inf, distance)
        )

    def at_level(self, level: float) -> tuple[float, float]:
        """The ends of its interval, each passed by chance as often as `level` says."""
        wider = max(-NORMAL.inv_cdf(level) / QUANTILE, 1.0)
        value, low, high = self.effect.value, self.effect.low, self.effect.high
        return value - wider * (value - low), value + wider * (high - value)


@dataclass(frozen=True)
class BinnedInput:
    """A feature's rows by bin.

    Attributes:
        reference: Of all that the champion learnt from.
        before: Of each window before, a line each; nothing where it lacks the column.
        window: Of the window that is looked at.
    """

    feature: Feature
    reference: Counts
    before: Counts
    window: Counts

    @property
    def is_judged(self) -> bool:
        """Whether there are rows on both sides."""
        return bool(self.reference.sum() and self.window.sum())


def binned(
    feature: Feature,
    window: WindowSketches,
    trained: Sequence[int],
    before: Sequence[WindowSketches],
) -> BinnedInput:
    """A feature's rows in its own bins."""
    histogram = feature.histogram
    nothing = np.zeros(len(counts(feature, empty(feature.kind, 0, 0))))
    lines = [
        counts(feature, each[feature.name]) if feature.name in each else nothing for each in before
    ]
    table = np.array(lines).reshape(len(before), nothing.size)
    reference = np.array(histogram.shares) * histogram.rows
    if not reference.sum():
        reference = table[list(trained)].sum(axis=0)
    found = counts(feature, window[feature.name]) if feature.name in window else nothing
    return BinnedInput(feature, reference, table, found)


def input_signals(
    features: Sequence[Feature],
    window: WindowSketches,
    before: Sequence[WindowSketches] = (),
    trained: Sequence[int] = (),
    effect: float = 0.2,
) -> list[Signal]:
    """How far each input drifted, the most important first, and all of them together at the end.

    A feature is compared with the same season that the champion learnt from, where a season is known:
    what comes back each year is no drift. Else it is compared with the training window.
    What it is against the window before is kept beside it. Intervals are as wide as the choice among
    many features asks for (`levels`).

    Args:
        features: Of the champion: their bins, training rows, categories and importances.
        window: The one that is looked at; a column that it lacks cannot be judged.
        before: The windows before it without gaps, oldest first.
        trained: Places, in `before`, of windows that the champion learnt from; without any, nothing is
            known of how they differ among themselves.
        effect: PSI from which on an input counts as drifted.
    """
    ordered = sorted(features, key=lambda feature: (-feature.importance, feature.name))
    inputs = [binned(feature, window, trained, before) for feature in ordered]
    season = season_of(inputs)
    judged = {
        each.feature.name: compared(each, trained, season, effect)
        for each in inputs
        if each.is_judged
    }
    granted = dict(zip(judged, levels(ordered, judged), strict=True))
    signals = [
        signal(feature, judged.get(feature.name), granted.get(feature.name, ALPHA), window)
        for feature in ordered
    ]
    last = before[-1] if before else {}
    steps = [step(feature, window, last) for feature in ordered]
    return [
        *signals,
        *[each for each in steps if each is not None],
        together(inputs, judged, trained, effect),
    ]


def compared(
    found: BinnedInput, trained: Sequence[int], season: Season, effect: float
) -> Comparison:
    """A feature against the same season that the champion learnt from, else against all it learnt from."""
    seasonal = same_season(found, trained, season, effect)
    if seasonal is not None:
        return seasonal
    own = left_out(found.before[list(trained)])
    return comparison_of(METHOD, found, found.reference, own, effect)


def comparison_of(
    method: str,
    found: BinnedInput,
    reference: Counts,
    own: NDArray[np.float64],
    effect: float,
) -> Comparison:
    """The window against one reference.

    Args:
        own: How far the reference's own windows are apart; infinite where that is not known.
    """
    distances = own[np.isfinite(own)].tolist()
    threshold = max(effect, conformal_threshold(distances))
    measured = psi(reference, found.window, found.feature.name)
    return Comparison(method, measured, threshold)


def same_season(
    found: BinnedInput, trained: Sequence[int], season: Season, effect: float
) -> Comparison | None:
    """A feature against the newest window of the same season that the champion learnt from."""
    if season.windows is None:
        return None
    places = range(len(found.before) - season.windows, -1, -season.windows)
    learnt = [place for place in places if place in set(trained) and found.before[place].sum()]
    if not learnt:
        return None
    own = lagged(found, season.windows)
    return comparison_of(SEASON_METHOD, found, found.before[learnt[0]], own, effect)


def lagged(found: BinnedInput, lag: int) -> NDArray[np.float64]:
    """The distance of each window from the one so many before it; infinite where one has no rows."""
    old, new = found.before[:-lag], found.before[lag:]
    there = (old.sum(axis=1) > 0) & (new.sum(axis=1) > 0)
    distances = np.full(len(old), np.inf)
    distances[there] = psi_values(old[there], new[there])
    return distances


def left_out(own: Counts) -> NDArray[np.float64]:
    """The distance of each of a reference's windows from all its others; infinite without rows."""
    others = own.sum(axis=0) - own
    there = (own.sum(axis=1) > 0) & (others.sum(axis=1) > 0)
    distances = np.full(len(own), np.inf)
    distances[there] = psi_values(others[there], own[there])
    return distances


def conformal_p(distance: float, own: Sequence[float]) -> float:
    """Share of windows that are at least as far away, this one among them.

    (1 + #{d_i >= d}) / (n + 1) is no greater than a with a chance of a, if the window is one more of
    the reference's (V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World, 2005).
    """
    return (1 + sum(each >= distance for each in own)) / (len(own) + 1)


def conformal_threshold(own: Sequence[float], alpha: float = ALPHA) -> float:
    """The distance beyond which `conformal_p` is at most `alpha`, or the smallest that can be; 0 without any."""
    if not own:
        return 0.0
    beyond = max(math.floor(alpha * (len(own) + 1) + 1e-9), 1)
    return sorted(own, reverse=True)[beyond - 1]


def statable(windows: int, alpha: float = ALPHA) -> str | None:
    """Why a rate of false alarms cannot be stated with so few windows; None where it can."""
    if windows < 1:
        return "nothing is known of how windows of the training differ among themselves"
    smallest = 1 / (windows + 1)
    if smallest <= alpha + 1e-9:
        return None
    return (
        f"with {windows} windows the smallest false-alarm rate that can be stated is {smallest:.1%}"
    )


def levels(features: Sequence[Feature], judged: Mapping[str, Comparison]) -> list[float]:
    """The level of each judged feature's interval: a false one in twenty among all that count.

    Weighted Benjamini-Hochberg: of m features, those k count whose p is at most alpha * w * k / m, for
    the greatest such k (C. Genovese, K. Roeder, L. Wasserman, Biometrika 93, 2006). Then intervals of
    level alpha * w * k / m are right for those that were chosen (Y. Benjamini, D. Yekutieli,
    Journal of the American Statistical Association 100, 2005), and end above the threshold just
    for these. Half of the weights goes by importance and half is equal; none is wider than alpha's.
    """
    importances = {feature.name: feature.importance for feature in features}
    number, total = len(judged), sum(importances[name] for name in judged)
    weights = [
        (1 + number * importances[name] / total) / 2 if total > 0 else 1.0 for name in judged
    ]
    p = [1 - NORMAL.cdf(each.margin) for each in judged.values()]
    ranked = sorted(found / weight for found, weight in zip(p, weights, strict=True))
    counted = [rank for rank, each in enumerate(ranked, start=1) if each <= ALPHA * rank / number]
    chosen = max(counted, default=1)
    return [min(ALPHA * weight * chosen / number, ALPHA) for weight in weights]


def signal(
    feature: Feature, comparison: Comparison | None, level: float, window: WindowSketches
) -> Signal:
    """One feature's signal."""
    about = {"question": Question.INPUTS, "subject": feature.name, "weight": feature.importance}
    if comparison is None:
        why_not = "the window has no such column"
        if feature.name in window:
            why_not = (
                "there are no rows" if window[feature.name].rows == 0 else "training had no rows"
            )
        return Signal(**about, method=METHOD, value=0.0, why_not=why_not)
    low, high = comparison.at_level(level)
    return Signal(
        **about,
        method=comparison.method,
        value=round(comparison.effect.value, 6),
        low=round(low, 6),
        high=round(high, 6),
        threshold=round(comparison.threshold, 6),
    )


def step(feature: Feature, window: WindowSketches, last: WindowSketches) -> Signal | None:
    """How far a feature moved since the window before, in that window's bins; only kept, it never counts."""
    if feature.name not in window or feature.name not in last:
        return None
    old, new = last[feature.name], window[feature.name]
    if not (old.rows and new.rows):
        return None
    binned = feature_of(feature.name, old)
    moved = psi(counts(binned, old), counts(binned, new), feature.name)
    return Signal(
        question=Question.INPUTS,
        subject=feature.name,
        method=BEFORE_METHOD,
        value=round(moved.value, 6),
        low=round(moved.low, 6),
        high=round(moved.high, 6),
    )


def together(
    inputs: Sequence[BinnedInput],
    judged: Mapping[str, Comparison],
    trained: Sequence[int],
    effect: float,
) -> Signal:
    """The mean effect of all inputs by their importance; it counts beyond the training's own windows."""
    there = [each for each in inputs if each.is_judged]
    values = [[judged[each.feature.name].effect.value] for each in there]
    own = by_importance(there, [left_out(each.before[list(trained)]) for each in there])
    own = own[np.isfinite(own)]
    found = by_importance(there, values)
    return Signal(
        question=Question.INPUTS,
        subject=ALL_INPUTS,
        method=METHOD,
        value=round(float(found[0]), 6) if found.size else 0.0,
        threshold=round(max(effect, conformal_threshold(own.tolist())), 6),
        why_not=statable(own.size) if there else "there is nothing to compare",
    )


def by_importance(
    inputs: Sequence[BinnedInput], distances: Sequence[ArrayLike]
) -> NDArray[np.float64]:
    """The mean of all inputs' distances, window by window, without infinite ones; infinite where all are."""
    if not inputs:
        return np.zeros(0)
    weights = np.array([[max(each.feature.importance, LEAST_WEIGHT)] for each in inputs])
    table = np.array(distances)
    known = np.isfinite(table)
    mass = (known * weights).sum(axis=0)
    sums = (np.where(known, table, 0.0) * weights).sum(axis=0)
    means: NDArray[np.float64] = np.divide(
        sums, mass, out=np.full(mass.shape, np.inf), where=mass > 0
    )
    return means


def season_of(inputs: Sequence[BinnedInput]) -> Season:
    """The season of the inputs: the lag with the smallest median distance, if two full ones are there.

    It is one only if windows are nearer to those a season ago than to their neighbours more often than
    a coin would fall so (sign test, a twentieth shared among all lags that are tried).
    """
    windows = min((len(each.before) for each in inputs), default=0)
    known = [length for length in SEASONS if windows >= 2 * length]
    if not known:
        return Season(None, "season unknown: there are not two full ones")
    distances = {
        lag: by_importance(inputs, [lagged(each, lag) for each in inputs]) for lag in (1, *known)
    }
    nearest = min(known, key=lambda lag: (float(np.median(distances[lag])), lag))
    nearer = distances[nearest] < distances[1][nearest - 1 :]
    if sign_test(int(nearer.sum()), nearer.size) > ALPHA / len(known):
        return Season(None, "no season: windows are as near to their neighbours")
    return Season(nearest, None)


def sign_test(heads: int, tosses: int) -> float:
    """The chance of so many heads or more of a fair coin."""
    return float(sum(math.comb(tosses, count) for count in range(heads, tosses + 1)) / 2**tosses)
