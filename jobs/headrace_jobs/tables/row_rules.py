"""The contract's row rules in one pass: which rules each row breaks, and how many rows each rule.

A row that could not be read is not judged further: its values are not those that were delivered.
A row on which a rule cannot be evaluated breaks that rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from headrace_jobs.lake.tables import SOURCE_FILE, SOURCE_ROW
from headrace_jobs.sources.columns import LOAD_FAILURES, MALFORMED, UNKNOWN_COLUMN
from headrace_jobs.tables import evaluation
from headrace_jobs.tables.measures import QueryValue, measure, repeated_rows
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.rules.rule import RowRule, Severity, quoted

BROKEN = "_broken"
"""ARRAY<STRING>: every rule that the row breaks, of any severity."""

RULE_IDS = "_rule_ids"
"""ARRAY<STRING>: the critical ones among them; a row with one goes to quarantine."""

UNEVALUATED = "_unevaluated"
"""ARRAY<STRING>: those of `BROKEN` that could not be evaluated on the row."""

OUTCOME = "_outcome"
PASSED = "passed"
QUARANTINED = "quarantined"

ALL = "all"
READABLE = "readable"
"""Of what is counted, beside `QUARANTINED` and `BROKEN`."""


def uniqueness(staged: DataFrame, contract: Contract) -> dict[str, QueryValue]:
    """How many readable rows repeat another one's values, by the query of each uniqueness rule."""
    queries = [repeated_rows(rule.unique, rule.where) for rule in contract.row_rules if rule.unique]
    return measure(staged.where(is_readable()), list(dict.fromkeys(queries)))


def repeated(contract: Contract, found: Mapping[str, QueryValue]) -> list[RowRule]:
    """The uniqueness rules that some row breaks: without one, the batch need not be sorted."""
    rules = [rule for rule in contract.row_rules if rule.unique]
    return [rule for rule in rules if found[repeated_rows(rule.unique, rule.where)].value != "0"]


def judged(
    staged: DataFrame, contract: Contract, repeated: Sequence[RowRule], is_careful: bool = False
) -> DataFrame:
    """The staged batch with `BROKEN`, `UNEVALUATED`, `RULE_IDS` and `OUTCOME`.

    Few columns and flat expressions on purpose: a flag for each rule would be carried through the
    sort of the uniqueness rules, and deep expressions exceed what Spark Connect takes.

    Args:
        repeated: Uniqueness rules that are not known to hold.
        is_careful: Some row is known on which a rule cannot be evaluated.
    """
    predicates = [(rule.id, rule.bad) for rule in contract.row_rules if rule.bad is not None]
    failing: list[Column] = []
    if is_careful:
        conditions = [(rule.id, rule.where) for rule in repeated if rule.where is not None]
        failing = [
            F.when(F.expr(evaluation.fails(text)), F.lit(id))
            for id, text in (*predicates, *conditions)
        ]
        predicates = [(id, evaluation.bad_or_fails(text)) for id, text in predicates]
        predicates += [(id, evaluation.fails(text)) for id, text in conditions]
    ids = [F.when(F.expr(text), F.lit(id)) for id, text in predicates]
    broken = F.when(is_readable(), listed(ids)).otherwise(F.col(LOAD_FAILURES))
    unevaluated = listed([])
    if failing:
        unevaluated = F.when(is_readable(), listed(failing)).otherwise(unevaluated)
    frame = staged.withColumns({BROKEN: broken, UNEVALUATED: unevaluated})
    is_invalid = F.size(blocking(F.col(BROKEN), contract)) > 0
    if repeated:
        later = [
            F.when(is_repeated(rule, contract, is_invalid, is_careful), F.lit(rule.id))
            for rule in repeated
        ]
        frame = frame.withColumn(BROKEN, F.concat(BROKEN, listed(later)))
    frame = frame.withColumn(RULE_IDS, blocking(F.col(BROKEN), contract))
    return frame.withColumn(OUTCOME, F.when(F.size(RULE_IDS) > 0, QUARANTINED).otherwise(PASSED))


def listed(ids: Sequence[Column]) -> Column:
    """The ids that are not NULL."""
    return F.array_compact(F.array(*ids)) if ids else F.array().cast("array<string>")


def blocking(ids: Column, contract: Contract) -> Column:
    """Those of the ids that send a row to quarantine."""
    reporting = [
        F.lit(rule.id) for rule in contract.row_rules if rule.severity is not Severity.CRITICAL
    ]
    return F.array_except(ids, F.array(*reporting)) if reporting else ids


def is_readable() -> Column:
    """Whether the row's values are those that were delivered."""
    return F.size(LOAD_FAILURES) == 0


def is_repeated(
    rule: RowRule, contract: Contract, is_invalid: Column, is_careful: bool = False
) -> Column:
    """Whether an earlier row has the same values; NULL is like nothing, not even like NULL.

    The earliest is by source position, rows that break another critical rule coming last: a good
    row must not go to quarantine for the sake of one that does. Rows without a position are
    ordered by their values, so that the same batch gives the same result.
    """
    key = [F.col(quoted(name)) for name in rule.unique]
    counts = reduce(and_, [column.isNotNull() for column in key], is_readable())
    if rule.where is not None:
        is_judged = evaluation.holds(rule.where) if is_careful else rule.where
        counts = counts & F.coalesce(F.expr(is_judged), F.lit(False))
    values = F.to_json(F.struct(*[quoted(name) for name in contract.column_names]))
    unplaced = F.when(F.col(SOURCE_ROW).isNull(), values)
    order = Window.partitionBy(*key, counts).orderBy(is_invalid, SOURCE_FILE, SOURCE_ROW, unplaced)
    return counts & (F.row_number().over(order) > 1)


def load_rules(contract: Contract) -> list[str]:
    """Ids of the rules that reading a row can break."""
    types = [f"{name}.type" for name in contract.column_names]
    return [MALFORMED, UNKNOWN_COLUMN, *types]


def counts() -> dict[str, Column]:
    """Aggregates over `judged` rows: how many there are of each kind."""
    return {
        ALL: F.count(F.lit(1)),
        READABLE: F.count_if(is_readable()),
        QUARANTINED: F.count_if(F.col(OUTCOME) == QUARANTINED),
        BROKEN: F.count_if(F.size(BROKEN) > 0),
    }


def gated(
    spark: SparkSession, uri: str, outcome: str | None = None, schema: StructType | None = None
) -> DataFrame:
    """A gated batch, or the part of it with one outcome.

    Where no row breaks a rule the files do not say what rows break: nothing.

    Args:
        schema: If it is known: asking the files costs a job, and an empty batch has none to ask.
    """
    reader = spark.read if schema is None else spark.read.schema(schema)
    frame = reader.parquet(uri)
    held = frame.columns if schema is None else schema.names
    nothing = listed([])
    told = {
        name: F.coalesce(F.col(name), nothing) if name in held else nothing
        for name in (BROKEN, UNEVALUATED, RULE_IDS)
    }
    frame = frame.withColumns(told)
    return frame if outcome is None else frame.where(F.col(OUTCOME) == outcome)


@dataclass(frozen=True)
class BrokenRule:
    """What rows a rule is broken by.

    Attributes:
        rows: How many.
        examples: Source positions of the first ones.
        unevaluated: On how many of them it could not be evaluated.
    """

    rows: int
    examples: tuple[str, ...]
    unevaluated: int = 0


def broken_rules(batch: DataFrame, most_examples: int) -> dict[str, BrokenRule]:
    """The rules that rows of a gated batch break, of any severity."""
    broken = batch.where(F.size(BROKEN) > 0)
    pairs = broken.select(SOURCE_FILE, SOURCE_ROW, UNEVALUATED, F.explode(BROKEN).alias("id"))
    alike = Window.partitionBy("id")
    fails = F.array_contains(F.col(UNEVALUATED), F.col("id"))
    numbered = pairs.withColumns(
        {
            "n": F.row_number().over(alike.orderBy(SOURCE_FILE, SOURCE_ROW)),
            "rows": F.count(F.lit(1)).over(alike),
            "unevaluated": F.count_if(fails).over(alike),
        }
    )
    found: dict[str, BrokenRule] = {}
    for row in numbered.where(F.col("n") <= most_examples).orderBy("id", "n").collect():
        before = found.get(row["id"], BrokenRule(row["rows"], (), row["unevaluated"]))
        where = () if row[SOURCE_FILE] is None else (f"{row[SOURCE_FILE]}:{row[SOURCE_ROW]}",)
        found[row["id"]] = replace(before, examples=before.examples + where)
    return found
