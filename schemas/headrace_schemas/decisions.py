"""Decisions: pure functions from evidence, policy and history to a verdict with its reason.

They know nothing of Airflow or Spark, so each can be replayed over history. Every evaluation is one
row of the ledger, which is the truth: assets, events and registry aliases follow from it.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from headrace_schemas.declaration import Frozen
from headrace_schemas.model import Gates, Model, gain


class Verdict(StrEnum):
    """What a decision says."""

    TRAIN = "train"
    KEEP = "keep"
    WAIT = "wait"
    PROMOTE = "promote"
    REFUSE = "refuse"


class Kind(StrEnum):
    """Which question a decision answers."""

    RETRAINING = "retraining"
    PROMOTION = "promotion"


class FeatureShift(Frozen):
    """How far one feature moved from the champion's training window.

    Attributes:
        psi: Population stability index.
        importance: Share of the champion's total gain, 0 to 1.
    """

    feature: str
    psi: float
    importance: float


class Performance(Frozen):
    """One metric of the served model on matured labels of a window.

    Attributes:
        current: Of the predictions that were served.
        reference: Of the champion on its own holdout.
        first: What a first model, never relearned, would have reached; None before it exists.
    """

    metric: str
    current: float
    reference: float
    first: float | None = None


class MonitorEvidence(Frozen):
    """What monitoring measured on one window.

    Attributes:
        matured_partitions: Partitions of the feature table with matured labels, this one included.
        champion: Version that served the window; None if none did.
        champion_as_of: Up to when its labels were known at training.
        labelled: Rows of the window with a matured label.
        shifts: Every feature's move, most important first; empty without a champion.
    """

    window: str
    matured_partitions: int
    champion: str | None = None
    champion_as_of: datetime | None = None
    rows: int = 0
    labelled: int = 0
    shifts: tuple[FeatureShift, ...] = ()
    performance: Performance | None = None

    def moved_importance(self, psi: float) -> float:
        """Share of the champion's gain that lies in features with at least this PSI."""
        return sum((shift.importance for shift in self.shifts if shift.psi >= psi), 0.0)


class Comparison(Frozen):
    """Challenger and champion on the same holdout rows.

    Attributes:
        share_better: Share of the paired bootstrap's resamples in which the challenger is better by
            more than the gate's `min_gain`.
        worst_slice: Slice in which the challenger loses most; None when it loses nowhere.
    """

    metric: str
    challenger: float
    champion: float
    share_better: float
    worst_slice: str | None = None
    worst_slice_drop: float = 0.0


class PromotionEvidence(Frozen):
    """What evaluation measured of a new version.

    Attributes:
        metrics: Of the challenger, on the holdout.
        comparison: With the champion; None when nothing serves yet.
    """

    challenger: str
    champion: str | None
    holdout_rows: int
    metrics: dict[str, float]
    comparison: Comparison | None = None


class Decision(Frozen):
    """One row of the ledger.

    Attributes:
        id: Names the question; asking it again gives the same id, and the first answer stands.
        window: Partition key (retraining) or version (promotion) that it is about.
        as_of: Data time of the decision: what was known by then.
        answers: For a promotion, the id of the decision that asked for the training.
        model_version: Version that a promotion is about.
        effective_from: Data time from which a promoted version serves.
        evidence: What it was decided on, as JSON.
        policy: Thresholds in force, as JSON.
    """

    id: str
    model: str
    kind: Kind
    window: str
    as_of: datetime
    verdict: Verdict
    reason: str
    answers: str | None = None
    model_version: str | None = None
    effective_from: datetime | None = None
    evidence: str = Field(default="{}")
    policy: str = Field(default="{}")


def as_of_label(instant: datetime) -> str:
    """A data time within ids and messages."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def decide_retraining(
    model: Model, evidence: MonitorEvidence, history: Sequence[Decision], as_of: datetime
) -> Decision:
    """Whether the model is learnt again, and why.

    Inputs may move without harm and a model may rot with still inputs, so both are weighed: worse
    results on matured labels train; moved inputs train unless the results hold; age trains in the
    end.

    Args:
        history: Earlier decisions of the model; those at or after `as_of` are not looked at.
    """
    earlier = [one for one in history if one.model == model.name and one.as_of < as_of]
    verdict, reason = weigh(model, evidence, earlier, as_of)
    return Decision(
        id=f"{model.name}/retraining/{evidence.window}/{as_of_label(as_of)}",
        model=model.name, kind=Kind.RETRAINING, window=evidence.window, as_of=as_of,
        verdict=verdict, reason=reason, model_version=evidence.champion,
        evidence=canonical(evidence),
        policy=model.model_dump_json(include={"monitors", "retraining", "split"}),
    )  # fmt: skip


def weigh(
    model: Model, evidence: MonitorEvidence, history: Sequence[Decision], as_of: datetime
) -> tuple[Verdict, str]:
    """Verdict and reason of `decide_retraining`."""
    needed = model.split.first_after_partitions
    learnt_at = None if evidence.champion is None else evidence.champion_as_of
    if learnt_at is None and evidence.matured_partitions < needed:
        return Verdict.WAIT, (
            f"no model yet: {evidence.matured_partitions} of {needed} partitions of history"
        )
    cooldown = timedelta(days=model.retraining.cooldown_days)
    trained = [one for one in history if one.verdict is Verdict.TRAIN]
    latest = max((one.as_of for one in trained), default=None)
    if latest is not None and as_of - latest < cooldown:
        days = model.retraining.cooldown_days
        return Verdict.KEEP, f"cooldown: trained at {as_of_label(latest)}, {days:g} days must pass"
    if learnt_at is not None:
        return weigh_drift(model, evidence, as_of - learnt_at)
    if promoted := promotions(history, model.name):
        version = promoted[-1].model_version
        return Verdict.KEEP, f"version {version} serves now, though it did not serve this window"
    return Verdict.TRAIN, f"no model yet, and {needed} partitions of history are there"


def canonical(evidence: MonitorEvidence | PromotionEvidence) -> str:
    """Evidence as JSON with sorted keys: on its way through PostgreSQL their order is lost."""
    content = evidence.model_dump(mode="json")
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def weigh_drift(model: Model, evidence: MonitorEvidence, age: timedelta) -> tuple[Verdict, str]:
    """Results, inputs and age of a champion that may be relearned."""
    monitor = model.monitors
    moved = evidence.moved_importance(monitor.inputs.psi)
    moved_text = (
        f"{moved:.0%} of the importance lies in features that moved (PSI >= {monitor.inputs.psi:g})"
    )
    inputs_moved = moved >= monitor.inputs.importance_share
    performance = evidence.performance
    results_text, worse, holds = "no matured labels", False, False
    if performance is not None:
        lost = -gain(performance.metric, performance.current, performance.reference)
        worse, holds = lost > monitor.performance.max_drop, lost <= 0
        results_text = (
            f"{performance.metric} {performance.current:.3f} against {performance.reference:.3f} "
            "on its own holdout"
        )
    if worse:
        limit = monitor.performance.max_drop
        return Verdict.TRAIN, f"results got worse: {results_text}, more than {limit:g} lost"
    if inputs_moved and not holds:
        return Verdict.TRAIN, f"inputs moved: {moved_text}; {results_text}"
    if age > timedelta(days=model.retraining.max_age_days):
        limit = model.retraining.max_age_days
        return Verdict.TRAIN, f"old: learnt {age.days} days ago, {limit:g} allowed; {results_text}"
    if inputs_moved:
        return Verdict.KEEP, f"inputs moved but the results hold: {results_text}; {moved_text}"
    return Verdict.KEEP, f"nothing to gain: {results_text}; {moved_text}"


def decide_promotion(
    model: Model,
    evidence: PromotionEvidence,
    as_of: datetime,
    answers: str,
    approved_by: str | None = None,
) -> Decision:
    """Whether a new version serves from `as_of` on, and why.

    Args:
        answers: Id of the decision or run that asked for the training.
        approved_by: Who approved it, where a person must.
    """
    verdict, reason = judge(model.gates, evidence)
    if verdict is Verdict.PROMOTE and model.approval == "required":
        if approved_by is None:
            verdict, reason = Verdict.REFUSE, f"nobody approved it; {reason}"
        else:
            reason = f"approved by {approved_by}; {reason}"
    return Decision(
        id=f"{model.name}/promotion/{answers}",
        model=model.name, kind=Kind.PROMOTION, window=evidence.challenger, as_of=as_of,
        verdict=verdict, reason=reason, answers=answers, model_version=evidence.challenger,
        effective_from=as_of if verdict is Verdict.PROMOTE else None,
        evidence=canonical(evidence),
        policy=model.model_dump_json(include={"gates", "approval"}),
    )  # fmt: skip


def judge(gates: Gates, evidence: PromotionEvidence) -> tuple[Verdict, str]:
    """Floors, then the champion, then the slices; what was not measured is refused."""
    for metric, floor in gates.floors.items():
        value = evidence.metrics.get(metric)
        if value is None:
            return Verdict.REFUSE, f"{metric} was not measured, and a floor asks for it"
        if not gain(metric, value, floor) >= 0:
            return Verdict.REFUSE, f"{metric} {value:.3f} misses the floor {floor:g}"
    if evidence.champion is None:
        return Verdict.PROMOTE, "first model: all floors are met and nothing serves yet"
    comparison = evidence.comparison
    if comparison is None:
        return Verdict.REFUSE, f"it was not compared with champion {evidence.champion}"
    return judge_comparison(gates, comparison)


def judge_comparison(gates: Gates, comparison: Comparison) -> tuple[Verdict, str]:
    """Better than the champion with enough confidence, and nowhere much worse."""
    wanted = gates.champion.confidence
    result = (
        f"{comparison.metric} {comparison.challenger:.3f} against the champion's "
        f"{comparison.champion:.3f} on the same rows, better in {comparison.share_better:.0%} "
        "of the resamples"
    )
    is_worse = gain(comparison.metric, comparison.challenger, comparison.champion) < 0
    if is_worse and comparison.share_better <= 1 - wanted:
        return Verdict.REFUSE, f"worse: {result}"
    if comparison.share_better < wanted:
        return Verdict.REFUSE, f"tie, the champion stays: {result}, {wanted:.0%} asked for"
    if gates.slices and comparison.worst_slice_drop > gates.slices.max_drop:
        return Verdict.REFUSE, (
            f"loses {comparison.worst_slice_drop:.3f} in slice {comparison.worst_slice}, "
            f"{gates.slices.max_drop:g} allowed; {result}"
        )
    return Verdict.PROMOTE, f"better: {result}"


def champion_at(history: Sequence[Decision], model: str, instant: datetime) -> str | None:
    """The version that serves at a data time: of the newest promotion in force before then.

    A promotion at the very instant does not count: it may have learnt from what is scored then.
    """
    in_force = promotions(history, model)
    in_force = [one for one in in_force if one.effective_from and one.effective_from < instant]
    return in_force[-1].model_version if in_force else None


def first_champion(history: Sequence[Decision], model: str) -> str | None:
    """The version that was promoted first."""
    promoted = promotions(history, model)
    return promoted[0].model_version if promoted else None


def promotions(history: Sequence[Decision], model: str) -> list[Decision]:
    """The model's promotions, oldest in force first."""
    promoted = [one for one in history if one.model == model and one.verdict is Verdict.PROMOTE]
    return sorted(promoted, key=lambda one: (one.effective_from or one.as_of, one.id))


def open_request(history: Sequence[Decision], model: str) -> Decision | None:
    """The newest decision to train, unless a promotion decision has answered it."""
    own = [one for one in history if one.model == model]
    asked = [one for one in own if one.verdict is Verdict.TRAIN]
    if not asked:
        return None
    newest = max(asked, key=lambda one: (one.as_of, one.id))
    answered = {one.answers for one in own if one.kind is Kind.PROMOTION}
    later = [one for one in own if one.kind is Kind.PROMOTION and one.as_of >= newest.as_of]
    return None if newest.id in answered or later else newest
