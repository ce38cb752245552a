"""Job `monitor`: how far a partition's inputs moved, and how good the served predictions were."""

import logging
from dataclasses import dataclass

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs import features, histograms, metrics, tables
from headrace_jobs.manifest import Manifest
from headrace_jobs.registry import Registry
from headrace_jobs.score import predicted
from headrace_schemas.decisions import FeatureShift, MonitorEvidence, Performance
from headrace_schemas.job import Counts, JobReport, MonitorSpec, PinnedTable

log = logging.getLogger(__name__)

SCHEMA = (
    "window STRING, champion STRING, rows BIGINT, labelled BIGINT, metric STRING, current DOUBLE, "
    "reference DOUBLE, first DOUBLE, moved_importance DOUBLE, evidence STRING"
)


@dataclass(frozen=True)
class Results:
    """How good the predictions were.

    Attributes:
        labelled: Rows with a prediction and a label that was known in time.
        performance: None if it cannot be measured; `note` says why.
    """

    labelled: int = 0
    performance: Performance | None = None
    note: str | None = None


def run(spark: SparkSession, spec: MonitorSpec) -> JobReport:
    """Measure the partition and keep one row of it in the monitoring table."""
    partitions = partition_rows(spark, spec)
    rows = partitions.get(spec.partition.key, 0)
    shifts: tuple[FeatureShift, ...] = ()
    champion_as_of, results = None, Results(note=f"no champion served {spec.partition.key}")
    if spec.champion is not None:
        registry = Registry()
        booster, manifest = registry.load(spec.model.name, spec.champion)
        champion_as_of = manifest.as_of
        shifts = moved(spark, spec, manifest)
        results = judge(spark, spec, registry, rows)
    evidence = MonitorEvidence(
        window=spec.partition.key, matured_partitions=len(partitions), champion=spec.champion,
        champion_as_of=champion_as_of, rows=rows, labelled=results.labelled, shifts=shifts,
        performance=results.performance,
    )  # fmt: skip
    written = keep(spark, spec, evidence)
    log.info("model %s %s: %d rows, %d labelled, %s", spec.model.name, evidence.window, rows,
             results.labelled, results.performance or results.note)  # fmt: skip
    return JobReport(
        job="monitor", job_id=spec.job_id, status="succeeded", table=written,
        counts=Counts(rows_in=rows, rows_out=results.labelled),
        metrics=main_numbers(spec, evidence), notes=(results.note,) if results.note else (),
        model_version=spec.champion, monitor_evidence=evidence,
    )  # fmt: skip


def partition_rows(spark: SparkSession, spec: MonitorSpec) -> dict[str, int]:
    """Rows of each partition of the feature table up to this one."""
    found = (
        tables.read(spark, spec.features)
        .where(F.col("_partition") <= spec.partition.key)
        .groupBy("_partition")
        .count()
        .collect()
    )
    return {row["_partition"]: row["count"] for row in found}


def moved(spark: SparkSession, spec: MonitorSpec, manifest: Manifest) -> tuple[FeatureShift, ...]:
    """Each feature's PSI against the champion's training rows, most important first; one pass."""
    frame = tables.read(spark, spec.features, [spec.partition.key])
    numbers = features.numbers(manifest.features, spec.contract)
    found = histograms.shares(frame, manifest.features, numbers)
    shifts = [
        FeatureShift(
            feature=one.name, importance=one.importance,
            psi=round(histograms.psi(one.histogram.shares, shares), 6) if any(shares) else 0.0,
        )
        for one, shares in zip(manifest.features, found, strict=True)
    ]  # fmt: skip
    return tuple(sorted(shifts, key=lambda one: (-one.importance, one.feature)))


def judge(spark: SparkSession, spec: MonitorSpec, registry: Registry, rows: int) -> Results:
    """The served predictions on labels that had matured, and the first model on the same rows."""
    model, metric = spec.model, spec.model.monitors.performance.metric
    if spec.predictions is None:
        return Results(note="there are no predictions yet")
    joined = labelled_rows(spark, spec, spec.predictions, registry, rows)
    target = joined[features.TARGET].to_numpy()
    current = metrics.measure(metric, target, joined["prediction"].to_numpy())
    holdout = registry.evaluation(model.name, str(spec.champion)).get("metrics", {})
    if current is None or metric not in holdout:
        why = "of the labelled rows" if current is None else "on the champion's holdout"
        return Results(labelled=len(joined), note=f"{metric} is not defined {why}")
    first = current if spec.first == spec.champion else None
    if "first" in joined:
        first = metrics.measure(metric, target, joined["first"].to_numpy())
    performance = Performance(
        metric=metric, current=current, reference=holdout[metric], first=first
    )
    return Results(labelled=len(joined), performance=performance)


def labelled_rows(
    spark: SparkSession, spec: MonitorSpec, pinned: PinnedTable, registry: Registry, rows: int
) -> pd.DataFrame:
    """Target, served prediction and the first model's prediction of rows whose label had matured."""
    model, contract, partition = spec.model, spec.contract, [spec.partition.key]
    key = features.row_key(model, contract)
    known = features.known_rows(tables.read(spark, spec.features, partition), model, spec.as_of)
    known = features.sampled(known, key, rows, features.MOST_GATHERED)
    columns = [features.target_number(model, contract).alias(features.TARGET)]
    if spec.first is not None and spec.first != spec.champion:
        columns.append(predicted(*registry.load(model.name, spec.first), contract).alias("first"))
    served: DataFrame = tables.read(spark, pinned, partition).select(*key, "prediction")
    joined = known.select(*key, *columns).join(served, list(key))
    measured = [name for name in joined.columns if name not in key]
    return features.gathered(joined, key, [F.col(name) for name in measured])


def main_numbers(spec: MonitorSpec, evidence: MonitorEvidence) -> dict[str, float]:
    """What people and logs look at."""
    numbers = {"moved_importance": evidence.moved_importance(spec.model.monitors.inputs.psi)}
    if (performance := evidence.performance) is not None:
        numbers |= {"current": performance.current, "reference": performance.reference}
        if performance.first is not None:
            numbers["first"] = performance.first
    return numbers


def keep(spark: SparkSession, spec: MonitorSpec, evidence: MonitorEvidence) -> PinnedTable:
    """Replace the window's row of the monitoring table."""
    numbers = main_numbers(spec, evidence)
    performance = evidence.performance
    row = (
        evidence.window, evidence.champion, evidence.rows, evidence.labelled,
        performance.metric if performance else None,
        *[numbers.get(name) for name in ("current", "reference", "first", "moved_importance")],
        evidence.model_dump_json(),
    )  # fmt: skip
    frame = spark.createDataFrame([row], SCHEMA)
    return tables.replace(
        spark, frame, spec.monitoring_uri, f"monitoring.{spec.model.name}", evidence.window
    )
