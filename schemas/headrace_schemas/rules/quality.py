"""The Open Data Contract Standard's wording of quality: what it becomes as rules.

Every key of a rule is heeded or refused. Only for people are: description, dimension, method,
businessImpact, tags, customProperties, authoritativeDefinitions, schedule and scheduler; rules are
checked at every batch.
"""

from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaProperty

from headrace_schemas.rules.custom import custom_rule
from headrace_schemas.rules.expectation_rules import Types, columns_in, inside, outside
from headrace_schemas.rules.options import option_predicates
from headrace_schemas.rules.rule import (
    Expectation,
    RowRule,
    RuleInvalid,
    Severity,
    TableRule,
    literal,
    query_rule,
    quoted,
    rows_where,
    unique,
)
from headrace_schemas.rules.sql_text import SqlUnreadable, statement
from headrace_schemas.rules.values import listed, regex_literal, typed_literal
from headrace_schemas.types import ColumnType

THRESHOLDS = {
    "mustBe": "value = {0}",
    "mustNotBe": "value <> {0}",
    "mustBeGreaterThan": "value > {0}",
    "mustBeGreaterOrEqualTo": "value >= {0}",
    "mustBeLessThan": "value < {0}",
    "mustBeLessOrEqualTo": "value <= {0}",
    "mustBeBetween": "value BETWEEN {0} AND {1}",
    "mustNotBeBetween": "value NOT BETWEEN {0} AND {1}",
}

KEYS = {
    "library": ("metric", "rule", "arguments", "unit", *THRESHOLDS),
    "sql": ("query", "unit", *THRESHOLDS),
    "custom": ("engine", "implementation"),
}
"""What each type of rule heeds, beside what is said of every rule."""

METRICS = {
    "rowCount": (),
    "nullValues": ("properties",),
    "missingValues": ("properties", "missingValues"),
    "duplicateValues": ("properties",),
    "invalidValues": ("properties", "validValues", "pattern"),
}
"""The metrics that can be measured, with their arguments."""


def quality_rule(
    rule: DataQuality, position: int, column: str | None, types: Types
) -> RowRule | TableRule:
    """One entry of a `quality` list.

    Args:
        position: Its place in the list, for the id of one without a name.
        column: Whose list it is; None for the table's.
        types: All columns of the table.

    Raises:
        RuleInvalid: It cannot be checked as it is written.
    """
    id = rule.name or rule.id or f"{column or 'table'}.rule{position + 1}"
    kind = rule.type or "library"
    if kind not in KEYS:
        raise RuleInvalid(f"type {kind} cannot be checked: use library, sql or custom")
    foreign = {key for keys in KEYS.values() for key in keys} - set(KEYS[kind])
    if unheeded := sorted(key for key in foreign if getattr(rule, key) is not None):
        known = ", ".join(KEYS[kind])
        raise RuleInvalid(f"a {kind} rule does not heed {', '.join(unheeded)}; it heeds {known}")
    head = {"id": id, "severity": severity_of(rule), "description": rule.description or ""}
    if kind == "custom":
        return custom_rule(rule, head, column, types)
    if kind == "sql":
        return TableRule(expectation=sql_expectation(rule, column), **head)
    return library_rule(rule, head, column, types)


def severity_of(rule: DataQuality) -> Severity:
    """What the rule does when it is broken."""
    try:
        return Severity(rule.severity or "critical")
    except ValueError as error:
        known = ", ".join(Severity)
        raise RuleInvalid(
            f"severity {rule.severity} is not one of {known}", rule.severity
        ) from error


def sql_expectation(rule: DataQuality, column: str | None) -> Expectation:
    """The value of the rule's own query."""
    if not rule.query:
        raise RuleInvalid("a sql rule needs a query")
    if rule.unit == "percent":
        raise RuleInvalid("a sql rule's unit is what its query measures; leave out unit: percent")
    try:
        return query_rule(statement(rule.query), threshold(rule), column)
    except SqlUnreadable as error:
        raise RuleInvalid(f"query {error}") from error


def threshold(rule: DataQuality) -> str:
    """The condition on `value` that the rule states.

    Raises:
        RuleInvalid: None is stated, several are, or one of the wrong form.
    """
    given = [(key, getattr(rule, key)) for key in THRESHOLDS if getattr(rule, key) is not None]
    if not given:
        raise RuleInvalid(f"states no threshold; give one of {', '.join(THRESHOLDS)}")
    if len(given) > 1:
        keys = " and ".join(key for key, _ in given)
        raise RuleInvalid(f"states {keys}; give one, mustBeBetween for both ends")
    key, bound = given[0]
    if key.endswith("Between"):
        return THRESHOLDS[key].format(*ends(key, bound))
    if key in ("mustBe", "mustNotBe") and isinstance(bound, str | bool):
        return THRESHOLDS[key].format(literal(bound))
    return THRESHOLDS[key].format(number(key, bound))


def ends(key: str, bound: object) -> list[str]:
    """The two ends of a range, the smaller first."""
    if not isinstance(bound, list) or len(bound) != len(("low", "high")):
        raise RuleInvalid(f"{key} is {bound}; give two numbers, the smaller first", bound)
    low, high = (number(key, end) for end in bound)
    if bound[0] > bound[1]:
        raise RuleInvalid(f"{key} is {bound}; give the smaller number first", bound)
    return [low, high]


def number(key: str, value: object) -> str:
    """A number as a literal."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RuleInvalid(f"{key} is {value}; give a number")
    try:
        return typed_literal(value, ColumnType(stem="DECIMAL", precision=1), is_bound=True)
    except RuleInvalid as error:
        raise RuleInvalid(f"{key} is {value}; give a number", value) from error


def library_rule(
    rule: DataQuality, head: dict[str, Any], column: str | None, types: Types
) -> RowRule | TableRule:
    """A rule in ODCS's `library` wording."""
    metric = rule.metric or rule.rule
    if metric not in METRICS:
        raise RuleInvalid(f"metric {metric} is not known; known: {', '.join(METRICS)}", metric)
    arguments = rule.arguments or {}
    if unknown := sorted(set(arguments) - set(METRICS[metric])):
        known = ", ".join(METRICS[metric]) or "none"
        said = f"{metric} has no argument {', '.join(unknown)}; known: {known}"
        raise RuleInvalid(said, unknown[0])
    if rule.unit not in (None, "rows", "percent"):
        raise RuleInvalid(f"unit {rule.unit} is not known; known: rows, percent", rule.unit)
    condition = threshold(rule)
    if metric == "rowCount":
        if rule.unit == "percent":
            raise RuleInvalid("rowCount counts rows; leave out unit: percent")
        return TableRule(expectation=query_rule("SELECT count(*) FROM {table}", condition), **head)
    columns = columns_in(types, arguments.get("properties") or ([column] if column else ()))
    per_row = rule.mustBe is not None and rule.mustBe is not False and rule.mustBe == 0
    if metric == "duplicateValues":
        if per_row:
            described = {"description": head["description"]} if head["description"] else {}
            return unique(head["id"], columns, head["severity"]).model_copy(update=described)
        query = duplicates(columns, rule.unit == "percent")
        return TableRule(expectation=query_rule(query, condition), **head)
    if len(columns) > 1:
        raise RuleInvalid(f"{metric} is about one column; give each its own rule")
    bad = bad_values(metric, columns[0], arguments, types[columns[0]])
    if per_row:
        return RowRule(bad=bad, expectation=rows_where(bad), **head)
    is_bad = f"coalesce({bad}, FALSE)"
    measured = f"count_if({is_bad})"
    if rule.unit == "percent":
        measured = f"coalesce(100.0 * avg(CAST({is_bad} AS DOUBLE)), 0)"
    query = f"SELECT {measured} FROM {{table}}"  # noqa: S608 - from the contract, not from data
    return TableRule(expectation=query_rule(query, condition), **head)


def duplicates(columns: tuple[str, ...], as_percent: bool) -> str:
    """How many rows repeat the values of another; NULL repeats nothing."""
    names = [quoted(name) for name in columns]
    key = f"CASE WHEN {' AND '.join(f'{name} IS NOT NULL' for name in names)} THEN"
    row = f"{key} struct({', '.join(names)}) END"
    measured = f"count({row}) - count(DISTINCT {row})"
    if as_percent:
        measured = f"coalesce(100.0 * try_divide({measured}, count(*)), 0)"
    return f"SELECT {measured} FROM {{table}}"  # noqa: S608 - declared names


def bad_values(metric: str, column: str, arguments: dict[str, Any], type: ColumnType) -> str:
    """The predicate behind nullValues, missingValues and invalidValues."""
    if metric == "nullValues":
        return f"{quoted(column)} IS NULL"
    if metric == "missingValues":
        given = arguments.get("missingValues", [None, ""])
        if isinstance(given, list) and type.stem not in ("STRING", "VARCHAR", "CHAR"):
            given = [None, *(value for value in given if value != "")]  # an empty text is no number
        return inside(column, listed(given, type, "missingValues")[0], has_null=True)
    if "validValues" in arguments and "pattern" in arguments:
        raise RuleInvalid("invalidValues has validValues and pattern; give each its own rule")
    if "validValues" in arguments:
        return outside(column, listed(arguments["validValues"], type, "validValues")[0])
    if "pattern" in arguments:
        return f"NOT {quoted(column)} RLIKE {regex_literal(arguments['pattern'])}"
    raise RuleInvalid("invalidValues needs the argument validValues or pattern")


def option_rules(column: SchemaProperty, type: ColumnType) -> list[RowRule]:
    """What a column's logicalTypeOptions and enum promise.

    Raises:
        RuleInvalid: An option that says something of values and cannot be checked.
    """
    name = str(column.name)
    rules = option_predicates(name, column.logicalTypeOptions or {}, type)
    if column.enum is not None:
        values = [getattr(value, "value", value) for value in column.enum]
        bad = outside(name, listed(values, type, "enum")[0])
        rules.append(("enum", "one of the listed values", bad))
    return [
        RowRule(
            id=f"{name}.{option}",
            severity=Severity.CRITICAL,
            description=f"{name}: {text}",
            bad=bad,
            expectation=rows_where(bad),
        )
        for option, text, bad in rules
    ]
