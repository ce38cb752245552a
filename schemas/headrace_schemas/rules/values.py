"""Values of a declaration as Spark SQL literals of their column's type.

A literal of another type would make Spark cast one of the two: a text that is no number ends the
query, a FLOAT is compared with more digits than it holds. So a value that the column cannot hold
is refused.
"""

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal

from headrace_schemas.rules.java_regex import pattern_problem
from headrace_schemas.rules.rule import RuleInvalid, literal
from headrace_schemas.types import BITS, FLOATS, NUMBERS, TEXTS, TIMES, ColumnType

NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
MOST_DIGITS = 38
SHOWN = 60
ORDERED = NUMBERS | TIMES | TEXTS


def typed_literal(value: object, type: ColumnType, is_bound: bool = False) -> str:
    """`value` as a literal that Spark compares with a column of `type` without a cast of the column.

    Args:
        is_bound: It is compared by order, so that it need not be a value the column can hold.

    Raises:
        RuleInvalid: The column's type has no such value.
    """
    if is_bound and type.stem not in ORDERED:
        raise RuleInvalid(f"values of {type.ddl} have no order, so they have no bounds")
    if type.stem in NUMBERS:
        return number_literal(value, type, is_bound)
    if type.stem in TIMES:
        return time_literal(value, type)
    if type.stem == "BOOLEAN":
        if isinstance(value, bool):
            return literal(value)
        raise misfit(value, type, "write true or false without quotes")
    if type.stem in TEXTS:
        if isinstance(value, str):
            return literal(value)
        raise misfit(value, type, "write it in quotes, letter by letter as the column has it")
    raise RuleInvalid(f"values of {type.ddl} cannot be written in a contract; use an SQL rule")


def misfit(value: object, type: ColumnType, advice: str) -> RuleInvalid:
    """The error of a value that a column cannot hold."""
    return RuleInvalid(f"{str(value)[:SHOWN]!r} is not a value of {type.ddl}; {advice}")


def exact(value: object, type: ColumnType) -> Decimal | float:
    """A number as it is written; a float if it is none that digits can say.

    Raises:
        RuleInvalid: It is no number.
    """
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else value
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return Decimal(value)
    raise misfit(value, type, "give a number")


def number_literal(value: object, type: ColumnType, is_bound: bool) -> str:
    """A number for a column of numbers."""
    number = exact(value, type)
    if isinstance(number, float):
        if type.stem not in FLOATS or (is_bound and math.isnan(number)):
            raise misfit(value, type, "give a number")
        name = "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
        return f"{type.stem.lower()}('{name}')"
    if type.stem in FLOATS:
        text = repr(value) if isinstance(value, float) else str(number)
        if not math.isfinite(float(number)) or len(text) > MOST_DIGITS:
            raise misfit(value, type, "it has too many digits")
        return text if type.stem == "DOUBLE" else f"CAST({text} AS FLOAT)"
    if not is_bound and not holds(number, type):
        raise misfit(value, type, "no row can have it")
    number = number.to_integral_value() if number == number.to_integral_value() else number
    whole, places = len(str(abs(int(number)))), max(0, -number.normalize().as_tuple().exponent)  # type: ignore[operator]  # finite
    if max(whole, (type.precision or 0) - (type.scale or 0), 19) + places > MOST_DIGITS:
        raise misfit(value, type, "it has too many digits")
    return f"{number:f}"


def holds(number: Decimal, type: ColumnType) -> bool:
    """Whether a column of whole numbers or decimals can have the value."""
    if bits := BITS.get(type.stem):
        return number == int(number) and -(2 ** (bits - 1)) <= number < 2 ** (bits - 1)
    scale, precision = type.scale or 0, type.precision or 0
    scaled = number.scaleb(scale)
    return scaled == int(scaled) and abs(scaled) < 10**precision


def time_literal(value: object, type: ColumnType) -> str:
    """A date or an instant for a column of either; text in ISO form is one."""
    if isinstance(value, str):
        value = read_time(value, type)
    if type.stem == "DATE":
        if isinstance(value, date) and not isinstance(value, datetime):
            return f"DATE '{value.isoformat()}'"
        raise misfit(value, type, "give a date such as 2024-05-01")
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise misfit(value, type, "give a time such as 2024-05-01T12:00:00Z")
    if type.stem == "TIMESTAMP_NTZ":
        if value.tzinfo is not None:
            raise misfit(value, type, "give it without a time zone")
        return f"TIMESTAMP_NTZ '{value.isoformat(' ')}'"
    utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return f"TIMESTAMP '{utc.replace(tzinfo=None).isoformat(' ')}Z'"


def read_time(text: str, type: ColumnType) -> date:
    """A text in ISO form."""
    try:
        if DAY.fullmatch(text):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise misfit(text, type, "give it in ISO form, such as 2024-05-01T12:00:00Z") from error


def allowed(value: object, type: ColumnType) -> str:
    """As `typed_literal`, for a list."""
    if isinstance(value, list | dict | tuple | set):
        raise misfit(value, type, "a list holds single values")
    return typed_literal(value, type)


def listed(values: object, type: ColumnType, what: str) -> tuple[list[str], bool]:
    """The literals of a list without null, and whether null is among them.

    NULL is never equal to anything, so it must not stand in an `IN (...)`.

    Raises:
        RuleInvalid: It is no list, is empty, or names what the column cannot hold.
    """
    if not isinstance(values, list | tuple):
        raise RuleInvalid(f"{what} needs a list")
    if not values:
        raise RuleInvalid(f"{what} is empty, so it says nothing; name values or leave it out")
    return [allowed(value, type) for value in values if value is not None], None in values


def regex_literal(pattern: object) -> str:
    """A regular expression as a literal.

    Raises:
        RuleInvalid: It is none that Java can read.
    """
    if not isinstance(pattern, str) or not pattern:
        problem = f"{str(pattern)[:SHOWN]!r} is not a pattern; give a text in quotes"
        raise RuleInvalid(problem, pattern)
    if problem := pattern_problem(pattern):
        text = f"{pattern[:SHOWN]!r} is no regular expression that Java can read: {problem}"
        raise RuleInvalid(text, pattern)
    return literal(pattern)
