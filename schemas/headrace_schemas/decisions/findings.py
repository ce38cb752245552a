"""What a window says of inputs and results, in words: it explains a decision, and seldom makes one."""

from collections.abc import Sequence
from dataclasses import dataclass

from headrace_schemas.decisions.confidence import worse
from headrace_schemas.decisions.evidence import (
    FEWEST_ROWS,
    SURE,
    MonitorEvidence,
    Performance,
    too_few,
)
from headrace_schemas.decisions.gain import Moments
from headrace_schemas.decisions.signal import Question
from headrace_schemas.decisions.split import slow_change
from headrace_schemas.declarations.metrics import METRICS
from headrace_schemas.declarations.model import InputMonitor, Model, PerformanceMonitor

ALPHA = 0.05
"""Probability that a model which did not get worse is ever called worse while it serves."""

SHOWN = 3
"""Features that are named in a reason."""


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


def findings_of(
    model: Model, evidence: MonitorEvidence, served: Sequence[MonitorEvidence]
) -> Findings:
    """What a window says.

    Args:
        served: Windows that its champion served and whose labels are due; it is the last one, or where its
            own labels are late, the newest one that is due.
    """
    monitors = model.monitors
    inputs = judge_inputs(monitors.inputs, evidence)
    if raised := evidence.raised(Question.INPUTS):
        inputs = Inputs("; ".join([*raised, inputs.text]), drifted=True)
    results = judge_results(monitors.performance, served)
    if raised := evidence.raised(Question.RESULTS):
        results = Results("; ".join([*raised, results.text]), worse=True)
    said = [signal.text for signal in evidence.signals if signal.question is Question.DATA]
    late = ""
    if served[-1].window != evidence.window:
        late = f"{evidence.due or 0:.0%} of the labels are known, so results are of {served[-1].window}: "
    texts = [late + results.text, inputs.text, *(f"its gate warned: {text}" for text in said)]
    return Findings("; ".join(texts), inputs.drifted, results.worse)


def judge_inputs(monitor: InputMonitor, evidence: MonitorEvidence) -> Inputs:
    """Whether features that matter drifted; said as unknown where chance could do the same."""
    weighed = evidence.weighed
    if unmeasured := next((signal for signal in weighed if not signal.is_measured), None):
        text = (
            f"inputs were not measured: {unmeasured.method} of {unmeasured.subject} is not a number"
        )
        return Inputs(text)
    unknown = [signal for signal in weighed if signal.why_not is not None]
    if unknown and len(unknown) == len(weighed):
        return Inputs(f"inputs cannot be judged: {unknown[0].why_not}")
    drifted_share = evidence.moved_importance
    drifted = [signal.subject for signal in weighed if signal.counts]
    names = f" ({', '.join(drifted[:SHOWN])}{', ...' if len(drifted) > SHOWN else ''})"
    return Inputs(
        f"{drifted_share:.0%} of the importance lies in features that drifted"
        f"{names if drifted else ''}",
        drifted=bool(drifted) and drifted_share >= monitor.importance_share,
    )


def judge_results(monitor: PerformanceMonitor, served: Sequence[MonitorEvidence]) -> Results:
    """Whether the served predictions surely got worse, or cannot be judged and why.

    Surely: by a confidence sequence over all windows that the champion served, `confidence.worse`. The
    split of the loss says how much of it harder inputs explain, and slow change is added up from what
    they do not. A `max_drop` that the file leaves out is two standard errors of the reference: less is no
    more than what its own holdout leaves open.
    """
    evidence = served[-1]
    found, rows = evidence.performance, evidence.labelled
    if not rows:
        text = evidence.unmeasured or "no matured labels"
        return Results(f"{text}; {evidence.split.text}" if evidence.split else text)
    if few := too_few(rows, evidence.positive, "labelled rows"):
        return Results(f"results cannot be judged: {few}")
    if found is None:
        undefined = f"{monitor.metric} is not defined on {rows} labelled rows"
        return Results(evidence.unmeasured or undefined)
    if not found.is_measured:
        return Results(f"{found.metric} was not measured: it is not a number")
    allowed = monitor.max_drop
    if allowed is None:
        allowed = SURE * (found.reference_error or 0.0)
    rise = worse(
        [moments for window in served if (moments := metric_moments(window)) is not None],
        [reference_moments(found)],
        allowed,
        ALPHA,
        found.metric,
    )
    slow = slow_change(
        [score for window in served if window.split and (score := window.split.score) is not None],
        evidence.windows_a_year or 12,
    )
    text = f"{found.metric} {found.current:.3f} against {found.reference:.3f} on its own holdout"
    if monitor.max_drop is None:
        text += f", of which chance leaves {allowed:.3f} open"
    if evidence.split is not None:
        text += f"; {evidence.split.text}"
    if rise.counts:
        text += f"; surely worse by {rise.low:.3f} over {rise.method.removeprefix('rise over ')}"
    if slow.counts:
        text += f"; {slow.text}"
    return Results(text, rise.counts or slow.counts)


def metric_moments(evidence: MonitorEvidence) -> Moments | None:
    """The watched metric of a window as a loss, lower is better; None where it was not measured."""
    found = evidence.performance
    if found is None or not found.is_measured or found.error is None or not evidence.labelled:
        return None
    return as_loss(found.metric, found.current, found.error, evidence.labelled)


def reference_moments(found: Performance) -> Moments:
    """The same of the holdout; of so many rows as the window has where they were not kept."""
    error = found.reference_error if found.reference_error is not None else found.error
    return as_loss(found.metric, found.reference, error or 0.0, found.reference_rows or FEWEST_ROWS)


def as_loss(metric: str, value: float, error: float, rows: int) -> Moments:
    """A metric with its standard error as the mean of so many rows' losses."""
    sign = -1 if METRICS.named(metric).higher_is_better else 1
    return Moments(rows=rows, mean=sign * value, variance=error**2 * rows)
