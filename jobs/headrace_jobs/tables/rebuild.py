"""Job `rebuild`: build a table anew under its name, from what was delivered, in one commit.

Every batch that the table holds is loaded and gated by the contract as it is now, as if it had just
been delivered; only when all of them have passed is the table replaced, columns, types and rows at
once. Its old versions stay readable as long as declared. A job that was cut off is started again
from the beginning.
"""

from collections.abc import Sequence
from functools import reduce
from operator import and_

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from headrace_jobs.lake import empty_partitions, history, tables
from headrace_jobs.lake.tables import PARTITION, SOURCE_FILE, SOURCE_ROW
from headrace_jobs.tables import belonging, gate, load, publish, row_rules
from headrace_jobs.tables.row_rules import OUTCOME, PASSED, QUARANTINED, RULE_IDS
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.pipeline import WriteMode
from headrace_schemas.errors import WriteConflict
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.report import Counts
from headrace_schemas.wire.spec import PinnedTable
from headrace_schemas.wire.table_jobs import (
    GateReport,
    GateSpec,
    LoadSpec,
    RebuildReport,
    RebuildSpec,
    RebuiltBatch,
)


def run(spark: SparkSession, spec: RebuildSpec) -> RebuildReport:
    """Replace the table's content by what its batches are under the contract.

    Where a gate fails, the job fails with its error, and nothing is changed.

    Raises:
        WriteConflict: Someone wrote the table meanwhile.
        SourceMissing, SourceInvalid, SchemaBroken, StaleInput, TransformInvalid: As `load` does.
    """
    refuse_newer(spark, spec)
    counts = Counts()
    for batch in spec.batches:
        report = gated(spark, spec, batch)
        if report.status != "succeeded":
            return RebuildReport(
                job_id=spec.job_id,
                status=report.status,
                counts=report.counts,
                error=report.error,
                gate=report,
            )
        counts = together(counts, report.counts)
    judged = united([judged_batch(spark, spec, batch) for batch in spec.batches])
    if keys_may_meet(spec):
        judged = once_in_table(judged, spec.contract.key)
        counts = recounted(judged)
    bad = judged.where(F.col(OUTCOME) == QUARANTINED)
    passed = publish.without_working_columns(judged.where(F.col(OUTCOME) == PASSED))
    if spec.build.write is WriteMode.MERGE:
        passed = newest(passed, spec.contract.key)
    refuse_newer(spark, spec)
    name = f"quarantine {spec.contract.name}"
    places = ((spec.build.name, spec.table_uri), (name, spec.quarantine_uri))
    history.declare(spark, spec.build.history_days, *places)
    if counts.rows_quarantined or tables.exists(spec.quarantine_uri):
        rows = publish.quarantined(bad, PARTITION)
        tables.overwrite(spark, rows, spec.quarantine_uri, name, None, evolve=True)
    if spec.batches[0].partition is None:
        passed = passed.drop(PARTITION)
    written = tables.overwrite(spark, passed, spec.table_uri, spec.build.name, None, evolve=True)
    written = note_empty(spark, spec, written)
    return RebuildReport(
        job_id=spec.job_id,
        table=written,
        counts=counts,
        metrics={"batches": len(spec.batches)},
        notes=(f"version {spec.table.version} stays readable for {spec.build.history_days} days",),
    )


def gated(spark: SparkSession, spec: RebuildSpec, batch: RebuiltBatch) -> GateReport:
    """The gate's report on one batch, freshly loaded."""
    load.run(
        spark,
        LoadSpec(
            **head(spec),
            build=spec.build,
            contract=spec.contract,
            partition=batch.partition,
            source_files=batch.source_files,
            inputs=batch.inputs,
            transform_path=spec.transform_path,
            staged_uri=batch.staged_uri,
            landing=spec.landing,
        ),
    )
    return gate.run(spark, gate_spec(spec, batch))


def head(spec: RebuildSpec) -> dict[str, str]:
    """What the specs of the parts carry."""
    return {key: getattr(spec, key) for key in ("job_id", "run_id", "headrace_version")}


def gate_spec(spec: RebuildSpec, batch: RebuiltBatch) -> GateSpec:
    """How a batch is judged. What is published does not count: it is what is replaced."""
    return GateSpec(
        **head(spec),
        contract=spec.contract,
        partition=batch.partition,
        as_of=Batch(table=spec.build.name, partition=batch.partition).end,
        staged_uri=batch.staged_uri,
        gated_uri=batch.gated_uri,
        record_uri=batch.record_uri,
        write=spec.build.write,
        event_time=spec.event_time,
        most_quarantined=spec.build.most_quarantined,
    )


def keys_may_meet(spec: RebuildSpec) -> bool:
    """Whether two batches can have one key, and must not."""
    if spec.build.unique_in != "table":
        return False
    asked = gate_spec(spec, spec.batches[0]).model_copy(update={"table": spec.table})
    return belonging.is_looked_up(belonging.with_rules(asked).contract)


def once_in_table(judged: DataFrame, key: Sequence[str]) -> DataFrame:
    """Rows that pass whose key an earlier partition has are set aside: that one came first."""
    names = [F.col(quoted(name)) for name in key]
    counts = reduce(and_, [column.isNotNull() for column in names], F.col(OUTCOME) == PASSED)
    first = F.min(PARTITION).over(Window.partitionBy(*names, counts))
    is_later = F.coalesce(counts & (F.col(PARTITION) > first), F.lit(False))
    broken = F.array(F.lit(belonging.UNIQUE_IN_TABLE))
    return judged.withColumns(
        {
            RULE_IDS: F.when(is_later, F.concat(RULE_IDS, broken)).otherwise(F.col(RULE_IDS)),
            OUTCOME: F.when(is_later, F.lit(QUARANTINED)).otherwise(F.col(OUTCOME)),
        }
    )


def recounted(judged: DataFrame) -> Counts:
    """The rows of all batches, by their outcome."""
    is_bad = F.count_if(F.col(OUTCOME) == QUARANTINED)
    rows, bad = judged.agg(F.count(F.lit(1)), is_bad).collect()[0]
    return Counts(rows_in=rows, rows_out=rows - bad, rows_quarantined=bad)


def note_empty(spark: SparkSession, spec: RebuildSpec, written: PinnedTable) -> PinnedTable:
    """Remember which partitions have no rows now; the newest version."""
    keys = [batch.partition.key for batch in spec.batches if batch.partition is not None]
    if not keys:
        return written
    found = tables.read(spark, written).select(PARTITION).distinct().collect()
    for key in sorted(set(keys) - {row[PARTITION] for row in found}):
        written = empty_partitions.note(spark, written, key)
    return written


def judged_batch(spark: SparkSession, spec: RebuildSpec, batch: RebuiltBatch) -> DataFrame:
    """A gated batch with its key."""
    staged = spark.read.parquet(batch.staged_uri)
    schema = row_rules.judged(staged, spec.contract, []).schema  # a batch without rows has no file
    frame = row_rules.gated(spark, batch.gated_uri, schema=schema)
    key = Batch(table=spec.build.name, partition=batch.partition).key
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


def together(left: Counts, right: Counts) -> Counts:
    """The counts of both."""
    return Counts(
        rows_in=left.rows_in + right.rows_in,
        rows_out=left.rows_out + right.rows_out,
        rows_quarantined=left.rows_quarantined + right.rows_quarantined,
    )
