"""Job `decide`: whether the model is learnt again, as one row of the ledger."""

from pyspark.sql import SparkSession

from headrace_jobs.monitoring import ledger
from headrace_schemas.decisions.decision import decide_retraining
from headrace_schemas.wire.job import DecideSpec, JobReport


def run(spark: SparkSession, spec: DecideSpec) -> JobReport:
    """Weigh the evidence and write the answer; what was answered before stands."""
    decision = decide_retraining(spec.model, spec.evidence, spec.history, spec.as_of)
    recorded = ledger.record(spark, spec.ledger_uri, decision)
    return JobReport(
        job="decide",
        job_id=spec.job_id,
        status="succeeded",
        table=recorded.table,
        decision=recorded.decision,
        model_version=recorded.decision.model_version,
    )
