"""Whether inputs drifted, as the ledger holds what was measured."""

import json
from collections.abc import Sequence

from headrace_schemas.decisions.decision import Decision, Kind
from headrace_schemas.decisions.evidence_codec import read_evidence
from headrace_schemas.decisions.findings import judge_inputs
from headrace_schemas.decisions.signal import Question
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.model import InputMonitor


class Drift(Frozen):
    """Inputs that drifted in one window.

    Attributes:
        window: Key of the partition.
        decision: Id of the decision that the evidence stands in, whatever its verdict was.
        signals: What says so, in words.
    """

    window: str
    decision: str
    signals: tuple[str, ...]


def drift_in(history: Sequence[Decision], model: str, window: str | None = None) -> Drift | None:
    """The drift of a window, by the thresholds that were in force; None if inputs did not drift.

    Args:
        window: Key of the partition; None for the newest that was decided on.
    """
    decided = [
        decision
        for decision in history
        if decision.model == model
        and decision.kind is Kind.RETRAINING
        and window in (None, decision.window)
    ]
    if not decided:
        return None
    newest = max(decided, key=lambda decision: (decision.as_of, decision.id))
    evidence = read_evidence(newest)
    monitor = InputMonitor.model_validate(json.loads(newest.policy)["monitors"]["inputs"])
    signals = evidence.raised(Question.INPUTS)
    weighed = judge_inputs(monitor, evidence)
    if weighed.drifted:
        signals.append(weighed.text)
    return (
        Drift(window=newest.window, decision=newest.id, signals=tuple(signals)) if signals else None
    )
