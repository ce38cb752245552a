"""Job `load`: stage one batch, of delivered files or of a transform, as typed Parquet.

Nothing is published here, and nothing is lost: a row that cannot be read as the contract says goes
on to the gate, marked.
"""

import inspect as signatures
import re
from collections.abc import Sequence
from importlib import import_module

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from headrace_jobs import empty_partitions, files, tables
from headrace_jobs.columns import (
    CORRUPT,
    LOAD_FAILURES,
    check_columns,
    null_texts,
    typed,
)
from headrace_jobs.csv_form import FIELD_CHARACTERS
from headrace_jobs.engine_errors import told
from headrace_jobs.ingest import Delivery, inspect_all
from headrace_jobs.tables import SOURCE_FILE, SOURCE_ROW
from headrace_schemas.errors import (
    SchemaBroken,
    SourceInvalid,
    SourceMissing,
    StaleInput,
    TransformInvalid,
)
from headrace_schemas.job import Counts, JobReport, LoadSpec
from headrace_schemas.pipeline import Source
from headrace_schemas.rules import quoted

BOUNDS = ("start", "end")

ONE_FILE_A_TASK = {"spark.sql.files.openCostInBytes": "134217728b",
                   "spark.sql.files.maxPartitionBytes": "134217728b"}  # fmt: skip
"""A task reads one CSV file from its first row on, so that its rows can be numbered."""

ROW_IN_TASK = (1 << 33) - 1
"""The lower bits of `monotonically_increasing_id`; the upper ones number the task."""


def run(spark: SparkSession, spec: LoadSpec) -> JobReport:
    """Stage the batch at `spec.staged_uri`.

    Raises:
        SourceMissing, SourceInvalid: A delivered file is not there, or damaged.
        SchemaBroken: Columns are not the contract's.
        StaleInput: An input lacks the partition.
        TransformInvalid: The transform cannot be found or has other parameters.
    """
    deliveries = delivered_files(spark, spec)
    frame = read_files(spark, spec, deliveries) if deliveries else derive(spark, spec)
    seen = Observation()
    bad = F.count_if(F.size(LOAD_FAILURES) > 0).alias("bad")
    staged = as_staged(frame, spec).observe(seen, F.count(F.lit(1)).alias("rows"), bad)
    staged.write.mode("overwrite").parquet(spec.staged_uri)
    found = seen.get
    rows, bad_rows = int(found.get("rows", 0)), int(found.get("bad", 0))
    expected = sum(one.rows for one in deliveries)
    if deliveries and rows != expected:
        names = ", ".join(one.name for one in deliveries[:10])
        raise SourceInvalid(
            names, f"Spark reads {rows} rows of {expected}", "Check its quotes and line ends."
        )
    return JobReport(
        job="load", job_id=spec.job_id, status="succeeded", output_uri=spec.staged_uri,
        counts=Counts(rows_in=rows, rows_out=rows),
        metrics={
            "files": len(deliveries), "bytes": sum(one.size for one in deliveries),
            "rows_not_readable": bad_rows,
        },
    )  # fmt: skip


def as_staged(frame: DataFrame, spec: LoadSpec) -> DataFrame:
    """The batch in the contract's types.

    Raises:
        SchemaBroken: A column's type can never become the contract's.
    """
    batch = f"{spec.build.name}/{spec.partition.key if spec.partition else 'all'}"
    try:
        staged = typed(frame, spec.contract, spec.build.evolution, batch)
        _ = staged.schema  # Connect analyses no earlier
    except AnalysisException as error:
        raise SchemaBroken(
            spec.contract.name, "a column cannot become the contract's type", [told(error)],
            "Change the type in the contract, or cast in the transform.",
        ) from error  # fmt: skip
    return staged


def delivered_files(spark: SparkSession, spec: LoadSpec) -> list[Delivery]:
    """The batch's files, each checked; empty for a derived table."""
    source = spec.build.source
    if source is None:
        return []
    if not spec.source_files:
        raise SourceMissing(spec.build.name, source.files)
    deliveries = inspect_all(spark, spec.build.name, source, spec.source_files)
    for one in deliveries:
        is_csv = source.format == "csv"
        check_columns(spec.contract, one.name, one.columns, spec.build.evolution, is_csv)
    return deliveries


def read_files(spark: SparkSession, spec: LoadSpec, deliveries: Sequence[Delivery]) -> DataFrame:
    """All files of the batch as one frame; those with the same columns are read together."""
    source = spec.build.source
    if source is None:
        raise ValueError(f"{spec.build.name} is not delivered")
    by_columns: dict[tuple[str, ...], list[Delivery]] = {}
    for one in deliveries:
        by_columns.setdefault(one.columns, []).append(one)
    read = read_parquet if source.format == "parquet" else read_csv
    frames = [read(spark, source, group) for group in by_columns.values()]
    frame = frames[0]
    for other in frames[1:]:
        frame = frame.unionByName(other, allowMissingColumns=True)
    return frame


def read_csv(spark: SparkSession, source: Source, group: Sequence[Delivery]) -> DataFrame:
    """CSV files with one header, all columns as text."""
    for key, value in ONE_FILE_A_TASK.items():
        spark.conf.set(key, value)
    columns = group[0].columns
    schema = ", ".join(f"{quoted(name)} STRING" for name in (*columns, CORRUPT))
    # With pruned columns a line of the wrong length would pass.
    reader = spark.read.option("columnPruning", False)
    rows = reader.csv(
        [one.uri for one in group], schema=schema, header=True, enforceSchema=False,
        mode="PERMISSIVE", columnNameOfCorruptRecord=CORRUPT, multiLine=True, escape='"',
        nullValue="\0", emptyValue="", maxCharsPerColumn=2 * FIELD_CHARACTERS, encoding="UTF-8",
    )  # fmt: skip
    number = F.monotonically_increasing_id().bitwiseAND(F.lit(ROW_IN_TASK)) + 1
    values = [null_texts(F.col(quoted(name)), source.null_values).alias(name)
              for name in columns]  # fmt: skip
    return rows.select(
        *values, CORRUPT, file_name(source).alias(SOURCE_FILE), number.alias(SOURCE_ROW)
    )


def read_parquet(spark: SparkSession, source: Source, group: Sequence[Delivery]) -> DataFrame:
    """Parquet files with the same columns."""
    rows = spark.read.parquet(*[one.uri for one in group])
    return rows.select(
        *[F.col(quoted(name)) for name in group[0].columns],
        file_name(source).alias(SOURCE_FILE),
        (F.col("_metadata.row_index") + 1).alias(SOURCE_ROW),
    )


def file_name(source: Source) -> Column:
    """The row's file, below the landing root."""
    steps = source.files.count("/") + 1
    encoded = F.replace(F.col("_metadata.file_path"), F.lit("+"), F.lit("%2B"))
    return F.substring_index(F.url_decode(encoded), "/", -steps)


def derive(spark: SparkSession, spec: LoadSpec) -> DataFrame:
    """What the transform makes of its pinned inputs."""
    frames = {
        name: tables.read(spark, one.table, one.partitions) for name, one in spec.inputs.items()
    }
    check_inputs(spark, spec, frames)
    transform = spec.build.transform
    if transform is None:
        frame = next(iter(frames.values()))
    elif transform.endswith(".sql"):
        frame = by_sql(spark, spec, frames)
    else:
        frame = by_function(spec, transform, frames)
    found = [name for name in frame.columns if name not in (tables.PARTITION, tables.BATCH)]
    frame = frame.select(*found)
    named = [name for name in found if name not in (SOURCE_FILE, SOURCE_ROW)]
    where = transform or f"input {next(iter(frames))}"
    check_columns(spec.contract, where, named, spec.build.evolution, False)
    return frame


def check_inputs(spark: SparkSession, spec: LoadSpec, frames: dict[str, DataFrame]) -> None:
    """A join with a partition that is not there yet would give rows without values.

    Raises:
        StaleInput: An input has no row in the partition that is built, and was not published so.
    """
    if spec.partition is None:
        return
    wanted = F.col(tables.PARTITION) == spec.partition.key
    partitioned = [name for name, one in spec.inputs.items() if one.partitions is not None]
    probes = [
        frames[name].where(wanted).select(F.lit(name).alias("name")).limit(1)
        for name in partitioned
    ]
    if not probes:
        return
    union = probes[0]
    for probe in probes[1:]:
        union = union.unionAll(probe)
    there = {row["name"] for row in union.collect()}
    for name in partitioned:
        table, key = spec.inputs[name].table, spec.partition.key
        if name not in there and key not in empty_partitions.noted(spark, table.uri):
            raise StaleInput(spec.build.name, table.name, key)


def by_sql(spark: SparkSession, spec: LoadSpec, frames: dict[str, DataFrame]) -> DataFrame:
    """The result of a SQL file over its inputs; `:start` and `:end` are the partition's bounds."""
    for name, frame in frames.items():
        frame.createOrReplaceTempView(name)
    if spec.transform_path is None:
        raise TransformInvalid(spec.build.name, str(spec.build.transform), "the file is not named")
    if files.size(spec.transform_path) is None:
        raise TransformInvalid(
            spec.build.name, spec.transform_path, "there is no such file beside the pipeline"
        )
    text = files.read_text(spec.transform_path)
    for bound in BOUNDS if spec.partition else ():
        # Spark's own named parameters do not pass through Delta's SQL parser.
        instant = getattr(spec.partition, bound).isoformat()
        text = re.sub(rf"(?<!:):{bound}\b", f"TIMESTAMP '{instant}'", text)
    try:
        frame = spark.sql(text)
        _ = frame.schema  # Connect analyses no earlier
    except AnalysisException as error:
        raise TransformInvalid(spec.build.name, spec.transform_path, told(error)) from error
    return frame


def by_function(spec: LoadSpec, transform: str, frames: dict[str, DataFrame]) -> DataFrame:
    """The result of a pure function; its parameters are named as the inputs are."""
    module, _, name = transform.partition(":")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise TransformInvalid(spec.build.name, transform, str(error)) from error
    parameters = signatures.signature(function).parameters
    asked = set(parameters) - set(BOUNDS)
    if asked != set(frames):
        raise TransformInvalid(
            spec.build.name, transform,
            f"its parameters are {sorted(asked)}, the declared inputs {sorted(frames)}",
        )  # fmt: skip
    wanted = [one for one in BOUNDS if one in parameters]
    if wanted and spec.partition is None:
        problem = f"it asks for {wanted[0]}, the table has no partition"
        raise TransformInvalid(spec.build.name, transform, problem)
    bounds = {one: getattr(spec.partition, one) for one in wanted}
    frame: DataFrame = function(**frames, **bounds)
    return frame
