"""Delta tables: read a version, replace a partition, add what is new.

Everything goes through DataFrames and SQL, so that Spark Connect and a classic session do the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine_errors import condition, is_conflict, told
from headrace_schemas.errors import SchemaBroken, WriteConflict
from headrace_schemas.job import PinnedTable
from headrace_schemas.rules import literal, quoted

PARTITION = "_partition"
BATCH = "_batch_id"
SOURCE_FILE = "_source_file"
SOURCE_ROW = "_source_row"

COMMITTED = "spark.databricks.delta.lastCommitVersionInSession"
"""Where Delta leaves the version that this session committed last."""

NOT_A_TABLE = frozenset(
    {"DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE", "DELTA_PATH_DOES_NOT_EXIST",
     "PATH_NOT_FOUND", "DELTA_TABLE_ONLY_OPERATION", "DELTA_SCHEMA_NOT_SET"}
)  # fmt: skip

OTHER_SCHEMA = frozenset(
    {"DELTA_FAILED_TO_MERGE_FIELDS", "DELTA_METADATA_MISMATCH", "_LEGACY_ERROR_TEMP_DELTA_0007",
     "DELTA_MERGE_INCOMPATIBLE_DATATYPE", "DELTA_MERGE_INCOMPATIBLE_DECIMAL_TYPE"}
)  # fmt: skip


def read(
    spark: SparkSession, table: PinnedTable, partitions: Sequence[str] | None = None
) -> DataFrame:
    """A table at its pinned version, engine columns included.

    Args:
        partitions: Keys to read; None for all.
    """
    frame = spark.read.format("delta").option("versionAsOf", table.version).load(table.uri)
    if partitions is None:
        return frame
    return frame.where(F.col(PARTITION).isin(list(partitions)))


def replace(
    spark: SparkSession, frame: DataFrame, uri: str, name: str, partition: str | None,
    evolve: bool = False,
) -> PinnedTable:  # fmt: skip
    """Make `frame` the whole content of a partition, or of the table, in one commit.

    Run twice it gives the same content. The table is created if there is none.

    Args:
        frame: With or without `_partition`, which is set here.
        partition: Key; None for a table without partitions.
        evolve: Add columns that the table does not have; otherwise they are refused.

    Raises:
        WriteConflict: Another writer committed first.
        SchemaBroken: The table's columns do not take the frame's.
    """
    if partition is None:
        frame = frame.drop(PARTITION)
        return overwrite(spark, frame, uri, name, None, evolve)
    frame = frame.withColumn(PARTITION, F.lit(partition))
    return overwrite(spark, frame, uri, name, f"{PARTITION} = {literal(partition)}", evolve)


def overwrite(
    spark: SparkSession, frame: DataFrame, uri: str, name: str, where: str | None, evolve: bool
) -> PinnedTable:
    """Make `frame` the rows for which `where` holds, or all rows, in one commit."""
    writer = frame.write.format("delta").mode("overwrite")
    if PARTITION in frame.columns:
        writer = writer.partitionBy(PARTITION)
    if where is not None:
        writer = writer.option("replaceWhere", where)
    if evolve:
        writer = writer.option("mergeSchema" if where else "overwriteSchema", "true")
    with committing(spark, name, "replace"):
        writer.save(uri)
    return PinnedTable(name=name, uri=uri, version=written_version(spark, uri))


def insert_new(
    spark: SparkSession, frame: DataFrame, uri: str, name: str, key: Sequence[str],
    partition_by: Sequence[str] = (),
) -> PinnedTable:  # fmt: skip
    """Add the rows whose key the table does not have; without any, no version is made.

    Raises:
        WriteConflict: Another writer committed first.
        SchemaBroken: The table's columns do not take the frame's.
    """
    with committing(spark, name, "insert"):
        create(spark, frame, uri, partition_by)
        merge(spark, frame.dropDuplicates(list(key)), uri, key, "WHEN NOT MATCHED THEN INSERT *")
    return PinnedTable(name=name, uri=uri, version=written_version(spark, uri))


def create(
    spark: SparkSession, frame: DataFrame, uri: str, partition_by: Sequence[str] = ()
) -> None:
    """Create an empty table with the frame's columns, unless there is one."""
    if not exists(spark, uri):
        empty = frame.where(F.lit(False)).write.format("delta").mode("ignore")
        empty.partitionBy(*partition_by).save(uri)


def merge(
    spark: SparkSession, frame: DataFrame, uri: str, key: Sequence[str], clauses: str,
    evolve: bool = False,
) -> None:  # fmt: skip
    """Run a MERGE of `frame` (`source`) into a table (`target`) on equal keys; NULL equals NULL."""
    view = "headrace_source"
    frame.createOrReplaceTempView(view)
    on = " AND ".join(f"target.{quoted(one)} <=> source.{quoted(one)}" for one in key)
    evolution = "WITH SCHEMA EVOLUTION " if evolve else ""
    spark.sql(f"MERGE {evolution}INTO {at(uri)} AS target USING {view} AS source ON {on} {clauses}")
    spark.catalog.dropTempView(view)


def exists(spark: SparkSession, uri: str) -> bool:
    """Whether a Delta table lies at `uri`."""
    try:
        _ = spark.read.format("delta").load(uri).schema
    except PySparkException as error:
        if condition(error) in NOT_A_TABLE:
            return False
        raise
    return True


def newest_version(spark: SparkSession, uri: str) -> int:
    """The version that the table at `uri` has now."""
    return int(spark.sql(f"DESCRIBE HISTORY {at(uri)} LIMIT 1").collect()[0]["version"])


def written_version(spark: SparkSession, uri: str) -> int:
    """The version that was just committed, or the newest one if there was nothing to commit."""
    version = spark.conf.get(COMMITTED, None)
    return newest_version(spark, uri) if version is None else int(version)


@contextmanager
def committing(spark: SparkSession, name: str, operation: str) -> Iterator[None]:
    """Forget the last commit, and name the errors of a commit.

    Raises:
        WriteConflict: Another writer committed first.
        SchemaBroken: The table's columns do not take the batch's.
    """
    spark.conf.unset(COMMITTED)
    try:
        yield
    except PySparkException as error:
        if is_conflict(error):
            raise WriteConflict(name, operation) from error
        if condition(error) in OTHER_SCHEMA:
            raise SchemaBroken(
                name, "the table's columns do not take the batch's", named_columns(error),
                "Change the contract's column back, or build the table anew under another name.",
            ) from error  # fmt: skip
        raise


def named_columns(error: PySparkException) -> list[str]:
    """The columns that an error is about, or else what it says."""
    parameters = error.getMessageParameters() or {}
    named = sorted({text for key, text in parameters.items() if key.lower().endswith("field")})
    return named or [told(error)]


def at(uri: str) -> str:
    """A table in SQL, by where it lies."""
    return f"delta.{quoted(uri)}"
