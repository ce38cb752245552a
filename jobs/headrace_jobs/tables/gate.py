"""Job `gate`: run the contract on a staged batch and split good rows from bad ones.

Rows that break a critical row rule are set aside for quarantine. Table rules judge the rows that
pass; if a critical one of them does not hold, the report says `failed` and nothing is published.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.errors import job_error, without_values
from headrace_jobs.tables import belonging, evaluation, gate_record, row_rules
from headrace_jobs.tables.expectations import RuleResult, asked, check
from headrace_jobs.tables.gate_page import GateFindings
from headrace_jobs.tables.judged_batch import JudgedBatch, judged_batch
from headrace_jobs.tables.measures import QUERY
from headrace_jobs.tables.row_rules import (
    ALL,
    BROKEN,
    OUTCOME,
    PASSED,
    QUARANTINED,
    READABLE,
    BrokenRule,
)
from headrace_schemas.declarations.pipeline import FEWEST_QUARANTINED, MOST_QUARANTINED
from headrace_schemas.errors import GateFailed
from headrace_schemas.rules.rule import RowRule, Severity, TableRule, query_rule, quoted
from headrace_schemas.wire.report import SHOWN_EXAMPLES, SHOWN_FAILURES, Counts, RuleFailure
from headrace_schemas.wire.table_jobs import GateReport, GateSpec

FRESH = "table.fresh"

NOTHING = BrokenRule(0, ())

BATCH = "batch"
"""What rows are called of which none goes to quarantine."""

RuleCheck = Callable[..., list[RuleResult]]
"""`expectations.check` for a batch of which some rules cannot run."""

Verdict = Literal["passed", "warned", "failed"]


def run(spark: SparkSession, spec: GateSpec) -> GateReport:
    """Judge the batch at `spec.staged_uri` and write it, split, to `spec.gated_uri`.

    A failed gate's report says so itself, with all that was found; its error is a GateFailed.
    """
    spec = belonging.with_rules(spec)
    wanted: list[RowRule | TableRule] = [*judged_rules(spec), *table_rules(spec)]
    batch, never = judged_batch(spark, spec, partial(asked, name=BATCH, rules=wanted))
    seen = batch.seen
    found = row_rules.broken_rules(batch.rows, SHOWN_EXAMPLES) if seen[BROKEN] else {}
    judged = {id for id, bad in found.items() if bad.unevaluated}
    judged |= {rule.id for rule in spec.contract.row_rules if evaluation.asks_clock(rule)}
    rows, table = checked(spec, batch, partial(check, never=never, judged=judged))
    for result in rows:
        bad = found.get(result.rule.id, NOTHING)
        result.agree(bad.rows, seen[READABLE], bad.unevaluated)
    failures = broken(spec, found, rows, table)
    blocking = [description_of(result) for result in (*table, *rows) if blocks(result)]
    emptied = emptied_by(spec, failures, seen, is_blocked=bool(blocking))
    verdict = judge([*emptied, *blocking], failures, seen[QUARANTINED])
    counts = Counts(
        rows_in=seen[ALL],
        rows_out=seen[ALL] - seen[QUARANTINED],
        rows_quarantined=seen[QUARANTINED],
    )
    too_much = share_text(spec, seen, emptied) if emptied else ""
    findings = GateFindings(verdict, counts, (*rows, *table), failures, too_much)
    record = gate_record.write(spec, findings)
    report = GateReport(
        job_id=spec.job_id,
        verdict=verdict,
        counts=counts,
        output_uri=spec.gated_uri,
        record_uri=record,
        failures=tuple(failures[:SHOWN_FAILURES]),
        metrics={"rules": len(rows) + len(table), "rules_broken": len(failures)},
    )
    if verdict != "failed":
        return report
    key = spec.partition.key if spec.partition else None
    failed = GateFailed(spec.contract.name, key, [*emptied, *blocking], too_much)
    error = job_error(failed, engine="")
    return report.model_copy(update={"status": "failed", "output_uri": None, "error": error})


def judged_rules(spec: GateSpec) -> list[RowRule]:
    """The row rules as they are asked for of a judged batch."""
    return [belonging.as_judged(rule) for rule in spec.contract.row_rules]


def checked(
    spec: GateSpec, batch: JudgedBatch, check: RuleCheck
) -> tuple[list[RuleResult], list[RuleResult]]:
    """What Great Expectations finds: row rules on readable rows, table rules on those that pass."""
    seen, rows, table = batch.seen, judged_rules(spec), table_rules(spec)
    if not seen[ALL] and spec.contract.may_be_empty:
        nothing = check(batch.rows, "table", count_rules(spec))
        return check(batch.rows, "rows", rows), of_nothing(nothing)
    if not seen[QUARANTINED]:  # then these are the same rows
        known = {"measured": batch.uniqueness, "figures": batch.figures}
        found = check(batch.rows, BATCH, [*rows, *table], **known)
        return found[: len(rows)], found[len(rows) :]
    readable = batch.rows.where(row_rules.is_readable())
    passing = batch.rows.where(F.col(OUTCOME) == PASSED)
    return check(readable, "rows", rows), check(passing, "table", table)


def count_rules(spec: GateSpec) -> list[TableRule]:
    """The rules that say something of a batch which may be empty, and is: no column has a value."""
    return [
        rule
        for rule in spec.contract.table_rules
        if rule.expectation.is_class
        or QUERY in rule.expectation.kwargs
        or rule.expectation.type.startswith("expect_table_")
    ]


def of_nothing(found: list[RuleResult]) -> list[RuleResult]:
    """Of no rows there is no mean and no share: what measures NULL is not broken by that."""
    for result in found:
        if not result.problem and result.figures.get("observed_value", 0) is None:
            result.holds = result.result.success = True
    return found


def table_rules(spec: GateSpec) -> list[TableRule]:
    """The contract's table rules, and freshness where the batch has a time to be fresh at."""
    rules = list(spec.contract.table_rules)
    promised = spec.contract.freshness
    if promised is None or spec.as_of is None:
        return rules
    query = f"SELECT max({quoted(promised.column)}) FROM {{table}}"  # noqa: S608 - declared
    begin = datetime.min.replace(tzinfo=UTC)
    oldest = (spec.as_of - min(promised.limit, spec.as_of - begin)).isoformat()
    fresh = TableRule(
        id=FRESH,
        severity=Severity.WARNING,
        description=f"the newest {promised.column} is at most {promised.limit} old",
        expectation=query_rule(query, f"value >= TIMESTAMP '{oldest}'"),
    )
    return [*rules, fresh]


def broken(
    spec: GateSpec,
    found: dict[str, BrokenRule],
    rows: Sequence[RuleResult],
    table: Sequence[RuleResult],
) -> list[RuleFailure]:
    """Every rule that does not hold: what blocks first, then by severity and rows."""
    failures = [
        RuleFailure(
            rule=id,
            severity=Severity.CRITICAL,
            description="rows can be read as typed",
            failed=found[id].rows,
            examples=found[id].examples,
        )
        for id in row_rules.load_rules(spec.contract)
        if id in found
    ]
    for result in (*table, *rows):
        if not result.holds:
            bad = found.get(result.rule.id, BrokenRule(1 if result in table else 0, ()))
            failures.append(
                RuleFailure(
                    rule=result.rule.id,
                    severity=result.rule.severity,
                    description=description_of(result),
                    failed=bad.rows,
                    examples=bad.examples,
                )
            )
    tables = {result.rule.id for result in table}
    order = list(Severity)
    failures.sort(
        key=lambda failure: (
            order.index(Severity(failure.severity)),
            failure.rule not in tables,
            -failure.failed,
        )
    )
    return failures


def emptied_by(
    spec: GateSpec, failures: Sequence[RuleFailure], seen: dict[str, int], is_blocked: bool
) -> list[str]:
    """The rules that send too much of the batch to quarantine; none where it is not too much.

    Args:
        is_blocked: Whether the batch is held back anyway: then a few rows are worth naming, too.
    """
    bad, rows = seen[QUARANTINED], seen[ALL]
    share = MOST_QUARANTINED if spec.most_quarantined is None else spec.most_quarantined
    counts = spec.most_quarantined is not None or bad >= FEWEST_QUARANTINED or is_blocked
    if not bad or not (bad == rows or (counts and bad > share * rows)):
        return []
    tables = {rule.id for rule in spec.contract.table_rules} | {FRESH}
    taking = [
        failure for failure in failures if failure.severity == Severity.CRITICAL and failure.failed
    ]
    taking = sorted(
        (failure for failure in taking if failure.rule not in tables),
        key=lambda failure: -failure.failed,
    )
    return [f"{failure.rule} ({failure.failed:,} of {rows:,} rows)" for failure in taking]


def share_text(spec: GateSpec, seen: dict[str, int], emptied: Sequence[str]) -> str:
    """How much of the batch would go to quarantine, and what can be declared instead."""
    share = MOST_QUARANTINED if spec.most_quarantined is None else spec.most_quarantined
    text = (
        f"{seen[QUARANTINED]:,} of {seen[ALL]:,} rows would go to quarantine; `most_quarantined` of "
        f"the pipeline allows a share of {share:g}. "
    )
    time = belonging.time_column(spec)
    if time is not None and emptied[0].startswith(f"{time.name}.{belonging.IN_PARTITION} "):
        text += (
            "Was another partition's file delivered? If the partitions are not cut by "
            f"{time.name}, say `partitioned: false` of it in the contract. "
        )
    if emptied[0].startswith(f"{belonging.UNIQUE_IN_TABLE} "):
        text += (
            "If each partition tells of the same keys anew, as snapshots do, say "
            "`unique_in: partition` of the table in the pipeline. "
        )
    return text


def judge(blocking: Sequence[str], failures: Sequence[RuleFailure], quarantined: int) -> Verdict:
    """The verdict on the batch; what is only for information does not change it."""
    if blocking:
        return "failed"
    reported = [failure for failure in failures if failure.severity != Severity.INFO]
    return "warned" if quarantined or reported else "passed"


def blocks(result: RuleResult) -> bool:
    """Whether the batch must not be published: bad rows alone go to quarantine."""
    is_about_all = isinstance(result.rule, TableRule) or bool(result.problem)
    return is_about_all and not result.holds and result.rule.severity is Severity.CRITICAL


def description_of(result: RuleResult) -> str:
    """A rule that does not hold, with what was found instead."""
    if result.problem:
        return f"{result.rule.id} (cannot be judged: {without_values(result.problem)})"
    if "observed_value" in result.figures:
        return f"{result.rule.id} (found {result.figures['observed_value']})"
    if unevaluated := result.figures.get("unevaluated_count"):
        rows = result.figures["element_count"]
        return f"{result.rule.id} ({unevaluated} of {rows} rows could not be evaluated)"
    return result.rule.description or result.rule.id
