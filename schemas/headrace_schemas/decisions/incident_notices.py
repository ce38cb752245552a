"""Which decisions people are notified of as the beginning or the end of a data incident: one each."""

from collections.abc import Sequence

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence_codec import read_evidence
from headrace_schemas.decisions.holds import sign_of
from headrace_schemas.notifications import EventKind


def notice_of(decision: Decision, history: Sequence[Decision]) -> EventKind | None:
    """Whether a decision begins an incident or ends one; None for all others.

    An incident goes on while window after window is held for the same signs. It ends with the first
    window that is not held, or when the last one that is held is released, whichever is decided first.

    Args:
        history: The ledger's rows of the model, in any order.
    """
    windows = sorted(
        (each for each in history if each.kind is Kind.RETRAINING and each.model == decision.model),
        key=lambda each: (each.as_of, each.id),
    )
    if decision.kind is Kind.RELEASE:
        is_last = bool(windows) and windows[-1].window == decision.window
        return EventKind.RECOVERED if is_last else None
    before = [each for each in windows if each.as_of < decision.as_of]
    held = bool(before) and before[-1].verdict is Verdict.HOLD
    if decision.verdict is Verdict.HOLD:
        known = {sign_of(each) for each in read_evidence(before[-1]).incidents} if held else set()
        signs = {sign_of(each) for each in read_evidence(decision).incidents}
        return None if signs <= known else EventKind.INCIDENT
    released = {each.window for each in history if each.kind is Kind.RELEASE}
    return EventKind.RECOVERED if held and before[-1].window not in released else None
