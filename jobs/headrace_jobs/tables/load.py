"""Job `load`: stage one batch, of delivered files or of a transform, as typed Parquet.

Nothing is published here, and nothing is lost: a row that cannot be read as the contract says goes
on to the gate, marked.
"""

import inspect as signatures
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib import import_module

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.errors import summary
from headrace_jobs.lake import files, tables
from headrace_jobs.lake.schema_change import refuse_changes
from headrace_jobs.lake.tables import SOURCE_FILE, SOURCE_ROW
from headrace_jobs.sources.columns import ENGINE_COLUMNS, LOAD_FAILURES, check_columns, typed
from headrace_jobs.sources.copies import (
    OBSERVED_FILES,
    ROWS,
    CopyErrors,
    check_counts,
    copies_of,
    counters,
    file_counter,
    with_landed_names,
)
from headrace_jobs.sources.csv_rows import read_csv
from headrace_jobs.sources.extension_rows import read_by_extension
from headrace_jobs.sources.headers import columns_of
from headrace_jobs.sources.hints import hints
from headrace_jobs.sources.ingest import Delivery, Intake, inspect_all
from headrace_jobs.sources.parquet_rows import read_parquet
from headrace_jobs.sources.plain_rows import PlainPart, read_others, stage_plain
from headrace_jobs.sources.readings import readings
from headrace_jobs.sources.united import FileGroup, united
from headrace_lake.tables import published_keys
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.source import Source, misfits
from headrace_schemas.errors import (
    SchemaBroken,
    SourceMissing,
    StaleInput,
    TransformInvalid,
)
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.report import Counts
from headrace_schemas.wire.table_jobs import LoadReport, LoadSpec

BOUNDS = ("start", "end")

BAD = "bad"
"""Counts the rows that cannot be read as the contract says."""

TOGETHER = ("csv", "parquet")
"""Formats whose columns are known before Spark reads, so that it reads equal files together."""


def run(spark: SparkSession, spec: LoadSpec) -> LoadReport:
    """Stage the batch at `spec.staged_uri`.

    Raises:
        SourceMissing, SourceChanged, SourceInvalid: A delivered file is not there, or damaged.
        SchemaBroken: Columns are not the contract's, or the table cannot follow the contract.
        StaleInput: An input lacks the partition.
        TransformInvalid: The transform cannot be found or has other parameters.
    """
    refuse_changes(spec.build, spec.contract, spec.table_uri)
    if spec.build.source is None:
        where = spec.build.transform or "the input"
        written = write(as_staged(derive(spark, spec), spec, where), spec, [], "overwrite")
        return report(spark, spec, [], written)
    try:
        return stage(spark, spec, delivered_files(spark, spec))
    finally:
        with suppress(OSError):  # what stays of a store that is gone is a staging area's
            files.remove(copies_of(spec.staged_uri))


def stage(spark: SparkSession, spec: LoadSpec, deliveries: Sequence[Delivery]) -> LoadReport:
    """Write the files' rows, plain ones without Spark, and count what was written.

    Raises:
        SourceInvalid: Other rows are read than the check has seen.
    """
    plain = stage_plain(spark, spec, deliveries)
    frame = read_files(spark, spec, deliveries, plain)
    found: Counter[str] = Counter()
    if frame is not None:
        found = write(frame, spec, deliveries, "append" if plain else "overwrite")
    for place, delivery in enumerate(deliveries):
        if part := plain.get(delivery.uri):
            found += Counter({ROWS: part.rows, file_counter(place): part.rows})
    is_counted = frame is None or len(deliveries) <= OBSERVED_FILES
    check_counts(deliveries, found, None if is_counted else spark.read.parquet(spec.staged_uri))
    return report(spark, spec, deliveries, found)


def write(
    frame: DataFrame, spec: LoadSpec, deliveries: Sequence[Delivery], mode: str
) -> Counter[str]:
    """Write rows by Spark; how many there are, by the names of counters."""
    seen = Observation()
    bad = F.count_if(F.size(LOAD_FAILURES) > 0).alias(BAD)
    counted = [F.count(F.lit(1)).alias(ROWS), bad, *counters(deliveries)]
    with CopyErrors(deliveries):
        frame.observe(seen, *counted).write.mode(mode).parquet(spec.staged_uri)
    return Counter({key: int(value) for key, value in seen.get.items()})


def report(
    spark: SparkSession, spec: LoadSpec, deliveries: Sequence[Delivery], found: Counter[str]
) -> LoadReport:
    """What is told of a batch that was written."""
    rows, bad_rows = found[ROWS], found[BAD]
    is_worth_a_query = deliveries and 2 * bad_rows > rows
    notes = hints(spark.read.parquet(spec.staged_uri), spec.contract) if is_worth_a_query else ()
    return LoadReport(
        job_id=spec.job_id,
        output_uri=spec.staged_uri,
        counts=Counts(rows_in=rows, rows_out=rows),
        metrics={
            "files": len(deliveries),
            "bytes": sum(delivery.size for delivery in deliveries),
            "rows_not_readable": bad_rows,
        },
        notes=notes,
    )


def as_staged(frame: DataFrame, spec: LoadSpec, where: str) -> DataFrame:
    """Rows in the contract's types.

    Args:
        where: A file, or the transform, that they are from.

    Raises:
        SchemaBroken: A column's type can never become the contract's.
    """
    batch = Batch(table=spec.build.name, partition=spec.partition)
    try:
        source = spec.build.source
        read = readings(source, spec.contract, frame.schema) if source else {}
        staged = typed(frame, spec.contract, spec.build.evolution, batch.label, read)
        _ = staged.schema  # Connect analyses no earlier
    except SchemaBroken as error:
        raise error.of(where) from error
    except AnalysisException as error:
        raise SchemaBroken(
            spec.contract.name,
            f"{where}: a column cannot become the contract's type",
            [summary(error)],
            "Change the type in the contract, or cast in the transform.",
        ) from error
    return staged


def delivered_files(spark: SparkSession, spec: LoadSpec) -> list[Delivery]:
    """The batch's files, each checked."""
    source = spec.build.source
    if source is None:
        raise ValueError(f"{spec.build.name} is not delivered")
    if not spec.source_files:
        raise SourceMissing(spec.build.name, source.files)
    intake = Intake(
        table=spec.build.name,
        source=source,
        landing=spec.landing,
        copies=copies_of(spec.staged_uri),
    )
    refuse_misfits(source, spec.contract)
    deliveries = inspect_all(spark, intake, spec.source_files)
    is_csv = source.format == "csv"
    if is_csv:
        deliveries = [with_names(delivery, source, spec.contract) for delivery in deliveries]
    for delivery in deliveries if source.format in TOGETHER else ():
        columns = [name for name in delivery.columns if name]
        check_columns(spec.contract, delivery.name, columns, spec.build.evolution, is_csv)
    return deliveries


def refuse_misfits(source: Source, contract: Contract) -> None:
    """Refuse what the source says of columns that cannot be so written.

    Raises:
        SchemaBroken: Naming the columns' options.
    """
    if wrong := misfits(source, contract):
        raise SchemaBroken(
            contract.name,
            "its source's `columns` do not fit the contract",
            [f"{key} {problem}" for key, problem in wrong],
            "Change the pipeline's `source`.",
        )


def with_names(delivery: Delivery, source: Source, contract: Contract) -> Delivery:
    """A CSV file with its columns' names; a column that is dropped has none."""
    columns = columns_of(source, contract, delivery.name, delivery.columns)
    return delivery.model_copy(update={"columns": columns})


def read_files(
    spark: SparkSession,
    spec: LoadSpec,
    deliveries: Sequence[Delivery],
    plain: Mapping[str, PlainPart],
) -> DataFrame | None:
    """What Spark reads of the batch as one frame in the contract's types; None if that is nothing.

    Args:
        plain: What is staged already, by the files' URIs.
    """
    alike: dict[tuple[object, ...], list[Delivery]] = {}
    for delivery in deliveries:
        part = plain.get(delivery.uri)
        if part is None:
            alike.setdefault((delivery.columns, read_as(delivery)), []).append(delivery)
        elif part.others_uri:
            alike.setdefault((delivery.columns, PlainPart), []).append(delivery)
    parts = []
    for (_, form), group in alike.items():
        if form is PlainPart:
            others = [plain[delivery.uri] for delivery in group]
            frame = read_others(spark, group[0].columns, others)
        else:
            frame = read_delivered(spark, spec, group)
        parts.append(FileGroup(as_staged(frame, spec, group[0].name), group[0].name))
    if not parts:
        return None
    frame = united(spec.contract.name, parts, spec.contract.column_names + ENGINE_COLUMNS)
    return with_landed_names(frame, deliveries)


def read_delivered(spark: SparkSession, spec: LoadSpec, group: Sequence[Delivery]) -> DataFrame:
    """Files that Spark reads alike."""
    source = spec.build.source
    if source is None:
        raise ValueError(f"{spec.build.name} is not delivered")
    if source.format == "csv":
        return read_csv(spark, source, group)
    if source.format == "parquet":
        return read_parquet(spark, spec, group)
    return read_by_extension(spark, spec, group[0])


def read_as(delivery: Delivery) -> object:
    """What is equal in files that Spark reads together, beside their columns."""
    if delivery.csv is not None:
        return delivery.csv.ending, delivery.csv.is_wide
    form = delivery.parquet
    return delivery.uri if form is None else (form.types, str(form.nanoseconds))


def derive(spark: SparkSession, spec: LoadSpec) -> DataFrame:
    """What the transform makes of its pinned inputs."""
    frames = {
        name: tables.read(spark, pinned.table, pinned.partitions)
        for name, pinned in spec.inputs.items()
    }
    check_inputs(spec)
    bounds = {bound: getattr(spec.partition, bound) for bound in BOUNDS} if spec.partition else {}
    return transformed(spark, spec, frames, bounds)


def transformed(
    spark: SparkSession, spec: LoadSpec, frames: dict[str, DataFrame], bounds: dict[str, datetime]
) -> DataFrame:
    """What the transform makes of frames, one for each input.

    Args:
        bounds: Of the partition, by `BOUNDS`; empty for a table that is built whole.

    Raises:
        TransformInvalid: It cannot be found, or takes other parameters.
        SchemaBroken: Columns are not the contract's.
    """
    transform = spec.build.transform
    if transform is None:
        frame = next(iter(frames.values()))
    elif transform.endswith(".sql"):
        frame = by_sql(spark, spec, frames, bounds)
    else:
        frame = by_function(spec, transform, frames, bounds)
    where = transform or f"input {next(iter(frames))}"
    kept = [name for name in frame.columns if name not in (tables.PARTITION, tables.BATCH)]
    # A join of two inputs has both their sources, and then nobody knows which is meant.
    sources = [name for name in (SOURCE_FILE, SOURCE_ROW) if kept.count(name) == 1]
    named = [name for name in kept if name not in sources]
    check_columns(spec.contract, where, named, spec.build.evolution, False)
    return frame.select(*[quoted(name) for name in kept])


def check_inputs(spec: LoadSpec) -> None:
    """A join with a partition that is not there yet would give rows without values.

    Raises:
        StaleInput: An input has no row in the partition that is built, and was not published so.
    """
    if spec.partition is None:
        return
    key = spec.partition.key
    for pinned in spec.inputs.values():
        table = pinned.table
        if pinned.partitions is not None and key not in published_keys(table.uri, table.version):
            raise StaleInput(spec.build.name, table.name, key)


def by_sql(
    spark: SparkSession, spec: LoadSpec, frames: dict[str, DataFrame], bounds: dict[str, datetime]
) -> DataFrame:
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
    for bound, instant in bounds.items():
        # Spark's own named parameters do not pass through Delta's SQL parser.
        text = re.sub(rf"(?<!:):{bound}\b", f"TIMESTAMP '{instant.isoformat()}'", text)
    try:
        frame = spark.sql(text)
        _ = frame.schema  # Connect analyses no earlier
    except AnalysisException as error:
        raise TransformInvalid(spec.build.name, spec.transform_path, summary(error)) from error
    return frame


def by_function(
    spec: LoadSpec, transform: str, frames: dict[str, DataFrame], bounds: dict[str, datetime]
) -> DataFrame:
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
            spec.build.name,
            transform,
            f"its parameters are {sorted(asked)}, the declared inputs {sorted(frames)}",
        )
    wanted = [bound for bound in BOUNDS if bound in parameters]
    if wanted and not bounds:
        problem = f"it asks for {wanted[0]}, the table has no partition"
        raise TransformInvalid(spec.build.name, transform, problem)
    frame: DataFrame = function(**frames, **{bound: bounds[bound] for bound in wanted})
    return frame
