"""Rows of delivered Parquet files, as Spark reads them from their checked copies."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StructType

from headrace_jobs.lake.tables import SOURCE_FILE, SOURCE_ROW
from headrace_jobs.sources.copies import copy_name
from headrace_jobs.sources.ingest import Delivery
from headrace_jobs.sources.parquet_form import Nanoseconds
from headrace_schemas.declarations.pipeline import Evolution
from headrace_schemas.errors import SourceInvalid
from headrace_schemas.rules.rule import quoted
from headrace_schemas.types import TEXTS, TIMES, ColumnType
from headrace_schemas.wire.table_jobs import LoadSpec


def read_parquet(spark: SparkSession, spec: LoadSpec, group: Sequence[Delivery]) -> DataFrame:
    """Parquet files with the same columns and types.

    Raises:
        SourceInvalid: A column that is kept without being known cannot be kept exactly.
    """
    types = {column.name: column.type for column in spec.contract.columns}
    rows = spark.read.parquet(*[delivery.copy_uri for delivery in group])
    nanoseconds = group[0].parquet.nanoseconds if group[0].parquet else {}
    empty = group[0].parquet.empty if group[0].parquet else ()
    columns = []
    for name in group[0].columns:
        column = F.col(quoted(name))
        if form := nanoseconds.get(name):
            if not form.is_whole and name not in types and spec.build.evolution is Evolution.EVOLVE:
                problem = f"column {name} has parts of microseconds, which no table can keep"
                raise SourceInvalid(group[0].name, problem, "Deliver microseconds.")
            column = timestamps(column, form, types.get(name))
        if name in empty and name not in types:
            continue  # nothing is lost, and a type is not known yet
        if name in types:
            column = without_type(column, rows.schema[name].dataType, name, empty)
        columns.append(column.alias(name))
    return rows.select(
        *columns,
        copy_name().alias(SOURCE_FILE),
        (F.col("_metadata.row_index") + 1).alias(SOURCE_ROW),
    )


def without_type(value: Column, type: DataType, path: str, empty: Sequence[str]) -> Column:
    """A column of which a part has no type: Spark takes what is always NULL for an integer."""
    if path in empty:
        return F.lit(None)
    if not any(leaf.startswith(f"{path}.") for leaf in empty):
        return value
    if isinstance(type, ArrayType):
        element = f"{path}.list.element"
        return F.transform(value, lambda item: without_type(item, type.elementType, element, empty))
    if isinstance(type, StructType):
        fields = [
            without_type(
                value.getField(field.name), field.dataType, f"{path}.{field.name}", empty
            ).alias(field.name)
            for field in type
        ]
        return F.when(value.isNotNull(), F.struct(*fields))
    return value


def timestamps(value: Column, form: Nanoseconds, wanted: str | None) -> Column:
    """Timestamps that Spark reads as numbers of nanoseconds.

    Where not all are whole microseconds they are texts, as in a CSV: the cast to the contract's
    type keeps those that fit, and marks the others.

    Args:
        wanted: The contract's type; None for a column that it does not know.
    """
    # Integer division cuts towards zero; times before 1970 are numbers below it.
    cut = F.call_function("div", value, F.lit(1000))
    instant = F.timestamp_micros(cut - (value % 1000 < 0).cast("int"))
    stem = ColumnType.parse(wanted).stem if wanted else None
    if form.is_whole or stem not in TIMES | TEXTS:  # what is no time and no text is refused later
        return instant if form.is_utc else instant.cast("timestamp_ntz")
    rest = F.lpad(F.pmod(value, F.lit(1000)).cast("string"), 3, "0")
    text = F.concat(F.date_format(instant, "yyyy-MM-dd HH:mm:ss.SSSSSS"), rest)
    if stem in TEXTS:  # as Spark writes all other times
        return F.regexp_replace(text, r"\.?0+$", "")
    return F.concat(text, F.lit("Z" if form.is_utc else ""))
