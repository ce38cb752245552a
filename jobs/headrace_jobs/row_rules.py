"""The contract's row rules in one pass: which rules each row breaks, and how many rows each rule.

A row that could not be read is not judged further: its values are not those that were delivered.
"""

from collections.abc import Sequence
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from headrace_jobs.columns import LOAD_FAILURES, MALFORMED, UNKNOWN_COLUMN
from headrace_jobs.tables import SOURCE_FILE, SOURCE_ROW
from headrace_schemas.contract import Contract
from headrace_schemas.rules import RowRule, Severity, quoted

BROKEN = "_broken"
"""ARRAY<STRING>: every rule that the row breaks, of any severity."""

RULE_IDS = "_rule_ids"
"""ARRAY<STRING>: the critical ones among them; a row with one goes to quarantine."""

OUTCOME = "outcome"
PASSED = "passed"
QUARANTINED = "quarantined"

ALL = "all"
READABLE = "readable"
"""Of `counts`, beside `QUARANTINED` and the ids of rules, which have a dot."""

UNSORTABLE = ("MAP", "VARIANT", "STRUCT", "ARRAY")


def judged(staged: DataFrame, contract: Contract) -> DataFrame:
    """The staged batch with `BROKEN`, `RULE_IDS` and `OUTCOME`, and a flag `_rule_<n>` a rule."""
    flags = {
        flag(index): is_readable() & F.coalesce(F.expr(rule.bad), F.lit(False))
        for index, rule in enumerate(contract.row_rules)
        if rule.bad is not None
    }
    frame = staged.withColumns(flags) if flags else staged
    # Flat: a chain of ORs over many rules is deeper than Spark Connect's messages may be.
    spoilt = F.array_contains(
        F.array(~is_readable(), *critical_flags(contract, flags)), F.lit(True)
    )
    repeated = {
        flag(index): is_repeated(rule, contract, spoilt)
        for index, rule in enumerate(contract.row_rules)
        if rule.unique
    }
    if repeated:
        frame = frame.withColumns(repeated)
    broken = [F.when(F.col(flag(n)), F.lit(one.id)) for n, one in enumerate(contract.row_rules)]
    critical = [
        when
        for when, rule in zip(broken, contract.row_rules, strict=True)
        if rule.severity is Severity.CRITICAL
    ]
    frame = frame.withColumns(
        {
            BROKEN: F.concat(LOAD_FAILURES, listed(broken)),
            RULE_IDS: F.concat(LOAD_FAILURES, listed(critical)),
        }
    )
    return frame.withColumn(OUTCOME, F.when(F.size(RULE_IDS) > 0, QUARANTINED).otherwise(PASSED))


def flag(index: int) -> str:
    """The column that says whether a row breaks the contract's n-th row rule."""
    return f"_rule_{index}"


def listed(ids: Sequence[Column]) -> Column:
    """The ids that are not NULL."""
    empty = F.array().cast("array<string>")
    return F.array_compact(F.array(*ids)) if ids else empty


def is_readable() -> Column:
    """Whether the row's values are those that were delivered."""
    return F.size(LOAD_FAILURES) == 0


def critical_flags(contract: Contract, flags: dict[str, Column]) -> list[Column]:
    """Flags of the critical rules that need no other row."""
    return [
        F.col(flag(index))
        for index, rule in enumerate(contract.row_rules)
        if flag(index) in flags and rule.severity is Severity.CRITICAL
    ]


def is_repeated(rule: RowRule, contract: Contract, spoilt: Column) -> Column:
    """Whether an earlier row has the same values; NULL is like nothing, not even like NULL.

    The earliest is by source position, rows that break another critical rule coming last: a good
    row must not go to quarantine for the sake of one that does. Rows without a position are
    ordered by their values, so that the same batch gives the same result.
    """
    counts = reduce(and_, [F.col(quoted(name)).isNotNull() for name in rule.unique], is_readable())
    sortable = [
        F.col(quoted(column.name))
        for column in contract.columns
        if not column.type.startswith(UNSORTABLE)
    ]
    within = Window.partitionBy(*[F.col(quoted(name)) for name in rule.unique], counts)
    order = within.orderBy(spoilt, F.col(SOURCE_FILE), F.col(SOURCE_ROW), *sortable)
    return counts & (F.row_number().over(order) > 1)


def load_rules(contract: Contract) -> list[str]:
    """Ids of the rules that reading a row can break."""
    types = [f"{name}.type" for name in contract.column_names]
    return [MALFORMED, UNKNOWN_COLUMN, *types]


def counts(contract: Contract) -> dict[str, Column]:
    """Aggregates over `judged` rows: `ALL`, `READABLE`, `QUARANTINED`, and bad ones by rule id."""
    found = {
        ALL: F.count(F.lit(1)),
        READABLE: F.count_if(is_readable()),
        QUARANTINED: F.count_if(F.col(OUTCOME) == QUARANTINED),
    }
    for id in load_rules(contract):
        found[id] = F.count_if(F.array_contains(LOAD_FAILURES, id))
    for index, rule in enumerate(contract.row_rules):
        found[rule.id] = F.count_if(F.col(flag(index)))
    return found


def gated(
    spark: SparkSession, uri: str, outcome: str | None = None, schema: StructType | None = None
) -> DataFrame:
    """A gated batch, or the part of it with one outcome.

    Args:
        schema: If it is known: asking the files costs a job, and an empty batch has none to ask.
    """
    reader = spark.read if schema is None else spark.read.schema(schema)
    frame = reader.parquet(uri)
    return frame if outcome is None else frame.where(F.col(OUTCOME) == outcome)


def examples(frame: DataFrame, ids: Sequence[str], most: int) -> dict[str, tuple[str, ...]]:
    """Source positions of the first rows that break each rule."""
    if not ids:
        return {}
    rows = frame.where(F.col(SOURCE_FILE).isNotNull()).select(
        SOURCE_FILE, SOURCE_ROW, F.explode(BROKEN).alias("id")
    )
    first = Window.partitionBy("id").orderBy(SOURCE_FILE, SOURCE_ROW)
    numbered = rows.where(F.col("id").isin(list(ids))).withColumn("n", F.row_number().over(first))
    found: dict[str, list[str]] = {}
    for row in numbered.where(F.col("n") <= most).orderBy("id", "n").collect():
        found.setdefault(row["id"], []).append(f"{row[SOURCE_FILE]}:{row[SOURCE_ROW]}")
    return {id: tuple(positions) for id, positions in found.items()}
