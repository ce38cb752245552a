"""Fewer and larger files for partitions that have many small ones; rows and their versions stay."""

import logging
from collections.abc import Iterable

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from headrace_jobs.engine.errors import is_conflict
from headrace_jobs.lake.delta_log import AddedFile, DeltaLog
from headrace_jobs.lake.history import at
from headrace_lake.commits import join_files
from headrace_schemas.errors import WriteConflict
from headrace_schemas.rules.rule import literal, quoted
from headrace_schemas.wire.maintenance_jobs import MaintainedTable

log = logging.getLogger(__name__)

SMALL_BYTES = 32 * 1024 * 1024
MANY_FILES = 8
"""A partition with as many small files is written anew. A batch on two cores leaves two to four: to
join those would write all rows twice, and keep both for as long as the history goes."""

Partition = tuple[str | None, ...]


def crowded(found: dict[str, AddedFile]) -> dict[Partition, int]:
    """Partitions with many small files, and how many those are."""
    small: dict[Partition, int] = {}
    for file in found.values():
        if file.size < SMALL_BYTES:
            small[file.partition] = small.get(file.partition, 0) + 1
    return {partition: count for partition, count in small.items() if count >= MANY_FILES}


def compact(spark: SparkSession, table: MaintainedTable, delta_log: DeltaLog, note: str) -> int:
    """Join the small files of crowded partitions, in one commit that changes no row; how many.

    Raises:
        WriteConflict: Another writer committed first.
        EngineUnavailable: The lake cannot be read or written.
    """
    partitions = crowded(delta_log.files_at(delta_log.newest))
    if not partitions:
        return 0
    if table.is_row_table:
        keys = None if () in partitions else {str(values[0]) for values in partitions}
        join_files(table.name, table.uri, note, keys)
    else:
        optimize(spark, table, partitions)
    log.info("%s: %d partitions have fewer files", table.name, len(partitions))
    return sum(partitions.values())


def optimize(spark: SparkSession, table: MaintainedTable, partitions: Iterable[Partition]) -> None:
    """Join the small files of some partitions by Spark.

    Not in a table that jobs commit single rows to: on a local disk Spark looks whether a commit is
    there and then renames its own into place, over one that came between.

    Raises:
        WriteConflict: Another writer committed first.
    """
    detail = spark.sql(f"DESCRIBE DETAIL {at(table.uri)}").collect()[0]
    where = ""
    if columns := detail["partitionColumns"]:
        keys = ", ".join(literal(str(values[0])) for values in sorted(partitions, key=str))
        where = f" WHERE {quoted(columns[0])} IN ({keys})"
    try:
        spark.sql(f"OPTIMIZE {at(table.uri)}{where}").collect()
    except PySparkException as error:
        if is_conflict(error):
            raise WriteConflict(table.name, "joining small files") from error
        raise
