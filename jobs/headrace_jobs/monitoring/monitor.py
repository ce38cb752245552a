"""Job `monitor`: what a partition says of its data, of the model that served it, and of retraining it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.commit_note import commit_note
from headrace_jobs.lake import tables
from headrace_jobs.learning import features
from headrace_jobs.learning.manifest import Feature
from headrace_jobs.learning.registry import LoadedModel, Registry
from headrace_jobs.learning.score import predicted_here
from headrace_jobs.monitoring import window_rows
from headrace_jobs.monitoring.added_monitors import signals
from headrace_jobs.monitoring.learner import Learner, Rows
from headrace_jobs.monitoring.measure import Past, Served, Window, measure
from headrace_jobs.monitoring.window_rows import HASH, Counted
from headrace_jobs.statistics import histograms, metrics
from headrace_jobs.statistics.profiles import column_profiles
from headrace_lake.commits import replace
from headrace_lake.ledger import monitoring
from headrace_schemas.decisions.evidence import MonitorEvidence, Performance, too_few
from headrace_schemas.decisions.findings import judge_inputs
from headrace_schemas.decisions.monitoring_row import MonitoringRow
from headrace_schemas.decisions.profile import WindowProfile
from headrace_schemas.decisions.psi import psi_signal
from headrace_schemas.decisions.signal import Question, Signal
from headrace_schemas.declarations.model import Model
from headrace_schemas.partition import Partition
from headrace_schemas.planning.planner import matured_at
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.model_jobs import GateOutcome, MonitorReport, MonitorSpec
from headrace_schemas.wire.report import Counts
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)

PREDICTION, AT = "_prediction", "_at"
"""The served prediction and the event's time, beside the feature table's columns."""

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
    )
    models = Models.of(spec)
    frame = window_frame(spark, spec, models, rows)
    note: str | None = f"no champion served {spec.partition.key}"
    if models.champion is not None:
        evidence, note = served(spark, spec, models, models.champion, frame, evidence)
    evidence, profile = compared(spark, spec, models, windows, frame, evidence)
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
        inputs: The champion's features; those that the model declares where none served.
        judged: The champion's evaluation.
    """

    champion: LoadedModel | None
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
            return cls(None, None, inputs, {})
        registry = Registry()
        champion = registry.load(model.name, pinned)
        first = champion
        if spec.first is not None and spec.first.version != pinned.version:
            first = registry.load(model.name, spec.first)
        judged = registry.evaluation(model.name, pinned)
        return cls(champion, first, champion.manifest.features, judged)

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


def window_frame(
    spark: SparkSession, spec: MonitorSpec, models: Models, count: int
) -> pd.DataFrame:
    """The partition's features, predictions and matured labels; a sample if it is large."""
    model, contract, partition = spec.model, spec.contract, [spec.partition.key]
    key = features.row_key(model, contract)
    frame = tables.read(spark, spec.features, partition)
    target = features.target_number(model, contract)
    columns = [
        F.when(features.is_known(model, spec.as_of), target).alias(features.TARGET),
        window_rows.hashed(spec).alias(HASH),
        F.unix_micros(F.col(quoted(model.event_time))).alias(AT),
        *window_rows.raw_inputs(models.inputs),
    ]
    if model.gates.slices is not None:
        columns += [
            F.col(quoted(name)).cast("string").alias(f"_slice.{name}")
            for name in model.gates.slices.columns
        ]
    if models.first is not None and models.has_changed:
        columns += features.feature_numbers(models.first.manifest.features, contract, "_first.")
    if spec.predictions is None:
        frame = frame.withColumn(PREDICTION, F.lit(None).cast("double"))
    else:
        predictions = tables.read(spark, spec.predictions, partition)
        prediction = F.col("prediction").alias(PREDICTION)
        predictions = predictions.select(*[quoted(name) for name in key], prediction)
        frame = frame.join(predictions, list(key), "left")
    return features.sample(frame, key, [F.col(PREDICTION), *columns], count)


def served(
    spark: SparkSession,
    spec: MonitorSpec,
    models: Models,
    champion: LoadedModel,
    rows: pd.DataFrame,
    evidence: MonitorEvidence,
) -> tuple[MonitorEvidence, str | None]:
    """What a champion adds to the evidence; and a note, where its results cannot be measured."""
    model = spec.model
    update = {
        "champion": champion.version,
        "champion_as_of": champion.manifest.as_of,
        "signals": (
            *input_signals(model, champion, rows, evidence.rows),
            *signals(spark, spec, champion.manifest),
            *evidence.signals,
        ),
    }
    return results(model, models, rows, evidence.model_copy(update=update))


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
        )
    found = {
        "labelled": len(labelled),
        "positive": positive,
        "performance": performance,
        "unmeasured": note if performance is None else None,
    }
    return evidence.model_copy(update=found), note


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


def compared(
    spark: SparkSession,
    spec: MonitorSpec,
    models: Models,
    windows: Sequence[Counted],
    frame: pd.DataFrame,
    evidence: MonitorEvidence,
) -> tuple[MonitorEvidence, WindowProfile]:
    """What the windows before say of this one: incidents, and what retraining would have gained."""
    model, champion = spec.model, models.champion
    values = window_rows.Values(models.inputs)
    known = values.learnt()
    before = window_rows.learnable(spec, windows)
    labelled: list[Rows] = []
    own: tuple[Rows, ...] = ()
    if champion is not None and evidence.labelled:
        since = first_learnt(champion, before)
        total = sum(window.labelled for window in before) + evidence.labelled
        learner = Learner.of(model, values.categories, total)
        wanted = window_rows.shares(before, since, learner.most_rows)
        labelled = window_rows.labelled_before(spark, spec, values, before, wanted)
        own = learnt_windows(spec, champion, labelled)
    past = Past(labelled, profiles_before(spec), values.categories)
    importances = {feature.name: feature.importance for feature in models.inputs}
    served = Served(champion.version, own, importances) if champion else None
    window = as_window(spec, values, known, frame, evidence.rows)
    moved = judge_inputs(model.monitors.inputs, evidence).drifted
    return measure(model, window, past, served, evidence, moved)


def as_window(
    spec: MonitorSpec,
    values: window_rows.Values,
    known: Mapping[int, np.ndarray],
    frame: pd.DataFrame,
    count: int,
) -> Window:
    """The partition's rows as they are compared."""
    numbers = values.numbers(frame)
    kinds = [feature.kind.value for feature in values.features]
    names = [feature.name for feature in values.features]
    by_time = np.argsort(frame[AT].to_numpy(), kind="stable")
    gate = spec.gate
    profile = WindowProfile(
        window=spec.partition.key,
        rows=count,
        delivered=gate.rows_in if gate else None,
        quarantined=gate.quarantined / gate.rows_in if gate and gate.rows_in else None,
        columns=column_profiles(names, kinds, numbers[by_time], known),
    )
    order = np.argsort(frame[HASH].to_numpy(), kind="stable")
    target = frame[features.TARGET].to_numpy(dtype=np.float64)[order]
    slices = {
        name.removeprefix("_slice."): frame[name].to_numpy()[order]
        for name in frame.columns
        if name.startswith("_slice.")
    }
    rows = Rows(spec.partition.key, numbers[order], target, count)
    return Window(rows, frame[PREDICTION].to_numpy(dtype=np.float64)[order], profile, slices)


def first_learnt(champion: LoadedModel, before: Sequence[Counted]) -> int:
    """Position of the first window that the champion learnt from."""
    since = champion.manifest.learn_from
    return next((i for i, window in enumerate(before) if since is None or window.key >= since), 0)


def learnt_windows(
    spec: MonitorSpec, champion: LoadedModel, labelled: Sequence[Rows]
) -> tuple[Rows, ...]:
    """The windows that the champion learnt from, as far as they are there."""
    manifest, unit = champion.manifest, spec.partition.unit
    return tuple(
        rows
        for rows in labelled
        if (manifest.learn_from is None or rows.key >= manifest.learn_from)
        and rows.key not in manifest.left_out
        and matured_at(spec.model, Partition.parse(unit, rows.key)) <= manifest.as_of
    )


def profiles_before(spec: MonitorSpec) -> list[WindowProfile]:
    """Profiles of earlier windows that are not held, oldest first."""
    kept = monitoring(spec.model.name).read(spec.monitoring_uri)
    return [
        WindowProfile.model_validate_json(row.profile)
        for row in kept
        if row.profile and row.window < spec.partition.key and row.window not in spec.left_out
    ]


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
