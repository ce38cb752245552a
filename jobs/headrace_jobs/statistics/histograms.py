"""How a feature's values spread over bins, and how far two such spreads are apart."""

from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headrace_jobs.learning.manifest import Feature, FeatureKind, Histogram

BINS = 10
"""Bins of equally many rows that a number's training values are cut into."""

SHOWN_CATEGORIES = 30
"""How many values of a category have a bin of their own."""

LEAST_SHARE = 1e-4
"""Stands for an empty bin: the logarithm of zero is not a number."""

FALSE_OR_TRUE = Histogram(edges=(0.0,))
"""A flag's bins, whatever training rows held: false, true, missing."""


def reference(feature: Feature, values: pd.Series) -> Histogram:
    """The bins that training values give, and their shares of them."""
    if feature.kind is FeatureKind.CATEGORY:
        counted = Counter(values.dropna())
        frequent = sorted(counted, key=lambda value: (-counted[value], value))
        bins = Histogram(categories=tuple(frequent[:SHOWN_CATEGORIES]))
    elif feature.kind is FeatureKind.FLAG:
        bins = FALSE_OR_TRUE
    else:
        bins = number_bins(values)
    measured = shares(feature.model_copy(update={"histogram": bins}), values)
    return bins.model_copy(update={"shares": measured, "rows": len(values)})


def number_bins(values: pd.Series) -> Histogram:
    """A number's bins: closed at both ends, a bin for each heavy value, tenths of all the others.

    A value that more than one bin's share of the rows hold is heavy: within a quantile bin it would
    be that bin, and hide whatever else falls into it. The others are cut by quantiles that occur,
    into as many bins as have about a tenth of all rows each.
    """
    present = values.dropna().to_numpy(dtype=np.float32)
    if present.size == 0:
        return Histogram()
    distinct, counts = np.unique(present, return_counts=True)
    heavy = distinct[counts * BINS > present.size]
    rest = np.sort(present[~np.isin(present, heavy)])
    bins = max(round(BINS * rest.size / present.size), 1)
    edges = rest[-(-np.arange(1, bins) * rest.size // bins) - 1]  # whole numbers: no rank is missed
    return Histogram(
        edges=tuple(map(float, np.unique(edges))),
        heavy=tuple(map(float, heavy)),
        lowest=float(distinct[0]),
        highest=float(distinct[-1]),
    )


def shares(feature: Feature, values: pd.Series) -> tuple[float, ...]:
    """The share of each of the feature's bins; all zero if there are no values.

    Args:
        values: A category as it is in the table, anything else as the booster sees it.
    """
    histogram = feature.histogram
    if feature.kind is FeatureKind.CATEGORY:
        own = {name: index for index, name in enumerate(histogram.categories)}
        other, unseen, missing = len(own), len(own) + 1, len(own) + 2
        bins = {name: own.get(name, other) for name in feature.codes}
        placed = values.map(bins).fillna(unseen).mask(values.isna(), missing)
        found = placed.to_numpy(dtype=np.int64)
    else:
        found, missing = placed_numbers(histogram, values.to_numpy(dtype=np.float32))
    counts = np.bincount(found, minlength=missing + 1)
    return tuple((counts / max(int(counts.sum()), 1)).tolist())


def placed_numbers(
    histogram: Histogram, numbers: NDArray[np.float32]
) -> tuple[NDArray[np.int64], int]:
    """The bin of each number, and which bin is that of missing ones."""
    edges = np.asarray(histogram.edges, dtype=np.float32)
    found = np.searchsorted(edges, numbers, side="left")
    missing = len(edges) + 1
    if histogram.lowest is not None and histogram.highest is not None:
        above, missing = len(edges) + 2, len(edges) + 3 + len(histogram.heavy)
        found = np.where(numbers < np.float32(histogram.lowest), 0, found + 1)
        found = np.where(numbers > np.float32(histogram.highest), above, found)
        for index, value in enumerate(histogram.heavy, start=above + 1):
            found = np.where(numbers == np.float32(value), index, found)
    return np.where(np.isnan(numbers), missing, found), missing


def least_share(*rows: int) -> float:
    """What stands for an empty bin of so many rows: half a row, or `LEAST_SHARE` if that is more."""
    return max(LEAST_SHARE, *(0.5 / count for count in rows if count))
