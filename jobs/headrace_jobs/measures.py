"""Single values of a batch by SQL: however many are asked for, Spark runs one query."""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from headrace_jobs.engine_errors import EngineLost, is_lost, told
from headrace_schemas.rule_sql import BATCH
from headrace_schemas.rules import END_OF_QUERY, query_rule, quoted
from headrace_schemas.sql_text import filled

QUERY = "unexpected_rows_query"
"""Where a SQL rule's expectation has its query: a value `measured`, and when it is refused."""


@dataclass(frozen=True)
class Measured:
    """What a query measured.

    Attributes:
        value: As text; None for NULL.
        is_refused: Whether the rule's condition does not hold for it.
        problem: Why it could not be measured; empty if it was.
    """

    value: str | None
    is_refused: bool
    problem: str = ""


def measure(batch: DataFrame, queries: Sequence[str]) -> dict[str, Measured]:
    """Each query's value over `batch`, by the query.

    Raises:
        EngineLost: Spark went away; a query that is wrong only has a problem.
    """
    if not queries:
        return {}
    batch.createOrReplaceTempView(BATCH)
    columns = ", ".join(scalar(query) for query in queries)
    try:
        row = batch.sparkSession.sql(f"SELECT {columns}").collect()[0]
    except PySparkException as error:
        if is_lost(error):
            raise EngineLost(told(error)) from error
        if len(queries) == 1:
            return {queries[0]: Measured(None, is_refused=True, problem=told(error))}
        found: dict[str, Measured] = {}
        for query in queries:  # one by one, to tell which of them it is
            found |= measure(batch, [query])
        return found
    return {
        query: Measured(pair["value"], bool(pair["refused"]))
        for query, pair in zip(queries, row, strict=True)
    }


def scalar(query: str) -> str:
    """A rule's query as a scalar subquery; Spark scans the batch once for several of them."""
    measured, _, rest = filled(query, {"batch": BATCH}).rpartition(END_OF_QUERY)
    refused = rest.removeprefix("SELECT * FROM measured WHERE ")
    pair = f"struct(CAST(value AS STRING) AS value, {refused} AS refused)"
    return f"({measured}{END_OF_QUERY}SELECT {pair} FROM measured)"  # noqa: S608 - the contract's own SQL


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
