"""What a model may look at: the rows that were known at a time, and how columns become numbers.

Training, evaluation, scoring and monitoring go through the same expressions, so that a column means
the same in each of them.
"""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.model import Model
from headrace_schemas.errors import SchemaBroken
from headrace_schemas.model_errors import TrainingDataInvalid
from headrace_schemas.partition import KEY_PATTERNS, PartitionUnit, key_of, start_of
from headrace_schemas.rules.rule import quoted
from headrace_schemas.types import NUMBERS, TEXTS, ColumnType

TARGET = "_target"
"""The label within frames of labelled rows, as DOUBLE."""

MOST_ROWS = 200_000
"""Rows that are brought to one place; of more, a fixed share by the hash of their key."""

MOST_CELLS = 20_000_000
"""Rows times columns that are brought to one place."""


def declared_feature(model: Model, contract: Contract, name: str) -> Feature:
    """A column with how it becomes a number.

    Raises:
        TrainingDataInvalid: It cannot.
    """
    column = contract.column(name)
    advice = f"Use a column of {contract.name} that is a number, a text or a boolean."
    if column is None:
        raise TrainingDataInvalid(model.name, name, f"is not in {contract.name}", advice)
    stem = ColumnType.parse(column.type).stem
    if stem in NUMBERS:
        kind = FeatureKind.NUMBER
    elif stem in TEXTS:
        kind = FeatureKind.CATEGORY
    elif stem == "BOOLEAN":
        kind = FeatureKind.FLAG
    else:
        raise TrainingDataInvalid(model.name, name, f"has type {column.type}", advice)
    return Feature(name=name, type=column.type, kind=kind)


def row_key(model: Model, contract: Contract) -> tuple[str, ...]:
    """The columns that name a row: predictions and labels meet on them.

    Raises:
        TrainingDataInvalid: The contract declares none.
    """
    if not contract.key:
        raise TrainingDataInvalid(
            model.name,
            "primaryKey",
            f"{contract.name} declares none",
            "Mark the columns that name a row as primaryKey in the contract.",
        )
    return contract.key


def instant(moment: datetime) -> Column:
    """A point in time, whatever the time zone of this process."""
    return F.timestamp_micros(F.lit((moment - EPOCH) // timedelta(microseconds=1)))


def moment(micros: int) -> datetime:
    """What `unix_micros` stands for, UTC."""
    return EPOCH + timedelta(microseconds=micros)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def delivered_rows(
    frame: DataFrame,
    as_of: datetime,
    learn_from: str | None = None,
    left_out: Sequence[str] = (),
) -> DataFrame:
    """Rows of partitions that had ended by `as_of`: what had been delivered by then.

    A label of a partition that came later may well have been known earlier, as are those of the
    first days of a month that is still running. But a training of that time had none of it, and a
    repeated one must use the same rows. What was restated since then is another matter: it
    is the table's version that says which restatement is read.

    Args:
        learn_from: Key of the first partition that is looked at; None for all.
        left_out: Keys of partitions that are not.
    """
    now, key = as_of.astimezone(UTC), F.col(tables.PARTITION)
    running = {unit: key_of(unit, start_of(unit, now)) for unit in PartitionUnit}
    has_ended = [key.rlike(KEY_PATTERNS[unit]) & (key < start) for unit, start in running.items()]
    frame = frame.where(reduce(or_, has_ended))
    if learn_from is not None:
        frame = frame.where(key >= learn_from)
    return frame.where(~key.isin(*left_out)) if left_out else frame


def known_rows(frame: DataFrame, model: Model, as_of: datetime) -> DataFrame:
    """Rows whose label was known at `as_of`, of events by then."""
    return frame.where(is_known(model, as_of))


def is_known(model: Model, as_of: datetime) -> Column:
    """Whether a row's label was known at `as_of`; NULL counts as no."""
    return (
        F.col(quoted(model.target)).isNotNull()
        & (F.col(quoted(model.known_time)) <= instant(as_of))
        & (F.col(quoted(model.event_time)) <= instant(as_of))
    )


def target_number(model: Model, contract: Contract) -> Column:
    """The label as DOUBLE, called `TARGET`; booleans are 0 and 1.

    Raises:
        TrainingDataInvalid: The column is a text or the like.
    """
    declared = declared_feature(model, contract, model.target)
    if declared.kind is FeatureKind.CATEGORY:
        raise TrainingDataInvalid(
            model.name,
            model.target,
            f"has type {declared.type}",
            "A target is a number or a boolean.",
        )
    column = F.col(quoted(model.target))
    number = column.cast("int") if declared.kind is FeatureKind.FLAG else column
    return number.cast("double").alias(TARGET)


def feature_number(feature: Feature) -> Column:
    """A feature as the booster sees it: FLOAT, NaN for what is missing or was never seen."""
    value = F.col(quoted(feature.name))
    if feature.kind is FeatureKind.CATEGORY:
        codes = F.from_json(F.lit(json.dumps(feature.codes)), "map<string,float>")
        value = F.try_element_at(codes, value)
    elif feature.kind is FeatureKind.FLAG:
        value = value.cast("int")
    return F.coalesce(value.cast("float"), F.lit(math.nan).cast("float"))


def raw_value(feature: Feature) -> Column:
    """A feature as histograms look at it: what the booster sees, but categories by name."""
    is_category = feature.kind is FeatureKind.CATEGORY
    return F.col(quoted(feature.name)) if is_category else feature_number(feature)


def feature_numbers(features: Sequence[Feature], contract: Contract, prefix: str) -> list[Column]:
    """All features as the booster sees them, in its order, called `prefix0`, `prefix1` and so on.

    Raises:
        SchemaBroken: The table no longer has a column that the booster was trained on.
    """
    gone = [feature.name for feature in features if contract.column(feature.name) is None]
    if gone:
        raise SchemaBroken(
            contract.name,
            "the model learnt from columns that are gone",
            gone,
            "Bring them back, or train a version without them.",
        )
    return [
        feature_number(feature).alias(f"{prefix}{index}") for index, feature in enumerate(features)
    ]


def sample(
    frame: DataFrame,
    key: Sequence[str],
    columns: Sequence[Column],
    rows: int,
    most: int = MOST_ROWS,
) -> pd.DataFrame:
    """Columns of a frame, in one place; of more than `most` rows a sample that repeats.

    Ordered by key: sums of floats must repeat to the last digit.

    Args:
        rows: How many the frame has, as far as is known.
    """
    bound = max(min(most, MOST_CELLS // max(len(columns), 1)), 1)
    shares = math.ceil(rows / bound)
    if shares > 1:
        frame = frame.where(F.pmod(F.xxhash64(*[quoted(name) for name in key]), F.lit(shares)) == 0)
    order = [f"_key{index}" for index in range(len(key))]
    keyed = [F.col(quoted(name)).alias(alias) for name, alias in zip(key, order, strict=True)]
    found = frame.select(*keyed, *columns).toPandas()
    return found.sort_values(order, ignore_index=True).drop(columns=order)
