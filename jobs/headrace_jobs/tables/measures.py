"""Single values of a batch by SQL: however many are asked for, Spark runs one query."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, Row

from headrace_jobs.engine.errors import EngineLost, is_lost, query_errors, summary
from headrace_schemas.rules.rule import END_OF_QUERY, query_rule, quoted
from headrace_schemas.rules.sql import BATCH
from headrace_schemas.rules.sql_text import filled

QUERY = "unexpected_rows_query"
"""Where a SQL rule's expectation has its query: a value `measured`, and when it is refused."""


@dataclass(frozen=True)
class QueryValue:
    """What a query measured.

    Attributes:
        value: As text; None for NULL.
        is_refused: Whether the rule's condition does not hold for it.
        problem: Why it could not be measured; empty if it was.
    """

    value: str | None
    is_refused: bool
    problem: str = ""


def measure(batch: DataFrame, queries: Sequence[str]) -> dict[str, QueryValue]:
    """Each query's value over `batch`, by the query.

    Raises:
        EngineLost: Spark went away; a query that is wrong only has a problem.
    """
    if not queries:
        return {}
    batch.createOrReplaceTempView(BATCH)
    try:
        if len(queries) == 1:
            return {queries[0]: measured_alone(batch, queries[0])}
        columns = ", ".join(f"({measuring(query, as_one=True)})" for query in queries)
        row = batch.sparkSession.sql(f"SELECT {columns}").collect()[0]
    except query_errors() as error:
        if is_lost(error):
            raise EngineLost(summary(error)) from error
        if len(queries) == 1:
            return {queries[0]: QueryValue(None, is_refused=True, problem=summary(error))}
        half = len(queries) // 2  # to tell which of them it is
        return measure(batch, queries[:half]) | measure(batch, queries[half:])
    return {query: measured(pair) for query, pair in zip(queries, row, strict=True)}


def measured_alone(batch: DataFrame, query: str) -> QueryValue:
    """The value of one query; only so does Spark say what is wrong with it."""
    rows = batch.sparkSession.sql(measuring(query)).limit(2).collect()
    if len(rows) > 1:
        return QueryValue(
            None, is_refused=True, problem="the query gives several rows, not one value"
        )
    return measured(rows[0] if rows else None)


def measured(pair: Row | None) -> QueryValue:
    """What was found; nothing at all is refused as NULL is."""
    if pair is None:
        return QueryValue(None, is_refused=True)
    return QueryValue(pair["value"], bool(pair["refused"]))


def measuring(query: str, as_one: bool = False) -> str:
    """A rule's query as one that says its value, and whether it is refused.

    Args:
        as_one: Both in one column, as a scalar subquery needs it; Spark scans the batch once for
            several of them.
    """
    text, _, rest = filled(query, {"batch": BATCH}).rpartition(END_OF_QUERY)
    refused = rest.removeprefix("SELECT * FROM measured WHERE ")
    pair = f"CAST(value AS STRING) AS value, {refused} AS refused"
    selected = f"struct({pair})" if as_one else pair
    return f"{text}{END_OF_QUERY}SELECT {selected} FROM measured"  # noqa: S608 - the contract's own SQL


def query_and_condition(text: str) -> tuple[str, str]:
    """The two parts of a `query_rule`, as they were declared."""
    query, _, rest = text.rpartition(END_OF_QUERY)
    condition = rest.removeprefix("SELECT * FROM measured WHERE NOT coalesce(")
    return query.removeprefix("WITH measured(value) AS ("), condition.removesuffix(", FALSE)")


def repeated_rows(columns: Sequence[str], where: str | None = None) -> str:
    """The query for how many rows repeat the values that another one has in `columns`.

    Args:
        where: Predicate of the rows that count; None for all.
    """
    names = [quoted(name) for name in columns]
    complete = " AND ".join(f"{name} IS NOT NULL" for name in names)
    judged = complete if where is None else f"{complete} AND ({where}\n)"
    counted = f"count(*) - count(DISTINCT {', '.join(names)})"
    query = f"SELECT {counted} FROM {{batch}} WHERE {judged}"  # noqa: S608 - declared names
    return str(query_rule(query, "value = 0").kwargs[QUERY])
