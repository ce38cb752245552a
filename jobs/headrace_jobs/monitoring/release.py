"""Job `release`: a person's word that a held window's data is right, as one row of the ledger."""

import logging

from headrace_jobs.engine.commit_note import commit_note
from headrace_lake.commits import insert
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.holds import release
from headrace_schemas.wire.model_jobs import ReleaseReport, ReleaseSpec
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)


def run(spec: ReleaseSpec) -> ReleaseReport:
    """Write it; where the window is released already, the first word stands."""
    word = release(spec.model.name, spec.window, spec.as_of, spec.reason, spec.by)
    written = insert(DECISIONS, spec.ledger_uri, word, commit_note(spec))
    log.info("%s: %s", written.row.id, written.row.reason)
    return ReleaseReport(
        job_id=spec.job_id,
        table=PinnedTable(name=DECISIONS.name, uri=spec.ledger_uri, version=written.version),
        decision=written.row,
    )
