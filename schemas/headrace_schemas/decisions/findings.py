"""What a window says of inputs and results, in words: it explains a decision, and seldom makes one."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf

from headrace_schemas.decisions.evidence import SURE, MonitorEvidence, too_few
from headrace_schemas.decisions.psi import METHOD
from headrace_schemas.decisions.signal import Question
from headrace_schemas.declarations.metrics import gain
from headrace_schemas.declarations.model import InputMonitor, Model, PerformanceMonitor


@dataclass(frozen=True)
class Findings:
    """What the newest window says.

    Attributes:
        has_drifted: Inputs that matter did.
        is_worse: More is lost than the model allows, and than chance explains.
    """

    text: str
    has_drifted: bool = False
    is_worse: bool = False

    @property
    def is_noteworthy(self) -> bool:
        """Whether people should look at it."""
        return self.has_drifted or self.is_worse


@dataclass(frozen=True)
class Inputs:
    """What a window says of the inputs: in words, and whether they drifted."""

    text: str
    drifted: bool = False


@dataclass(frozen=True)
class Results:
    """What a window says of the results: in words, and whether they are worse than allowed."""

    text: str
    worse: bool = False


def findings_of(model: Model, served: Sequence[MonitorEvidence]) -> Findings:
    """What the windows that a champion served say, the newest one at the end."""
    evidence = served[-1]
    inputs = judge_inputs(model.monitors.inputs, evidence)
    if raised := evidence.raised(Question.INPUTS):
        inputs = Inputs("; ".join([*raised, inputs.text]), drifted=True)
    results = judge_results(model.monitors.performance, evidence)
    if raised := evidence.raised(Question.RESULTS):
        results = Results("; ".join([*raised, results.text]), worse=True)
    return Findings(f"{results.text}; {inputs.text}", inputs.drifted, results.worse)


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
    """Whether the served predictions got worse, or cannot be judged and why.

    Worse is a loss of more than `max_drop` and more than `SURE` standard errors of the difference. A
    `max_drop` that the file leaves out is as many standard errors of the reference alone: less is no
    more than what its own holdout leaves open.
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
    chance, allowed = SURE * error, monitor.max_drop
    if allowed is None:
        allowed = SURE * (found.reference_error or 0.0)
    worse = lost > max(allowed, chance)
    text = f"{found.metric} {found.current:.3f} against {found.reference:.3f} on its own holdout"
    if monitor.max_drop is None:
        text += f", {allowed:.3f} less is what that leaves open"
    if chance > allowed and not worse:
        text += f", and chance alone makes up to {chance:.3f} on {rows} labelled rows"
    return Results(text, worse)
