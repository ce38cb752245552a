"""Rows of delivered files of a format that an extension reads."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake.tables import SOURCE_FILE
from headrace_jobs.sources.columns import check_columns
from headrace_jobs.sources.ingest import Delivery
from headrace_schemas.declarations.extension_options import options_of
from headrace_schemas.declarations.source_formats import SOURCES
from headrace_schemas.extension_errors import ExtensionInvalid
from headrace_schemas.wire.table_jobs import LoadSpec


def read_by_extension(spark: SparkSession, spec: LoadSpec, delivery: Delivery) -> DataFrame:
    """One file as its format's extension reads it; every row knows its file.

    Raises:
        ExtensionInvalid: The extension has no such function, or it gives no DataFrame.
        SchemaBroken: The columns are not the contract's.
    """
    source = spec.build.source
    if source is None:
        raise ValueError(f"{spec.build.name} is not delivered")
    kind = SOURCES.named(source.format)
    options = options_of(kind.options, source.options)
    frame = SOURCES.code(kind, kind.read)(spark, delivery.copy_uri, options)
    columns = getattr(frame, "columns", None)
    if columns is None:
        problem = f"it gives a {type(frame).__name__}, not a DataFrame"
        raise ExtensionInvalid(SOURCES.group, kind.name, kind.read, problem)
    check_columns(spec.contract, delivery.name, columns, spec.build.evolution, False)
    # One file, one literal: the format need not have Spark's own columns about files.
    copy = F.lit(delivery.copy_uri.rpartition("/")[2])
    rows: DataFrame = frame.withColumn(SOURCE_FILE, copy)
    return rows
