"""Rules that cannot be evaluated: on one row, or at all.

In Spark one row that divides by zero ends the query of all. So a batch is judged as it is, and only
if that fails, a second time with every predicate caught on its own: Spark has no TRY of an
expression, but `try_to_binary` catches whatever its argument raises and gives NULL. Nothing is
rewritten inside, so that a predicate means the same both times.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import sqlglot.dialects.spark  # noqa: F401 - here, so that a job host has it before it forks
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.errors import is_lost, query_errors, summary
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.rules.rule import RowRule, TableRule
from headrace_schemas.rules.sql import rule_problem

SHARED = "spark.sql.subexpressionElimination.enabled"
"""Spark computes what predicates share once, before and outside what catches its errors."""

CLOCK = re.compile(r"\b(current_date|current_time(stamp)?|now|curdate|localtimestamp)\b", re.I)
"""What answers otherwise a moment later."""

LOG = logging.getLogger(__name__)

Written = TypeVar("Written")


def carefully(
    staged: DataFrame, contract: Contract, write: Callable[[Contract, bool], Written]
) -> tuple[Written, dict[str, str]]:
    """Judge a batch by the rules that can run, with care only if it does not go without.

    Args:
        write: Judges by a contract's rules and writes; is given whether some row is in the way.

    Returns:
        What `write` gives, and the rules that cannot run, by id, with the reason.
    """
    rules: list[RowRule | TableRule] = [*contract.row_rules, *contract.table_rules]
    problems = {rule.id: rule_problem(rule, staged.columns) for rule in rules}
    never = {id: problem for id, problem in problems.items() if problem}
    try:
        return write(without(contract, never), False), never
    except query_errors() as error:
        if is_lost(error):
            raise
        LOG.info("%s: judged again, rule by rule: %s", contract.name, summary(error))
    never |= never_running(staged, without(contract, never).row_rules)
    with catching(staged.sparkSession):
        try:
            return write(without(contract, never), True), never
        except query_errors() as error:
            if is_lost(error):
                raise
            ending = crashing(staged, without(contract, never).row_rules)
            if not ending:
                raise
        never |= ending
        return write(without(contract, never), True), never


def without(contract: Contract, never: Mapping[str, str]) -> Contract:
    """The contract without the row rules that cannot run."""
    rules = tuple(rule for rule in contract.row_rules if rule.id not in never)
    return contract.model_copy(update={"row_rules": rules})


def asks_clock(rule: RowRule) -> bool:
    """Whether a second look at the same row may give another answer."""
    return bool(CLOCK.search(f"{rule.bad} {rule.where}"))


def caught(predicate: str) -> str:
    """Spark SQL: X'79' where the predicate is true, X'6E' where not, NULL where it raises."""
    return f"try_to_binary(CASE WHEN ({predicate}\n) THEN 'y' ELSE 'n' END, 'utf-8')"


def fails(predicate: str) -> str:
    """Predicate of the rows on which another one cannot be evaluated."""
    return f"{caught(predicate)} IS NULL"


def holds(predicate: str) -> str:
    """Predicate of the rows on which another one is true."""
    return f"{caught(predicate)} <=> X'79'"


def bad_or_fails(predicate: str) -> str:
    """Predicate of the rows on which another one is true or cannot be evaluated."""
    return f"coalesce({caught(predicate)} = X'79', TRUE)"


@contextmanager
def catching(spark: SparkSession) -> Iterator[None]:
    """While it lasts, errors are raised inside what catches them."""
    before = spark.conf.get(SHARED)
    spark.conf.set(SHARED, "false")
    try:
        yield
    finally:
        spark.conf.set(SHARED, str(before))


def never_running(frame: DataFrame, rules: Sequence[RowRule]) -> dict[str, str]:
    """The rules that Spark does not take at all, by id, with the reason."""
    return each(rules, lambda text: frame.select(F.when(F.expr(text), 1)).schema)


def crashing(frame: DataFrame, rules: Sequence[RowRule]) -> dict[str, str]:
    """The rules that end a query whatever catches their errors; a query for each."""
    return each(rules, lambda text: frame.select(F.count_if(F.expr(fails(text)))).collect())


def each(rules: Sequence[RowRule], ask: Callable[[str], object]) -> dict[str, str]:
    """The rules with a predicate that Spark refuses to be asked about.

    Raises:
        PySparkException: Spark went away, which says nothing about a rule.
    """
    found = {}
    for rule in rules:
        for text in (rule.bad, rule.where):
            try:
                if text is not None:
                    ask(text)
            except query_errors() as error:
                if is_lost(error):
                    raise
                found[rule.id] = summary(error)
    return found
