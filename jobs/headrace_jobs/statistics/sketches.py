"""What is kept of a column of a window: counts from which any bins can be filled, without its rows.

How it works: values that many rows hold are counted one by one. Of a number, all others are counted in
at most `BUCKETS` buckets of a grid that all windows share (`number_grid`), as fine as that allows:
single values, as long as there are no more different ones. Different values are counted by the
`HASHES` smallest of their hashes (Z. Bar-Yossef and others, Counting distinct elements in a data
stream, RANDOM 2002).

All of it is a function of the rows alone, whatever their order and however they were split, apart
from which values are counted one by one after a merge. Quantile sketches of DataSketches (KLL, as of
Spark's `kll_sketch_agg_double`) draw random bits instead: two runs over the same rows differ, and so
would decisions.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headrace_jobs.learning.manifest import FeatureKind
from headrace_jobs.statistics.number_grid import (
    MOST_SHIFT,
    Keys,
    bounds,
    coarser,
    keys_of,
    numbers_of,
)

Hashes = NDArray[np.uint64]

BUCKETS = 1024
"""Most buckets of a number; of a normal distribution none then holds 1 % of the rows."""

HEAVY = 64
"""A value of a number is counted by itself where at least one of so many rows holds it."""

CATEGORIES = 1024
"""Most frequent values of a category that are counted by themselves."""

HASHES = 512
"""Estimate more different values to 4 % of their number, 1 / sqrt(HASHES - 2); fewer are exact."""


class Steps(NamedTuple):
    """Rows up to each key of a number, linear between them."""

    keys: NDArray[np.float64]
    rows: NDArray[np.float64]


@dataclass(frozen=True)
class ColumnSketch:
    """One column of a window.

    Attributes:
        rows: All of them.
        missing: Rows with NULL or NaN.
        heavy: Rows of each value that is counted by itself: by name for a category, else by the key of
            the number.
        rest: Rows of a category's other values.
        shift: Of the buckets' grid.
        buckets: Those that hold rows, ascending; heavy values are not counted in them.
        counts: Rows of each.
        range: Least and greatest key; None without numbers.
        hashes: The smallest hashes of different present values, ascending.
        top: Rows of the most frequent value.
        longest_run: Most rows with one present value after another; of merged sketches, within one.
        characters: Of all present texts together.
    """

    kind: FeatureKind
    rows: int
    missing: int
    heavy: dict[Any, int]
    rest: int
    shift: int
    buckets: Keys
    counts: Keys
    range: tuple[int, int] | None
    hashes: Hashes
    top: int
    longest_run: int
    characters: int

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def distinct(self) -> float:
        """Different present values; estimated where they are more than `HASHES`."""
        if self.hashes.size < HASHES:
            return float(self.hashes.size)
        return (HASHES - 1) / (float(self.hashes[-1]) / 2.0**64)

    def rows_of(self, key: int) -> int:
        """Rows that hold the number with a key; where the grid is coarse, only if they are many."""
        found = self.heavy.get(key, 0)
        if self.shift == 0:
            found += int(self.counts[self.buckets == key].sum())
        return found

    def up_to(self, keys: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rows with numbers up to each of the keys, these included."""
        starts, ends = bounds(self.buckets, self.shift)
        if self.range is not None:
            starts, ends = np.maximum(starts, self.range[0]), np.minimum(ends, self.range[1])
        rows = np.cumsum(self.counts, dtype=np.float64)
        found = np.zeros(len(keys))
        if rows.size:
            ends_and_starts = np.column_stack([starts - 1, ends]).ravel()
            found = np.interp(
                keys, ends_and_starts, np.column_stack([rows - self.counts, rows]).ravel()
            )
        for key, count in self.heavy.items():
            found = found + np.where(keys >= key, count, 0)
        return found

    def quantiles(self, levels: Iterable[float]) -> NDArray[np.float32]:
        """The numbers below which shares of the present values lie; needs at least one.

        The least value that so many rows do not exceed, linear within a bucket.
        """
        assert self.range is not None  # noqa: S101 - of numbers that are there
        steps = self.steps()
        wanted = np.maximum(np.fromiter(levels, dtype=np.float64) * self.present, 1.0)
        after = np.clip(np.searchsorted(steps.rows, wanted - 1e-9), 1, len(steps.rows) - 1)
        before = after - 1
        share = (wanted - steps.rows[before]) / (steps.rows[after] - steps.rows[before])
        keys = steps.keys[before] + share * (steps.keys[after] - steps.keys[before])
        whole = np.clip(np.ceil(keys - 1e-6), *self.range).astype(np.int64)
        return numbers_of(np.where(wanted <= 1.0, self.range[0], whole))

    def steps(self) -> Steps:
        """All keys at which the rows up to them change their slope."""
        starts, ends = bounds(self.buckets, self.shift)
        heavy = np.array(list(self.heavy), dtype=np.int64)
        keys = np.unique(np.concatenate([starts - 1, ends, heavy - 1, heavy])).astype(np.float64)
        return Steps(keys, self.up_to(keys))

    def as_text(self) -> str:
        """JSON of whole numbers and names; buckets as differences."""
        fields = {
            "kind": self.kind,
            "rows": self.rows,
            "missing": self.missing,
            "heavy": list(self.heavy.items()),
            "rest": self.rest,
            "shift": self.shift,
            "buckets": np.diff(self.buckets, prepend=0).tolist(),
            "counts": self.counts.tolist(),
            "range": self.range,
            "hashes": self.hashes.tolist(),
            "top": self.top,
            "longest_run": self.longest_run,
            "characters": self.characters,
        }
        return json.dumps(fields, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "ColumnSketch":
        """What `as_text` wrote."""
        fields = json.loads(text)
        return cls(
            **fields
            | {
                "kind": FeatureKind(fields["kind"]),
                "heavy": dict(map(tuple, fields["heavy"])),
                "buckets": np.cumsum(np.array(fields["buckets"], dtype=np.int64)),
                "counts": np.array(fields["counts"], dtype=np.int64),
                "range": None if fields["range"] is None else tuple(fields["range"]),
                "hashes": np.array(fields["hashes"], dtype=np.uint64),
            }
        )


def sketch(kind: FeatureKind, values: pd.Series) -> ColumnSketch:
    """The sketch of a column's values.

    Args:
        values: In the order of events: a category by name, anything else as the booster sees it.
    """
    if kind is FeatureKind.CATEGORY:
        return category_sketch(values)
    numbers = values.to_numpy(dtype=np.float32, na_value=np.nan)
    there = ~np.isnan(numbers)
    keys = keys_of(numbers)
    distinct, counts = np.unique(keys[there], return_counts=True)
    found = empty(kind, len(numbers), int(len(numbers) - there.sum()))
    if distinct.size == 0:
        return found
    return placed(
        replace(
            found,
            buckets=distinct,
            counts=counts.astype(np.int64),
            range=(int(distinct[0]), int(distinct[-1])),
            hashes=smallest(pd.util.hash_array(distinct)),
            top=int(counts.max()),
            longest_run=longest_run(keys, there),
        )
    )


def category_sketch(values: pd.Series) -> ColumnSketch:
    """The sketch of a column of names."""
    codes, names = pd.factorize(values.to_numpy(dtype=object))
    there = codes >= 0
    found = empty(FeatureKind.CATEGORY, len(codes), int(len(codes) - there.sum()))
    if len(names) == 0:
        return found
    counts = np.bincount(codes[there], minlength=len(names))
    lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
    heavy, rest = frequent(dict(zip(map(str, names), counts.tolist(), strict=True)))
    return replace(
        found,
        heavy=heavy,
        rest=rest,
        hashes=smallest(pd.util.hash_array(names, categorize=False)),
        top=int(counts.max()),
        longest_run=longest_run(codes, there),
        characters=int((lengths * counts).sum()),
    )


def merged(sketches: Iterable[ColumnSketch]) -> ColumnSketch:
    """The sketch of all rows of sketches of one column; needs at least one.

    A number that is counted by itself in one of them and not in another lies, of the other, in a bucket:
    less than 1 / `HEAVY` of its rows.
    """
    return reduce(merge, sketches)


def merge(one: ColumnSketch, other: ColumnSketch) -> ColumnSketch:
    """The sketch of the rows of both."""
    added = dict(one.heavy)
    for value, count in other.heavy.items():
        added[value] = added.get(value, 0) + count
    heavy, rest = (added, 0) if one.kind is not FeatureKind.CATEGORY else frequent(added)
    shift = max(one.shift, other.shift)
    buckets = np.concatenate([coarser(each.buckets, shift - each.shift) for each in (one, other)])
    buckets, counts = summed(buckets, np.concatenate([one.counts, other.counts]))
    ranges = [each.range for each in (one, other) if each.range is not None]
    both = ColumnSketch(
        kind=one.kind,
        rows=one.rows + other.rows,
        missing=one.missing + other.missing,
        heavy=heavy,
        rest=rest + one.rest + other.rest,
        shift=shift,
        buckets=buckets,
        counts=counts,
        range=(min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None,
        hashes=smallest(np.concatenate([one.hashes, other.hashes])),
        top=max([one.top, other.top, *heavy.values()]),
        longest_run=max(one.longest_run, other.longest_run),
        characters=one.characters + other.characters,
    )
    return both if both.kind is FeatureKind.CATEGORY else placed(both)


def empty(kind: FeatureKind, rows: int, missing: int) -> ColumnSketch:
    """The sketch of rows without a value."""
    none = np.empty(0, dtype=np.int64)
    hashes = np.empty(0, dtype=np.uint64)
    return ColumnSketch(kind, rows, missing, {}, 0, 0, none, none, None, hashes, 0, 0, 0)


def placed(found: ColumnSketch) -> ColumnSketch:
    """The same rows, heavy values by themselves and the others in as few buckets as are kept."""
    buckets, counts, heavy = found.buckets, found.counts, dict(found.heavy)
    if found.shift == 0:
        for key, count in heavy.items():
            buckets, counts = np.append(buckets, key), np.append(counts, count)
        buckets, counts = summed(buckets, counts)
        many = counts * HEAVY >= found.rows
        heavy = dict(zip(buckets[many].tolist(), counts[many].tolist(), strict=True))
        buckets, counts = buckets[~many], counts[~many]
    else:
        few = {key: count for key, count in heavy.items() if count * HEAVY < found.rows}
        heavy = {key: heavy[key] for key in sorted(heavy.keys() - few.keys())}
        keys = coarser(np.array(list(few), dtype=np.int64), found.shift)
        light = np.array(list(few.values()), dtype=np.int64)
        buckets, counts = summed(np.concatenate([buckets, keys]), np.concatenate([counts, light]))
    shift = found.shift
    while buckets.size > BUCKETS and shift < MOST_SHIFT:
        shift += 1
        buckets, counts = summed(coarser(buckets, 1), counts)
    return replace(found, heavy=heavy, shift=shift, buckets=buckets, counts=counts)


def summed(buckets: Keys, counts: Keys) -> tuple[Keys, Keys]:
    """Different buckets, ascending, and the rows of each."""
    distinct, places = np.unique(buckets, return_inverse=True)
    added = np.zeros(distinct.size, dtype=np.int64)
    np.add.at(added, places, counts)
    return distinct, added


def frequent(counts: dict[str, int]) -> tuple[dict[str, int], int]:
    """The most frequent names with their rows, most first, and the rows of all others."""
    order = sorted(counts, key=lambda name: (-counts[name], name))
    return {name: counts[name] for name in order[:CATEGORIES]}, sum(
        counts[name] for name in order[CATEGORIES:]
    )


def smallest(hashes: Hashes) -> Hashes:
    """The smallest of different hashes, ascending."""
    return np.unique(hashes)[:HASHES]


def longest_run(values: Keys, there: NDArray[np.bool_]) -> int:
    """Most values in a row that are equal and there."""
    changes = (values[1:] != values[:-1]) | (there[1:] != there[:-1])
    starts = np.flatnonzero(np.r_[True, changes, True])
    lengths = np.diff(starts)
    return int(lengths[there[starts[:-1]]].max(initial=0))
