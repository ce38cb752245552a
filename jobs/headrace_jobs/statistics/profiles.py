"""The profile of a window's columns from rows at hand."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from headrace_schemas.decisions.profile import LEVELS, ColumnProfile


def column_profiles(
    names: Sequence[str],
    kinds: Sequence[str],
    numbers: NDArray[np.float32],
    known: Mapping[int, NDArray[np.int64]],
) -> tuple[ColumnProfile, ...]:
    """One profile a column.

    Args:
        kinds: Of each column: `number`, `flag` or `category`.
        numbers: The rows, in the order of events; of a category, a number for each value; NaN is missing.
        known: For each category's position, the numbers of values that the champion has learnt; a
            column that is not in it has learnt nothing yet.
    """
    return tuple(
        column_profile(name, kind, numbers[:, index], known.get(index))
        for index, (name, kind) in enumerate(zip(names, kinds, strict=True))
    )


def column_profile(
    name: str, kind: str, values: NDArray[np.float32], known: NDArray[np.int64] | None
) -> ColumnProfile:
    """The profile of one column."""
    rows, present = len(values), values[~np.isnan(values)]
    if not present.size:
        return ColumnProfile(column=name, kind=kind, rows=rows, missing=1.0 if rows else 0.0)
    distinct, counts = np.unique(present, return_counts=True)
    is_category = kind == "category"
    unseen = 0.0
    if is_category and known is not None:
        unseen = float(counts[~np.isin(distinct.astype(np.int64), known)].sum()) / rows
    return ColumnProfile(
        column=name,
        kind=kind,
        rows=rows,
        missing=1 - present.size / rows,
        zero=0.0 if is_category else float((present == 0).sum()) / rows,
        top=float(counts.max()) / rows,
        distinct=float(distinct.size),
        unseen=unseen,
        longest_run=longest_run(values) / rows,
        quantiles=tuple(map(float, np.quantile(present, LEVELS))) if kind == "number" else (),
    )


def longest_run(values: NDArray[np.float32]) -> int:
    """Rows of the longest run of one present value."""
    changes = np.flatnonzero(values[1:] != values[:-1]) + 1  # NaN differs from itself: no run
    return int(np.diff(np.r_[0, changes, len(values)]).max())
