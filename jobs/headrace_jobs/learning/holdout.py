"""Where the holdout begins: the newest of the rows that are known, which only judge."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.learning.features import TARGET, instant, target_number
from headrace_jobs.learning.learnable import LabelledRows
from headrace_schemas.declarations.model import Task
from headrace_schemas.partition import partition_of
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.model_jobs import TrainSpec

STEPS = 60
"""Equal stretches of time that the rows are counted by, of which the newest are the holdout."""

USUAL, MOST = STEPS // 5, STEPS // 3
"""Stretches that a derived holdout has at most, and that it has at most for want of rows."""

JUDGED_ROWS = 200
"""Rows that a derived holdout has if it can, of two classes rows of each: the standard error of an
AUC of 0.7 is 0.026 then (J. Hanley and B. McNeil, Radiology 143, 1982)."""


def begins(known: DataFrame, spec: TrainSpec, found: LabelledRows) -> datetime:
    """The first instant of the holdout.

    Days are counted back from the latest known event, not from `as_of`, which may be long after the
    data ends. Of what is learnt since a change, declared days take no more than a third.

    Args:
        known: Rows whose label is known, with their partition.
    """
    days = spec.model.split.holdout_days
    if days is None:
        return derived(known, spec, found)
    start = found.last - timedelta(days=days)
    if spec.learn_from is None:
        return start
    return max(start, found.last - (found.last - found.first) / 3)


def derived(known: DataFrame, spec: TrainSpec, found: LabelledRows) -> datetime:
    """A fifth of the time, at most a partition's length, but so much that it has `JUDGED_ROWS`."""
    micros = (found.last - found.first) // timedelta(microseconds=1)
    step = max(micros // STEPS, 1)
    event = F.unix_micros(F.col(quoted(spec.model.event_time)))
    ago = F.unix_micros(instant(found.last)) - event
    counted = (
        known.select(
            target_number(spec.model, spec.contract),
            F.col(tables.PARTITION),
            F.floor(ago / F.lit(step)).cast("int").alias("ago"),
        )
        .groupBy("ago")
        .agg(
            F.count("*").alias("rows"),
            F.count_if(F.col(TARGET) == 1).alias("positive"),
            F.max(tables.PARTITION).alias("newest"),
        )
        .collect()
    )
    newest = partition_of(max(row["newest"] for row in counted))
    length = (newest.end - newest.start) // timedelta(microseconds=1)
    rows, positive = [0] * MOST, [0] * MOST
    for row in counted:
        if row["ago"] < MOST:
            rows[row["ago"]], positive[row["ago"]] = row["rows"], row["positive"]
    steps = steps_of(rows, positive, -(-length // step), spec.model.task is Task.BINARY)
    return found.last - timedelta(microseconds=steps * step)


def steps_of(
    rows: Sequence[int], positive: Sequence[int], a_partition: int, is_binary: bool
) -> int:
    """How many stretches a derived holdout has.

    Args:
        rows: Labelled ones of each stretch, the newest first.
        positive: Of these, rows of class 1.
        a_partition: Stretches that a partition is as long as.
    """
    steps = max(1, min(USUAL, a_partition))
    while steps < MOST:
        judged, ones = sum(rows[:steps]), sum(positive[:steps])
        if (min(ones, judged - ones) if is_binary else judged) >= JUDGED_ROWS:
            break
        steps += 1
    return steps
