"""Partitions that were published without rows: a property of their table says so.

The property is set after the batch's own commit. A job that is cut off in between is run again, and
then sets it: until then the partition counts as not published, which is what consumers saw anyway.
It stays when the partition gains rows; then the rows tell.
"""

from pyspark.sql import SparkSession

from headrace_jobs.lake import history, tables
from headrace_lake.versions import open_table
from headrace_schemas.declarations.empty_batches import PUBLISHED_EMPTY, published_empty
from headrace_schemas.rules.rule import literal
from headrace_schemas.wire.spec import PinnedTable


def noted(uri: str) -> set[str]:
    """Keys of partitions of the table at `uri` that were published without rows."""
    table = open_table(uri)
    return set() if table is None else published_empty(table.metadata().configuration)


def note(spark: SparkSession, table: PinnedTable, partition: str) -> PinnedTable:
    """Remember that `partition` was published without rows; the version that says so.

    Raises:
        WriteConflict: Another writer committed first.
    """
    if partition in noted(table.uri):
        return table
    name = literal(f"{PUBLISHED_EMPTY}{partition}")
    with tables.committing(spark, table.name, "note of an empty partition"):
        spark.sql(f"ALTER TABLE {history.at(table.uri)} SET TBLPROPERTIES ({name} = 'true')")
    return table.model_copy(update={"version": tables.newest_version(spark, table.uri)})
