"""Job `decide`: whether the model is retrained, as one row of the ledger."""

import logging

from headrace_jobs.engine.commit_note import commit_note
from headrace_lake.commits import insert
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.decision import Decision, Verdict
from headrace_schemas.decisions.evidence import canonical
from headrace_schemas.decisions.holds import release
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.wire.model_jobs import DecideReport, DecideSpec
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)

CORRECTED = "a corrected delivery"
"""Who releases a window that was held, and is no incident when it is monitored again."""

AGAIN = "measured again"
"""Ends the id of a hold on a window that was answered otherwise before it was delivered again."""


def run(spec: DecideSpec) -> DecideReport:
    """Weigh the evidence and write the answer; what was answered before stands, but for holds.

    A window that was held and is measured again without an incident is released; one that was not, and is
    an incident when it is delivered again, is held from now on.
    """
    decision = decide_retraining(spec.model, spec.evidence, spec.history, spec.as_of)
    written = insert(DECISIONS, spec.ledger_uri, decision, commit_note(spec))
    if (other := changed_hold(spec, written.row, decision)) is not None:
        written = insert(DECISIONS, spec.ledger_uri, other, commit_note(spec))
    stands = written.row
    log.info("%s: %s: %s", stands.id, stands.verdict, stands.reason)
    return DecideReport(
        job_id=spec.job_id,
        table=PinnedTable(name=DECISIONS.name, uri=spec.ledger_uri, version=written.version),
        decision=stands,
    )


def changed_hold(spec: DecideSpec, first: Decision, decision: Decision) -> Decision | None:
    """What is written beside the first answer; None where the window is as much of an incident as then."""
    name, window, again = spec.model.name, decision.window, f"{decision.id}/{AGAIN}"
    if decision.verdict is Verdict.HOLD:
        return None if first.verdict is Verdict.HOLD else decision.model_copy(update={"id": again})
    known = {each.id: each.verdict for each in DECISIONS.read(spec.ledger_uri, name)}
    if Verdict.HOLD not in (first.verdict, known.get(again)):
        return None
    reason = f"{AGAIN}, {window} is no data incident"
    released = release(name, window, spec.as_of, reason, CORRECTED)
    return released.model_copy(update={"evidence": canonical(spec.evidence)})
