"""Job `gate`: run the contract on a staged batch and part good rows from bad ones.

Rows that break a critical row rule are set aside for quarantine. Table rules judge the rows that
pass; if a critical one of them does not hold, the report says `failed` and nothing is published.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from headrace_jobs import evaluation, gate_record, row_rules
from headrace_jobs.engine_errors import job_error, without_values
from headrace_jobs.expectations import Checked, check
from headrace_jobs.row_rules import (
    ALL,
    BROKEN,
    OUTCOME,
    PASSED,
    QUARANTINED,
    READABLE,
    BrokenRule,
)
from headrace_schemas.contract import Contract
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

FRESH = "table.fresh"

NOTHING = BrokenRule(0, ())

Check = Callable[..., list[Checked]]
"""`expectations.check` for a batch of which some rules cannot run."""

Verdict = Literal["passed", "warned", "failed"]


def run(spark: SparkSession, spec: GateSpec) -> JobReport:
    """Judge the batch at `spec.staged_uri` and write it, parted, to `spec.gated_uri`.

    A failed gate's report says so itself, with all that was found; its error is a GateFailed.
    """
    batch, seen, never = part(spark, spec)
    found = row_rules.broken_rules(batch, SHOWN_EXAMPLES) if seen[BROKEN] else {}
    judged = {id for id, bad in found.items() if bad.unevaluated}
    judged |= {rule.id for rule in spec.contract.row_rules if evaluation.asks_clock(rule)}
    run = partial(check, never=never, judged=judged)
    rows, table = checked(spec, batch, seen[QUARANTINED] > 0, run)
    for one in rows:
        bad = found.get(one.rule.id, NOTHING)
        one.agree(bad.rows, seen[READABLE], bad.unevaluated)
    failures = broken(spec, found, rows, table)
    blocking = [told(one) for one in (*table, *rows) if blocks(one)]
    verdict = judge(blocking, failures, seen[QUARANTINED])
    counts = Counts(
        rows_in=seen[ALL], rows_out=seen[ALL] - seen[QUARANTINED],
        rows_quarantined=seen[QUARANTINED],
    )  # fmt: skip
    record = gate_record.write(spec, [*rows, *table], verdict, counts)
    report = JobReport(
        job="gate", job_id=spec.job_id, status="succeeded", verdict=verdict, counts=counts,
        output_uri=spec.gated_uri, record_uri=record, failures=tuple(failures[:SHOWN_FAILURES]),
        metrics={"rules": len(rows) + len(table), "rules_broken": len(failures)},
    )  # fmt: skip
    if verdict != "failed":
        return report
    key = spec.partition.key if spec.partition else None
    error = job_error(GateFailed(spec.contract.name, key, blocking), engine="")
    return report.model_copy(update={"status": "failed", "output_uri": None, "error": error})


def part(spark: SparkSession, spec: GateSpec) -> tuple[DataFrame, dict[str, int], dict[str, str]]:
    """Write the judged batch by outcome.

    Returns:
        It, how many rows of each kind the same pass saw, and the rules that cannot run, by id, with
        the reason.
    """
    staged = spark.read.parquet(spec.staged_uri)

    def write(contract: Contract, is_careful: bool) -> tuple[DataFrame, dict[str, int]]:
        repeated = row_rules.repeated(staged, contract)
        judged = row_rules.judged(staged, contract, repeated, is_careful)
        seen = Observation()
        wanted = row_rules.counts()
        counting = judged.observe(seen, *[count.alias(name) for name, count in wanted.items()])
        counting.write.mode("overwrite").partitionBy(OUTCOME).parquet(spec.gated_uri)
        counted = {name: int(seen.get.get(name, 0)) for name in wanted}
        return row_rules.gated(spark, spec.gated_uri, schema=judged.schema), counted

    (batch, seen), never = evaluation.carefully(staged, spec.contract, write)
    return batch, seen, never


def checked(
    spec: GateSpec, batch: DataFrame, has_quarantine: bool, check: Check
) -> tuple[list[Checked], list[Checked]]:
    """What Great Expectations finds: row rules on readable rows, table rules on those that pass."""
    rows, table = spec.contract.row_rules, table_rules(spec)
    if not has_quarantine:  # then these are the same rows
        found = check(batch, "batch", [*rows, *table])
        return found[: len(rows)], found[len(rows) :]
    readable = batch.where(row_rules.is_readable())
    passing = batch.where(F.col(OUTCOME) == PASSED)
    return check(readable, "rows", rows), check(passing, "table", table)


def table_rules(spec: GateSpec) -> list[TableRule]:
    """The contract's table rules, and freshness where the batch has a time to be fresh at."""
    rules = list(spec.contract.table_rules)
    promised = spec.contract.freshness
    if promised is None or spec.as_of is None:
        return rules
    query = f"SELECT max({quoted(promised.column)}) FROM {{table}}"  # noqa: S608 - declared
    oldest = (spec.as_of - promised.limit).isoformat()
    fresh = TableRule(
        id=FRESH, severity=Severity.WARNING,
        description=f"the newest {promised.column} is at most {promised.limit} old",
        expectation=query_rule(query, f"value >= TIMESTAMP '{oldest}'"),
    )  # fmt: skip
    return [*rules, fresh]


def broken(
    spec: GateSpec,
    found: dict[str, BrokenRule],
    rows: Sequence[Checked],
    table: Sequence[Checked],
) -> list[RuleFailure]:
    """Every rule that does not hold: what blocks first, then by severity and rows."""
    failures = [
        RuleFailure(
            rule=id, severity=Severity.CRITICAL, description="rows can be read as typed",
            failed=found[id].rows, examples=found[id].examples,
        )
        for id in row_rules.load_rules(spec.contract)
        if id in found
    ]  # fmt: skip
    for one in (*table, *rows):
        if not one.holds:
            bad = found.get(one.rule.id, BrokenRule(1 if one in table else 0, ()))
            failures.append(
                RuleFailure(
                    rule=one.rule.id, severity=one.rule.severity, description=told(one),
                    failed=bad.rows, examples=bad.examples,
                )
            )  # fmt: skip
    tables = {one.rule.id for one in table}
    order = list(Severity)
    failures.sort(
        key=lambda one: (order.index(Severity(one.severity)), one.rule not in tables, -one.failed)
    )
    return failures


def judge(blocking: Sequence[str], failures: Sequence[RuleFailure], quarantined: int) -> Verdict:
    """The verdict on the batch; what is only for information does not change it."""
    if blocking:
        return "failed"
    reported = [one for one in failures if one.severity != Severity.INFO]
    return "warned" if quarantined or reported else "passed"


def blocks(one: Checked) -> bool:
    """Whether the batch must not be published: bad rows alone go to quarantine."""
    is_about_all = isinstance(one.rule, TableRule) or bool(one.problem)
    return is_about_all and not one.holds and one.rule.severity is Severity.CRITICAL


def told(one: Checked) -> str:
    """A rule that does not hold, with what was found instead."""
    if one.problem:
        return f"{one.rule.id} (cannot be judged: {without_values(one.problem)})"
    if "observed_value" in one.figures:
        return f"{one.rule.id} (found {one.figures['observed_value']})"
    if unevaluated := one.figures.get("unevaluated_count"):
        rows = one.figures["element_count"]
        return f"{one.rule.id} ({unevaluated} of {rows} rows could not be evaluated)"
    return one.rule.description or one.rule.id
