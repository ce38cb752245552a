"""What tables hold, read without Spark: rows, partitions, rows in quarantine and why."""

from typing import Any

from headrace_lake.versions import first_line, open_table
from headrace_schemas.batch import WHOLE
from headrace_schemas.declarations.column_name import PARTITION
from headrace_schemas.declarations.empty_batches import published_empty
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.rules.rule import literal


def query(table: Any, sql: str) -> list[dict[str, Any]]:
    """The rows of a SQL query over an open table, called `t`; none without a table.

    Partitions that a condition rules out are not read.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    if table is None:
        return []
    rows = selected(table, sql)
    names = rows.column_names
    columns = [rows.column(index).to_pylist() for index in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def selected(table: Any, sql: str) -> Any:
    """What a SQL query over an open table, called `t`, selects, as an Arrow table.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    from deltalake import QueryBuilder  # heavy

    try:
        return QueryBuilder().register("t", table).execute(sql).read_all()
    except Exception as error:  # deltalake's query engine raises nothing narrower
        raise EngineUnavailable("lake", table.table_uri, first_line(error)) from error


def partition_keys(uri: str) -> list[str]:
    """The keys of the partitions that have rows in the table at `uri`, in order.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    return [] if table is None else sorted({values[PARTITION] for values in table.partitions()})


def published_keys(uri: str, version: int | None = None) -> set[str]:
    """The keys of the partitions of the table at `uri` that were published, without rows or with.

    None without a table, and of a table without partitions.

    Args:
        version: Whose rows count, by default the newest one's.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    if table is None or PARTITION not in table.metadata().partition_columns:
        return set()
    seen = table if version is None else open_table(uri, version)
    held = {values[PARTITION] for values in seen.partitions()}
    return held | published_empty(table.metadata().configuration)


def rows_by_partition(uri: str) -> dict[str, int]:
    """Rows of each partition of the table at `uri`, counted by reading, not from statistics.

    Of `WHOLE` for a table without partitions; none without a table.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    if table is None:
        return {}
    if PARTITION not in [field.name for field in table.schema().fields]:
        return {WHOLE: query(table, "SELECT count(*) AS n FROM t")[0]["n"]}
    counted = f"SELECT {PARTITION} AS p, count(*) AS n FROM t GROUP BY {PARTITION}"  # noqa: S608 - a constant
    return {row["p"] or WHOLE: row["n"] for row in query(table, counted)}


def rows_of(uri: str, version: int, partition: str) -> int:
    """Rows of a partition of the table at `uri` at a version, counted by reading.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    counted = f"SELECT count(*) AS n FROM t WHERE {PARTITION} = {literal(partition)}"  # noqa: S608 - quoted
    return int(query(open_table(uri, version), counted)[0]["n"])


def quarantine_reasons(uri: str) -> dict[str, dict[str, int]]:
    """Rows of a quarantine by partition and rule; a row can break several rules.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    sql = (
        f"SELECT {PARTITION} AS p, rule, count(*) AS n FROM "  # noqa: S608 - a constant
        f"(SELECT {PARTITION}, unnest(rule_ids) AS rule FROM t) AS broken "
        f"GROUP BY {PARTITION}, rule"
    )
    reasons: dict[str, dict[str, int]] = {}
    for row in query(open_table(uri), sql):
        reasons.setdefault(row["p"] or WHOLE, {})[row["rule"]] = row["n"]
    return {batch: dict(sorted(rules.items())) for batch, rules in reasons.items()}
