"""Job `promote`: decide on a candidate, write the ledger, then let the registry follow."""

from pyspark.sql import SparkSession

from headrace_jobs import ledger
from headrace_jobs.registry import CHAMPION, Registry
from headrace_schemas.decisions import Decision, Verdict, decide_promotion, promotions
from headrace_schemas.job import JobReport, PromoteSpec


def run(spark: SparkSession, spec: PromoteSpec) -> JobReport:
    """Write the ledger first: it is the truth, and a repeated run brings the registry after it."""
    registry = Registry()
    decision = decide_promotion(
        spec.model, spec.evidence, spec.as_of, spec.answers, spec.approved_by
    )
    recorded = ledger.record(spark, spec.ledger_uri, decision)
    follow(registry, recorded.history, recorded.decision)
    return JobReport(
        job="promote", job_id=spec.job_id, status="succeeded", table=recorded.table,
        decision=recorded.decision, model_version=recorded.decision.model_version,
    )  # fmt: skip


def follow(registry: Registry, history: list[Decision], decision: Decision) -> None:
    """Bring the registry's tags and alias after the ledger."""
    promoted = promotions(history, decision.model)
    served = {one.model_version for one in promoted}
    version = decision.model_version
    if version is not None and (decision.verdict is Verdict.PROMOTE or version not in served):
        status = "promoted" if decision.verdict is Verdict.PROMOTE else "refused"
        registry.tag(decision.model, version, "status", status)
    if promoted and promoted[-1].model_version is not None:
        registry.set_alias(decision.model, CHAMPION, promoted[-1].model_version)
