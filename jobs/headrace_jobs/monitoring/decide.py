"""Job `decide`: whether the model is retrained, as one row of the ledger."""

import logging

from headrace_jobs.engine.commit_note import commit_note
from headrace_lake.commits import insert
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.wire.model_jobs import DecideReport, DecideSpec
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)


def run(spec: DecideSpec) -> DecideReport:
    """Weigh the evidence and write the answer; what was answered before stands."""
    decision = decide_retraining(spec.model, spec.evidence, spec.history, spec.as_of)
    written = insert(DECISIONS, spec.ledger_uri, decision, commit_note(spec))
    stands = written.row
    log.info("%s: %s: %s", stands.id, stands.verdict, stands.reason)
    return DecideReport(
        job_id=spec.job_id,
        table=PinnedTable(name=DECISIONS.name, uri=spec.ledger_uri, version=written.version),
        decision=stands,
    )
