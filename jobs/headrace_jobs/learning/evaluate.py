"""Job `evaluate`: judge a candidate on its holdout, beside the champion on the same rows."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.commit_note import commit_note
from headrace_jobs.lake import tables
from headrace_jobs.learning import features
from headrace_jobs.learning.registry import LoadedModel, Registry
from headrace_jobs.learning.score import predicted_here
from headrace_jobs.learning.version_ledger import record_evaluation
from headrace_jobs.statistics import metrics
from headrace_jobs.statistics.metrics import Values
from headrace_schemas.decisions.evidence import Comparison, PromotionEvidence, Refit, too_few
from headrace_schemas.decisions.model_version import Evaluation
from headrace_schemas.declarations.metrics import gain
from headrace_schemas.declarations.model import Model, SliceGate
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.model_jobs import EvaluateReport, EvaluateSpec
from headrace_schemas.wire.report import Counts

log = logging.getLogger(__name__)

CHALLENGER, CHAMPION, REFITTED = "_challenger", "_champion", "_refitted"
"""The predictions of each, within frames of holdout rows."""


def run(spark: SparkSession, spec: EvaluateSpec) -> EvaluateReport:
    """Measure the challenger and the champion on rows that neither should have been trained on."""
    model, registry = spec.model, Registry()
    challenger = registry.load_judged(model.name, spec.challenger)
    refitted = registry.load(model.name, spec.challenger)
    window = challenger.manifest.window
    champion = unaware(registry, spec, window.holdout_start)
    judged = {CHALLENGER: challenger}
    if champion is not None:
        judged[CHAMPION] = champion
    if refitted.manifest.judged is not None:
        judged[REFITTED] = refitted
    rows = holdout(spark, spec, judged)
    target, predicted = rows[features.TARGET].to_numpy(), rows[CHALLENGER].to_numpy()
    measured = metrics.measure_all(model.metrics, target, predicted)
    evidence = PromotionEvidence(
        challenger=challenger.version,
        champion=champion.version if champion else None,
        holdout_rows=window.holdout_rows,
        metrics=measured,
        comparison=compare(model, rows) if champion else None,
        baseline=None if champion or model.gates.floors else compare_constant(model, rows),
        holdout_days=None if model.split.holdout_days else window.holdout_days,
        measured=len(rows),
        positive=metrics.positive(model.task, target),
        learn_from=challenger.manifest.learn_from,
        refit=compare_refit(model, rows) if REFITTED in judged else None,
    )
    notes = overlap(challenger, champion)
    if len(rows) < window.holdout_rows:
        notes.append(f"measured on {len(rows)} of {window.holdout_rows} holdout rows, by key hash")
    evaluation: dict[str, Any] = {
        "evidence": evidence.model_dump(mode="json"),
        "metrics": measured,
        "notes": notes,
        "errors": {
            metric: metrics.standard_error(metric, target, predicted) for metric in measured
        },
        "rows_measured": len(rows),
        "as_of": spec.as_of.isoformat(),
        "holdout": [window.holdout_start.isoformat(), window.holdout_end.isoformat()],
        "calibration": metrics.calibration(target, predicted),
        "slices": slices(model, rows),
    }
    version = challenger.version
    digest = registry.record_evaluation(model.name, version, evaluation, measured)
    recorded = Evaluation(model=model.name, version=version, sha256=digest)
    record_evaluation(spec.evaluations_uri, recorded, commit_note(spec))
    log.info("model %s version %s: %s on %d rows", model.name, version, measured, len(rows))
    return EvaluateReport(
        job_id=spec.job_id,
        metrics=measured,
        counts=Counts(rows_in=window.holdout_rows, rows_out=len(rows)),
        notes=tuple(notes),
        model_version=version,
        promotion_evidence=evidence,
    )


def unaware(registry: Registry, spec: EvaluateSpec, start: datetime) -> LoadedModel | None:
    """The champion, by its judged booster where the one that serves has learnt from events since `start`."""
    if spec.champion is None:
        return None
    champion = registry.load(spec.model.name, spec.champion)
    if champion.manifest.learnt_before <= start:
        return champion
    return registry.load_judged(spec.model.name, spec.champion)


def holdout(
    spark: SparkSession, spec: EvaluateSpec, judged: Mapping[str, LoadedModel]
) -> pd.DataFrame:
    """The challenger's holdout with target, slices and predictions; a sample if it is large."""
    model, contract, manifest = spec.model, spec.contract, judged[CHALLENGER].manifest
    window = manifest.window
    delivered = features.delivered_rows(
        tables.read(spark, spec.features), spec.as_of, manifest.learn_from, manifest.left_out
    )
    known = features.known_rows(delivered, model, spec.as_of)
    kept = known.where(F.col(quoted(model.event_time)) >= features.instant(window.holdout_start))
    columns = [features.target_number(model, contract)]
    columns += [
        F.col(quoted(name)).cast("string").alias(f"_slice.{name}") for name in slice_columns(model)
    ]
    for name, loaded in judged.items():
        columns += features.feature_numbers(loaded.manifest.features, contract, f"{name}.")
    key = features.row_key(model, contract)
    rows = features.sample(kept, key, columns, window.holdout_rows)
    for name, loaded in judged.items():
        own = [column for column in rows.columns if column.startswith(f"{name}.")]
        rows[name] = predicted_here(loaded, rows[own])
    return rows


def slice_columns(model: Model) -> Sequence[str]:
    """The columns whose values make the slices."""
    return model.gates.slices.columns if model.gates.slices else ()


def compare(model: Model, rows: pd.DataFrame) -> Comparison | None:
    """Challenger and champion by the champion gate's metric; None where it is not defined."""
    compared = paired(model, rows[features.TARGET].to_numpy(), rows, rows[CHAMPION].to_numpy())
    if compared is None:
        return None
    believed = [figures for figures in slices(model, rows) if figures["too_few"] is None]
    worst = max(believed, key=lambda figures: figures["drop"], default=None)
    dropped = worst is not None and worst["drop"] > 0
    if worst is None or not dropped:
        return compared
    loss = {"worst_slice": worst["slice"], "worst_slice_drop": worst["drop"]}
    return compared.model_copy(update=loss)


def compare_constant(model: Model, rows: pd.DataFrame) -> Comparison | None:
    """Challenger and the mean of the labels, as `compare`: what a booster without features learns."""
    target = rows[features.TARGET].to_numpy()
    constant = np.full(target.size, target.mean() if target.size else 0.0)
    return paired(model, target, rows, constant)


def paired(model: Model, target: Values, rows: pd.DataFrame, old: Values) -> Comparison | None:
    """Challenger and another prediction by the champion gate's metric; None where it is not defined.

    Without a declared `min_gain` it is the standard error of the difference: with a confidence of
    0.9, one that is no better passes for one that is where it looks better by 1 + 1.28 standard
    errors, in 1.1 % of cases.
    """
    gate, new = model.gates.champion, rows[CHALLENGER].to_numpy()
    challenger = metrics.measure(gate.metric, target, new)
    champion = metrics.measure(gate.metric, target, old)
    if challenger is None or champion is None:
        return None
    gains = metrics.resampled_gains(
        gate.metric, target, new, old, gate.resamples, model.training.seed
    )
    noise = metrics.spread(gains)
    least = noise if gate.min_gain is None else gate.min_gain
    return Comparison(
        metric=gate.metric,
        challenger=challenger,
        champion=champion,
        share_better=share(gains > least),
        share_worse=share(gains < 0),
        min_gain=noise if gate.min_gain is None else None,
    )


def compare_refit(model: Model, rows: pd.DataFrame) -> Refit | None:
    """The refitted booster and the judged one by the gate's metric; None where rows are too few for it."""
    gate = model.gates.champion
    target = rows[features.TARGET].to_numpy()
    if too_few(len(rows), metrics.positive(model.task, target), "holdout rows"):
        return None
    new, old = rows[REFITTED].to_numpy(), rows[CHALLENGER].to_numpy()
    refitted = metrics.measure(gate.metric, target, new)
    judged = metrics.measure(gate.metric, target, old)
    if refitted is None or judged is None:
        return None
    gains = metrics.resampled_gains(
        gate.metric, target, new, old, gate.resamples, model.training.seed
    )
    others = [target, *([rows[CHAMPION].to_numpy()] if CHAMPION in rows else [])]
    return Refit(
        metric=gate.metric,
        judged=judged,
        refitted=refitted,
        error=metrics.spread(gains),
        difference=metrics.distance(new, old),
        allowed=max(metrics.distance(old, other) for other in others),
    )


def share(of_resamples: NDArray[np.bool_]) -> float:
    """In how many resamples something holds; one in which the metric is not defined is none of them."""
    return int(of_resamples.sum()) / of_resamples.size


def slices(model: Model, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The champion gate's metric within each slice that is large enough."""
    gate = model.gates.slices
    if gate is None:
        return []
    return [
        figures
        for column in gate.columns
        for value, group in rows.groupby(f"_slice.{column}", sort=True)
        if (figures := judged_slice(model, gate, f"{column}={value}", group)) is not None
    ]


def judged_slice(
    model: Model, gate: SliceGate, name: str, group: pd.DataFrame
) -> dict[str, Any] | None:
    """One slice; None if it is too small or the metric is not defined in it.

    One with too few rows, or too few of a class, is kept for people and decides nothing.
    """
    metric, target = model.gates.champion.metric, group[features.TARGET].to_numpy()
    new = metrics.measure(metric, target, group[CHALLENGER].to_numpy())
    if len(group) < gate.min_rows or new is None:
        return None
    few = too_few(len(group), metrics.positive(model.task, target), "labelled rows")
    found = {"slice": name, "rows": len(group), "challenger": new, "drop": 0.0, "too_few": few}
    if CHAMPION in group:
        old = metrics.measure(metric, target, group[CHAMPION].to_numpy())
        if old is not None:
            found |= {"champion": old, "drop": -gain(metric, new, old)}
    return found


def overlap(challenger: LoadedModel, champion: LoadedModel | None) -> list[str]:
    """A note if the champion was trained on rows that it is judged on."""
    start = challenger.manifest.window.holdout_start
    if champion is None or champion.manifest.learnt_before <= start:
        return []
    trained_until = champion.manifest.learnt_before
    return [
        f"champion {champion.version} learnt from events up to {trained_until:%Y-%m-%d}, the "
        f"holdout begins at {start:%Y-%m-%d}: the comparison favours the champion"
    ]
