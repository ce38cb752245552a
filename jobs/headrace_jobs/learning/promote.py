"""Job `promote`: decide on a candidate, write the ledger, then let the registry follow."""

from pyspark.sql import SparkSession

from headrace_jobs.lake import tables
from headrace_jobs.learning.registry import CHAMPION, Registry
from headrace_jobs.monitoring import ledger
from headrace_schemas.decisions.decision import Decision, Verdict, decide_promotion, promotions
from headrace_schemas.wire.model_jobs import PromoteReport, PromoteSpec


def run(spark: SparkSession, spec: PromoteSpec) -> PromoteReport:
    """Write the ledger first: it is the truth, and a repeated run brings the registry after it."""
    registry = Registry()
    decision = decide_promotion(
        spec.model, spec.evidence, spec.as_of, spec.answers, spec.approved_by
    )
    recorded = ledger.record(spark, spec.ledger_uri, decision)
    tell(registry, recorded.history, recorded.decision)
    name_champion(spark, registry, recorded)
    return PromoteReport(
        job_id=spec.job_id,
        table=recorded.table,
        decision=recorded.decision,
    )


def tell(registry: Registry, history: list[Decision], decision: Decision) -> None:
    """Say at the registry's version what the ledger says of it."""
    served = {one.model_version for one in promotions(history, decision.model)}
    version = decision.model_version
    if version is not None and (decision.verdict is Verdict.PROMOTE or version not in served):
        status = "promoted" if decision.verdict is Verdict.PROMOTE else "refused"
        registry.tag(decision.model, version, "status", status)


def name_champion(spark: SparkSession, registry: Registry, recorded: ledger.Recorded) -> None:
    """Let the registry's alias name the version that the ledger says serves.

    Who moves the alias looks at the ledger once more, as another promotion may have been decided
    meanwhile: whoever moves it last has seen all of them.
    """
    model, history = recorded.decision.model, recorded.history
    while promoted := promotions(history, model):
        named = promoted[-1].model_version
        if named is not None:
            registry.set_alias(model, CHAMPION, named)
        newest = tables.newest_version(spark, recorded.table.uri)
        history = ledger.history(
            spark, recorded.table.model_copy(update={"version": newest}), model
        )
        if promotions(history, model)[-1].model_version == named:
            return
