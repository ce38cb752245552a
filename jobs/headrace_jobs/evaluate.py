"""Job `evaluate`: judge a candidate on its holdout, beside the champion on the same rows."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs import features, metrics, tables
from headrace_jobs.manifest import Manifest
from headrace_jobs.registry import Registry
from headrace_jobs.score import predicted
from headrace_schemas.decisions import Comparison, PromotionEvidence
from headrace_schemas.job import Counts, EvaluateSpec, JobReport
from headrace_schemas.model import Model, SliceGate, gain

log = logging.getLogger(__name__)

def run(spark: SparkSession, spec: EvaluateSpec) -> JobReport:
    """Measure the challenger, and the champion if there is one, on rows that neither should have learnt."""
    model, registry = spec.model, Registry()
    challenger = registry.load(model.name, spec.challenger)
    champion = registry.load(model.name, spec.champion) if spec.champion else None
    window = challenger[1].window
    rows = holdout(spark, spec, challenger, champion)
    target, new = rows[features.TARGET].to_numpy(), rows["challenger"].to_numpy()
    measured = metrics.measure_all(model.task.metrics, target, new)
    comparison = compare(model, rows) if champion else None
    evidence = PromotionEvidence(
        challenger=spec.challenger, champion=spec.champion, holdout_rows=window.holdout_rows,
        metrics=measured, comparison=comparison,
    )  # fmt: skip
    notes = overlap(spec, window.holdout_start, champion[1] if champion else None)
    if len(rows) < window.holdout_rows:
        notes.append(f"measured on {len(rows)} of {window.holdout_rows} holdout rows, by key hash")
    evaluation: dict[str, Any] = {
        "evidence": evidence.model_dump(mode="json"), "metrics": measured, "notes": notes,
        "rows_measured": len(rows), "as_of": spec.as_of.isoformat(),
        "holdout": [window.holdout_start.isoformat(), window.holdout_end.isoformat()],
        "calibration": metrics.calibration(target, new),
        "slices": slices(model, rows),
    }  # fmt: skip
    registry.record_evaluation(model.name, spec.challenger, evaluation, measured)
    log.info("model %s version %s: %s on %d rows", model.name, spec.challenger, measured, len(rows))
    return JobReport(
        job="evaluate", job_id=spec.job_id, status="succeeded", metrics=measured,
        counts=Counts(rows_in=window.holdout_rows, rows_out=len(rows)), notes=tuple(notes),
        model_version=spec.challenger, promotion_evidence=evidence,
    )  # fmt: skip


def holdout(
    spark: SparkSession,
    spec: EvaluateSpec,
    challenger: tuple[bytes, Manifest],
    champion: tuple[bytes, Manifest] | None,
) -> pd.DataFrame:
    """The challenger's holdout with target, predictions and slice columns; a sample if it is large."""
    model, contract = spec.model, spec.contract
    window = challenger[1].window
    key = features.row_key(model, contract)
    known = features.known_rows(tables.read(spark, spec.features), model, spec.as_of)
    kept = known.where(F.col(model.event_time) >= features.instant(window.holdout_start))
    kept = features.sampled(kept, key, window.holdout_rows, features.MOST_GATHERED)
    columns = [features.target_number(model, contract).alias(features.TARGET)]
    columns.append(predicted(*challenger, contract).alias("challenger"))
    if champion:
        columns.append(predicted(*champion, contract).alias("champion"))
    columns += [F.col(name).cast("string").alias(f"slice.{name}") for name in slice_columns(model)]
    return features.gathered(kept, key, columns)


def slice_columns(model: Model) -> Sequence[str]:
    """The columns whose values make the slices."""
    return model.gates.slices.columns if model.gates.slices else ()


def compare(model: Model, rows: pd.DataFrame) -> Comparison | None:
    """Challenger and champion by the champion gate's metric; None where it is not defined."""
    gate = model.gates.champion
    target = rows[features.TARGET].to_numpy()
    new, old = rows["challenger"].to_numpy(), rows["champion"].to_numpy()
    challenger = metrics.measure(gate.metric, target, new)
    champion = metrics.measure(gate.metric, target, old)
    if challenger is None or champion is None:
        return None
    worst = max(slices(model, rows), key=lambda one: one["drop"], default=None)
    dropped = worst is not None and worst["drop"] > 0
    return Comparison(
        metric=gate.metric,
        challenger=challenger,
        champion=champion,
        share_better=metrics.share_better(
            gate.metric, target, new, old, gate.min_gain, gate.resamples, model.training.seed
        ),
        worst_slice=worst["slice"] if worst and dropped else None,
        worst_slice_drop=worst["drop"] if worst and dropped else 0.0,
    )


def slices(model: Model, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The champion gate's metric within each slice that is large enough."""
    gate, metric = model.gates.slices, model.gates.champion.metric
    if gate is None:
        return []
    return [
        one
        for column in gate.columns
        for value, part in rows.groupby(f"slice.{column}", sort=True)
        if (one := judged_slice(gate, metric, f"{column}={value}", part)) is not None
    ]


def judged_slice(
    gate: SliceGate, metric: str, name: str, part: pd.DataFrame
) -> dict[str, Any] | None:
    """One slice; None if it is too small or the metric is not defined in it."""
    target = part[features.TARGET].to_numpy()
    new = metrics.measure(metric, target, part["challenger"].to_numpy())
    if len(part) < gate.min_rows or new is None:
        return None
    found = {"slice": name, "rows": len(part), "challenger": new, "drop": 0.0}
    if "champion" in part:
        old = metrics.measure(metric, target, part["champion"].to_numpy())
        if old is not None:
            found |= {"champion": old, "drop": -gain(metric, new, old)}
    return found


def overlap(spec: EvaluateSpec, start: datetime, champion: Manifest | None) -> list[str]:
    """A note if the champion learnt from rows that it is judged on."""
    if champion is None or champion.window.holdout_start <= start:
        return []
    return [
        f"champion {spec.champion} learnt from events up to {champion.window.holdout_start:%Y-%m-%d}, "
        f"the holdout begins at {start:%Y-%m-%d}: the comparison favours the champion"
    ]
