"""Whether rows belong where they are about to be published: in this partition, and in no other yet.

Two row rules that no contract writes, as they depend on the partition and on what is published.
What the second one costs: of other partitions the key's columns are read, and only of those files
whose values can be equal to one of the batch's, by the smallest and largest of each. Where the key
holds the time of the first rule it costs nothing: partitions do not overlap, so such a key cannot
be in two of them.
"""

from datetime import datetime

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.tables.row_rules import BROKEN, is_readable
from headrace_schemas.declarations.contract import Column as ContractColumn
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.pipeline import WriteMode
from headrace_schemas.partition import Partition
from headrace_schemas.rules.rule import RowRule, Severity, literal, quoted, rows_where
from headrace_schemas.types import NESTED, TEXTS, ColumnType
from headrace_schemas.wire.table_jobs import GateSpec

ELSEWHERE = "_published_elsewhere"
"""BOOLEAN: whether another partition of the table has the row's key."""

IN_PARTITION = "in_partition"
"""Behind the name of the column."""

UNIQUE_IN_TABLE = "key.unique_in_table"

UNORDERED = NESTED | {"BOOLEAN", "BINARY"}
"""Types whose smallest and largest values leave no files out."""


def with_rules(spec: GateSpec) -> GateSpec:
    """The spec with the rules in its contract that apply to this batch.

    A rule that the contract itself has under the same name takes the place of ours.
    """
    known = {rule.id for rule in spec.contract.row_rules}
    known |= {rule.id for rule in spec.contract.table_rules}
    bounds = in_partition(spec)
    is_bounded = bounds is not None and bounds.id not in known
    wanted = [rule for rule in (bounds, unique_in_table(spec, is_bounded)) if rule]
    new = [rule for rule in wanted if rule.id not in known]
    contract = spec.contract.model_copy(update={"row_rules": (*spec.contract.row_rules, *new)})
    return spec.model_copy(update={"contract": contract})


def time_column(spec: GateSpec) -> ContractColumn | None:
    """The column whose values lie in the partition; None if nothing says that one does.

    A batch that is merged brings corrections of rows of any time: there it must be declared.
    """
    named = spec.contract.column(spec.event_time) if spec.event_time else None
    column = named or spec.contract.time_of_partition()
    if column is None or (spec.write is WriteMode.MERGE and not column.partitioned):
        return None
    return column


def in_partition(spec: GateSpec) -> RowRule | None:
    """What happened lies in the partition; a row without a time is not judged."""
    column = time_column(spec)
    if spec.partition is None or column is None:
        return None
    bad = outside(column, spec.partition)
    return RowRule(
        id=f"{column.name}.{IN_PARTITION}",
        severity=Severity.CRITICAL,
        bad=bad,
        description=f"{column.name} lies in {spec.partition.key}, UTC",
        expectation=rows_where(bad),
    )


def outside(column: ContractColumn, partition: Partition) -> str:
    """The predicate of rows whose time is not the partition's."""
    name, type = quoted(column.name), ColumnType.parse(column.type).stem
    if type == "DATE":
        last = partition.end - datetime.resolution
        start, end = partition.start.date().isoformat(), last.date().isoformat()
        return f"{name} < DATE '{start}' OR {name} > DATE '{end}'"
    start, end = (
        bound.replace(tzinfo=None).isoformat() for bound in (partition.start, partition.end)
    )
    zone = "" if type == "TIMESTAMP_NTZ" else "Z"  # without a zone, its clock is taken for UTC's
    return f"{name} < {type} '{start}{zone}' OR {name} >= {type} '{end}{zone}'"


def unique_in_table(spec: GateSpec, is_bounded: bool) -> RowRule | None:
    """No other partition has the row's key; None where none can have it.

    Args:
        is_bounded: Whether a rule holds the rows' times within the partition.
    """
    time, key = time_column(spec), spec.contract.key
    if spec.table is None or spec.partition is None or not key or spec.write is WriteMode.MERGE:
        return None
    if is_bounded and time is not None and time.name in key:
        return None
    bad = quoted(ELSEWHERE)
    return RowRule(
        id=UNIQUE_IN_TABLE,
        severity=Severity.CRITICAL,
        bad=bad,
        description=f"no other partition has a row with the same {', '.join(key)}",
        expectation=rows_where(bad),
    )


def is_looked_up(contract: Contract) -> bool:
    """Whether a rule asks for `ELSEWHERE`."""
    return any(rule.bad == quoted(ELSEWHERE) for rule in contract.row_rules)


def looked_up(spark: SparkSession, spec: GateSpec, staged: DataFrame) -> DataFrame:
    """The batch with `ELSEWHERE`."""
    found = published_elsewhere(spark, spec)
    if found is None:
        return staged.withColumn(ELSEWHERE, F.lit(False))
    other = {name: f"_published_{place}" for place, name in enumerate(found.columns)}
    found = found.distinct().withColumnsRenamed(other).withColumn(ELSEWHERE, F.lit(True))
    on = [F.col(quoted(name)) == F.col(alias) for name, alias in other.items()]
    joined = staged.join(found, on, "left").drop(*other.values())
    return joined.withColumn(ELSEWHERE, F.coalesce(ELSEWHERE, F.lit(False)))


def published_elsewhere(spark: SparkSession, spec: GateSpec) -> DataFrame | None:
    """The batch's keys that another partition has; None if there is none.

    A key with NULL is like no other. One with a column that the table does not have yet is new.
    """
    key = list(spec.contract.key)
    if spec.table is None or spec.partition is None:
        return None
    published = tables.read(spark, spec.table)
    if not {*key, tables.PARTITION} <= set(published.columns):
        return None
    names = [quoted(name) for name in key]
    # Read anew: one plan on both sides of the join that follows would make its columns ambiguous.
    staged = spark.read.parquet(spec.staged_uri)
    batch = staged.where(is_readable()).select(*names)
    near = F.col(tables.PARTITION) != spec.partition.key
    for condition in between_bounds(spec.contract, batch):
        near &= condition
    others = published.where(near).select(*names)
    found = others.join(batch.hint("shuffle_hash"), key, "left_semi")
    return found if found.limit(1).collect() else None


def between_bounds(contract: Contract, batch: DataFrame) -> list[Column]:
    """For each column of the key, that its value is not beyond all of the batch's.

    Values travel as text: as objects of Python, instants would depend on the machine's time zone.
    """
    columns = [column for column in contract.columns if column.name in contract.key]
    ordered = [column for column in columns if ColumnType.parse(column.type).stem not in UNORDERED]
    if not ordered:
        return []
    ends = [
        F.struct(*[end(quoted(column.name)).cast("string") for end in (F.min, F.max)])
        for column in ordered
    ]
    row = batch.agg(*[end.alias(f"_{place}") for place, end in enumerate(ends)]).collect()[0]
    return [
        F.col(quoted(column.name)).between(
            *[F.lit(text).cast(plain(column.type)) for text in row[place]]
        )
        for place, column in enumerate(ordered)
    ]


def plain(type: str) -> str:
    """The type as a cast takes it: texts have no length there."""
    return "STRING" if ColumnType.parse(type).stem in TEXTS else type


def as_judged(rule: RowRule) -> RowRule:
    """The rule for a batch that is split: `ELSEWHERE` is no column of it."""
    if rule.bad != quoted(ELSEWHERE):
        return rule
    bad = f"array_contains({quoted(BROKEN)}, {literal(rule.id)})"
    return rule.model_copy(update={"bad": bad, "expectation": rows_where(bad)})
