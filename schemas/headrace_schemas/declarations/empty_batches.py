"""Batches without rows: who may deliver one, and how the lake remembers that it was published.

A partition without rows leaves no file behind, so nothing of it can be seen in the table. Its key
is kept as a property of the table: unlike the history of commits it is never cleaned away, and a
RESTORE takes it back together with the rows.
"""

from collections.abc import Mapping

from open_data_contract_standard.model import DataQuality, SchemaObject

NOT_EMPTY = "table.not_empty"
"""The rule that every contract has whose `rowCount` does not take 0 in."""

PUBLISHED_EMPTY = "headrace.published_empty."
"""Before the key, in the name of the table's property."""


def may_be_empty(table: SchemaObject) -> bool:
    """Whether the contract says that a batch may have no rows.

    A `rowCount` rule says so that names a least number of rows, and 0 reaches it. One that names a
    largest number only does not: it was written against a file that is too long.
    """
    given = [*(table.quality or [])]
    for column in table.properties or []:
        given += column.quality or []
    said = [takes_none(rule) for rule in given if counts_rows(rule)]
    return True in said and False not in said


def counts_rows(rule: DataQuality) -> bool:
    """Whether a rule is about the number of rows."""
    return "rowCount" in (rule.metric, rule.rule) or row_count_arguments(rule) is not None


def row_count_arguments(rule: DataQuality) -> Mapping[str, object] | None:
    """The arguments of Great Expectations' own rules about the number of rows."""
    given = rule.implementation
    kind = str(given.get("type")) if isinstance(given, dict) else ""
    if not isinstance(given, dict) or not kind.startswith("expect_table_row_count_to_"):
        return None
    return dict(given.get("kwargs") or {})


def takes_none(rule: DataQuality) -> bool | None:
    """Whether 0 rows keep the rule; None if it names no least number of rows."""
    least: list[bool] = []
    most: list[bool] = []
    arguments = row_count_arguments(rule)
    if arguments is not None:
        least += [
            number(arguments[key]) <= 0
            for key in ("min_value", "value")
            if arguments.get(key) is not None
        ]
        most += [number(arguments["max_value"]) >= 0] if arguments.get("max_value") else []
    else:
        if rule.mustBe is not None:
            least.append(number(rule.mustBe) == 0)
        if rule.mustBeGreaterOrEqualTo is not None:
            least.append(number(rule.mustBeGreaterOrEqualTo) <= 0)
        if rule.mustBeGreaterThan is not None:
            least.append(number(rule.mustBeGreaterThan) < 0)
        if rule.mustBeBetween:
            least.append(number(rule.mustBeBetween[0]) <= 0 <= number(rule.mustBeBetween[-1]))
        if rule.mustNotBe is not None:
            most.append(number(rule.mustNotBe) != 0)
        if rule.mustNotBeBetween:
            low, high = number(rule.mustNotBeBetween[0]), number(rule.mustNotBeBetween[-1])
            most.append(not low <= 0 <= high)
        if rule.mustBeLessThan is not None:
            most.append(number(rule.mustBeLessThan) > 0)
        if rule.mustBeLessOrEqualTo is not None:
            most.append(number(rule.mustBeLessOrEqualTo) >= 0)
    if False in least or False in most:
        return False
    return True if least else None


def number(value: object) -> float:
    """A threshold as a number; one that is none takes nothing in."""
    return float(value) if isinstance(value, int | float) else float("nan")


def published_empty(properties: Mapping[str, str]) -> set[str]:
    """The keys of partitions that were published without rows, by the table's properties."""
    return {
        name.removeprefix(PUBLISHED_EMPTY)
        for name in properties
        if name.startswith(PUBLISHED_EMPTY)
    }
