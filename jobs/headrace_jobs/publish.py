"""publish: make a gated batch visible, its bad rows in quarantine and its good rows in the table.

Quarantine is written first: a crash in between leaves bad rows accounted for and the table as it
was, and the repetition ends in the same content.
"""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs import tables
from headrace_schemas.job import Counts, JobReport, PinnedTable, PublishSpec
from headrace_schemas.pipeline import Evolution, WriteMode
from headrace_schemas.rules import literal, quoted

PASSED = "passed"
QUARANTINED = "quarantined"


def run(spark: SparkSession, spec: PublishSpec) -> JobReport:
    """Commit the batch; publishing it again gives the same content."""
    passed = spark.read.parquet(f"{spec.gated_uri}/{PASSED}")
    quarantined = spark.read.parquet(f"{spec.gated_uri}/{QUARANTINED}")
    counts = count(passed, quarantined)
    write_quarantine(spark, spec, quarantined)
    table = write_table(spark, spec, passed)
    return JobReport(
        job=spec.job, job_id=spec.job_id, status="succeeded", table=table, counts=counts,
        metrics={"version": float(table.version)},
    )  # fmt: skip


def count(passed: DataFrame, quarantined: DataFrame) -> Counts:
    """Rows of the batch, by what becomes of them."""
    good, bad = passed.count(), quarantined.count()
    return Counts(rows_in=good + bad, rows_out=good, rows_quarantined=bad)


def batch_id(spec: PublishSpec) -> str:
    """What the batch is called in the engine's column."""
    return f"{spec.contract.name}/{spec.partition.key if spec.partition else 'all'}"


def write_quarantine(spark: SparkSession, spec: PublishSpec, quarantined: DataFrame) -> None:
    """Replace the batch's bad rows: an earlier attempt's, or an earlier delivery's."""
    if quarantined.isEmpty() and not tables.exists(spark, spec.quarantine_uri):
        return
    key = spec.partition.key if spec.partition else None
    frame = quarantined.withColumn(tables.PARTITION, F.lit(key).cast("string"))
    where = f"{tables.BATCH} = {literal(batch_id(spec))}"
    name = f"quarantine.{spec.contract.name}"
    tables.overwrite(spark, frame, spec.quarantine_uri, name, where, evolve=False)


def write_table(spark: SparkSession, spec: PublishSpec, passed: DataFrame) -> PinnedTable:
    """Commit the good rows as the pipeline's write mode says."""
    build, name = spec.build, spec.contract.name
    evolve = build.evolution is Evolution.EVOLVE
    key = spec.partition.key if spec.partition else None
    if build.write is WriteMode.REPLACE_PARTITION:
        return tables.replace(spark, passed, spec.table_uri, name, key, evolve)
    if key is not None:
        passed = passed.withColumn(tables.PARTITION, F.lit(key))
    if build.write is WriteMode.APPEND:
        # The batch's own rows are replaced, all others stay: an append that can be repeated.
        where = f"{tables.BATCH} = {literal(batch_id(spec))}"
        tables.create(spark, passed, spec.table_uri, [tables.PARTITION] if key else [])
        return tables.overwrite(spark, passed, spec.table_uri, name, where, evolve)
    return upsert(spark, spec, passed, evolve)


def upsert(spark: SparkSession, spec: PublishSpec, passed: DataFrame, evolve: bool) -> PinnedTable:
    """Update rows of the contract's key and insert new ones; the gate left one row per key."""
    by = [tables.PARTITION] if spec.partition else []
    with tables.committing(spark, spec.contract.name, "merge"):
        tables.create(spark, passed, spec.table_uri, by)
        changed = " OR ".join(
            f"NOT (target.{quoted(name)} <=> source.{quoted(name)})"
            for name in passed.columns
            if name not in spec.contract.key
        )
        clauses = f"WHEN MATCHED AND ({changed}) THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
        tables.merge(spark, passed, spec.table_uri, spec.contract.key, clauses, evolve)
    version = tables.written_version(spark, spec.table_uri)
    return PinnedTable(name=spec.contract.name, uri=spec.table_uri, version=version)
