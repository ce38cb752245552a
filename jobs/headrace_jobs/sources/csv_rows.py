"""Rows of delivered CSV files, as Spark reads them from their checked copies: all columns as text."""

from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake.tables import SOURCE_FILE, SOURCE_ROW
from headrace_jobs.sources.columns import CORRUPT, null_texts
from headrace_jobs.sources.copies import copy_name
from headrace_jobs.sources.csv_form import FIELD_CHARACTERS, CsvForm
from headrace_jobs.sources.ingest import Delivery
from headrace_schemas.declarations.source import Source
from headrace_schemas.rules.rule import quoted

ONE_FILE_A_TASK = {
    "spark.sql.files.openCostInBytes": "134217728b",
    "spark.sql.files.maxPartitionBytes": "134217728b",
}
"""A task reads one CSV file from its first row on, so that its rows can be numbered."""

DROPPED = "_dropped_"
"""Begins the name under which a column without one is read."""

ROW_IN_TASK = (1 << 33) - 1
"""The lower bits of `monotonically_increasing_id`; the upper ones number the task."""


def inner_names(columns: Sequence[str]) -> list[str]:
    """A name for each column of a file, those that are dropped among them."""
    return [name or f"{DROPPED}{n}" for n, name in enumerate(columns)]


def read_csv(spark: SparkSession, source: Source, group: Sequence[Delivery]) -> DataFrame:
    """CSV files with one header, all columns as text."""
    for key, value in ONE_FILE_A_TASK.items():
        spark.conf.set(key, value)
    columns = group[0].columns
    schema = ", ".join(f"{quoted(name)} STRING" for name in (*inner_names(columns), CORRUPT))
    # With pruned columns a line of the wrong length would pass.
    reader = spark.read.option("columnPruning", False)
    rows = reader.csv(
        [delivery.copy_uri for delivery in group],
        schema=schema,
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=CORRUPT,
        multiLine=True,
        nullValue="\0",
        emptyValue="",
        maxCharsPerColumn=2 * FIELD_CHARACTERS,
        encoding="UTF-8",
        **dialect(source, group[0]),
    )
    number = F.monotonically_increasing_id().bitwiseAND(F.lit(ROW_IN_TASK)) + 1
    values = [
        null_texts(F.col(quoted(name)), source.null_values).alias(name) for name in columns if name
    ]
    return rows.select(*values, CORRUPT, copy_name().alias(SOURCE_FILE), number.alias(SOURCE_ROW))


def dialect(source: Source, delivery: Delivery) -> dict[str, Any]:
    """How Spark reads a file as the check did."""
    form = delivery.csv or CsvForm(delivery.columns, delivery.rows or 0)
    options: dict[str, Any] = {
        "sep": source.delimiter,
        "header": source.header,
        # Without a word on line ends, it makes others of those within quotes.
        "lineSep": form.ending,
        # Names that were trimmed or are none differ from the file's.
        "enforceSchema": source.trim_header or source.unnamed_columns == "drop",
    }
    options |= dict.fromkeys(("quote", "escape"), source.quote if source.is_quoted else "")
    if source.comment:
        options["comment"] = source.comment
    if form.is_wide:
        options["maxColumns"] = FIELD_CHARACTERS
    return options
