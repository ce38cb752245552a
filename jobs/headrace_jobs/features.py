"""What a model may look at: the rows that were known at a time, and how columns become numbers.

Training, evaluation, scoring and monitoring go through the same expressions, so that a column means the
same in each of them.
"""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from headrace_jobs.manifest import Feature, FeatureKind
from headrace_schemas.contract import Contract
from headrace_schemas.errors import SchemaBroken, TrainingDataInvalid
from headrace_schemas.model import Model, Task

TARGET = "_target"
"""The label within frames of labelled rows, as DOUBLE."""

MOST_ROWS = 200_000
"""Rows that are brought to one place; of more, a fixed share by the hash of their key."""

MOST_CELLS = 20_000_000
"""Rows times columns that are brought to one place."""

FEWEST_ROWS = 100
"""Rows below which nothing is learnt."""

MOST_CATEGORIES = 10_000
"""Values above which a text is a name rather than a category."""

SMOOTHING = 20.0
"""Rows at the overall mean that every category starts from, so that rare ones stay in the middle."""

NUMBERS = frozenset(
    "TINYINT BYTE SMALLINT SHORT INT INTEGER BIGINT LONG FLOAT REAL DOUBLE DECIMAL DEC NUMERIC".split()
)
TEXTS = frozenset({"STRING", "VARCHAR", "CHAR"})


def kind_of(model: Model, contract: Contract, name: str) -> tuple[FeatureKind, str]:
    """How a column becomes a number, and its Spark SQL type.

    Raises:
        TrainingDataInvalid: It cannot.
    """
    column = contract.column(name)
    advice = f"Use a column of {contract.name} that is a number, a text or a boolean."
    if column is None:
        raise TrainingDataInvalid(model.name, name, f"is not in {contract.name}", advice)
    stem = column.type.split("(")[0].strip().upper()
    if stem in NUMBERS:
        return FeatureKind.NUMBER, column.type
    if stem in TEXTS:
        return FeatureKind.CATEGORY, column.type
    if stem == "BOOLEAN":
        return FeatureKind.FLAG, column.type
    raise TrainingDataInvalid(model.name, name, f"has type {column.type}", advice)


def row_key(model: Model, contract: Contract) -> tuple[str, ...]:
    """The columns that name a row: predictions and labels meet on them.

    Raises:
        TrainingDataInvalid: The contract declares none.
    """
    if not contract.key:
        raise TrainingDataInvalid(
            model.name, "primaryKey", f"{contract.name} declares none",
            "Mark the columns that name a row as primaryKey in the contract.",
        )  # fmt: skip
    return contract.key


def instant(moment: datetime) -> Column:
    """A point in time, whatever the time zone of this process."""
    return F.timestamp_micros(F.lit(round(moment.timestamp() * 1_000_000)))


def moment(micros: int) -> datetime:
    """What `unix_micros` stands for, UTC."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)


def known_rows(frame: DataFrame, model: Model, as_of: datetime) -> DataFrame:
    """Rows whose label was known at `as_of`, of events by then."""
    return frame.where(
        F.col(model.target).isNotNull()
        & (F.col(model.known_time) <= instant(as_of))
        & (F.col(model.event_time) <= instant(as_of))
    )


def target_number(model: Model, contract: Contract) -> Column:
    """The label as DOUBLE; booleans are 0 and 1.

    Raises:
        TrainingDataInvalid: The column is a text or the like.
    """
    kind, type_ = kind_of(model, contract, model.target)
    if kind is FeatureKind.CATEGORY:
        raise TrainingDataInvalid(
            model.name, model.target, f"has type {type_}", "A target is a number or a boolean."
        )
    column = F.col(model.target)
    return (column.cast("int") if kind is FeatureKind.FLAG else column).cast("double")


def number(feature: Feature) -> Column:
    """A feature as the booster sees it: FLOAT, NaN where it is missing or a category was never seen."""
    value = F.col(feature.name)
    if feature.kind is FeatureKind.CATEGORY:
        codes = F.from_json(F.lit(json.dumps(feature.codes)), "map<string,float>")
        value = F.try_element_at(codes, value)
    elif feature.kind is FeatureKind.FLAG:
        value = value.cast("int")
    return F.coalesce(value.cast("float"), F.lit(math.nan).cast("float"))


def numbers(features: Sequence[Feature], contract: Contract, prefix: str) -> list[Column]:
    """All features as the booster sees them, in its order, called `prefix0`, `prefix1` and so on.

    Raises:
        SchemaBroken: The table no longer has a column that the booster learnt from.
    """
    gone = [one.name for one in features if contract.column(one.name) is None]
    if gone:
        raise SchemaBroken(
            contract.name, "the model learnt from columns that are gone", gone,
            "Bring them back, or train a version without them.",
        )  # fmt: skip
    return [number(feature).alias(f"{prefix}{index}") for index, feature in enumerate(features)]


def gathered(
    frame: DataFrame, key: Sequence[str], columns: Sequence[Column], rows: int, most: int = MOST_ROWS
) -> pd.DataFrame:
    """Columns of a frame of `rows` rows, or of a bounded sample that is the same each time.

    Ordered by key: sums of floats must repeat to the last digit.
    """
    parts = math.ceil(rows / min(most, MOST_CELLS // max(len(columns), 1)))
    if parts > 1:
        frame = frame.where(F.pmod(F.xxhash64(*key), F.lit(parts)) == 0)
    order = [f"_key{index}" for index in range(len(key))]
    keyed = [F.col(name).alias(alias) for name, alias in zip(key, order, strict=True)]
    found = frame.select(*keyed, *columns).toPandas()
    return found.sort_values(order, ignore_index=True).drop(columns=order)


def check_known(known: DataFrame, model: Model, contract: Contract) -> tuple[datetime, datetime, int]:
    """Refuse what a booster would choke on, naming column and count.

    Returns:
        The earliest and the latest known event, and how many there are.

    Raises:
        TrainingDataInvalid: For the first thing that is wrong.
    """
    event, target = F.col(model.event_time), target_number(model, contract)
    floats = [name for name in model.features if column_stem(contract, name) in FLOATS]
    is_finite = ~(F.isnan(target) | (F.abs(target) == math.inf))
    found = known.agg(
        F.count("*").alias("rows"),
        F.unix_micros(F.min(event)).alias("first"), F.unix_micros(F.max(event)).alias("last"),
        F.count_if(~is_finite).alias("odd"),
        F.count_if(is_finite & ~target.isin(0.0, 1.0)).alias("neither"),
        F.count_if(has_infinity(floats)).alias("infinite"),
    ).collect()[0]  # fmt: skip
    rows, fix = found["rows"], f"Fix the rows in {model.table}, or make its contract refuse them."
    if not rows:
        raise TrainingDataInvalid(
            model.name, model.target, "no row has a value that was known in time",
            f"Publish {model.table} up to the time that is asked for, or ask for a later one.",
        )  # fmt: skip
    if found["odd"]:
        problem = f"NaN or infinite in {found['odd']} of {rows} rows"
        raise TrainingDataInvalid(model.name, model.target, problem, fix)
    if model.task is Task.BINARY and found["neither"]:
        problem = f"neither 0 nor 1 in {found['neither']} of {rows} rows"
        raise TrainingDataInvalid(model.name, model.target, problem, fix)
    if found["infinite"]:
        name, count = most_infinite(known, floats)
        problem = f"infinite, or beyond 32-bit floats, in {count} of {rows} rows"
        raise TrainingDataInvalid(model.name, name, problem, fix)
    return moment(found["first"]), moment(found["last"]), rows


def has_infinity(names: Sequence[str]) -> Column:
    """Whether any of the columns is infinite as a 32-bit float; one cheap test a row."""
    values = [F.abs(F.col(name).cast("float")) for name in names]
    return F.array_contains(F.array(*values), F.lit(math.inf).cast("float"))


def most_infinite(known: DataFrame, names: Sequence[str]) -> tuple[str, int]:
    """The column with the most infinite rows, and how many."""
    counts = known.agg(*[F.count_if(has_infinity([name])) for name in names]).collect()[0]
    return max(zip(names, counts, strict=True), key=lambda pair: pair[1])


@dataclass(frozen=True)
class Learnt:
    """What one pass over the training rows gives.

    Attributes:
        codes: Of each category: its values numbered by their mean target.
    """

    rows: int
    codes: dict[str, dict[str, int]]


def learn_codes(
    rows: DataFrame, model: Model, contract: Contract, categories: Sequence[str]
) -> Learnt:
    """Count the training rows and number the values of each category by their mean target.

    Means are smoothed towards the overall one, and equal ones are ordered by name.

    Raises:
        TrainingDataInvalid: There are too few rows, or one target only, or a column has more values than
            a category can.
    """
    whole = "_whole"
    values = [F.lit(""), *[F.col(name).cast("string") for name in categories]]
    found = (
        rows.select(
            target_number(model, contract).alias(TARGET),
            F.posexplode(F.array(*values)).alias("feature", "value"),
        )
        .where(F.col("value").isNotNull())
        .groupBy("feature", "value")
        .agg(
            F.count("*").alias("rows"), F.sum(TARGET).alias("total"),
            F.min(TARGET).alias("least"), F.max(TARGET).alias("most"),
        )
        .limit((MOST_CATEGORIES + 1) * len(values))
        .collect()
    )  # fmt: skip
    return whole, found
