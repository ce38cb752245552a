"""Job `gate`: run the contract on a staged batch and part good rows from bad ones.

Rows that break a critical row rule are set aside for quarantine. Table rules judge the rows that
pass; if a critical one of them does not hold, the report says `failed` and nothing is published.
"""

from collections.abc import Sequence

from headrace_schemas.errors import GateFailed
from headrace_schemas.job import (
    SHOWN_EXAMPLES,
    SHOWN_FAILURES,
    Counts,
    GateSpec,
    JobReport,
    RuleFailure,
)
from headrace_schemas.rules import Severity, TableRule, query_rule, quoted
from pyspark.sql import Observation, SparkSession
from pyspark.sql import functions as F

from headrace_jobs import gate_record, row_rules
from headrace_jobs.engine_errors import job_error
from headrace_jobs.expectations import Checked, check, unexpected
from headrace_jobs.row_rules import OUTCOME, PASSED, QUARANTINED

FRESH = "table.fresh"


def run(spark: SparkSession, spec: GateSpec) -> JobReport:
    """Judge the batch at `spec.staged_uri` and write it, parted, to `spec.gated_uri`.

    The report of a failed gate says so itself, with all that was found: it carries a GateFailed.
    """
    found = part(spark, spec)
    batch = row_rules.gated(spark, spec.gated_uri)
    rows = check(batch.where(row_rules.is_readable()), "rows", spec.contract.row_rules)
    passing = batch.where(F.col(OUTCOME) == PASSED)
    table = check(passing, "table", table_rules(spec))
    readable = found[""] - unreadable(spec, found)
    for one in rows:
        compare(one, found[one.rule.id], readable)
    broken = failures(spec, found, table)
    shown = with_examples(broken, batch) if any(found.values()) else broken
    verdict = judge(broken, found[QUARANTINED])
    counts = Counts(
        rows_in=found[""], rows_out=found[""] - found[QUARANTINED],
        rows_quarantined=found[QUARANTINED],
    )  # fmt: skip
    record = gate_record.write(spec, [*rows, *table], verdict, counts.model_dump())
    report = JobReport(
        job="gate", job_id=spec.job_id, status="succeeded", verdict=verdict, counts=counts,
        output_uri=spec.gated_uri, record_uri=record, failures=tuple(shown),
        metrics={"rules": len(rows) + len(table), "rules_broken": len(broken)},
    )  # fmt: skip
    if verdict != "failed":
        return report
    error = GateFailed(
        spec.contract.name, spec.partition.key if spec.partition else None,
        [told(one) for one in table if blocks(one)],
    )  # fmt: skip
    failed = job_error(error, "")
    return report.model_copy(update={"status": "failed", "output_uri": None, "error": failed})


def part(spark: SparkSession, spec: GateSpec) -> dict[str, int]:
    """Write the judged batch by outcome; bad rows of each rule, counted in the same pass."""
    judged = row_rules.judged(spark.read.parquet(spec.staged_uri), spec.contract)
    wanted = row_rules.counts(spec.contract)
    seen = Observation()
    names = {f"count_{index}": id for index, id in enumerate(wanted)}
    aggregates = [wanted[id].alias(name) for name, id in names.items()]
    flags = [row_rules.flag(index) for index in range(len(spec.contract.row_rules))]
    written = judged.observe(seen, *aggregates).drop(*flags)
    written.write.mode("overwrite").partitionBy(OUTCOME).parquet(spec.gated_uri)
    counted = seen.get
    return {id: int(counted.get(name, 0)) for name, id in names.items()}


def table_rules(spec: GateSpec) -> list[TableRule]:
    """The contract's table rules, and freshness where the batch has a time to be fresh at."""
    rules = list(spec.contract.table_rules)
    promised = spec.contract.freshness
    if promised is None or spec.as_of is None:
        return rules
    oldest = spec.as_of - promised.limit
    query = f"SELECT max({quoted(promised.column)}) FROM {{table}}"  # noqa: S608 - declared
    condition = f"value >= TIMESTAMP '{oldest:%Y-%m-%d %H:%M:%S%z}'"
    rules.append(
        TableRule(
            id=FRESH, severity=Severity.WARNING, expectation=query_rule(query, condition),
            description=f"the newest {promised.column} is at most {promised.limit} old",
        )
    )  # fmt: skip
    return rules


def unreadable(spec: GateSpec, found: dict[str, int]) -> int:
    ...
