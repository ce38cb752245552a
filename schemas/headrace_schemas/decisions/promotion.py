"""Whether a new version serves: a pure function of what evaluation measured and the model's gates."""

from datetime import datetime
from math import isfinite

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import Comparison, PromotionEvidence, canonical, too_few
from headrace_schemas.declarations.metrics import gain
from headrace_schemas.declarations.model import Gates, Model


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
