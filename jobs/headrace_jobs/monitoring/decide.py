"""Job `decide`: whether the model is learnt again, as one row of the ledger."""

from pyspark.sql import SparkSession

from headrace_jobs.monitoring import ledger
from headrace_schemas.decisions.decision import decide_retraining
from headrace_schemas.wire.model_jobs import DecideReport, DecideSpec


def run(spark: SparkSession, spec: DecideSpec) -> DecideReport:
    """Weigh the evidence and write the answer; what was answered before stands."""
    decision = decide_retraining(spec.model, spec.evidence, spec.history, spec.as_of)
    recorded = ledger.record(spark, spec.ledger_uri, decision)
    return DecideReport(
        job_id=spec.job_id,
        table=recorded.table,
        decision=recorded.decision,
    )
