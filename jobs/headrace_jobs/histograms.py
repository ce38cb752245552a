"""How a feature's values spread over bins, and how far two such spreads are apart."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from headrace_jobs.manifest import Feature, FeatureKind, Histogram

BINS = 10
"""Quantile bins of a number; fewer where its values repeat."""

SHOWN_CATEGORIES = 30
"""How many values of a category have a bin of their own."""

LEAST_SHARE = 1e-4
"""Stands for an empty bin: the logarithm of zero is not a number."""


def reference(feature: Feature, values: pd.Series) -> Histogram:
    """The bins that training values give, and their shares of them."""
    if feature.kind is FeatureKind.CATEGORY:
        counted = Counter(values.dropna())
        frequent = sorted(counted, key=lambda value: (-counted[value], value))
        bins = Histogram(categories=tuple(frequent[:SHOWN_CATEGORIES]))
    else:
        bins = Histogram(edges=quantile_edges(values))
    measured = shares(feature.model_copy(update={"histogram": bins}), values)
    return bins.model_copy(update={"shares": measured})


def quantile_edges(values: pd.Series) -> tuple[float, ...]:
    """Inclusive upper bounds of a number's quantile bins but the last; each value occurs."""
    present = values.dropna().to_numpy(dtype=np.float32)
    if present.size == 0:
        return ()
    steps = np.linspace(0, 1, BINS + 1)[1:-1]
    edges = np.quantile(present, steps, method="inverted_cdf")
    return tuple(float(edge) for edge in np.unique(edges))


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
        missing = len(histogram.edges) + 1
        numbers = values.to_numpy(dtype=np.float32)
        above = np.searchsorted(np.asarray(histogram.edges, dtype=np.float32), numbers, side="left")
        found = np.where(np.isnan(numbers), missing, above)
    counts = np.bincount(found, minlength=missing + 1)
    return tuple((counts / max(int(counts.sum()), 1)).tolist())


def psi(expected: Sequence[float], found: Sequence[float]) -> float:
    """Population stability index: (found - expected) * ln(found / expected), summed over the bins.

    It is the symmetrised Kullback-Leibler divergence of credit scoring (N. Siddiqi, Credit Risk
    Scorecards, Wiley 2006); below 0.1 reads as still, from 0.2 as moved. Shares below `LEAST_SHARE`
    count as that. By chance alone it is about (bins - 1) * (1 / rows found + 1 / rows expected), so
    windows of a few hundred rows look moved (B. Yurdakul and J. Naranjo, Journal of Risk Model
    Validation 14, 2020).
    """
    total = 0.0
    for old_share, new_share in zip(expected, found, strict=True):
        old, new = max(old_share, LEAST_SHARE), max(new_share, LEAST_SHARE)
        total += (new - old) * math.log(new / old)
    return total
