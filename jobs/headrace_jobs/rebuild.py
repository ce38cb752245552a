"""Job `rebuild`: build a table anew under its name, from what was delivered, in one commit.

Every batch that the table holds is loaded and gated by the contract as it is now, as if it had just
been delivered; only when all of them have passed is the table replaced, columns, types and rows at
once. Its old versions stay readable. A job that was cut off is started again from the beginning.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from headrace_jobs import gate, load, publish, row_rules, tables
from headrace_jobs.row_rules import OUTCOME, PASSED, QUARANTINED
from headrace_jobs.tables import PARTITION, SOURCE_FILE, SOURCE_ROW
from headrace_schemas.errors import WriteConflict
from headrace_schemas.job import (
    Counts,
    GateSpec,
    JobReport,
    LoadSpec,
    RebuildSpec,
    RebuiltBatch,
)
from headrace_schemas.pipeline import WriteMode
from headrace_schemas.rules import quoted


def run(spark: SparkSession, spec: RebuildSpec) -> JobReport:
    """Replace the table's content by what its batches are under the contract.

    The report of a gate that failed is the job's: nothing is changed then.

    Raises:
        WriteConflict: Someone wrote the table meanwhile.
        SourceMissing, SourceInvalid, SchemaBroken, StaleInput, TransformInvalid: As `load` does.
    """
    refuse_newer(spark, spec)
    counts = Counts()
    for batch in spec.batches:
        report = gated(spark, spec, batch)
        if report.status != "succeeded":
            return report.model_copy(update={"job": "rebuild"})
        counts = together(counts, report.counts or Counts())
    judged = united([judged_batch(spark, spec, batch) for batch in spec.batches])
    bad = judged.where(F.col(OUTCOME) == QUARANTINED)
    passed = publish.without_working_columns(judged.where(F.col(OUTCOME) == PASSED))
    if spec.build.write is WriteMode.MERGE:
        passed = newest(passed, spec.contract.key)
    refuse_newer(spark, spec)
    name = f"quarantine {spec.contract.name}"
    if counts.rows_quarantined or tables.exists(spark, spec.quarantine_uri):
        rows = publish.quarantined(bad, PARTITION)
        tables.overwrite(spark, rows, spec.quarantine_uri, name, None, evolve=False)
    if spec.batches[0].partition is None:
        passed = passed.drop(PARTITION)
    written = tables.overwrite(spark, passed, spec.table_uri, spec.build.name, None, evolve=True)
    return JobReport(
        job="rebuild", job_id=spec.job_id, status="succeeded", table=written, counts=counts,
        metrics={"batches": len(spec.batches)},
        notes=(f"version {spec.table.version} and those before stay readable",),
    )  # fmt: skip


def gated(spark: SparkSession, spec: RebuildSpec, batch: RebuiltBatch) -> JobReport:
    """The gate's report on one batch, freshly loaded."""
    head = {key: getattr(spec, key) for key in ("job_id", "run_id", "headrace_version")}
    load.run(
        spark,
        LoadSpec(
            **head, build=spec.build, contract=spec.contract, partition=batch.partition,
            source_files=batch.source_files, inputs=batch.inputs,
            transform_path=spec.transform_path, staged_uri=batch.staged_uri,
        ),
    )  # fmt: skip
    return gate.run(
        spark,
        GateSpec(
            **head, contract=spec.contract, partition=batch.partition,
            as_of=batch.partition.end if batch.partition else None, staged_uri=batch.staged_uri,
            gated_uri=batch.gated_uri, record_uri=batch.record_uri,
        ),
    )  # fmt: skip


def judged_batch(spark: SparkSession, spec: RebuildSpec, batch: RebuiltBatch) -> DataFrame:
    """A gated batch with its key."""
    staged = spark.read.parquet(batch.staged_uri)
    schema = row_rules.judged(staged, spec.contract, []).schema  # a batch without rows has no file
    frame = row_rules.gated(spark, batch.gated_uri, schema=schema)
    key = batch.partition.key if batch.partition else publish.WHOLE
    return frame.withColumn(PARTITION, F.lit(key))


def united(frames: Sequence[DataFrame]) -> DataFrame:
    """All frames as one, two by two: Spark Connect takes no plan as deep as there are batches."""
    while len(frames) > 1:
        pairs = [frames[index : index + 2] for index in range(0, len(frames), 2)]
        frames = [
            pair[0].unionByName(pair[1], allowMissingColumns=True) if len(pair) == 2 else pair[0]
            for pair in pairs
        ]
    return frames[0]


def newest(rows: DataFrame, key: Sequence[str]) -> DataFrame:
    """One row a key: the first of the latest partition that has it, as merging them leaves it."""
    latest = Window.partitionBy(*[quoted(name) for name in key])
    latest = latest.orderBy(F.desc(PARTITION), SOURCE_FILE, SOURCE_ROW)
    number = "_number"
    return (
        rows.withColumn(number, F.row_number().over(latest)).where(F.col(number) == 1).drop(number)
    )


def refuse_newer(spark: SparkSession, spec: RebuildSpec) -> None:
    """A batch that was published meanwhile must not be lost.

    Raises:
        WriteConflict: The table has another version than when the job was planned.
    """
    if tables.newest_version(spark, spec.table_uri) != spec.table.version:
        raise WriteConflict(spec.build.name, "rebuild")


def together(one: Counts, other: Counts) -> Counts:
    """The counts of both."""
    return Counts(
        rows_in=one.rows_in + other.rows_in, rows_out=one.rows_out + other.rows_out,
        rows_quarantined=one.rows_quarantined + other.rows_quarantined,
    )  # fmt: skip
