"""Job `publish`: make a gated batch visible.

Rows set aside go to the quarantine table first, then the rest to the table in one commit; each
replaces what an earlier run of the same batch wrote. So a run that was cut off between the two is
completed by the next, and rows in = rows out + rows quarantined. One that was cut off after its
commit finds it, and makes no other.
"""

import logging

from pyspark.sql import Column, DataFrame, Observation, SparkSession, Window
from pyspark.sql import functions as F

from headrace_jobs.lake import empty_partitions, history, tables
from headrace_jobs.lake.schema_change import refuse_changes
from headrace_jobs.lake.tables import BATCH, PARTITION, SOURCE_FILE, SOURCE_ROW
from headrace_jobs.sources.columns import RAW
from headrace_jobs.tables import repeats, staged_files
from headrace_jobs.tables.row_rules import PASSED, QUARANTINED, RULE_IDS, UNEVALUATED, gated
from headrace_lake.tables import partition_keys
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.column_name import is_reserved
from headrace_schemas.declarations.pipeline import WriteMode
from headrace_schemas.errors import SchemaBroken
from headrace_schemas.rules.rule import literal, quoted
from headrace_schemas.wire.report import Counts
from headrace_schemas.wire.spec import PinnedTable
from headrace_schemas.wire.table_jobs import PublishReport, PublishSpec

log = logging.getLogger(__name__)


def run(spark: SparkSession, spec: PublishSpec) -> PublishReport:
    """Commit the batch at `spec.gated_uri`.

    Raises:
        WriteConflict: Another writer committed first.
        SchemaBroken: The table's columns do not take the batch's.
    """
    refuse_changes(spec.build, spec.contract, spec.table_uri)
    days = spec.build.history_days
    history.declare(spark, days, (spec.contract.name, spec.table_uri))
    note = repeats.note_of(spec)
    set_aside = write_quarantine(spark, spec, note)
    table, rows = staged_files.publish(spec, note) or write_table(spark, spec, note)
    if not rows and spec.partition is not None:
        table = empty_partitions.note(spark, table, spec.partition.key)
    return PublishReport(
        job_id=spec.job_id,
        table=table,
        counts=Counts(rows_in=rows + set_aside, rows_out=rows, rows_quarantined=set_aside),
    )


def write_quarantine(spark: SparkSession, spec: PublishSpec, note: str) -> int:
    """Replace the batch's rows in the quarantine table; how many there are now.

    A clean batch makes no commit, unless an earlier run of it left rows there.
    """
    key = Batch(table=spec.build.name, partition=spec.partition).key
    name = f"quarantine {spec.contract.name}"
    if not staged_files.of_outcome(spec.gated_uri, QUARANTINED) and key not in partition_keys(
        spec.quarantine_uri
    ):
        return 0
    bad = gated(spark, spec.gated_uri, QUARANTINED)
    if repeats.made_version(spec.quarantine_uri, note) is not None:
        return bad.count()
    history.declare(spark, spec.build.history_days, (name, spec.quarantine_uri))
    seen = Observation()
    rows = quarantined(bad).observe(seen, F.count(F.lit(1)).alias("rows"))
    tables.replace(spark, rows, spec.quarantine_uri, name, key, evolve=True, note=note)
    return int(seen.get.get("rows", 0))


def without_working_columns(judged: DataFrame) -> DataFrame:
    """Rows of a gated batch as they are published."""
    return judged.drop(*staged_files.WORKING_COLUMNS)


def quarantined(bad: DataFrame, *kept: str) -> DataFrame:
    """Rows of a gated batch as the quarantine table has them, and further columns of theirs."""
    return bad.select(
        BATCH,
        F.col(RULE_IDS).alias("rule_ids"),
        F.col(SOURCE_FILE).alias("source_file"),
        F.col(SOURCE_ROW).alias("source_row"),
        as_json(bad).alias("row_json"),
        F.col(UNEVALUATED).alias("unevaluated_rule_ids"),
        *kept,
    )


def as_json(bad: DataFrame) -> Column:
    """The row as it was delivered; where reading it went well, as it was read."""
    columns = [quoted(name) for name in bad.columns if not is_reserved(name)]
    return F.coalesce(F.col(RAW), F.to_json(F.struct(*columns)))


def write_table(spark: SparkSession, spec: PublishSpec, note: str) -> tuple[PinnedTable, int]:
    """Commit the rows that pass, as the table's write mode says; how many there are."""
    name, uri = spec.build.name, spec.table_uri
    rows = without_working_columns(gated(spark, spec.gated_uri, PASSED))
    made = repeats.made_version(uri, note)
    if made is not None:
        log.info("%s: version %d is of this batch already", name, made)
        return PinnedTable(name=name, uri=uri, version=made), rows.count()
    if spec.build.write is WriteMode.MERGE:
        return merge(spark, spec, rows, note), rows.count()
    seen = Observation()
    rows = rows.observe(seen, F.count(F.lit(1)).alias("rows"))
    if spec.build.write is WriteMode.APPEND:
        table = append(spark, spec, rows, note)
    else:
        key = spec.partition.key if spec.partition else None
        # What the contract has gained, the table gains; the gate let nothing else through.
        table = tables.replace(spark, rows, uri, name, key, evolve=True, note=note)
    return table, int(seen.get.get("rows", 0))


def append(spark: SparkSession, spec: PublishSpec, rows: DataFrame, note: str) -> PinnedTable:
    """Add the batch beside others; the same batch again takes its own place."""
    name, partition = spec.build.name, spec.partition
    where = f"{BATCH} = {literal(Batch(table=name, partition=partition).label)}"
    if partition is not None:
        where = f"{PARTITION} = {literal(partition.key)} AND {where}"
        rows = rows.withColumn(PARTITION, F.lit(partition.key))
    return tables.overwrite(spark, rows, spec.table_uri, name, where, evolve=True, note=note)


def merge(spark: SparkSession, spec: PublishSpec, rows: DataFrame, note: str) -> PinnedTable:
    """Update rows by the contract's key, and add new ones.

    A row that a later partition wrote stays: building an old partition again does not bring old
    values back.

    Raises:
        SchemaBroken: The contract has no key.
    """
    name, key = spec.build.name, list(spec.contract.key)
    if not key:
        raise SchemaBroken(
            name,
            "`write: merge` needs a key and the contract has none",
            ["primaryKey"],
            "Mark the key's columns with primaryKey, or choose another write mode.",
        )
    update = "WHEN MATCHED THEN UPDATE SET *"
    if spec.partition is not None:
        rows = rows.withColumn(PARTITION, F.lit(spec.partition.key))
        update = f"WHEN MATCHED AND source.{PARTITION} >= target.{PARTITION} THEN UPDATE SET *"
    first = Window.partitionBy(*[quoted(name) for name in key]).orderBy(SOURCE_FILE, SOURCE_ROW)
    number = "_number"
    rows = rows.withColumn(number, F.row_number().over(first))
    rows = rows.where(F.col(number) == 1).drop(number)
    with tables.committing(spark, name, "merge"):
        tables.create(rows, spec.table_uri, [PARTITION] if spec.partition else [])
        clauses = f"{update} WHEN NOT MATCHED THEN INSERT *"
        tables.merge(spark, rows, spec.table_uri, key, clauses, evolve=True, note=note)
    version = tables.written_version(spark, spec.table_uri)
    return PinnedTable(name=name, uri=spec.table_uri, version=version)
