"""How far a window's counts are from a reference's: effects that chance is taken out of, with intervals.

An effect is in the same units whatever the number of rows, so windows of a thousand rows and of ten
million are alarmed of alike: only the interval shrinks. All intervals reach from the 5 % to the 95 %
quantile, so that a lower end is passed by chance in one window of twenty.
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.statistics.bin_counts import Counts, counts
from headrace_jobs.statistics.histograms import LEAST_SHARE, least_share
from headrace_jobs.statistics.number_grid import keys_of
from headrace_jobs.statistics.sketches import ColumnSketch

Draws = NDArray[np.float64]
"""Shares or distances, a line for each resample."""

RESAMPLES = 200
"""Of the counts; a 5 % quantile of so many has itself an error of 1.5 points."""

QUANTILE = 1.645
"""Standard normal quantile of 95 %."""

MANY = 25
"""Expected rows of a bin from which on its counts are as good as normal."""

CUTS = 100
"""At so many quantiles two distributions of numbers are compared."""

SPREADS = ((0.25, 0.75, 1.349), (0.05, 0.95, 3.290), (0.01, 0.99, 4.653), (0.0, 1.0, 4.653))
"""Pairs of quantiles, and how many standard deviations of a normal distribution lie between them; of the
last, the whole range, none can be said, and as many as of the one before are taken."""


@dataclass(frozen=True)
class Effect:
    """One measured difference and its interval; an effect that chance was taken out of may be negative."""

    value: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """Its standard error, as far as its lower side says."""
        return max(self.value - self.low, 0.0) / QUANTILE


NONE = Effect(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Divergence:
    """A window's column against a reference's.

    Attributes:
        psi: Population stability index less its chance level.
        jensen_shannon: Jensen-Shannon divergence less its chance level, in bits: 1 where nothing is shared.
        unseen: Share of the window's rows with categories, or beyond the range, that the reference has not.
        missing: Missing share of the window less that of the reference.
        wasserstein: Distance of the finite numbers in spreads of the reference; None for other kinds,
            and where one of the two has none.
    """

    psi: Effect
    jensen_shannon: Effect
    unseen: Effect
    missing: Effect
    wasserstein: Effect | None = None


def divergence(
    feature: Feature, reference: Counts, window: ColumnSketch, sketch: ColumnSketch | None = None
) -> Divergence | None:
    """All that is measured of a window's column; None where one of the two has no rows.

    Args:
        feature: Whose bins `reference` counts rows in.
        sketch: Of the reference, where there is one: the distance of numbers needs it.
    """
    if not (reference.sum() and window.rows):
        return None
    found, name = counts(feature, window), feature.name
    compared = None
    if sketch is not None and feature.kind is FeatureKind.NUMBER:
        compared = wasserstein(sketch, window, name)
    return Divergence(
        psi=psi(reference, found, name),
        jensen_shannon=jensen_shannon(reference, found, name),
        unseen=share(float(found[unseen_bins(feature)].sum()), float(found.sum())),
        missing=difference(
            (float(reference[-1]), float(reference.sum())), (float(found[-1]), float(found.sum()))
        ),
        wasserstein=compared,
    )


def unseen_bins(feature: Feature) -> list[int]:
    """The bins of what the reference has not: values beyond its range, or categories."""
    if feature.kind is FeatureKind.CATEGORY:
        return [-2]
    histogram = feature.histogram
    if feature.kind is FeatureKind.NUMBER and histogram.lowest is not None:
        return [0, len(histogram.edges) + 2]
    return []


def psi(reference: Counts, window: Counts, seed: str) -> Effect:
    """Population stability index of counts in the same bins, less its chance level, with its interval.

    Args:
        reference: Rows of each bin; at least one row in all.
        window: The same of the window.
        seed: A stable name: the same interval comes with it each time.
    """
    least = least_share(int(reference.sum()), int(window.sum()))
    old, new = (np.maximum(side, least) for side in resampled(reference, window, seed))
    return around(float(psi_values(reference, window)), stability_index(old, new))


def stability_index(old: Draws, new: Draws) -> Draws:
    """The index of shares above 0, line by line: (new - old) * ln(new / old), summed over the bins.

    It is the symmetrised Kullback-Leibler divergence of credit scoring (N. Siddiqi, Credit Risk
    Scorecards, Wiley 2006); below 0.1 reads as stable, from 0.2 as drifted.
    """
    return np.asarray(((new - old) * np.log(new / old)).sum(axis=-1))


def psi_values(reference: Counts, window: Counts) -> Draws:
    """`psi` without intervals, line by line; each line needs a row on both sides.

    Without any shift the index is about (bins - 1) * (1 / n + 1 / m) for n rows against m (B. Yurdakul
    and J. Naranjo, Journal of Risk Model Validation 14, 2020) where bins have many rows; see `noise`.
    """
    rows = reference.sum(axis=-1, keepdims=True), window.sum(axis=-1, keepdims=True)
    least = np.maximum(LEAST_SHARE, 0.5 / np.minimum(*rows))
    pooled = (reference + window) / (rows[0] + rows[1])
    shares, chance = [], np.zeros(pooled.shape)
    for side, of in zip((reference, window), rows, strict=True):
        shares.append(np.maximum(side / of, least))
        chance += noise(pooled * of, least * of) / of
    return np.asarray(stability_index(*shares) - (chance * (1 - pooled)).sum(axis=-1))


def noise(expected: Counts, least: Counts) -> Draws:
    """What one side's chance adds to the index, bin by bin, in units of 1 / its rows.

    It is 1 where many rows are expected, and less of few, as no count is taken for less than `least`
    rows: the mean of (x - e) * ln(x / e) for counts x that are Poisson distributed around e, with x and
    e at least `least`.
    """
    few = np.minimum(expected, MANY)[..., None]
    numbers = np.arange(3 * MANY, dtype=np.float64)
    logarithms = np.cumsum(np.log(np.maximum(numbers, 1.0)))
    chances = np.exp(numbers * np.log(np.maximum(few, 1e-9)) - few - logarithms)
    floor = np.broadcast_to(least, expected.shape)[..., None]
    found, middle = np.maximum(numbers, floor), np.maximum(few, floor)
    mean = (chances * (found - middle) * np.log(found / middle)).sum(axis=-1)
    return np.where(expected < MANY, mean, np.where(expected > least, 1.0, 0.0))


def jensen_shannon(reference: Counts, window: Counts, seed: str) -> Effect:
    """Jensen-Shannon divergence of counts in the same bins, in bits, less its chance level.

    J. Lin, IEEE Transactions on Information Theory 37, 1991, with equal weights. To second order it is
    an eighth of the population stability index in natural units, and so is its chance level.

    Arguments are those of `psi`.
    """

    def bits(old: Draws, new: Draws) -> Draws:
        middle = (old + new) / 2
        both = entropy_terms(old, middle) + entropy_terms(new, middle)
        return np.asarray(both.sum(axis=-1) / 2)

    rows = float(reference.sum()), float(window.sum())
    degrees = int((reference + window > 0).sum()) - 1
    chance = degrees * (1 / rows[0] + 1 / rows[1]) / (8 * math.log(2))
    value = float(bits(reference / rows[0], window / rows[1])) - chance
    return around(value, bits(*resampled(reference, window, seed)))


def entropy_terms(shares: Draws, middle: Draws) -> Draws:
    """`shares * log2(shares / middle)`, 0 where there is no share."""
    there = shares > 0
    ratios = np.divide(shares, middle, out=np.ones_like(shares), where=there)
    return np.asarray(shares * np.log2(ratios))


def around(value: float, draws: Draws) -> Effect:
    """An effect with its interval from resamples.

    Resamples of counts have the noise of the counts themselves and that of their drawing, so that
    their mean is off by a chance level more: the interval is their quantiles around their mean, moved to
    the effect (B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993).
    """
    low, high = (np.quantile(draws, [0.05, 0.95]) - draws.mean()).tolist()
    return Effect(value, value + min(low, 0.0), value + max(high, 0.0))


def resampled(reference: Counts, window: Counts, seed: str) -> tuple[Draws, Draws]:
    """Shares of multinomial resamples of both counts, a line each.

    Drawn with one row more, that is spread as all rows of both are: else a few rows that are all alike
    would be certain.
    """
    random = np.random.default_rng(zlib.crc32(seed.encode()))
    pooled = (reference + window) / (reference.sum() + window.sum())
    sides = []
    for side in (reference, window):
        rows = max(round(float(side.sum())), 1)
        shares = side + pooled
        drawn = random.multinomial(rows, shares / shares.sum(), size=RESAMPLES)
        sides.append(drawn / rows)
    return sides[0], sides[1]


def wasserstein(reference: ColumnSketch, window: ColumnSketch, seed: str) -> Effect | None:
    """Wasserstein distance of order 1 of finite numbers, less its chance level, in `spread`s.

    The area between both distribution functions, taken at quantiles of both. Without any shift it is
    about sqrt(2 / pi) * sqrt(1 / n + 1 / m) times the integral of sqrt(F * (1 - F)) (E. del Barrio,
    E. Gine, C. Matran, Annals of Probability 27, 1999). None where one of the two has no number.

    Args:
        seed: A stable name.
    """
    if not (reference.present and window.present):
        return None
    levels = (np.arange(CUTS) + 0.5) / CUTS
    levels = np.concatenate([[0.0], levels, [1.0]])
    values = np.concatenate([reference.quantiles(levels), window.quantiles(levels)])
    cuts = np.unique(values[np.isfinite(values)])
    if cuts.size < 2:
        return NONE
    keys, scale = keys_of(cuts).astype(np.float64), spread(reference)
    widths = np.diff(cuts.astype(np.float64)) / scale
    sides = [cells(each, keys) for each in (reference, window)]
    rows = [float(side.sum()) for side in sides]

    def area(old: Draws, new: Draws) -> Draws:
        return np.asarray(np.abs(np.cumsum(old - new, axis=-1))[..., : widths.size] @ widths)

    pooled = np.cumsum(sides[0] + sides[1])[: widths.size] / sum(rows)
    bridge = float(np.sqrt(np.clip(pooled * (1 - pooled), 0, None)) @ widths)
    chance = math.sqrt(2 / math.pi) * math.sqrt(sum(1 / count for count in rows)) * bridge
    value = float(area(sides[0] / rows[0], sides[1] / rows[1])) - chance
    draws = area(*resampled(sides[0], sides[1], seed))
    return around(value, draws)


def cells(sketch: ColumnSketch, keys: NDArray[np.float64]) -> Counts:
    """Rows up to the first key, from each to the next, and beyond the last."""
    return np.maximum(np.diff(sketch.up_to(keys), prepend=0.0, append=float(sketch.present)), 0.0)


def spread(reference: ColumnSketch) -> float:
    """The standard deviation that a normal distribution with the same middle half has; above 0.

    Where half of the rows hold one value, that of the middle nine tenths, and so on; of a constant, its
    own size, and 1 of zero.
    """
    levels = [level for low, high, _ in SPREADS for level in (low, high)]
    found = reference.quantiles(levels).astype(np.float64)
    for index, (_, _, deviations) in enumerate(SPREADS):
        low, high = found[2 * index : 2 * index + 2].tolist()
        if -math.inf < low < high < math.inf:
            return float((high - low) / deviations)
    middle = abs(float(reference.quantiles([0.5])[0]))
    return middle if math.isfinite(middle) and middle > 0 else 1.0


def share(rows: float, total: float) -> Effect:
    """A share and its score interval (E. Wilson, Journal of the American Statistical Association 22, 1927)."""
    found, extent = rows / total, QUANTILE**2 / total
    middle = (found + extent / 2) / (1 + extent)
    reach = math.sqrt(found * (1 - found) * extent + extent**2 / 4) / (1 + extent)
    return Effect(found, max(middle - reach, 0.0) if rows else 0.0, min(middle + reach, 1.0))


def difference(reference: tuple[float, float], window: tuple[float, float]) -> Effect:
    """Share of the window less that of the reference (R. Newcombe, Statistics in Medicine 17, 1998, method 10).

    Args:
        reference: Rows that have it, and all rows.
        window: The same.
    """
    old, new = share(*reference), share(*window)
    value = new.value - old.value
    return Effect(
        value,
        value - math.hypot(new.value - new.low, old.high - old.value),
        value + math.hypot(new.high - new.value, old.value - old.low),
    )
