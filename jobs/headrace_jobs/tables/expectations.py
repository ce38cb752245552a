"""The contract's rules as Great Expectations runs and records them.

Row rules run on the rows that could be read, table rules on those that pass. Expectations that
would each cost a query, or that Great Expectations cannot count in Spark as we quarantine, are our
own classes here: all counts of a batch come from one query, all SQL rules from another.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import great_expectations as gx
from great_expectations.compatibility.pydantic import ValidationError
from great_expectations.core import ExpectationSuite, ExpectationValidationResult
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine import SparkDFExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.expectations.row_conditions import PassThroughCondition
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from headrace_jobs.engine.errors import is_lost, raise_if_lost, summary
from headrace_jobs.tables.expectation_classes import ExpectationUnusable, expectation_class
from headrace_jobs.tables.figures import NOTHING_KNOWN, Figures, answer, note_asked
from headrace_jobs.tables.measures import QUERY, QueryValue, measure, repeated_rows
from headrace_jobs.tables.row_rules import BROKEN
from headrace_schemas.rules.rule import Expectation, RowRule, TableRule, literal

MEASURED = "measured"
"""Where our expectations leave their figures: of `result`, BOOLEAN_ONLY keeps nothing."""

PROBLEM = "problem"

Given = dict[str, Any]

NATIVE_ROW_RULES = frozenset(
    {
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_null",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_not_match_regex",
    }
)
"""Those whose count joins the one query; pairs of columns and lengths would each make another."""

logging.getLogger("great_expectations").setLevel(logging.WARNING)


class BadRows(TableMetricProvider):  # type: ignore[misc]  # GX has no types
    """How many rows a Spark SQL predicate calls bad."""

    metric_name = "headrace.bad_rows"
    value_keys = ("bad",)

    @metric_partial(  # type: ignore[untyped-decorator]  # GX has no types
        engine=SparkDFExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _spark(
        cls,  # noqa: N805 - Great Expectations hands the class over by this name
        execution_engine: Any,
        metric_domain_kwargs: Given,
        metric_value_kwargs: Given,
        metrics: Given,
        runtime_configuration: Given,
    ) -> Any:
        del execution_engine, metrics, runtime_configuration
        return F.count_if(F.expr(metric_value_kwargs["bad"])), metric_domain_kwargs, {}


QUERIES: ContextVar[tuple[str, ...]] = ContextVar("queries", default=())
"""All queries of the batch that is checked, so that one of Spark's measures them."""

NOTHING_MEASURED: Mapping[str, QueryValue] = {}

MEASURED_BEFORE: ContextVar[Mapping[str, QueryValue]] = ContextVar("measured_before")
"""Those of them that need not be asked again, with what they measured."""


class MeasuredValues(TableMetricProvider):  # type: ignore[misc]  # GX has no types
    """What each of `QUERIES` measures of the batch."""

    metric_name = "headrace.measured_values"
    value_keys = ()

    @metric_value(engine=SparkDFExecutionEngine)  # type: ignore[untyped-decorator]  # GX has no types
    def _spark(
        cls,  # noqa: N805 - Great Expectations hands the class over by this name
        execution_engine: Any,
        metric_domain_kwargs: Given,
        metric_value_kwargs: Given,
        metrics: Given,
        runtime_configuration: Given,
    ) -> Any:
        del metric_value_kwargs, metrics, runtime_configuration
        batch: DataFrame = execution_engine.get_domain_records(metric_domain_kwargs)
        known = MEASURED_BEFORE.get()
        return {**known, **measure(batch, [query for query in QUERIES.get() if query not in known])}


class ExpectNoRowsWhere(BatchExpectation):  # type: ignore[misc]  # GX has no types
    """No row for which a Spark SQL predicate is true."""

    bad: str
    metric_dependencies: ClassVar = ("headrace.bad_rows", "table.row_count")
    success_keys: ClassVar = ("bad",)
    domain_keys: ClassVar = ("batch_id",)

    def _validate(self, metrics: Given, **_: Any) -> dict[str, Any]:
        return counted(metrics["headrace.bad_rows"], metrics["table.row_count"])


class ExpectNoSecondRow(BatchExpectation):  # type: ignore[misc]  # GX has no types
    """No row that repeats another one's values in some columns."""

    query: str
    metric_dependencies: ClassVar = ("headrace.measured_values", "table.row_count")
    success_keys: ClassVar = ()
    domain_keys: ClassVar = ("batch_id",)

    def _validate(self, metrics: Given, **_: Any) -> dict[str, Any]:
        found: QueryValue = metrics["headrace.measured_values"][self.query]
        if found.problem:
            return could_not(found.problem)
        return counted(int(found.value or 0), metrics["table.row_count"])


class ExpectMeasuredValue(BatchExpectation):  # type: ignore[misc]  # GX has no types
    """The single value of a query over the batch meets a condition."""

    query: str
    metric_dependencies: ClassVar = ("headrace.measured_values",)
    success_keys: ClassVar = ()
    domain_keys: ClassVar = ("batch_id",)

    def _validate(self, metrics: Given, **_: Any) -> dict[str, Any]:
        found: QueryValue = metrics["headrace.measured_values"][self.query]
        if found.problem:
            return could_not(found.problem)
        figures = {"observed_value": found.value}
        return {"success": not found.is_refused, "result": {}, "meta": {MEASURED: figures}}


def could_not(problem: str) -> dict[str, Any]:
    """A result that says why there is none."""
    return {"success": False, "result": {}, "meta": {MEASURED: {PROBLEM: problem}}}


def counted(bad: int, rows: int) -> dict[str, Any]:
    """A result that says how many rows of how many are bad."""
    return {"success": bad == 0, "result": {}, "meta": {MEASURED: unexpected(bad, rows)}}


def unexpected(bad: int, rows: int) -> dict[str, Any]:
    """Figures as Great Expectations' pages show them."""
    percent = 100 * bad / rows if rows else 0.0
    return {"element_count": rows, "unexpected_count": bad, "unexpected_percent": percent}


@dataclass
class RuleResult:
    """What Great Expectations found of one rule.

    Attributes:
        holds: Whether it does; never when it could not be evaluated.
        problem: Why it could not be evaluated; empty if it was.
    """

    rule: RowRule | TableRule
    result: ExpectationValidationResult
    holds: bool
    problem: str = ""

    @property
    def figures(self) -> dict[str, Any]:
        """What was counted or measured, as pages show it."""
        found: dict[str, Any] = self.result.result
        return found

    def agree(self, bad: int, rows: int, unevaluated: int = 0) -> None:
        """Take over our own count of a row rule; where it contradicts, the rule does not hold.

        Args:
            unevaluated: On how many of the bad rows the rule could not be evaluated.
        """
        if self.problem:
            return
        theirs = self.figures.get("unexpected_count")
        if unevaluated:
            self.result.result["unevaluated_count"] = unevaluated
        if theirs not in (None, bad) or self.holds != (bad == 0):
            self.problem = f"counted {bad} bad rows, Great Expectations {theirs or self.holds}"
            self.holds = self.result.success = False
        self.result.result = {**unexpected(bad, rows), **self.figures}


def check(
    batch: DataFrame,
    name: str,
    rules: Sequence[RowRule | TableRule],
    never: Mapping[str, str] | None = None,
    judged: Collection[str] = (),
    measured: Mapping[str, QueryValue] = NOTHING_MEASURED,
    figures: Figures = NOTHING_KNOWN,
) -> list[RuleResult]:
    """Run rules on a batch; one result for each rule, in their order.

    A query of Great Expectations measures for many rules, and one that cannot be evaluated spoils
    it for all: those that it blames are then run one by one, and the others again. A class that is
    not Great Expectations' own is run by itself, after all others.

    Args:
        never: Rules that cannot run, by id, with the reason.
        judged: Rules that are counted as the gate judged the rows: asking again could fail, or give
            another answer.
        measured: What is known of these rows already, by query.
        figures: The same, by metric.

    Raises:
        EngineLost: Spark went away meanwhile, so nothing is said about the batch.
    """
    never = never or {}
    running = [rule for rule in rules if rule.id not in never and not rule.expectation.is_class]
    found = {
        result.rule.id: result for result in run(batch, name, running, judged, measured, figures)
    }
    blamed = [result for result in found.values() if result.problem and not query_of(result.rule)]
    if len(blamed) > 1:
        for result in blamed:
            found |= {rerun.rule.id: rerun for rerun in run(batch, name, [result.rule], judged)}
    classes = [rule for rule in rules if rule.id not in never and rule.expectation.is_class]
    found |= {rule.id: run_class(batch, name, rule) for rule in classes}
    return [found.get(rule.id) or refused(rule, never[rule.id]) for rule in rules]


def run_class(batch: DataFrame, name: str, rule: RowRule | TableRule) -> RuleResult:
    """Run a rule that names a class; whatever that raises is the rule's result.

    Raises:
        PySparkException, EngineLost: Spark went away meanwhile.
    """
    place = rule.expectation.type
    try:
        (found,) = run(batch, name, [rule], ())
    except ExpectationUnusable as error:
        return refused(rule, error.message)
    except ValidationError as error:
        wrong = [f"{entry['loc'][0]}: {entry['msg']}" for entry in error.errors()]
        return refused(rule, f"{place} does not take its arguments: {'; '.join(wrong)}")
    except Exception as error:  # code of others: whatever it raises, this is who to ask
        if is_lost(error):
            raise
        return refused(rule, f"{place} raised {type(error).__name__}: {summary(error)}")
    if found.problem:
        found.problem = f"{place}: {found.problem}"
    return found


def refused(rule: RowRule | TableRule, problem: str) -> RuleResult:
    """The result of a rule that cannot run."""
    empty = Expectation(type="unexpected_rows_expectation", kwargs={"unexpected_rows_query": ""})
    unrunnable = rule.model_copy(update={"expectation": empty, "unique": (), "bad": "FALSE"})
    config = expectation(unrunnable, judged=(rule.id,)).configuration
    result = ExpectationValidationResult(success=False, expectation_config=config, meta={})
    result.result = {}
    return RuleResult(rule, result, holds=False, problem=problem)


def run(
    batch: DataFrame,
    name: str,
    rules: Sequence[RowRule | TableRule],
    judged: Collection[str],
    measured: Mapping[str, QueryValue] = NOTHING_MEASURED,
    figures: Figures = NOTHING_KNOWN,
) -> list[RuleResult]:
    """Run rules on a batch by one call of Great Expectations."""
    if not rules:
        return []
    MEASURED_BEFORE.set(measured)
    found = validated(batch, name, rules, judged, partial(answer, known=figures))
    by_id = {result.expectation_config.meta["rule"]: result for result in found}
    results = [checked(rule, by_id[rule.id]) for rule in rules]
    for result in results:  # Great Expectations keeps every error as the result of a rule
        raise_if_lost(result.problem)
    return results


def asked(batch: DataFrame, name: str, rules: Sequence[RowRule | TableRule]) -> dict[Any, Column]:
    """What `check` would have Spark aggregate of all rows of a batch, by metric."""
    columns: dict[Any, Column] = {}
    if wanted := [rule for rule in rules if is_count(rule)]:
        validated(batch, name, wanted, (), partial(note_asked, asked=columns))
    return columns


def validated(
    batch: DataFrame,
    name: str,
    rules: Sequence[RowRule | TableRule],
    judged: Collection[str],
    prepare: Callable[[Any], None],
) -> list[ExpectationValidationResult]:
    """What Great Expectations finds of rules on a batch.

    Args:
        prepare: Is given the engine that Great Expectations asks.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_spark(name="batch", persist=False)
    prepare(source.get_execution_engine())
    definition = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")
    expected = [expectation(rule, judged) for rule in rules]
    suite = ExpectationSuite(name=name, expectations=expected)
    QUERIES.set(tuple(query for rule in rules if (query := query_of(rule))))
    found = definition.get_batch({"dataframe": batch}).validate(suite, result_format="BOOLEAN_ONLY")
    results: list[ExpectationValidationResult] = found.results
    return results


def is_count(rule: RowRule | TableRule) -> bool:
    """Whether all that Great Expectations asks of a rule are counts of rows by what each holds."""
    if isinstance(rule, RowRule):
        return not rule.unique
    return rule.expectation.type in NATIVE_ROW_RULES


def checked(rule: RowRule | TableRule, result: ExpectationValidationResult) -> RuleResult:
    """A result with its figures where pages look for them."""
    is_judged = any(result.success == answer for answer in (True, False))
    result.result = (result.meta or {}).pop(MEASURED, {})
    result.success = bool(result.success)  # of some, it is NumPy's, which JSON does not know
    info = result.exception_info or {}
    raised = [entry for entry in (info, *info.values()) if isinstance(entry, dict)]
    messages = [
        str(entry.get("exception_message")) for entry in raised if entry.get("raised_exception")
    ]
    problem = "; ".join(messages) or result.result.pop(PROBLEM, "")
    if not problem and not is_judged:
        problem = "its result is neither true nor false"
    return RuleResult(rule, result, holds=bool(result.success) and not problem, problem=problem)


def query_of(rule: RowRule | TableRule) -> str | None:
    """The query that measures a rule; None if Great Expectations needs none."""
    if isinstance(rule, RowRule):
        return repeated_rows(rule.unique, rule.where) if rule.unique else None
    return rule.expectation.kwargs.get(QUERY)


def expectation(rule: RowRule | TableRule, judged: Collection[str] = ()) -> Any:
    """A rule as an expectation that carries its id, severity and description.

    Args:
        judged: Rules that are counted as the gate judged the rows.
    """
    text = f"{rule.id}: {rule.description}" if rule.description else rule.id
    kind, kwargs = rule.expectation.type, dict(rule.expectation.kwargs)
    head = {
        "severity": rule.severity.value,
        "meta": {"rule": rule.id},
        "description": text.replace("$", "$$"),
    }
    if isinstance(rule, RowRule):
        if rule.id in judged:
            return ExpectNoRowsWhere(bad=f"array_contains({BROKEN}, {literal(rule.id)})", **head)
        if rule.unique:
            return ExpectNoSecondRow(query=repeated_rows(rule.unique, rule.where), **head)
        if kind not in NATIVE_ROW_RULES:
            return ExpectNoRowsWhere(bad=str(rule.bad), **head)
    elif QUERY in kwargs:
        return ExpectMeasuredValue(query=kwargs[QUERY], **head)
    if condition := kwargs.pop("row_condition", None):
        del kwargs["condition_parser"]
        kwargs["row_condition"] = PassThroughCondition(pass_through_filter=condition)
    made = expectation_class(kind) if rule.expectation.is_class else get_expectation_impl(kind)
    return made(**kwargs, **head)
