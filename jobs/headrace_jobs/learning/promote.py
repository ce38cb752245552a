"""Job `promote`: decide on a candidate, write the ledger, then let the registry follow."""

import logging
from collections.abc import Sequence

from headrace_jobs.engine.commit_note import commit_note
from headrace_jobs.learning.registry import CHAMPION, Registry
from headrace_lake.commits import insert
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.decision import Decision, Verdict, promotions
from headrace_schemas.decisions.promotion import decide_promotion
from headrace_schemas.wire.model_jobs import PromoteReport, PromoteSpec
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)


def run(spec: PromoteSpec) -> PromoteReport:
    """Write the ledger first: it is the truth, and a repeated run brings the registry after it."""
    registry = Registry()
    decision = decide_promotion(
        spec.model, spec.evidence, spec.history, spec.as_of, spec.request_id, spec.approved_by
    )
    written = insert(DECISIONS, spec.ledger_uri, decision, commit_note(spec))
    stands = written.row
    log.info("%s: %s: %s", stands.id, stands.verdict, stands.reason)
    tell(registry, written.rows, stands)
    name_champion(registry, spec.ledger_uri, stands.model, written.rows)
    return PromoteReport(
        job_id=spec.job_id,
        table=PinnedTable(name=DECISIONS.name, uri=spec.ledger_uri, version=written.version),
        decision=stands,
    )


def tell(registry: Registry, history: Sequence[Decision], decision: Decision) -> None:
    """Say at the registry's version what the ledger says of it."""
    served = {promotion.model_version for promotion in promotions(history, decision.model)}
    version = decision.model_version
    if version is not None and (decision.verdict is Verdict.PROMOTE or version not in served):
        status = "promoted" if decision.verdict is Verdict.PROMOTE else "refused"
        registry.tag(decision.model, version, "status", status)


def name_champion(registry: Registry, uri: str, model: str, history: Sequence[Decision]) -> None:
    """Let the registry's alias name the version that the ledger says serves.

    Who moves the alias looks at the ledger once more, as another promotion may have been decided
    meanwhile: whoever moves it last has seen all of them.
    """
    while promoted := promotions(history, model):
        named = promoted[-1].model_version
        if named is not None:
            registry.set_alias(model, CHAMPION, named)
        history = DECISIONS.read(uri, model)
        if promotions(history, model)[-1].model_version == named:
            return
