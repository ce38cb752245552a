"""Quality rules: from ODCS wording to a Spark SQL predicate and a Great Expectations record.

A row rule says of each row whether it is bad; a table rule judges the batch as a whole. Both carry
the expectation by which Great Expectations keeps the record.
"""

from enum import StrEnum
from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaProperty
from pydantic import Field

from headrace_schemas.declaration import Frozen


class Severity(StrEnum):
    """What a broken rule does: critical blocks (the row or the batch), the others report."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Expectation(Frozen):
    """A Great Expectations expectation, by its snake-case type."""

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)


class RowRule(Frozen):
    """A rule that each row keeps or breaks.

    Attributes:
        id: Unique in its contract.
        bad: Spark SQL predicate that is TRUE for a bad row; None for a uniqueness rule.
        unique: Columns that no second row may repeat; empty for a predicate rule.
    """

    id: str
    severity: Severity
    description: str = ""
    bad: str | None = None
    unique: tuple[str, ...] = ()
    expectation: Expectation


class TableRule(Frozen):
    """A rule that the batch as a whole keeps or breaks."""

    id: str
    severity: Severity
    description: str = ""
    expectation: Expectation


class RuleInvalid(ValueError):
    """A rule that cannot be read; the contract adds file and line."""


def quoted(name: str) -> str:
    """A column name as a Spark SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


def literal(value: object) -> str:
    """A value as a Spark SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


def not_null(column: str, severity: Severity = Severity.CRITICAL) -> RowRule:
    """`column` has a value."""
    return RowRule(
        id=f"{column}.required", severity=severity, description=f"{column} has a value",
        bad=f"{quoted(column)} IS NULL",
        expectation=Expectation(
            type="expect_column_values_to_not_be_null", kwargs={"column": column}
        ),
    )  # fmt: skip


def unique(id: str, columns: tuple[str, ...], severity: Severity = Severity.CRITICAL) -> RowRule:
    """No two rows share the values of `columns`; the first one stays."""
    one = len(columns) == 1
    return RowRule(
        id=id, severity=severity, unique=columns,
        description=f"no second row with the same {', '.join(columns)}",
        expectation=Expectation(
            type="expect_column_values_to_be_unique" if one else
            "expect_compound_columns_to_be_unique",
            kwargs={"column": columns[0]} if one else {"column_list": list(columns)},
        ),
    )  # fmt: skip


def finite(column: str) -> RowRule:
    """`column` is neither NaN nor infinite; Great Expectations' range checks let both pass."""
    name = quoted(column)
    bad = f"isnan({name}) OR abs({name}) = double('Infinity')"
    return RowRule(
        id=f"{column}.finite", severity=Severity.CRITICAL, bad=bad,
        description=f"{column} is a finite number", expectation=rows_where(bad),
    )  # fmt: skip


def rows_where(bad: str) -> Expectation:
    """No row for which `bad` is true."""
    query = f"SELECT * FROM {{batch}} WHERE {bad}"  # noqa: S608 - from the contract, not from data
    return Expectation(type="unexpected_rows_expectation", kwargs={"unexpected_rows_query": query})


def between(column: str, kwargs: dict[str, Any], measured: str | None = None) -> str:
    """Predicate of rows outside the bounds of an `expect_column_..._to_be_between`."""
    name = measured or quoted(column)
    parts = []
    if (low := kwargs.get("min_value")) is not None:
        parts.append(f"{name} {'<=' if kwargs.get('strict_min') else '<'} {literal(low)}")
    if (high := kwargs.get("max_value")) is not None:
        parts.append(f"{name} {'>=' if kwargs.get('strict_max') else '>'} {literal(high)}")
    if not parts:
        raise RuleInvalid("needs min_value or max_value")
    return " OR ".join(parts)


def row_predicate(kind: str, kwargs: dict[str, Any]) -> str | None:
    """The bad rows of a column-map expectation; None if `kind` judges a table, not rows.

    Raises:
        RuleInvalid: An argument is missing or of the wrong form.
    """
    try:
        return known_predicate(kind, kwargs)
    except KeyError as error:
        raise RuleInvalid(f"{kind} needs {error.args[0]}") from error


def known_predicate(kind: str, kwargs: dict[str, Any]) -> str | None:
    """`row_predicate` without the error's wording."""
    if kind == "unexpected_rows_expectation":
        return where_clause(kwargs["unexpected_rows_query"])
    if kind == "expect_column_pair_values_a_to_be_greater_than_b":
        operator = "<" if kwargs.get("or_equal") else "<="
        return f"{quoted(kwargs['column_A'])} {operator} {quoted(kwargs['column_B'])}"
    if not kind.startswith(("expect_column_values_to_", "expect_column_value_lengths_to_")):
        return None
    column = kwargs["column"]
    name = quoted(column)
    match kind:
        case "expect_column_values_to_not_be_null":
            return f"{name} IS NULL"
        case "expect_column_values_to_be_null":
            return f"{name} IS NOT NULL"
        case "expect_column_values_to_be_between":
            return between(column, kwargs)
        case "expect_column_value_lengths_to_be_between":
            return between(column, kwargs, f"length({name})")
        case "expect_column_values_to_be_in_set":
            return f"{name} NOT IN ({', '.join(literal(one) for one in kwargs['value_set'])})"
        case "expect_column_values_to_not_be_in_set":
            return f"{name} IN ({', '.join(literal(one) for one in kwargs['value_set'])})"
        case "expect_column_values_to_match_regex":
            return f"NOT {name} RLIKE {literal(kwargs['regex'])}"
        case "expect_column_values_to_not_match_regex":
            return f"{name} RLIKE {literal(kwargs['regex'])}"
    return None


def where_clause(query: str) -> str:
    """The predicate of `SELECT * FROM {batch} WHERE <predicate>`."""
    head, _, predicate = " ".join(query.split()).partition(" WHERE ")
    if head.upper() != "SELECT * FROM {BATCH}" or not predicate:
        raise RuleInvalid("unexpected_rows_query must read: SELECT * FROM {batch} WHERE <bad rows>")
    return predicate


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


def threshold(rule: DataQuality) -> str:
    """The condition on `value` that the rule states."""
    given = [(key, getattr(rule, key)) for key in THRESHOLDS if getattr(rule, key) is not None]
    if not given:
        raise RuleInvalid(f"states no threshold; give one of {', '.join(THRESHOLDS)}")
    conditions = []
    for key, bound in given:
        bounds = bound if isinstance(bound, list) else [bound]
        conditions.append(THRESHOLDS[key].format(*(literal(one) for one in bounds)))
    return " AND ".join(conditions)


def query_rule(query: str, condition: str) -> Expectation:
    """The single value of `query` meets `condition`; a NULL value does not."""
    text = query.replace("{table}", "{batch}").replace("{object}", "{batch}")
    return Expectation(
        type="unexpected_rows_expectation",
        kwargs={
            "unexpected_rows_query": f"WITH measured(value) AS ({text}) "  # noqa: S608 - declared
            f"SELECT * FROM measured WHERE NOT coalesce({condition}, FALSE)"
        },
    )


def library_rule(
    rule: DataQuality, id: str, severity: Severity, column: str | None
) -> RowRule | TableRule:
    """A rule in ODCS's `library` wording."""
    metric = rule.metric or rule.rule
    if metric == "rowCount":
        expectation = query_rule("SELECT count(*) FROM {table}", threshold(rule))
        return TableRule(
            id=id, severity=severity, description=rule.description or "", expectation=expectation
        )
    arguments = rule.arguments or {}
    columns = tuple(arguments.get("properties") or ([column] if column else ()))
    if not columns:
        raise RuleInvalid(f"metric {metric} needs a property")
    per_row = rule.mustBe == 0
    if metric == "duplicateValues" and per_row:
        return unique(id, columns, severity)
    bad = bad_values(str(metric), columns[0], arguments)
    if per_row:
        return RowRule(
            id=id, severity=severity, description=rule.description or "", bad=bad,
            expectation=rows_where(bad),
        )  # fmt: skip
    scale = "100.0 * avg(CAST({0} AS DOUBLE))" if rule.unit == "percent" else "count_if({0})"
    if metric == "duplicateValues":
        keys = ", ".join(quoted(name) for name in columns)
        measured = f"count(*) - count(DISTINCT {keys})"
        measured = f"100.0 * ({measured}) / count(*)" if rule.unit == "percent" else measured
    else:
        measured = scale.format(f"coalesce({bad}, FALSE)")
    query = f"SELECT {measured} FROM {{table}}"  # noqa: S608 - from the contract, not from data
    return TableRule(
        id=id, severity=severity, description=rule.description or "",
        expectation=query_rule(query, threshold(rule)),
    )  # fmt: skip


def bad_values(metric: str, column: str, arguments: dict[str, Any]) -> str:
    """The predicate behind nullValues, missingValues and invalidValues."""
    name = quoted(column)
    if metric == "nullValues":
        return f"{name} IS NULL"
    if metric == "missingValues":
        texts = arguments.get("missingValues", [None, ""])
        given = ", ".join(literal(text) for text in texts if text is not None)
        return f"{name} IS NULL" + (f" OR {name} IN ({given})" if given else "")
    if metric == "invalidValues" and "validValues" in arguments:
        valid = ", ".join(literal(value) for value in arguments["validValues"])
        return f"{name} NOT IN ({valid})"
    if metric == "invalidValues" and "pattern" in arguments:
        return f"NOT {name} RLIKE {literal(arguments['pattern'])}"
    if metric == "duplicateValues":
        return "FALSE"
    raise RuleInvalid(
        f"metric {metric} is not known: use rowCount, nullValues, missingValues, duplicateValues, "
        "or invalidValues with arguments validValues or pattern"
    )


def quality_rule(rule: DataQuality, position: int, column: str | None) -> RowRule | TableRule:
    """One entry of a `quality` list.

    Raises:
        RuleInvalid: It cannot be checked as it is written.
    """
    id = rule.name or rule.id or f"{column or 'table'}.rule{position + 1}"
    try:
        severity = Severity(rule.severity or "critical")
    except ValueError as error:
        known = ", ".join(Severity)
        raise RuleInvalid(f"severity {rule.severity} is not one of {known}") from error
    description = rule.description or ""
    if rule.type == "sql":
        if not rule.query:
            raise RuleInvalid("a sql rule needs a query")
        expectation = query_rule(rule.query, threshold(rule))
        return TableRule(id=id, severity=severity, description=description, expectation=expectation)
    if rule.type == "custom":
        return custom_rule(rule, id, severity, column)
    if rule.type in (None, "library"):
        return library_rule(rule, id, severity, column)
    raise RuleInvalid(f"type {rule.type} cannot be checked: use library, sql or custom")


def custom_rule(
    rule: DataQuality, id: str, severity: Severity, column: str | None
) -> RowRule | TableRule:
    """A rule that names a Great Expectations expectation."""
    given = rule.implementation
    if rule.engine != "greatExpectations" or not isinstance(given, dict) or "type" not in given:
        raise RuleInvalid(
            "a custom rule needs engine: greatExpectations and implementation: {type, kwargs}"
        )
    kwargs = dict(given.get("kwargs") or {})
    kind = str(given["type"])
    if column and kind.startswith("expect_column_") and "column_A" not in kwargs:
        kwargs.setdefault("column", column)
    expectation = Expectation(type=kind, kwargs=kwargs)
    description = rule.description or ""
    bad = row_predicate(kind, kwargs) if float(kwargs.get("mostly", 1)) >= 1 else None
    if kind == "expect_column_values_to_be_unique":
        return unique(id, (kwargs["column"],), severity)
    if bad is None:
        return TableRule(id=id, severity=severity, description=description, expectation=expectation)
    return RowRule(
        id=id, severity=severity, description=description, bad=bad, expectation=expectation
    )


OPTIONS = {
    "minimum": "{name} < {bound}",
    "maximum": "{name} > {bound}",
    "exclusiveMinimum": "{name} <= {bound}",
    "exclusiveMaximum": "{name} >= {bound}",
    "minLength": "length({name}) < {bound}",
    "maxLength": "length({name}) > {bound}",
    "pattern": "NOT {name} RLIKE {bound}",
}


def option_rules(column: SchemaProperty) -> list[RowRule]:
    """What a column's logicalTypeOptions and enum promise."""
    name = str(column.name)
    rules = []
    for option, bound in (column.logicalTypeOptions or {}).items():
        if option not in OPTIONS:
            continue  # format, timezone: descriptive, not promises about values
        bad = OPTIONS[option].format(name=quoted(name), bound=literal(bound))
        rules.append((f"{name}.{option}", f"{option} {bound}", bad))
    if column.enum:
        values = [getattr(one, "value", one) for one in column.enum]
        bad = f"{quoted(name)} NOT IN ({', '.join(literal(one) for one in values)})"
        rules.append((f"{name}.enum", "one of the listed values", bad))
    return [
        RowRule(
            id=id, severity=Severity.CRITICAL, description=f"{name}: {text}", bad=bad,
            expectation=rows_where(bad),
        )
        for id, text, bad in rules
    ]  # fmt: skip
