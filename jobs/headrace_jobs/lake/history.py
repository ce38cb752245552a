"""How far back a table can be read: said by the table itself, and named where it ends.

Delta's own readers and cleaners go by the table's properties. What is declared stands there, so that
a `VACUUM` by anybody leaves at least that; the log is dropped by `maintain` alone, which knows what
is pinned.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from headrace_jobs.engine.errors import condition, is_conflict, query_errors
from headrace_lake.commits import CHECKPOINTS
from headrace_lake.versions import open_table
from headrace_schemas.errors import VersionGone, WriteConflict
from headrace_schemas.places import Place
from headrace_schemas.planning.table_history import FILES_KEPT, history_properties
from headrace_schemas.rules.rule import literal, quoted
from headrace_schemas.wire.spec import PinnedTable

DEFAULTS = "spark.databricks.delta.properties.defaults."
"""Before a property's name without its `delta.`: what a table is created with."""

NOT_THERE = frozenset(
    {
        "DELTA_VERSION_NOT_FOUND",
        "DELTA_VERSIONS_NOT_CONTIGUOUS",
        "DELTA_TRUNCATED_TRANSACTION_LOG",
        "DELTA_NO_RECREATABLE_HISTORY_FOUND",
        "DELTA_LOG_FILE_NOT_FOUND",
        "DELTA_FILE_NOT_FOUND",
        "DELTA_FILE_NOT_FOUND_DETAILED",
        "DELTA_CANNOT_RECREATE_STATE",
        "FAILED_READ_FILE.FILE_NOT_EXIST",
    }
)

NO_COMMIT = re.compile(r"Did not get the (first|last) delta file version|FILE_NOT_EXIST")
"""What Delta says, without a condition, where commits lack between those that a pin keeps."""


def declare(spark: SparkSession, days: int, *tables: tuple[str, str]) -> None:
    """Have tables keep their history for `days`: those that are there, and those made from now on.

    And have every writer make as many checkpoints as Spark: what Spark alone need not be told, others
    go by. Makes a version only where a table says otherwise.

    Args:
        tables: Name and URI of each.

    Raises:
        WriteConflict: Another writer committed first.
    """
    wanted = history_properties(days) | CHECKPOINTS
    for key, value in wanted.items():
        spark.conf.set(DEFAULTS + key.removeprefix("delta."), value)
    for name, uri in tables:
        found = declared(uri)
        if found is None or wanted.items() <= found.items():
            continue
        pairs = ", ".join(f"{literal(key)} = {literal(value)}" for key, value in wanted.items())
        try:
            spark.sql(f"ALTER TABLE {at(uri)} SET TBLPROPERTIES ({pairs})")
        except PySparkException as error:
            if is_conflict(error):
                raise WriteConflict(name, "declaring its history") from error
            raise


def declared(uri: str) -> dict[str, str] | None:
    """The properties of the table at `uri`; None if there is none.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    return None if table is None else dict(table.metadata().configuration)


@contextmanager
def kept(table: PinnedTable) -> Iterator[None]:
    """While a version is read: where it is there no more, the error says so.

    Raises:
        VersionGone: It is older than the table's history, and nothing pinned it.
    """
    try:
        yield
    except PySparkException as error:
        if is_missing(error) and (gone := version_gone(table)):
            raise gone from error
        raise


@contextmanager
def kept_files(tables: Iterable[PinnedTable]) -> Iterator[None]:
    """While rows are read: where a file is there no more, the error names the version.

    Raises:
        VersionGone: As `kept`; the log still listed the version.
    """
    try:
        yield
    except query_errors() as error:
        for table in tables if is_missing(error) else ():
            path = Place.parse(table.uri).path or table.uri
            if f"{path}/" in str(error) and (gone := version_gone(table)):
                raise gone from error
        raise


def is_missing(error: Exception) -> bool:
    """Whether an error says that a version's commit or file is not there."""
    return condition(error) in NOT_THERE or NO_COMMIT.search(str(error)) is not None


def version_gone(table: PinnedTable) -> VersionGone | None:
    """The error that names the version and the history that the table keeps; None without a table."""
    found = declared(table.uri)
    if found is None:
        return None
    span = found.get(FILES_KEPT, "interval 7 days").removeprefix("interval ")
    return VersionGone(table.name, table.version, span)


def at(uri: str) -> str:
    """A table in SQL, by where it lies."""
    return f"delta.{quoted(uri)}"
