"""Job `decide`: whether the model is retrained, as one row of the ledger."""

import logging

from headrace_jobs.engine.commit_note import commit_note
from headrace_lake.commits import insert
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.evidence import canonical
from headrace_schemas.decisions.holds import release
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.wire.model_jobs import DecideReport, DecideSpec
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)

CORRECTED = "a corrected delivery"
"""Who releases a window that was held, and is no incident when it is monitored again."""


def run(spec: DecideSpec) -> DecideReport:
    """Weigh the evidence and write the answer; what was answered before stands, but for a hold.

    A window that was held and is measured again without an incident is released.
    """
    decision = decide_retraining(spec.model, spec.evidence, spec.history, spec.as_of)
    written = insert(DECISIONS, spec.ledger_uri, decision, commit_note(spec))
    if written.row.verdict is Verdict.HOLD and decision.verdict is not Verdict.HOLD:
        reason = f"measured again, {spec.evidence.window} is no data incident"
        released = release(spec.model.name, decision.window, spec.as_of, reason, CORRECTED)
        released = released.model_copy(update={"evidence": canonical(spec.evidence)})
        written = insert(DECISIONS, spec.ledger_uri, released, commit_note(spec))
    stands = written.row
    log.info("%s: %s: %s", stands.id, stands.verdict, stands.reason)
    return DecideReport(
        job_id=spec.job_id,
        table=PinnedTable(name=DECISIONS.name, uri=spec.ledger_uri, version=written.version),
        decision=stands,
    )
