"""Job `monitor`: what a partition says of its data, of the model that served it, and of retraining it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession

from headrace_jobs.engine.commit_note import commit_note
from headrace_jobs.learning import features
from headrace_jobs.learning.manifest import Feature
from headrace_jobs.learning.registry import LoadedModel, Registry
from headrace_jobs.learning.score import predicted_here
from headrace_jobs.monitoring import window_rows
from headrace_jobs.monitoring.added_monitors import signals
from headrace_jobs.monitoring.compare import MOST_BEFORE, Comparing
from headrace_jobs.monitoring.window_rows import PREDICTION, Counted
from headrace_jobs.statistics import metrics
from headrace_lake.commits import replace
from headrace_lake.ledger import monitoring
from headrace_schemas.decisions.confidence import LEAST_DUE
from headrace_schemas.decisions.evidence import MonitorEvidence, Performance, too_few
from headrace_schemas.decisions.monitoring_row import MonitoringRow
from headrace_schemas.decisions.profile import WindowProfile
from headrace_schemas.decisions.signal import Question, Signal
from headrace_schemas.declarations.model import Model
from headrace_schemas.partition import Partition
from headrace_schemas.wire.model_jobs import GateOutcome, MonitorReport, MonitorSpec
from headrace_schemas.wire.report import Counts
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)

YEAR = timedelta(days=365.25)

NO_LABELS = "no matured labels"


def run(spark: SparkSession, spec: MonitorSpec) -> MonitorReport:
    """Measure the partition and keep one row of it in the monitoring table."""
    windows = window_rows.counted(spark, spec)
    rows = next((window.rows for window in windows if window.key == spec.partition.key), 0)
    evidence = MonitorEvidence(
        window=spec.partition.key,
        matured_partitions=len(windows),
        rows=rows,
        signals=gate_signals(spec.gate),
        **({} if spec.champion else window_rows.known_by_now(windows)),
        due=window_rows.due(windows, spec.partition.key),
        windows_a_year=YEAR / (spec.partition.end - spec.partition.start),
    )
    models = Models.of(spec)
    first = models.first.manifest.features if models.first and models.has_changed else ()
    frame = window_rows.window_frame(spark, spec, models.inputs, first, rows)
    note: str | None = f"no champion served {spec.partition.key}"
    if models.champion is not None:
        added = signals(spark, spec, models.champion.manifest)
        evidence = evidence.model_copy(
            update={
                "champion": models.champion.version,
                "champion_as_of": models.champion.manifest.as_of,
                "signals": (*added, *evidence.signals),
            }
        )
        evidence, note = results(spec.model, models, frame, evidence)
    comparing = Comparing(
        spark, spec, models.champion, models.as_judged, models.inputs, windows, frame, rows
    )
    evidence, profile = comparing.compared(evidence)
    if not evidence.is_due and models.champion is not None:
        matured = newest_matured(spark, spec, models, windows)
        evidence = evidence.model_copy(update={"matured": matured})
    written = keep(spec, evidence, profile)
    log.info(
        "model %s %s: %d rows, %d labelled, %s",
        spec.model.name,
        evidence.window,
        rows,
        evidence.labelled,
        evidence.performance or note,
    )
    return MonitorReport(
        job_id=spec.job_id,
        table=written,
        counts=Counts(rows_in=rows, rows_out=evidence.labelled),
        metrics=main_numbers(evidence),
        notes=(note,) if note else (),
        model_version=evidence.champion,
        monitor_evidence=evidence,
    )


@dataclass(frozen=True)
class Models:
    """What served the partition, and what would have served it had nothing been retrained.

    Attributes:
        as_judged: The champion's booster that was judged on its holdout.
        inputs: The champion's features; those that the model declares where none served.
        judged: The champion's evaluation.
    """

    champion: LoadedModel | None
    as_judged: LoadedModel | None
    first: LoadedModel | None
    inputs: Sequence[Feature]
    judged: Mapping[str, Any]

    @classmethod
    def of(cls, spec: MonitorSpec) -> "Models":
        """Load them."""
        model, pinned = spec.model, spec.champion
        if pinned is None:
            inputs = [
                features.declared_feature(model, spec.contract, name) for name in model.features
            ]
            return cls(None, None, None, inputs, {})
        registry = Registry()
        champion = registry.load(model.name, pinned)
        first = champion
        if spec.first is not None and spec.first.version != pinned.version:
            first = registry.load(model.name, spec.first)
        judged = registry.evaluation(model.name, pinned)
        as_judged = registry.judged(model.name, champion)
        return cls(champion, as_judged, first, champion.manifest.features, judged)

    @property
    def has_changed(self) -> bool:
        """Whether another than the first serves."""
        return self.first is not self.champion


def gate_signals(gate: GateOutcome | None) -> tuple[Signal, ...]:
    """The warnings of the partition's gate: they block nothing there, and are evidence here."""
    if gate is None:
        return ()
    return tuple(
        Signal(
            question=Question.DATA,
            subject=rule,
            method="share of rows that break the rule",
            value=rows / max(gate.rows_in, 1),
        )
        for rule, rows in sorted(gate.warnings.items())
    )


def results(
    model: Model, models: Models, rows: pd.DataFrame, evidence: MonitorEvidence
) -> tuple[MonitorEvidence, str | None]:
    """What matured labels add to the evidence; and a note, where they are none or too few."""
    metric, labels = model.monitors.performance.metric, rows[rows[features.TARGET].notna()]
    labelled = labels[labels[PREDICTION].notna()]
    target, predicted = labelled[features.TARGET].to_numpy(), labelled[PREDICTION].to_numpy()
    current = metrics.measure(metric, target, predicted)
    positive = metrics.positive(model.task, target)
    reference, note = models.judged.get("metrics", {}).get(metric), None
    if not len(labelled):
        note = f"none of {len(labels)} labelled rows was scored" if len(labels) else NO_LABELS
    elif few := too_few(len(labelled), positive, "labelled rows"):
        note = few
    elif current is None:
        note = f"{metric} is not defined on {len(labelled)} labelled rows"
    elif reference is None:
        note = f"version {evidence.champion} was never evaluated with {metric}"
    performance = None
    if current is not None and reference is not None:
        of_first: float | None = current
        if models.first is not None and models.has_changed:
            numbers = labelled[[name for name in rows.columns if name.startswith("_first.")]]
            of_first = metrics.measure(metric, target, predicted_here(models.first, numbers))
        performance = Performance(
            metric=metric,
            current=current,
            reference=reference,
            first=of_first,
            error=metrics.standard_error(metric, target, predicted),
            reference_error=models.judged.get("errors", {}).get(metric),
            reference_rows=models.judged.get("rows_measured"),
        )
    found = {
        "labelled": len(labelled),
        "positive": positive,
        "performance": performance,
        "unmeasured": note if performance is None else None,
    }
    return evidence.model_copy(update=found), note


def newest_matured(
    spark: SparkSession, spec: MonitorSpec, models: Models, windows: Sequence[Counted]
) -> MonitorEvidence | None:
    """Results of the newest window before whose labels are due now; None where there is none.

    It counts only if the champion served it and therefore has not learnt from it.
    """
    version = models.champion.version if models.champion else None
    newest = range(len(windows))[-MOST_BEFORE:]
    kept = monitoring(spec.model.name).read(spec.monitoring_uri, since=windows[newest[0]].key)
    served = {row.window for row in kept if row.champion == version}
    for number in reversed(newest):
        window, due = windows[number], window_rows.due(windows, windows[number].key)
        if window.key >= spec.partition.key or window.key in spec.left_out:
            continue
        if window.key not in served:
            return None
        if due is not None and due >= LEAST_DUE:
            return results_of(spark, spec, models, windows[: number + 1], due)
    return None


def results_of(
    spark: SparkSession, spec: MonitorSpec, models: Models, windows: Sequence[Counted], due: float
) -> MonitorEvidence:
    """Results of the last of some windows, as its labels are known now.

    Args:
        due: The share of them that is.
    """
    window = windows[-1]
    partition = Partition.parse(spec.partition.unit, window.key)
    then = spec.model_copy(update={"partition": partition, "gate": None})
    first = models.first.manifest.features if models.first and models.has_changed else ()
    frame = window_rows.window_frame(spark, then, models.inputs, first, window.rows)
    evidence = MonitorEvidence(
        window=window.key,
        matured_partitions=len(windows),
        rows=window.rows,
        champion=models.champion.version if models.champion else None,
        champion_as_of=models.champion.manifest.as_of if models.champion else None,
        windows_a_year=YEAR / (partition.end - partition.start),
        due=due,
    )
    evidence, _ = results(spec.model, models, frame, evidence)
    return Comparing(
        spark,
        then,
        models.champion,
        models.as_judged,
        models.inputs,
        windows,
        frame,
        window.rows,
    ).results(evidence)


def main_numbers(evidence: MonitorEvidence) -> dict[str, float]:
    """What people and logs look at."""
    numbers = {"moved_importance": evidence.moved_importance}
    if (performance := evidence.performance) is not None:
        numbers |= {"current": performance.current, "reference": performance.reference}
        if performance.first is not None:
            numbers["first"] = performance.first
    return numbers


def keep(spec: MonitorSpec, evidence: MonitorEvidence, profile: WindowProfile) -> PinnedTable:
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
        profile=profile.model_dump_json(),
    )
    kind, uri = monitoring(spec.model.name), spec.monitoring_uri
    written = replace(kind, uri, row, commit_note(spec), spec.history_days)
    return PinnedTable(name=kind.name, uri=uri, version=written.version)
