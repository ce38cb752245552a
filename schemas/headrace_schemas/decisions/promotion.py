"""Whether a new version serves: a pure function of evidence, the model's gates and what was decided before.

Where a measured gain asked for the training, it is the evidence for the new version, from more rows
than a holdout has: the gates are a veto then. Without one they ask for proof.
"""

from collections.abc import Sequence
from datetime import datetime
from math import isfinite

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import Comparison, PromotionEvidence, canonical, too_few
from headrace_schemas.decisions.training_windows import labels_held
from headrace_schemas.declarations.metrics import gain
from headrace_schemas.declarations.model import Gates, Model


def decide_promotion(
    model: Model,
    evidence: PromotionEvidence,
    history: Sequence[Decision],
    as_of: datetime,
    request_id: str,
    approved_by: str | None = None,
) -> Decision:
    """Whether a new version serves from `as_of` on, and why.

    Args:
        history: Earlier decisions of the model, the one that asked for the training among them.
        request_id: Id of the decision or run that asked for the training.
        approved_by: Who approved it, where a person must.
    """
    verdict, reason = judge(model, evidence, history, as_of, request_id)
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
        learn_from=evidence.learn_from,
    )


def judge(
    model: Model,
    evidence: PromotionEvidence,
    history: Sequence[Decision],
    as_of: datetime,
    request_id: str,
) -> tuple[Verdict, str]:
    """Verdict and reason of `decide_promotion`, before any person is asked."""
    if held := labels_held(model, history, as_of):
        return Verdict.REFUSE, f"{held}; nothing is promoted until they are released"
    asked = next((decision for decision in history if decision.id == request_id), None)
    return judge_gates(model.gates, evidence, asked.measured_gain if asked else None)


def judge_gates(
    gates: Gates, evidence: PromotionEvidence, measured_gain: float | None
) -> tuple[Verdict, str]:
    """Enough rows, then what is measured of them, then the booster that would serve.

    Args:
        measured_gain: Lower bound of the gain a window that asked for the training, if one did.
    """
    stands = None
    if measured_gain is not None and evidence.champion is not None:
        stands = f"the measured gain stands: at least {measured_gain:.4f} a window"
    rows = evidence.holdout_rows if evidence.measured is None else evidence.measured
    if few := too_few(rows, evidence.positive, "holdout rows"):
        if stands is not None:
            return Verdict.PROMOTE, f"{stands}; the holdout cannot say otherwise: {few}"
        return Verdict.REFUSE, f"it cannot be judged: {few}; lengthen `split.holdout_days`"
    verdict, reason = judge_measured(gates, evidence, stands)
    if verdict is Verdict.PROMOTE and evidence.refit and (problem := evidence.refit.problem):
        return Verdict.REFUSE, f"{problem}; {reason}"
    return verdict, reason


def judge_measured(
    gates: Gates, evidence: PromotionEvidence, stands: str | None
) -> tuple[Verdict, str]:
    """Floors, then the champion, then the slices; what was not measured is refused.

    A floor keeps what is bad from serving. Where the champion misses it by more on the same rows, it would keep
    what is worse: then a measured gain counts.

    Args:
        stands: The measured gain in words, if one asked for the training.
    """
    excused = ""
    for metric, floor in gates.floors.items():
        value = evidence.metrics.get(metric)
        if value is None or not isfinite(value):
            return Verdict.REFUSE, f"{metric} was not measured, and a floor asks for it"
        if gain(metric, value, floor) >= 0:
            continue
        missed = f"{metric} {value:.3f} misses the floor {floor:g}"
        if stands is None or not is_below(evidence.comparison, metric, floor):
            return Verdict.REFUSE, missed
        excused += f"; {missed}, and what serves misses it by more"
    if evidence.champion is None and gates.floors:
        return Verdict.PROMOTE, "first model: all floors are met and nothing serves yet"
    if evidence.champion is None:
        return judge_first(gates, evidence.baseline)
    comparison = evidence.comparison
    if comparison is None or not comparison.is_measured:
        return Verdict.REFUSE, f"it was not compared with champion {evidence.champion}"
    verdict, reason = judge_comparison(gates, comparison, stands)
    return verdict, reason + excused


def is_below(comparison: Comparison | None, metric: str, floor: float) -> bool:
    """Whether the champion misses a floor, and the challenger by no more."""
    if comparison is None or comparison.metric != metric or not comparison.is_measured:
        return False
    champion = comparison.champion
    return gain(metric, champion, floor) < 0 <= gain(metric, comparison.challenger, champion)


def judge_first(gates: Gates, baseline: Comparison | None) -> tuple[Verdict, str]:
    """A first model without floors is better than a constant prediction, beyond chance."""
    if baseline is None or not baseline.is_measured:
        return (
            Verdict.REFUSE,
            "it was not compared with a constant prediction, and no floor is given",
        )
    wanted = gates.champion.confidence
    result = (
        f"{baseline.metric} {baseline.challenger:.3f} against {baseline.champion:.3f} of a constant "
        f"prediction, better in {baseline.share_better:.0%} of the resamples"
    )
    if baseline.share_better < wanted:
        return Verdict.REFUSE, f"it has learnt nothing: {result}, {wanted:.0%} asked for"
    return Verdict.PROMOTE, f"first model: {result}, and nothing serves yet"


def judge_comparison(
    gates: Gates, comparison: Comparison, stands: str | None
) -> tuple[Verdict, str]:
    """Not surely worse than the champion, nowhere much worse, and better unless a measured gain says so.

    Args:
        stands: The measured gain in words, if one asked for the training.
    """
    wanted = gates.champion.confidence
    result = (
        f"{comparison.metric} {comparison.challenger:.3f} against the champion's "
        f"{comparison.champion:.3f} on the same rows, better in {comparison.share_better:.0%} "
        f"of the resamples{beyond(comparison)}"
    )
    is_tie = comparison.share_better < wanted
    if is_surely_worse(comparison, wanted):
        return Verdict.REFUSE, f"worse: {result}"
    if is_tie and stands is None:
        return Verdict.REFUSE, f"tie, the champion stays: {result}, {wanted:.0%} asked for"
    if gates.slices and comparison.worst_slice_drop > gates.slices.max_drop:
        return Verdict.REFUSE, (
            f"loses {comparison.worst_slice_drop:.3f} in slice {comparison.worst_slice}, "
            f"{gates.slices.max_drop:g} allowed; {result}"
        )
    return Verdict.PROMOTE, f"{stands}; a tie: {result}" if is_tie else f"better: {result}"


def beyond(comparison: Comparison) -> str:
    """By how much more it is to be better, where that followed from the noise."""
    least = comparison.min_gain
    return (
        "" if least is None else f" by more than {least:.4f}, the standard error of the difference"
    )


def is_surely_worse(comparison: Comparison, confidence: float) -> bool:
    """Whether the challenger is worse than the champion with this confidence."""
    worse = comparison.share_worse
    if worse is None:  # as before it was counted
        worse = 1 - comparison.share_better
    is_worse = gain(comparison.metric, comparison.challenger, comparison.champion) < 0
    return is_worse and worse >= confidence
