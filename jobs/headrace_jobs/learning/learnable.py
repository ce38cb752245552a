"""Whether labelled rows can be trained on, said before a cluster is busy with them.

XGBoost answers bad rows with the stack traces of a barrier stage, and learns a single class without
a word.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from headrace_jobs.learning.features import TARGET, moment, target_number
from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.model import Model, Task
from headrace_schemas.model_errors import TrainingDataInvalid
from headrace_schemas.rules.rule import quoted
from headrace_schemas.types import FLOATS, ColumnType

MOST_CATEGORIES = 10_000
"""Values above which a text is a name rather than a category."""

SMOOTHING = 20.0
"""Rows at the overall mean that every category starts from: rare ones stay in the middle."""


@dataclass(frozen=True)
class LabelledRows:
    """What is known in time: how many rows, and their earliest and latest event."""

    rows: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class CodedFeatures:
    """What training rows give before the fit: how many they are, and features with their codes."""

    rows: int
    features: list[Feature]


def check_known(
    known: DataFrame, model: Model, contract: Contract, features: Sequence[Feature]
) -> LabelledRows:
    """Count rows whose label is known, and refuse values that a booster would choke on; one pass.

    Raises:
        TrainingDataInvalid: Naming the column, and how many rows are wrong.
    """
    event, target = F.col(quoted(model.event_time)), target_number(model, contract)
    floats = [feature.name for feature in features if ColumnType.parse(feature.type).stem in FLOATS]
    is_finite = ~(F.isnan(target) | (F.abs(target) == math.inf))
    found = known.agg(
        F.count("*").alias("rows"),
        F.unix_micros(F.min(event)).alias("first"),
        F.unix_micros(F.max(event)).alias("last"),
        F.count_if(~is_finite).alias("odd"),
        F.count_if(is_finite & ~target.isin(0.0, 1.0)).alias("neither"),
        F.count_if(has_infinity(floats)).alias("infinite"),
    ).collect()[0]
    rows = found["rows"]
    advice = f"Fix the rows in {model.table}, or make its contract refuse them."
    if not rows:
        raise TrainingDataInvalid(
            model.name,
            model.target,
            "no row has a value that was known in time",
            f"Publish {model.table} up to the time that is asked for, or ask for a later one.",
        )
    column, problem = model.target, ""
    if found["odd"]:
        problem = f"NaN or infinite in {found['odd']} of {rows} rows"
    elif model.task is Task.BINARY and found["neither"]:
        problem = f"neither 0 nor 1 in {found['neither']} of {rows} rows"
    elif found["infinite"]:
        column, count = most_infinite(known, floats)
        problem = f"infinite, or beyond 32-bit floats, in {count} of {rows} rows"
    if problem:
        raise TrainingDataInvalid(model.name, column, problem, advice)
    return LabelledRows(rows, moment(found["first"]), moment(found["last"]))


def has_infinity(names: Sequence[str]) -> Column:
    """Whether one of the columns is infinite as a 32-bit float; one cheap test a row."""
    values = [F.abs(F.col(quoted(name)).cast("float")) for name in names]
    return F.array_contains(F.array(*values).cast("array<float>"), F.lit(math.inf).cast("float"))


def most_infinite(known: DataFrame, names: Sequence[str]) -> tuple[str, int]:
    """The column with the most infinite rows, and how many."""
    counts = known.agg(*[F.count_if(has_infinity([name])) for name in names]).collect()[0]
    return max(zip(names, counts, strict=True), key=lambda pair: pair[1])


def learn_codes(
    rows: DataFrame, model: Model, contract: Contract, features: Sequence[Feature]
) -> CodedFeatures:
    """Count training rows and number the values of each category by their mean target; one pass.

    Means are smoothed towards the overall one; equal ones are ordered by name.

    Raises:
        TrainingDataInvalid: Too few rows, one target only, or a column with too many values.
    """
    categories = [feature.name for feature in features if feature.kind is FeatureKind.CATEGORY]
    # the first "feature" has one value, so that its line is about all rows
    values = [F.lit(""), *[F.col(quoted(name)) for name in categories]]
    found = (
        rows.select(
            target_number(model, contract), F.posexplode(F.array(*values)).alias("column", "value")
        )
        .where(F.col("value").isNotNull())
        .groupBy("column", "value")
        .agg(
            F.count("*").alias("rows"),
            F.sum(TARGET).alias("total"),
            F.min(TARGET).alias("least"),
            F.max(TARGET).alias("most"),
        )
        .orderBy("column")  # the first column with too many values is then seen to have them
        .limit((MOST_CATEGORIES + 1) * len(values))
        .collect()
    )
    overall = varied(model, next((row for row in found if row["column"] == 0), None))
    mean = overall["total"] / overall["rows"]
    codes = {
        name: numbered(model, name, [row for row in found if row["column"] == index], mean)
        for index, name in enumerate(categories, start=1)
    }
    coded = [
        feature.model_copy(update={"codes": codes.get(feature.name, {})}) for feature in features
    ]
    return CodedFeatures(overall["rows"], coded)


def varied(model: Model, overall: Row | None) -> Row:
    """The line about all training rows, unless they are too few or there is nothing to tell apart.

    Raises:
        TrainingDataInvalid: As said.
    """
    rows = overall["rows"] if overall else 0
    fewest = model.training.fewest_rows
    if overall is None or rows < fewest:
        raise TrainingDataInvalid(
            model.name,
            model.target,
            f"{rows} rows lie before the holdout, {fewest} are needed",
            "Wait for more history, or lower `split.holdout_days`.",
        )
    if overall["least"] == overall["most"]:
        raise TrainingDataInvalid(
            model.name,
            model.target,
            f"the same value, {overall['least']:g}, in all {rows} rows",
            "There is nothing to tell apart: wait for more history, or correct the target.",
        )
    return overall


def numbered(model: Model, name: str, values: Sequence[Row], mean: float) -> dict[str, int]:
    """A category's values, numbered by their mean target.

    Raises:
        TrainingDataInvalid: They are too many.
    """
    if len(values) > MOST_CATEGORIES:
        raise TrainingDataInvalid(
            model.name,
            name,
            f"has more than {MOST_CATEGORIES} different values",
            "Leave it out of `features`, or derive a coarser column.",
        )
    means = {row["value"]: smoothed(row["rows"], row["total"], mean) for row in values}
    ordered = sorted(means, key=lambda value: (means[value], value))
    return {value: code for code, value in enumerate(ordered)}


def smoothed(rows: int, total: float, mean: float) -> float:
    """A category's mean target; rounded, as the last digits of a sum depend on its order."""
    return float(f"{(total + SMOOTHING * mean) / (rows + SMOOTHING):.9e}")
