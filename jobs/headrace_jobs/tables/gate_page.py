"""The page of a gate's record: what the contract said of a batch, for people.

One file that needs nothing else: no script, nothing that a browser would fetch. Names, texts and
positions come from contracts and deliveries, so the template escapes every value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from headrace_jobs.engine.errors import without_values
from headrace_jobs.tables.expectations import RuleResult
from headrace_jobs.tables.measures import QUERY, query_and_condition
from headrace_schemas.rules.rule import RowRule, Severity, TableRule
from headrace_schemas.wire.report import Counts, RuleFailure
from headrace_schemas.wire.table_jobs import GateSpec

VERDICTS = {"passed": "Passed", "warned": "Passed with warnings", "failed": "Failed"}

MARKS = {"passed": "✓", "warned": "!", "failed": "✗"}
"""What tells verdicts apart where there is no colour."""

QUARANTINES = "its rows go to quarantine"
HOLDS_BACK = "holds the whole batch back"
REPORTS = "is reported"
INFORMS = "is for information"


@dataclass(frozen=True)
class GateFindings:
    """What a gate found of a batch.

    Attributes:
        verdict: passed, warned or failed.
        checked: A result for each rule of the contract, those about rows first.
        failures: Every rule that does not hold, those of reading included; the worst first.
        too_much: How much of the batch quarantine would take; empty where it is not too much.
    """

    verdict: str
    counts: Counts
    checked: Sequence[RuleResult]
    failures: Sequence[RuleFailure]
    too_much: str


@dataclass(frozen=True)
class RuleLine:
    """A rule as the page shows it.

    Attributes:
        says: What it promises, in words.
        code: What it promises as the contract has it, where that has no words.
        effect: What comes of it when it is broken.
        found: What was measured or counted instead.
        examples: Where a few bad rows came from.
        more: How many other rows there are.
        is_about_all: Whether it is about the batch as a whole, so that no row is bad.
    """

    id: str
    severity: str
    says: str
    code: str
    effect: str
    found: str
    examples: tuple[str, ...] = ()
    more: int = 0
    is_about_all: bool = False


def render(spec: GateSpec, findings: GateFindings) -> str:
    """The page as HTML; the same for the same batch, contract and run."""
    return TEMPLATE.render(
        contract=spec.contract,
        run=spec.run_id,
        batch=spec.partition.key if spec.partition else None,
        as_of=None if spec.as_of is None else time_text(spec.as_of),
        verdict=findings.verdict,
        word=VERDICTS[findings.verdict],
        mark=MARKS[findings.verdict],
        reasons=list(reasons(findings)),
        counts=findings.counts,
        broken=broken_lines(findings),
        held_rules=held_lines(findings),
    )


def time_text(moment: datetime) -> str:
    """An instant for people, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def share(rows: int, of: int) -> str:
    """A part of the rows in percent; only none is 0% and only all are 100%."""
    if not of:
        return "-"
    percent = 100 * rows / of
    if rows and percent < 0.05:
        return "<0.1%"
    if rows < of and percent >= 99.95:
        return ">99.9%"
    return f"{percent:.1f}".removesuffix(".0") + "%"


def reasons(findings: GateFindings) -> Iterator[str]:
    """What became of the batch, in sentences."""
    counts, lines = findings.counts, broken_lines(findings)
    if findings.verdict == "failed":
        yield "Nothing was published."
        if blocking := sum(line.effect == HOLDS_BACK for line in lines):
            yield f"Broken rules that hold the whole batch back: {blocking}."
        if findings.too_much:
            yield findings.too_much.strip()
        return
    yield f"{counts.rows_out:,} of {counts.rows_in:,} rows may be published."
    if counts.rows_quarantined:
        yield f"To quarantine: {counts.rows_quarantined:,}."
    if not lines:
        yield "Every rule holds."


def broken_lines(findings: GateFindings) -> list[RuleLine]:
    """The rules that do not hold, the worst first."""
    by_id = {result.rule.id: result for result in findings.checked}
    return [
        broken_line(failure, by_id.get(failure.rule), findings.counts)
        for failure in findings.failures
    ]


def broken_line(failure: RuleFailure, checked: RuleResult | None, counts: Counts) -> RuleLine:
    """A rule that does not hold.

    Args:
        checked: None for a rule of reading, which no contract writes.
    """
    more = max(failure.failed - len(failure.examples), 0) if failure.examples else 0
    if checked is None:
        return RuleLine(
            id=failure.rule,
            severity=failure.severity,
            says=failure.description,
            code="",
            effect=QUARANTINES,
            found=bad_rows(failure.failed, counts.rows_in),
            examples=failure.examples,
            more=more,
        )
    says, code = promise(checked.rule)
    return RuleLine(
        id=failure.rule,
        severity=failure.severity,
        says=says,
        code=code,
        effect=effect(checked),
        found=found_of(checked),
        examples=failure.examples,
        more=more,
        is_about_all=isinstance(checked.rule, TableRule),
    )


def held_lines(findings: GateFindings) -> list[RuleLine]:
    """The rules that hold, as the contract has them."""
    return [
        RuleLine(
            result.rule.id,
            result.rule.severity,
            *promise(result.rule),
            effect=effect(result),
            found=measured(result),
        )
        for result in findings.checked
        if result.holds
    ]


def promise(rule: RowRule | TableRule) -> tuple[str, str]:
    """What a rule says: in words, and as code where the contract gives no words."""
    if rule.description:
        return rule.description, ""
    kwargs = rule.expectation.kwargs
    if QUERY in kwargs:
        if isinstance(rule, RowRule):
            return "no row is like this", str(rule.bad)
        query, condition = query_and_condition(kwargs[QUERY])
        return "the value of a query meets a condition", f"{condition}, where value is: {query}"
    words = rule.expectation.type.removeprefix("expect_").replace("_", " ")
    return words, ", ".join(f"{name}: {kwargs[name]}" for name in sorted(kwargs))


def effect(checked: RuleResult) -> str:
    """What comes of a rule when it is broken."""
    severity, is_about_all = checked.rule.severity, isinstance(checked.rule, TableRule)
    if severity is Severity.CRITICAL:
        return HOLDS_BACK if is_about_all or checked.problem else QUARANTINES
    return REPORTS if severity is Severity.WARNING else INFORMS


def found_of(checked: RuleResult) -> str:
    """What was found of a rule that does not hold."""
    if checked.problem:
        return f"cannot be judged: {without_values(checked.problem)}"
    figures: Mapping[str, Any] = checked.figures
    if "unexpected_count" not in figures:
        return measured(checked)
    found = bad_rows(figures["unexpected_count"], figures["element_count"])
    if unevaluated := figures.get("unevaluated_count"):
        found += f"; {unevaluated:,} of them could not be evaluated"
    return found


def measured(checked: RuleResult) -> str:
    """The value that was measured; empty where none was."""
    if "observed_value" not in checked.figures:
        return ""
    value = checked.figures["observed_value"]
    return "no value" if value is None else f"found {value}"


def bad_rows(rows: int, of: int) -> str:
    """How many rows break a rule."""
    return f"{rows:,} of {of:,} rows ({share(rows, of)})"


ENVIRONMENT = Environment(
    loader=PackageLoader("headrace_jobs.tables"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters |= {"share": share, "count": lambda rows: f"{rows:,}"}

# Here, so that a job host has it compiled before it forks.
TEMPLATE = ENVIRONMENT.get_template("gate_record.html")
