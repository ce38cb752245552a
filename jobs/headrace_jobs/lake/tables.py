"""Delta tables: read a version, replace a partition, add what is new.

Everything goes through DataFrames and SQL, so that Spark Connect and a classic session do the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.errors import condition, is_conflict, summary
from headrace_jobs.lake import history
from headrace_jobs.lake.history import at
from headrace_jobs.lake.schema_change import features, table_schema, types_of, wider
from headrace_lake.versions import open_table
from headrace_schemas.declarations import column_name
from headrace_schemas.errors import SchemaBroken, WriteConflict
from headrace_schemas.rules.rule import literal, quoted
from headrace_schemas.wire.spec import PinnedTable

PARTITION = column_name.PARTITION
BATCH = "_batch_id"
SOURCE_FILE = "_source_file"
SOURCE_ROW = "_source_row"

COMMIT_NOTE = "spark.databricks.delta.commitInfo.userMetadata"
"""What Delta writes beside each commit of the session."""

COMMITTED = "spark.databricks.delta.lastCommitVersionInSession"
"""Where Delta leaves the version that this session committed last."""

ENABLED = {
    "columnMapping": ("delta.columnMapping.mode", "name"),
    "timestampNtz": ("delta.feature.timestampNtz", "supported"),
}
"""The property by which a table gets a feature."""

OTHER_SCHEMA = frozenset(
    {
        "DELTA_FAILED_TO_MERGE_FIELDS",
        "DELTA_METADATA_MISMATCH",
        "_LEGACY_ERROR_TEMP_DELTA_0007",
        "DELTA_MERGE_INCOMPATIBLE_DATATYPE",
        "DELTA_MERGE_INCOMPATIBLE_DECIMAL_TYPE",
    }
)


def read(
    spark: SparkSession, table: PinnedTable, partitions: Sequence[str] | None = None
) -> DataFrame:
    """A table at its pinned version, engine columns included.

    Args:
        partitions: Keys to read; None for all.

    Raises:
        VersionGone: The version is older than the table's history, and nothing pinned it.
    """
    with history.kept(table):
        frame = spark.read.format("delta").option("versionAsOf", table.version).load(table.uri)
        _ = frame.schema  # Connect looks for the version no earlier
    if partitions is None:
        return frame
    return frame.where(F.col(PARTITION).isin(list(partitions)))


def replace(
    spark: SparkSession,
    frame: DataFrame,
    uri: str,
    name: str,
    partition: str | None,
    evolve: bool = False,
    note: str | None = None,
) -> PinnedTable:
    """Make `frame` the whole content of a partition, or of the table, in one commit.

    Run twice it gives the same content. The table is created if there is none.

    Args:
        frame: With or without `_partition`, which is set here.
        partition: Key; None for a table without partitions.
        evolve: Add columns that the table does not have; otherwise they are refused.
        note: What the commit says of itself, in the place of the session's note.

    Raises:
        WriteConflict: Another writer committed first.
        SchemaBroken: The table's columns do not take the frame's.
    """
    if partition is None:
        frame = frame.drop(PARTITION)
        return overwrite(spark, frame, uri, name, None, evolve, note)
    frame = frame.withColumn(PARTITION, F.lit(partition))
    return overwrite(spark, frame, uri, name, f"{PARTITION} = {literal(partition)}", evolve, note)


def overwrite(
    spark: SparkSession,
    frame: DataFrame,
    uri: str,
    name: str,
    where: str | None,
    evolve: bool,
    note: str | None = None,
) -> PinnedTable:
    """Make `frame` the rows for which `where` holds, or all rows, in one commit.

    A column that has become wider is widened before, in a commit of its own, without the note.
    """
    with committing(spark, name, "replace"):
        adapt(spark, frame, uri, whole=where is None)
        writer = writing(frame, "overwrite")
        if where is not None:
            writer = writer.option("replaceWhere", where)
        if evolve:
            writer = writer.option("mergeSchema" if where else "overwriteSchema", "true")
        with noting(spark, note):
            writer.save(uri)
    return PinnedTable(name=name, uri=uri, version=written_version(spark, uri))


def writing(
    frame: DataFrame, mode: str, partition_by: Sequence[str] = (), is_mapped: bool = False
) -> DataFrameWriter:
    """A writer of `frame`; a table that it creates can hold all of the frame's column names.

    Args:
        is_mapped: Whether the table has column mapping, whether the frame needs it or not.
    """
    by = partition_by or [name for name in frame.columns if name == PARTITION]
    is_mapped = is_mapped or "columnMapping" in features(types_of(frame.schema))
    if is_mapped:  # there DuckDB shows NULL for a partition column that follows a mapped one
        first = [*by, *(name for name in frame.columns if name not in by)]
        frame = frame.select(*map(quoted, first))
    writer = frame.write.format("delta").mode(mode)
    if is_mapped:
        writer = writer.option(*ENABLED["columnMapping"])
    return writer.partitionBy(*by) if by else writer


def adapt(spark: SparkSession, frame: DataFrame, uri: str, whole: bool) -> None:
    """Make the table at `uri`, if there is one, able to take the frame's columns.

    Wider types are made by writing all rows again: Delta's own type widening leaves old files as
    they are, and other readers of Delta refuse such a table.

    Args:
        whole: Whether the frame will be the table's whole content, so that old rows do not matter.
    """
    schema = table_schema(uri)
    if schema is None:
        return
    table, given = types_of(schema), types_of(frame.schema)
    wanted, there = features(given), features(table)
    enable(spark, uri, wanted - there)
    if whole or not (casts := wider(table, given)):
        return
    columns = [
        F.col(quoted(column)).cast(casts[column]).alias(column)
        if column in casts
        else F.col(quoted(column))
        for column in schema.names
    ]
    # Not of a pinned version: Delta then sees if others write meanwhile.
    rows = spark.read.format("delta").load(uri).select(*columns)
    writer = writing(rows, "overwrite", is_mapped="columnMapping" in wanted | there)
    writer.option("overwriteSchema", "true").save(uri)


def enable(spark: SparkSession, uri: str, wanted: Iterable[str]) -> None:
    """Give a table the features that it lacks; each is a commit that changes no row."""
    if not wanted:
        return
    detail = spark.sql(f"DESCRIBE DETAIL {at(uri)}").collect()[0]
    there = set(detail["tableFeatures"])
    if ENABLED["columnMapping"] not in detail["properties"].items():
        there.discard("columnMapping")  # an old protocol may offer it to a table that has it not
    for feature in sorted(set(wanted) - there):
        key, value = ENABLED[feature]
        spark.sql(f"ALTER TABLE {at(uri)} SET TBLPROPERTIES ('{key}' = '{value}')")


def create(frame: DataFrame, uri: str, partition_by: Sequence[str] = ()) -> None:
    """Create an empty table with the frame's columns, unless there is one."""
    if not exists(uri):
        writing(frame.where(F.lit(False)), "ignore", partition_by).save(uri)


def merge(
    spark: SparkSession,
    frame: DataFrame,
    uri: str,
    key: Sequence[str],
    clauses: str,
    evolve: bool = False,
    note: str | None = None,
) -> None:
    """Run a MERGE of `frame` (`source`) into a table (`target`) on equal keys; NULL equals NULL.

    Args:
        note: As `replace` has it.
    """
    adapt(spark, frame, uri, whole=False)
    view = "_headrace_source"
    frame.createOrReplaceTempView(view)
    on = " AND ".join(f"target.{quoted(column)} <=> source.{quoted(column)}" for column in key)
    evolution = "WITH SCHEMA EVOLUTION " if evolve else ""
    with noting(spark, note):
        spark.sql(
            f"MERGE {evolution}INTO {at(uri)} AS target USING {view} AS source ON {on} {clauses}"
        )
    spark.catalog.dropTempView(view)


def exists(uri: str) -> bool:
    """Whether a Delta table lies at `uri`.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    return open_table(uri) is not None


def newest_version(spark: SparkSession, uri: str) -> int:
    """The version that the table at `uri` has now."""
    return int(spark.sql(f"DESCRIBE HISTORY {at(uri)} LIMIT 1").collect()[0]["version"])


def written_version(spark: SparkSession, uri: str) -> int:
    """The version that was just committed, or the newest one if there was nothing to commit."""
    version = spark.conf.get(COMMITTED, None)
    return newest_version(spark, uri) if version is None else int(version)


@contextmanager
def noting(spark: SparkSession, note: str | None) -> Iterator[None]:
    """While it lasts, commits have a note of their own; with None the session's."""
    if note is None:
        yield
        return
    before = spark.conf.get(COMMIT_NOTE, None)
    spark.conf.set(COMMIT_NOTE, note)
    try:
        yield
    finally:
        if before is None:
            spark.conf.unset(COMMIT_NOTE)
        else:
            spark.conf.set(COMMIT_NOTE, before)


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
                name,
                "the table's columns do not take the batch's",
                named_columns(error),
                "Change the column back, or move the table away: the next run makes a new one.",
            ) from error
        raise


def named_columns(error: PySparkException) -> list[str]:
    """The columns that an error is about, or else what it says."""
    parameters = error.getMessageParameters() or {}
    named = sorted({text for key, text in parameters.items() if key.lower().endswith("field")})
    return named or [summary(error)]
