"""Windows made of generated rows: profiles as monitoring measures them, for tests of what is decided."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from headrace_schemas.decisions.profile import LEVELS, ColumnProfile, LabelProfile, WindowProfile

Numbers = np.ndarray[Any, Any]


def numbers(name: str, values: Numbers, missing: float = 0.0) -> ColumnProfile:
    """The profile of a number's rows; NaN is missing, and so is the share `missing` of the first."""
    values = values.astype(float).copy()
    values[: round(missing * len(values))] = np.nan
    present = values[~np.isnan(values)]
    counts = np.unique(present, return_counts=True)[1]
    return ColumnProfile(
        column=name,
        kind="number",
        rows=len(values),
        missing=float(np.isnan(values).mean()),
        zero=float((present == 0).sum() / len(values)),
        top=float(counts.max(initial=0) / len(values)),
        distinct=len(counts),
        longest_run=longest_run(present) / len(values),
        quantiles=tuple(map(float, np.quantile(present, LEVELS))) if len(present) else (),
    )


def categories(name: str, values: Numbers, learnt: set[str], missing: float = 0.0) -> ColumnProfile:
    """The profile of a category's rows, of which the first are missing."""
    rows = len(values)
    present = values[round(missing * rows) :]
    found, counts = np.unique(present, return_counts=True)
    unseen = sum(int(n) for value, n in zip(found, counts, strict=True) if value not in learnt)
    return ColumnProfile(
        column=name,
        kind="category",
        rows=rows,
        missing=1 - len(present) / rows,
        top=float(counts.max(initial=0) / rows),
        distinct=len(found),
        unseen=unseen / rows,
        longest_run=longest_run(present) / rows,
        length=float(np.mean([len(value) for value in present])) if len(present) else None,
    )


def longest_run(values: Numbers) -> int:
    """Of one value."""
    if not len(values):
        return 0
    ends = np.flatnonzero(values[1:] != values[:-1])
    return int(np.diff(np.concatenate([[-1], ends, [len(values) - 1]])).max())


def labels(
    rng: np.random.Generator, rows: int, rate: float, slice_: str = "", **measured: float | None
) -> LabelProfile:
    """Labels of 0 and 1; skill and flipped as measured from so many rows, with their noise."""
    drawn = rng.random(rows) < rate
    skill = measured.get("skill", 0.3)
    flipped = measured.get("flipped", -1.0)
    noise = 1 / np.sqrt(rows)
    return LabelProfile(
        slice=slice_,
        rows=rows,
        mean=float(drawn.mean()),
        deviation=float(drawn.std()),
        skill=None if skill is None else skill + float(rng.normal(0, 0.7 * noise)),
        flipped=None if flipped is None else flipped + float(rng.normal(0, noise)),
    )


def window(
    number: int, rows: int, columns: Sequence[ColumnProfile] = (), of: Sequence[LabelProfile] = ()
) -> WindowProfile:
    """One window of several."""
    return WindowProfile(
        window=f"{number:04d}",
        rows=rows,
        delivered=rows,
        quarantined=0.0,
        columns=tuple(columns),
        labels=tuple(of),
    )


Make = Callable[[np.random.Generator, int, int], WindowProfile]
"""Makes one window: of random numbers, its place in the history, and about how many rows."""
