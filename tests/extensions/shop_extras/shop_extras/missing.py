"""How `missing_values` is measured; only Spark's side imports it."""

from math import sqrt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from headrace_schemas.decisions.signal import Question, Signal
from shop_extras.monitors import MissingOptions

SURE = 1.96
"""Standard errors on each side of a 95 % interval."""


def measure(window: DataFrame, reference: DataFrame, options: MissingOptions) -> list[Signal]:
    """By how much the share of NULLs grew, with its 95 % interval (Wald's, of two shares)."""
    now, rows = share(window, options.column)
    before, rows_before = share(reference, options.column)
    grown = now - before
    if not rows or not rows_before:
        return [signal(options, 0.0, None, "there are no rows to compare")]
    error = sqrt(now * (1 - now) / rows + before * (1 - before) / rows_before)
    return [signal(options, grown, SURE * error, None)]


def share(frame: DataFrame, column: str) -> tuple[float, int]:
    """The share of NULLs, and the rows it is of."""
    found = frame.agg(F.count("*"), F.count_if(F.col(column).isNull())).first()
    rows, empty = (found[0], found[1]) if found else (0, 0)
    return (empty / rows if rows else 0.0), rows


def signal(
    options: MissingOptions, value: float, around: float | None, why_not: str | None
) -> Signal:
    """What is handed to the decision."""
    return Signal(
        question=Question.INPUTS,
        subject=options.column,
        method="missing_values",
        value=value,
        low=None if around is None else value - around,
        high=None if around is None else value + around,
        threshold=options.most,
        why_not=why_not,
    )
