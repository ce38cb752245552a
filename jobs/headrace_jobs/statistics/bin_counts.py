"""A feature's bins, and how many rows of a sketch fall into each of them."""

import numpy as np
from numpy.typing import NDArray

from headrace_jobs.learning.manifest import Feature, FeatureKind, Histogram
from headrace_jobs.statistics.histograms import BINS, FALSE_OR_TRUE, SHOWN_CATEGORIES
from headrace_jobs.statistics.number_grid import bounds, keys_of, numbers_of
from headrace_jobs.statistics.sketches import ColumnSketch
from headrace_schemas.decisions.profile import LEVELS, ColumnProfile

Counts = NDArray[np.float64]


def feature_of(name: str, sketch: ColumnSketch, importance: float = 0.0) -> Feature:
    """A feature whose bins and known categories are those of a sketch.

    Categories that the sketch does not count by themselves are not known: with them, none is unseen.
    """
    kind = sketch.kind
    types = {FeatureKind.CATEGORY: "STRING", FeatureKind.FLAG: "BOOLEAN"}
    feature = Feature(
        name=name,
        type=types.get(kind, "FLOAT"),
        kind=kind,
        importance=importance,
        histogram=bins(sketch),
    )
    if kind is FeatureKind.CATEGORY:
        codes = {value: code for code, value in enumerate(sorted(sketch.heavy))}
        feature = feature.model_copy(update={"codes": codes})
    counted = counts(feature, sketch)
    shares = tuple((counted / max(sketch.rows, 1)).tolist())
    binned = feature.histogram.model_copy(update={"shares": shares, "rows": sketch.rows})
    return feature.model_copy(update={"histogram": binned})


def bins(sketch: ColumnSketch) -> Histogram:
    """The bins that the rows of a sketch give, without shares: see `histograms.number_bins`."""
    if sketch.kind is FeatureKind.CATEGORY:
        shown = sorted(sketch.heavy, key=lambda name: (-sketch.heavy[name], name))
        return Histogram(categories=tuple(shown[:SHOWN_CATEGORIES]))
    if sketch.kind is FeatureKind.FLAG:
        return FALSE_OR_TRUE
    if sketch.range is None:
        return Histogram()
    own = [key for key, count in sketch.heavy.items() if count * BINS > sketch.present]
    keys, rows = points(sketch, own)
    total = int(rows.sum())
    tenths = max(round(BINS * total / sketch.present), 1)
    reached = np.cumsum(rows)
    ranks = np.searchsorted(reached, np.arange(1, tenths) * total / tenths)
    low, high = numbers_of(np.array(sketch.range)).tolist()
    return Histogram(
        edges=tuple(numbers_of(np.unique(keys[ranks])).tolist()) if total else (),
        heavy=tuple(numbers_of(np.array(sorted(own), dtype=np.int64)).tolist()),
        lowest=low,
        highest=high,
    )


def points(sketch: ColumnSketch, without: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where all rows but those of some heavy values end, bucket by bucket, and how many they are."""
    ends = np.minimum(bounds(sketch.buckets, sketch.shift)[1], (sketch.range or (0, 0))[1])
    others = {key: count for key, count in sketch.heavy.items() if key not in without}
    keys = np.concatenate([ends, np.array(list(others), dtype=np.int64)])
    rows = np.concatenate([sketch.counts, np.array(list(others.values()), dtype=np.int64)])
    order = np.argsort(keys, kind="stable")
    return keys[order], rows[order]


def counts(feature: Feature, sketch: ColumnSketch) -> Counts:
    """Rows of a sketch in each bin of the feature's histogram, in its order.

    Exact, unless an edge lies within a bucket: the bucket's rows are then taken to be evenly spread.
    """
    if feature.kind is FeatureKind.CATEGORY:
        return category_counts(feature, sketch)
    histogram = feature.histogram
    bounded = histogram.lowest is not None and histogram.highest is not None
    cuts = keys_of(np.array(histogram.edges, dtype=np.float32)).astype(np.float64)
    if bounded:
        low, high = keys_of(np.array([histogram.lowest, histogram.highest], dtype=np.float32))
        cuts = np.concatenate([[low - 1.0], cuts, [float(high)]])
    found = np.diff(sketch.up_to(cuts), prepend=0.0, append=float(sketch.present))
    heavy = keys_of(np.array(histogram.heavy, dtype=np.float32))
    own = np.array([sketch.rows_of(int(key)) for key in heavy], dtype=np.float64)
    np.subtract.at(found, np.searchsorted(cuts, heavy.astype(np.float64)), own)
    return np.concatenate([np.maximum(found, 0.0), own, [float(sketch.missing)]])


def category_counts(feature: Feature, sketch: ColumnSketch) -> Counts:
    """Rows of each shown category, of other known ones, of those never seen, and missing ones.

    What a sketch does not count by itself is taken for known.
    """
    shown = feature.histogram.categories
    of_shown = [sketch.heavy.get(name, 0) for name in shown]
    unseen = unseen_rows(feature, sketch)
    other = sketch.present - sum(of_shown) - unseen
    return np.array([*of_shown, other, unseen, sketch.missing], dtype=np.float64)


def unseen_rows(feature: Feature, sketch: ColumnSketch) -> int:
    """Rows of categories that training never saw; 0 for other kinds, and before there was one."""
    if feature.kind is not FeatureKind.CATEGORY or not feature.codes:
        return 0
    return sum(count for name, count in sketch.heavy.items() if name not in feature.codes)


def profile(feature: Feature, sketch: ColumnSketch) -> ColumnProfile:
    """The few numbers of a column that are compared with its own history."""
    rows, is_category = max(sketch.rows, 1), sketch.kind is FeatureKind.CATEGORY
    is_number = sketch.kind is FeatureKind.NUMBER and sketch.present > 0
    return ColumnProfile(
        column=feature.name,
        kind=sketch.kind.value,
        rows=sketch.rows,
        missing=sketch.missing / rows,
        zero=0.0 if is_category else zeros(sketch) / rows,
        top=sketch.top / rows,
        distinct=sketch.distinct,
        unseen=unseen_rows(feature, sketch) / rows,
        longest_run=sketch.longest_run / rows,
        quantiles=tuple(sketch.quantiles(LEVELS).tolist()) if is_number else (),
        length=sketch.characters / sketch.present if is_category and sketch.present else None,
    )


def zeros(sketch: ColumnSketch) -> int:
    """Rows with the number 0, or one too small for a bucket beside it."""
    return sketch.heavy.get(0, 0) + int(sketch.counts[sketch.buckets == 0].sum())
