"""Rules that name an expectation of Great Expectations, or a class of its kind."""

from typing import Any

from open_data_contract_standard.model import DataQuality

from headrace_schemas.rules.expectation_classes import check_class_arguments, class_named
from headrace_schemas.rules.expectation_rules import (
    Given,
    Types,
    between,
    column_in,
    columns_in,
    condition_of,
    fits,
    is_set,
    judged,
    recorded,
    share_of,
    where,
)
from headrace_schemas.rules.expectation_types import ABOUT_ROWS, check_arguments
from headrace_schemas.rules.rule import (
    Expectation,
    RowRule,
    RuleInvalid,
    TableRule,
    query_rule,
    quoted,
    unique,
)
from headrace_schemas.rules.values import listed
from headrace_schemas.types import NUMBERS, ColumnType

UNIQUENESS = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")

ENGINES = ("greatExpectations", "great-expectations")

ONE_COLUMN = ("column", "column_A", "column_B")

OF_NUMBERS = ("mean", "median", "stdev", "sum", "quantile_values")

ANY_NUMBER = ColumnType(stem="DOUBLE")

Head = dict[str, Any]
"""What every rule has: id, severity and description."""


def custom_rule(
    rule: DataQuality, head: Head, column: str | None, types: Types
) -> RowRule | TableRule:
    """A rule that names an expectation.

    Raises:
        RuleInvalid: An expectation or an argument that would not be heeded.
    """
    implementation = rule.implementation
    if rule.engine not in ENGINES or not isinstance(implementation, dict):
        raise RuleInvalid(
            "a custom rule needs engine: greatExpectations and implementation: {type, kwargs}"
        )
    if set(implementation) - {"type", "kwargs"} or "type" not in implementation:
        raise RuleInvalid(
            f"implementation needs type and kwargs, found {', '.join(implementation)}"
        )
    kind, kwargs = str(implementation["type"]), implementation.get("kwargs") or {}
    if not isinstance(kwargs, dict):
        raise RuleInvalid("kwargs needs arguments by their names")
    kwargs = dict(kwargs)
    if (place := class_named(kind)) is not None:
        return TableRule(expectation=class_expectation(place, kwargs, column, types), **head)
    is_of_column = kind.startswith("expect_column_")
    if column and is_of_column and "column_A" not in kwargs and "_pair_" not in kind:
        kwargs.setdefault("column", column)
    check_arguments(kind, kwargs)
    if kind in UNIQUENESS:
        return uniqueness_rule(kwargs, head, types)
    if kind not in ABOUT_ROWS:
        return TableRule(expectation=table_expectation(kind, kwargs, types), **head)
    share, condition = share_of(kwargs), condition_of(kwargs)
    found = judged(kind, kwargs, types)
    bad = where(condition, found.bad)
    if share == 1:
        return RowRule(bad=bad, expectation=recorded(kind, kwargs, bad, types), **head)
    counts = where(condition, found.counts)
    return TableRule(expectation=mostly_good(bad, counts, share), **head)


def class_expectation(place: str, kwargs: Given, column: str | None, types: Types) -> Expectation:
    """A class of a project or a distribution, which judges the batch as a whole.

    Args:
        place: As `module:Class`.
        column: Whose list the rule stands in: the one that it is about if it names none.
    """
    check_class_arguments(list(kwargs))
    if column and not kwargs.keys() & {*ONE_COLUMN, "column_list"}:
        kwargs["column"] = column
    kwargs |= {key: column_in(types, kwargs[key]) for key in ONE_COLUMN if key in kwargs}
    if "column_list" in kwargs:
        kwargs["column_list"] = list(columns_in(types, kwargs["column_list"]))
    return Expectation(type=place, kwargs=kwargs)


def mostly_good(bad: str, counts: str, share: float) -> Expectation:
    """At least a share of the rows that count is good; of none, all are."""
    query = (
        f"SELECT CASE WHEN count_if({counts}\n) = 0 THEN CAST(1 AS DOUBLE) "  # noqa: S608 - declared
        f"ELSE CAST(count_if(({counts}\n) AND NOT coalesce(({bad}\n), FALSE)) AS DOUBLE) "
        f"/ count_if({counts}\n) END FROM {{batch}}"
    )
    return query_rule(query, f"value >= {share!r}")


def uniqueness_rule(kwargs: Given, head: Head, types: Types) -> RowRule | TableRule:
    """No second row with the same values, or at most a share of them."""
    names = kwargs.get("column_list") or [kwargs["column"]]
    columns = columns_in(types, names)
    if kwargs.get("ignore_row_if", "any_value_is_missing") != "any_value_is_missing":
        raise RuleInvalid(
            f"ignore_row_if {kwargs['ignore_row_if']} cannot be kept: NULL is like nothing, so a "
            "row without one of the values repeats none; give any_value_is_missing"
        )
    share, condition = share_of(kwargs), condition_of(kwargs)
    if share == 1:
        rule = unique(head["id"], columns, head["severity"])
        described = {"description": head["description"]} if head["description"] else {}
        return rule.model_copy(update={**described, "where": condition})
    keys = ", ".join(quoted(name) for name in columns)
    complete = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in columns)
    judged_rows = complete if condition is None else f"{complete} AND ({condition}\n)"
    query = (
        "SELECT CASE WHEN count(*) = 0 THEN CAST(1 AS DOUBLE) "  # noqa: S608 - declared
        f"ELSE CAST(count(DISTINCT {keys}) AS DOUBLE) / count(*) END "
        f"FROM {{batch}} WHERE {judged_rows}"
    )
    return TableRule(expectation=query_rule(query, f"value >= {share!r}"), **head)


def table_expectation(kind: str, kwargs: Given, types: Types) -> Expectation:
    """An expectation about a batch as a whole.

    Great Expectations measures it where the arguments mean the same to it; what is compared in a
    column's own type is our own query.
    """
    arguments = {key: value for key, value in kwargs.items() if value is not None}
    condition = condition_of(arguments)
    if condition is not None:
        arguments |= {"row_condition": condition, "condition_parser": "spark"}
    what = kind.removeprefix("expect_column_")
    if "column" in arguments:
        arguments["column"] = column_in(types, arguments["column"])
        type = types[arguments["column"]]
        if what.startswith(OF_NUMBERS) and type.stem not in NUMBERS:
            raise RuleInvalid(
                f"{kind} needs a column of numbers, {arguments['column']} is {type.ddl}"
            )
        if what.startswith("distinct_values"):
            return distinct(what, arguments, type, condition)
        if what.startswith(("max_", "min_")):
            query = batch_query(f"{what[:3]}({quoted(arguments['column'])})", condition)
            return query_rule(query, f"NOT ({between('value', type, arguments)})")
        if "value_set" in arguments:
            listed(arguments["value_set"], type, "value_set")
            arguments["value_set"] = [
                value for value in arguments["value_set"] if value is not None
            ]
            if not all(fits(value, type.stem) for value in arguments["value_set"]):
                raise RuleInvalid(f"{kind} cannot compare values of {type.ddl}; use an SQL rule")
    bounds = {"min_value", "max_value"} & set(arguments)
    if bounds or "strict_min" in arguments or "strict_max" in arguments:
        between("value", ANY_NUMBER, arguments)
        if any(isinstance(arguments[key], str) for key in bounds):
            raise RuleInvalid(f"{kind} needs numbers, without quotes")
    if kind == "expect_table_row_count_to_equal" and type_of_count(arguments["value"]):
        raise RuleInvalid(f"value is {arguments['value']}; give a whole number")
    is_set(arguments, "ties_okay")
    return Expectation(type=kind, kwargs=arguments)


def type_of_count(value: object) -> bool:
    """Whether a value is no count."""
    return isinstance(value, bool) or not isinstance(value, int) or value < 0


def batch_query(measured: str, condition: str | None) -> str:
    """What is measured of the batch, or of the rows that meet a condition."""
    rows = "" if condition is None else f" WHERE ({condition}\n)"
    return f"SELECT {measured} FROM {{batch}}{rows}"  # noqa: S608 - declared


def distinct(what: str, kwargs: Given, type: ColumnType, condition: str | None) -> Expectation:
    """The column's distinct values against a list; NULL is none of them."""
    name = quoted(kwargs["column"])
    literals, has_null = listed(kwargs["value_set"], type, "value_set")
    if not literals or (has_null and not what.endswith("be_in_set")):
        raise RuleInvalid("NULL is no value; leave null out of value_set")
    wanted = sorted(set(literals))
    among = f"{name} IN ({', '.join(wanted)})"
    others = f"count_if(coalesce(NOT ({among}), FALSE))"
    found = f"count(DISTINCT CASE WHEN {among} THEN {name} END)"
    if what.endswith("be_in_set"):
        return query_rule(batch_query(others, condition), "value = 0")
    if what.endswith("contain_set"):
        return query_rule(batch_query(found, condition), f"value = {len(wanted)}")
    return query_rule(batch_query(f"{found} - {others}", condition), f"value = {len(wanted)}")
