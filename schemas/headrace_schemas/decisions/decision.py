"""Decisions: pure functions from evidence, policy and history to a verdict with its reason.

They know nothing of Airflow or Spark, so each can be replayed over history. Every evaluation is one
row of the ledger, which is the truth: assets, events and registry aliases follow from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite, isinf

from pydantic import Field

from headrace_schemas.decisions.evidence import (
    SURE,
    Comparison,
    MonitorEvidence,
    PromotionEvidence,
    canonical,
    too_few,
)
from headrace_schemas.decisions.psi import METHOD
from headrace_schemas.decisions.signal import Question
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.metrics import gain
from headrace_schemas.declarations.model import Gates, InputMonitor, Model, PerformanceMonitor


class Verdict(StrEnum):
    """What a decision says."""

    TRAIN = "train"
    HOLD = "hold"
    WATCH = "watch"
    KEEP = "keep"
    WAIT = "wait"
    PROMOTE = "promote"
    REFUSE = "refuse"
    RELEASE = "release"


class Kind(StrEnum):
    """Which question a decision answers."""

    RETRAINING = "retraining"
    PROMOTION = "promotion"
    RELEASE = "release"


class Decision(Frozen):
    """One row of the ledger.

    Attributes:
        id: Names the question; asking it again gives the same id, and the first answer stands.
        window: Partition key (retraining, release) or version (promotion) that it is about.
        as_of: Data time of the decision: what was known by then.
        request_id: For a promotion, the id of the decision that asked for the training.
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
    request_id: str | None = None
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
    """Whether the model is retrained, and why.

    Inputs may move without harm and a model may rot with still inputs, so both are weighed: worse
    results on matured labels train; drifted inputs train unless the results hold; age trains in the
    end.

    Args:
        history: Earlier decisions of the model; those at or after `as_of` are not looked at.
    """
    earlier = [
        decision for decision in history if decision.model == model.name and decision.as_of < as_of
    ]
    verdict, reason = weigh(model, evidence, earlier, as_of)
    return Decision(
        id=f"{model.name}/retraining/{evidence.window}/{as_of_label(as_of)}",
        model=model.name,
        kind=Kind.RETRAINING,
        window=evidence.window,
        as_of=as_of,
        verdict=verdict,
        reason=reason,
        model_version=evidence.champion,
        evidence=canonical(evidence),
        policy=model.model_dump_json(include={"monitors", "retraining", "split"}),
    )


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
    trained = [decision for decision in history if decision.verdict is Verdict.TRAIN]
    latest = max((decision.as_of for decision in trained), default=None)
    if latest is not None and as_of - latest < cooldown:
        days = model.retraining.cooldown_days
        return Verdict.KEEP, f"cooldown: trained at {as_of_label(latest)}, {days:g} days must pass"
    if learnt_at is not None:
        return weigh_drift(model, evidence, Ages.of(learnt_at, history, as_of))
    if promoted := promotions(history, model.name):
        version = promoted[-1].model_version
        return Verdict.KEEP, f"version {version} serves now, though it did not serve this window"
    return Verdict.TRAIN, f"no model yet, and {needed} partitions of history are there"


@dataclass(frozen=True)
class Ages:
    """How long ago the champion learnt, and how long ago anything was learnt, in data time.

    A training that was refused, a tie, or one whose candidate was never decided on has answered the
    question of age as well: what is known since then is all that another one could add.
    """

    champion: timedelta
    training: timedelta

    @classmethod
    def of(cls, learnt_at: datetime, history: Sequence[Decision], as_of: datetime) -> "Ages":
        """Ages at `as_of`, of a champion that learnt by `learnt_at`."""
        asked = [
            decision.as_of
            for decision in history
            if decision.verdict is Verdict.TRAIN or decision.kind is Kind.PROMOTION
        ]
        return cls(as_of - learnt_at, as_of - max([learnt_at, *asked]))


@dataclass(frozen=True)
class Inputs:
    """What a window says of the inputs: in words, and whether they drifted."""

    text: str
    drifted: bool = False


@dataclass(frozen=True)
class Results:
    """What a window says of the results.

    Attributes:
        is_known: Whether they can be judged at all.
        worse: More is lost than the model allows, and than chance explains.
        hold: Nothing is lost.
    """

    text: str
    is_known: bool = False
    worse: bool = False
    hold: bool = False


def weigh_drift(model: Model, evidence: MonitorEvidence, ages: Ages) -> tuple[Verdict, str]:
    """Results, inputs and age of a champion that may be retrained."""
    inputs = judge_inputs(model.monitors.inputs, evidence)
    if raised := evidence.raised(Question.INPUTS):
        inputs = Inputs("; ".join([*raised, inputs.text]), drifted=True)
    results = judge_results(model.monitors.performance, evidence)
    if results.worse:
        limit = model.monitors.performance.max_drop
        return Verdict.TRAIN, f"results got worse: {results.text}, more than {limit:g} lost"
    if raised := evidence.raised(Question.RESULTS):
        return Verdict.TRAIN, f"results got worse: {'; '.join(raised)}; {results.text}"
    if inputs.drifted and not results.hold:
        return Verdict.TRAIN, f"inputs moved: {inputs.text}; {results.text}"
    limit = model.retraining.max_age_days
    if ages.training > timedelta(days=limit):
        tried = ages.training < ages.champion
        since = f", tried again {ages.training.days} days ago" if tried else ""
        return Verdict.TRAIN, (
            f"old: learnt {ages.champion.days} days ago{since}, {limit:g} allowed; {results.text}"
        )
    if inputs.drifted:
        return Verdict.KEEP, f"inputs moved but the results hold: {results.text}; {inputs.text}"
    head = "nothing to gain" if results.is_known else "nothing to go by"
    return Verdict.KEEP, f"{head}: {results.text}; {inputs.text}"


def judge_inputs(monitor: InputMonitor, evidence: MonitorEvidence) -> Inputs:
    """Whether features that matter drifted; said as unknown where chance could do the same."""
    if unmeasured := next((signal for signal in evidence.weighed if not signal.is_measured), None):
        text = (
            f"inputs were not measured: {unmeasured.method} of {unmeasured.subject} is not a number"
        )
        return Inputs(text)
    needed = evidence.lacking_rows(monitor.importance_share)
    if needed is not None:
        wanted = f"{needed:.0f} are needed"
        if isinf(needed):
            wanted = "and the champion learnt from too few to compare any with"
        return Inputs(f"inputs cannot be judged: {evidence.rows} rows, {wanted}")
    drifted_share = evidence.moved_importance
    asked = {
        f"{signal.method} >= {signal.threshold:g}"
        for signal in evidence.weighed
        if signal.threshold
    }
    limits = ", ".join(sorted(asked)) or f"{METHOD} >= {monitor.psi:g}"
    return Inputs(
        f"{drifted_share:.0%} of the importance lies in features that moved ({limits})",
        drifted=drifted_share >= monitor.importance_share,
    )


def judge_results(monitor: PerformanceMonitor, evidence: MonitorEvidence) -> Results:
    """Whether the served predictions got worse, hold, or cannot be judged and why.

    Worse is a loss of more than `max_drop` and more than `SURE` standard errors of the difference.
    Results hold when nothing is lost and the standard error is at most `max_drop`.
    """
    found, rows = evidence.performance, evidence.labelled
    if not rows:
        return Results(evidence.unmeasured or "no matured labels")
    if few := too_few(rows, evidence.positive, "labelled rows"):
        return Results(f"results cannot be judged: {few}")
    if found is None:
        undefined = f"{monitor.metric} is not defined on {rows} labelled rows"
        return Results(evidence.unmeasured or undefined)
    if not found.is_measured:
        return Results(f"{found.metric} was not measured: it is not a number")
    lost, error = -gain(found.metric, found.current, found.reference), found.standard_error
    chance = SURE * error
    worse = lost > max(monitor.max_drop, chance)
    text = f"{found.metric} {found.current:.3f} against {found.reference:.3f} on its own holdout"
    if chance > monitor.max_drop and not worse:
        text += f", and chance alone makes up to {chance:.3f} on {rows} labelled rows"
    is_known = error <= monitor.max_drop
    return Results(text, is_known=is_known, worse=worse, hold=is_known and lost <= 0)


def decide_promotion(
    model: Model,
    evidence: PromotionEvidence,
    as_of: datetime,
    request_id: str,
    approved_by: str | None = None,
) -> Decision:
    """Whether a new version serves from `as_of` on, and why.

    Args:
        request_id: Id of the decision or run that asked for the training.
        approved_by: Who approved it, where a person must.
    """
    verdict, reason = judge(model.gates, evidence)
    if verdict is Verdict.PROMOTE and model.approval == "required":
        if approved_by is None:
            verdict, reason = Verdict.REFUSE, f"nobody approved it; {reason}"
        else:
            reason = f"approved by {approved_by}; {reason}"
    return Decision(
        id=f"{model.name}/promotion/{request_id}",
        model=model.name,
        kind=Kind.PROMOTION,
        window=evidence.challenger,
        as_of=as_of,
        verdict=verdict,
        reason=reason,
        request_id=request_id,
        model_version=evidence.challenger,
        effective_from=as_of if verdict is Verdict.PROMOTE else None,
        evidence=canonical(evidence),
        policy=model.model_dump_json(include={"gates", "approval"}),
    )


def judge(gates: Gates, evidence: PromotionEvidence) -> tuple[Verdict, str]:
    """Enough rows, floors, then the champion, then the slices; what was not measured is refused."""
    rows = evidence.holdout_rows if evidence.measured is None else evidence.measured
    if few := too_few(rows, evidence.positive, "holdout rows"):
        return Verdict.REFUSE, f"it cannot be judged: {few}; lengthen `split.holdout_days`"
    for metric, floor in gates.floors.items():
        value = evidence.metrics.get(metric)
        if value is None or not isfinite(value):
            return Verdict.REFUSE, f"{metric} was not measured, and a floor asks for it"
        if not gain(metric, value, floor) >= 0:
            return Verdict.REFUSE, f"{metric} {value:.3f} misses the floor {floor:g}"
    if evidence.champion is None:
        return Verdict.PROMOTE, "first model: all floors are met and nothing serves yet"
    comparison = evidence.comparison
    if comparison is None or not comparison.is_measured:
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
    in_force = [
        decision
        for decision in in_force
        if decision.effective_from and decision.effective_from < instant
    ]
    return in_force[-1].model_version if in_force else None


def first_champion(history: Sequence[Decision], model: str) -> str | None:
    """The version that was promoted first."""
    promoted = promotions(history, model)
    return promoted[0].model_version if promoted else None


def promotions(history: Sequence[Decision], model: str) -> list[Decision]:
    """The model's promotions, oldest in force first."""
    promoted = [
        decision
        for decision in history
        if decision.model == model and decision.verdict is Verdict.PROMOTE
    ]
    return sorted(
        promoted, key=lambda decision: (decision.effective_from or decision.as_of, decision.id)
    )


def open_request(history: Sequence[Decision], model: str) -> Decision | None:
    """The newest decision to train, unless a promotion decision has answered it."""
    own = [decision for decision in history if decision.model == model]
    asked = [decision for decision in own if decision.verdict is Verdict.TRAIN]
    if not asked:
        return None
    newest = max(asked, key=lambda decision: (decision.as_of, decision.id))
    answered = {decision.request_id for decision in own if decision.kind is Kind.PROMOTION}
    later = [
        decision
        for decision in own
        if decision.kind is Kind.PROMOTION and decision.as_of >= newest.as_of
    ]
    return None if newest.id in answered or later else newest
