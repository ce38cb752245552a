"""Quality rules: what a contract's wording becomes.

A row rule says of each row whether it is bad; a table rule judges the batch as a whole. Both carry
the expectation by which Great Expectations keeps the record. `quality` reads the wording of the
Open Data Contract Standard, `expectation_rules` that of Great Expectations.
"""

from enum import StrEnum
from typing import Any

from pydantic import Field

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.rules.sql_text import filled


class Severity(StrEnum):
    """What a broken rule does: critical blocks (the row or the batch), the others report."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Expectation(Frozen):
    """A Great Expectations expectation, by its snake-case type or as `module:Class`."""

    type: str
    kwargs: dict[str, Any] = Field(default_factory=dict)

    @property
    def is_class(self) -> bool:
        """Whether it is a class that a project or a distribution brings."""
        return ":" in self.type


class RowRule(Frozen):
    """A rule that each row keeps or breaks.

    Attributes:
        id: Unique in its contract.
        bad: Spark SQL predicate that is TRUE for a bad row; None for a uniqueness rule.
        unique: Columns that no second row may repeat; empty for a predicate rule.
        where: Of a uniqueness rule, a predicate of the rows that it is about; None for all.
    """

    id: str
    severity: Severity
    description: str = ""
    bad: str | None = None
    unique: tuple[str, ...] = ()
    where: str | None = None
    expectation: Expectation


class TableRule(Frozen):
    """A rule that the batch as a whole keeps or breaks."""

    id: str
    severity: Severity
    description: str = ""
    expectation: Expectation


class RuleInvalid(ValueError):
    """A rule that cannot be read; the contract adds file and line.

    Attributes:
        found: What is wrong in it, by which its place is found.
    """

    def __init__(self, problem: str, found: object = None) -> None:
        super().__init__(problem)
        self.found = found


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
    return "'" + text.replace("\n", "\\n").replace("\r", "\\r") + "'"


def not_null(column: str, severity: Severity = Severity.CRITICAL) -> RowRule:
    """`column` has a value."""
    return RowRule(
        id=f"{column}.required",
        severity=severity,
        description=f"{column} has a value",
        bad=f"{quoted(column)} IS NULL",
        expectation=Expectation(
            type="expect_column_values_to_not_be_null", kwargs={"column": column}
        ),
    )


def unique(id: str, columns: tuple[str, ...], severity: Severity = Severity.CRITICAL) -> RowRule:
    """No two rows share the values of `columns`; the first one stays."""
    is_single = len(columns) == 1
    return RowRule(
        id=id,
        severity=severity,
        unique=columns,
        description=f"no second row with the same {', '.join(columns)}",
        expectation=Expectation(
            type="expect_column_values_to_be_unique"
            if is_single
            else "expect_compound_columns_to_be_unique",
            kwargs={"column": columns[0]} if is_single else {"column_list": list(columns)},
        ),
    )


def finite(column: str) -> RowRule:
    """`column` is neither NaN nor infinite; Great Expectations' range checks let both pass."""
    name = quoted(column)
    bad = f"isnan({name}) OR abs({name}) = double('Infinity')"
    return RowRule(
        id=f"{column}.finite",
        severity=Severity.CRITICAL,
        bad=bad,
        description=f"{column} is a finite number",
        expectation=rows_where(bad),
    )


def rows_where(bad: str) -> Expectation:
    """No row for which `bad` is true."""
    query = f"SELECT * FROM {{batch}} WHERE {bad}"  # noqa: S608 - from the contract, not from data
    return Expectation(type="unexpected_rows_expectation", kwargs={"unexpected_rows_query": query})


BATCH_NAMES = {"batch": "{batch}", "table": "{batch}", "object": "{batch}"}
"""What a query may call the batch it measures."""

END_OF_QUERY = "\n) "
"""After it the condition follows; the line's end closes a comment that the query may end with."""


def query_rule(query: str, condition: str, column: str | None = None) -> Expectation:
    """The single `value` of `query` meets `condition`; a NULL value does not.

    Args:
        query: With a placeholder for the batch; inside a column's rules also one for the column.

    Raises:
        SqlUnreadable: It has another placeholder.
    """
    names = dict(BATCH_NAMES)
    if column is not None:
        names |= {"column": quoted(column), "property": quoted(column)}
    measured = f"WITH measured(value) AS ({filled(query, names)}{END_OF_QUERY}"
    text = f"{measured}SELECT * FROM measured WHERE NOT coalesce({condition}, FALSE)"  # noqa: S608 - declared
    return Expectation(type="unexpected_rows_expectation", kwargs={"unexpected_rows_query": text})
