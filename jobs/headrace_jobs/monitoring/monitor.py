"""Job `monitor`: how far a partition's inputs drifted, and how good the served predictions were."""

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.commit_note import commit_note
from headrace_jobs.lake import tables
from headrace_jobs.learning import features
from headrace_jobs.learning.registry import LoadedModel, Registry
from headrace_jobs.learning.score import predicted_here
from headrace_jobs.monitoring.added_monitors import signals
from headrace_jobs.statistics import histograms, metrics
from headrace_lake.commits import replace
from headrace_lake.ledger import monitoring
from headrace_schemas.decisions.evidence import MonitorEvidence, Performance, too_few
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.decisions.monitoring_row import MonitoringRow
from headrace_schemas.decisions.psi import psi_signal
from headrace_schemas.decisions.signal import Signal
from headrace_schemas.declarations.model import Model
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.model_jobs import MonitorReport, MonitorSpec
from headrace_schemas.wire.report import Counts
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)

PREDICTION = "_prediction"
"""The served prediction, beside the feature table's columns."""

NO_LABELS = "no matured labels"


def run(spark: SparkSession, spec: MonitorSpec) -> MonitorReport:
    """Measure the partition and keep one row of it in the monitoring table."""
    partitions = partition_rows(spark, spec)
    rows = partitions.get(spec.partition.key, 0)
    measured = MonitorEvidence(
        window=spec.partition.key, matured_partitions=len(partitions), rows=rows
    )
    note: str | None = f"no champion served {spec.partition.key}"
    if spec.champion is not None:
        measured, note = served(spark, spec, spec.champion, measured)
    written = keep(spec, measured)
    log.info(
        "model %s %s: %d rows, %d labelled, %s",
        spec.model.name,
        measured.window,
        rows,
        measured.labelled,
        measured.performance or note,
    )
    return MonitorReport(
        job_id=spec.job_id,
        table=written,
        counts=Counts(rows_in=rows, rows_out=measured.labelled),
        metrics=main_numbers(measured),
        notes=(note,) if note else (),
        model_version=measured.champion,
        monitor_evidence=measured,
    )


def partition_rows(spark: SparkSession, spec: MonitorSpec) -> dict[str, int]:
    """Rows of each partition of the feature table up to this one."""
    found = (
        tables.read(spark, spec.features)
        .where(F.col(tables.PARTITION) <= spec.partition.key)
        .groupBy(tables.PARTITION)
        .count()
        .collect()
    )
    return {row[tables.PARTITION]: row["count"] for row in found}


def served(
    spark: SparkSession, spec: MonitorSpec, pinned: PinnedModel, evidence: MonitorEvidence
) -> tuple[MonitorEvidence, str | None]:
    """What a champion adds to the evidence; and a note, where its results cannot be measured."""
    registry, model = Registry(), spec.model
    champion = registry.load(model.name, pinned)
    first = champion
    if spec.first is not None and spec.first.version != pinned.version:
        first = registry.load(model.name, spec.first)
    rows = window_rows(spark, spec, champion, first, evidence.rows)
    evidence = evidence.model_copy(
        update={
            "champion": champion.version,
            "champion_as_of": champion.manifest.as_of,
            "signals": (
                *input_signals(model, champion, rows, evidence.rows),
                *signals(spark, spec, champion.manifest),
            ),
        }
    )
    judged = registry.evaluation(model.name, pinned)
    return results(model, champion, first, judged, rows, evidence)


def results(
    model: Model,
    champion: LoadedModel,
    first: LoadedModel,
    judged: Mapping[str, Any],
    rows: pd.DataFrame,
    evidence: MonitorEvidence,
) -> tuple[MonitorEvidence, str | None]:
    """What matured labels add to the evidence; and a note, where they are none or too few.

    Args:
        judged: The champion's evaluation.
    """
    metric, labels = model.monitors.performance.metric, rows[rows[features.TARGET].notna()]
    labelled = labels[labels[PREDICTION].notna()]
    target, predicted = labelled[features.TARGET].to_numpy(), labelled[PREDICTION].to_numpy()
    current, positive = (
        metrics.measure(metric, target, predicted),
        metrics.positive(model.task, target),
    )
    reference, note = judged.get("metrics", {}).get(metric), None
    if not len(labelled):
        note = f"none of {len(labels)} labelled rows was scored" if len(labels) else NO_LABELS
    elif few := too_few(len(labelled), positive, "labelled rows"):
        note = few
    elif current is None:
        note = f"{metric} is not defined on {len(labelled)} labelled rows"
    elif reference is None:
        note = f"version {champion.version} was never evaluated with {metric}"
    performance = None
    if current is not None and reference is not None:
        of_first: float | None = current
        if first is not champion:
            numbers = labelled[[name for name in rows.columns if name.startswith("_first.")]]
            of_first = metrics.measure(metric, target, predicted_here(first, numbers))
        performance = Performance(
            metric=metric,
            current=current,
            reference=reference,
            first=of_first,
            error=metrics.standard_error(metric, target, predicted),
            reference_error=judged.get("errors", {}).get(metric),
        )
    found = {
        "labelled": len(labelled),
        "positive": positive,
        "performance": performance,
        "unmeasured": note if performance is None else None,
    }
    return evidence.model_copy(update=found), note


def window_rows(
    spark: SparkSession, spec: MonitorSpec, champion: LoadedModel, first: LoadedModel, count: int
) -> pd.DataFrame:
    """The partition's features, predictions and matured labels; a sample if it is large."""
    model, contract, partition = spec.model, spec.contract, [spec.partition.key]
    key = features.row_key(model, contract)
    frame = tables.read(spark, spec.features, partition)
    target = features.target_number(model, contract)
    columns = [F.when(features.is_known(model, spec.as_of), target).alias(features.TARGET)]
    columns += [
        features.raw_value(feature).alias(f"_input.{feature.name}")
        for feature in champion.manifest.features
    ]
    if first is not champion:
        columns += features.feature_numbers(first.manifest.features, contract, "_first.")
    if spec.predictions is None:
        frame = frame.withColumn(PREDICTION, F.lit(None).cast("double"))
    else:
        predictions = tables.read(spark, spec.predictions, partition)
        prediction = F.col("prediction").alias(PREDICTION)
        predictions = predictions.select(*[quoted(name) for name in key], prediction)
        frame = frame.join(predictions, list(key), "left")
    return features.sample(frame, key, [F.col(PREDICTION), *columns], count)


def input_signals(
    model: Model, champion: LoadedModel, rows: pd.DataFrame, count: int
) -> list[Signal]:
    """Each feature's PSI against the champion's training rows, most important first.

    Args:
        rows: Of the window, or a sample of them.
        count: How many the window has.
    """
    signals = []
    for feature in champion.manifest.features:
        histogram, found = (
            feature.histogram,
            histograms.shares(feature, rows[f"_input.{feature.name}"]),
        )
        trained = histogram.rows or champion.manifest.window.train_rows
        least = histograms.least_share(trained, len(rows))
        psi = histograms.psi(histogram.shares, found, least) if len(rows) else 0.0
        signal = psi_signal(
            feature.name,
            round(psi, 6),
            feature.importance,
            count,
            model.monitors.inputs.psi,
            bins=sum(share > 0 for share in histogram.shares),
            trained_rows=trained,
        )
        signals.append((-feature.importance, feature.name, signal))
    return [signal for _, _, signal in sorted(signals, key=lambda entry: entry[:2])]


def main_numbers(evidence: MonitorEvidence) -> dict[str, float]:
    """What people and logs look at."""
    numbers = {"moved_importance": evidence.moved_importance}
    if (performance := evidence.performance) is not None:
        numbers |= {"current": performance.current, "reference": performance.reference}
        if performance.first is not None:
            numbers["first"] = performance.first
    return numbers


def keep(spec: MonitorSpec, evidence: MonitorEvidence) -> PinnedTable:
    """Replace the window's row of the monitoring table."""
    performance = evidence.performance
    row = MonitoringRow(
        window=evidence.window,
        champion=evidence.champion,
        rows=evidence.rows,
        labelled=evidence.labelled,
        metric=performance.metric if performance else None,
        **main_numbers(evidence),
        evidence=evidence.model_dump_json(),
    )
    kind, uri = monitoring(spec.model.name), spec.monitoring_uri
    written = replace(kind, uri, row, commit_note(spec), spec.history_days)
    return PinnedTable(name=kind.name, uri=uri, version=written.version)
