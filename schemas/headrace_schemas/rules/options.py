"""What a column's `logicalTypeOptions` promise of its values.

Only for people, as the type decides it: the format of a date or time, `timezone`, and what
describes a vector.
"""

from collections.abc import Mapping
from typing import Any

from headrace_schemas.rules.rule import RuleInvalid, literal, quoted
from headrace_schemas.rules.values import regex_literal, typed_literal
from headrace_schemas.types import FLOATS, INTEGERS, TEXTS, TIMES, ColumnType

BOUNDS = {
    "minimum": "{name} < {bound}",
    "maximum": "{name} > {bound}",
    "exclusiveMinimum": "{name} <= {bound}",
    "exclusiveMaximum": "{name} >= {bound}",
}

SIZES = {
    "minLength": "length({name}) < {bound}",
    "maxLength": "length({name}) > {bound}",
    "minItems": "size({name}) < {bound}",
    "maxItems": "size({name}) > {bound}",
    "minProperties": "size({name}) < {bound}",
    "maxProperties": "size({name}) > {bound}",
}

SIZED = {"Length": TEXTS | {"BINARY"}, "Items": {"ARRAY"}, "Properties": {"MAP"}}
"""Which types have such a size."""

WHOLE = ColumnType(stem="BIGINT")

RANGES = {f"i{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)} | {
    f"u{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)
}
"""What a `format` of whole numbers holds."""

FORMS = {
    "uuid": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "ipv4": r"^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}$",
}
"""Formats of texts that a pattern decides."""

FOR_PEOPLE = frozenset(
    {
        "timezone",
        "dimensions",
        "elementType",
        "distanceMetric",
        "embeddingModel",
        "embeddingModelVersion",
        "normalized",
    }
)

KNOWN = (*BOUNDS, *SIZES, "pattern", "multipleOf", "uniqueItems", "required", "format")

Predicate = tuple[str, str, str]
"""An option, what it says to people, and the predicate of rows that break it."""


def option_predicates(column: str, options: Mapping[str, Any], type: ColumnType) -> list[Predicate]:
    """The predicates of all options.

    Raises:
        RuleInvalid: One that is not known, or promises what is not checked.
    """
    found: list[Predicate] = []
    for option, value in options.items():
        try:
            found += one_option(quoted(column), option, value, type)
        except RuleInvalid as error:
            raise RuleInvalid(f"logicalTypeOptions.{option}: {error}", error.found) from error
    return found


def one_option(name: str, option: str, value: Any, type: ColumnType) -> list[Predicate]:
    """The predicates of one option; none if it is for people."""
    if option in FOR_PEOPLE:
        return []
    if option in BOUNDS:
        bound = typed_literal(value, type, is_bound=True)
        bad = BOUNDS[option].format(name=name, bound=bound)
    elif option in SIZES:
        bad = SIZES[option].format(name=name, bound=size(option, value, type))
    elif option == "pattern":
        if type.children:
            raise RuleInvalid(f"a {type.ddl} has no text")
        bad = f"NOT {name} RLIKE {regex_literal(value)}"
    elif option == "multipleOf":
        bad = multiple_of(name, value, type)
    elif option == "uniqueItems":
        if type.stem != "ARRAY" or not isinstance(value, bool):
            raise RuleInvalid("is true or false, of an ARRAY")
        if not value:
            return []
        bad = f"size(array_distinct({name})) <> size({name})"
    elif option == "required":
        return required_fields(name, value, type)
    elif option == "format":
        return of_format(name, value, type)
    elif option == "defaultTimezone":
        if value not in ("UTC", "Etc/UTC", "Z"):
            raise RuleInvalid(f"is {value}; times without a zone are read as UTC")
        return []
    else:
        raise RuleInvalid(f"is not known; known: {', '.join(KNOWN)}")
    return [(option, f"{option} {value}", bad)]


def size(option: str, value: object, type: ColumnType) -> str:
    """A bound of lengths or counts."""
    stems = next(stems for end, stems in SIZED.items() if option.endswith(end))
    if type.stem not in stems:
        raise RuleInvalid(f"is about {', '.join(sorted(stems))}, not {type.ddl}")
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise RuleInvalid(f"is {value}; give a whole number from 0")
    return typed_literal(value, WHOLE)


def multiple_of(name: str, value: object, type: ColumnType) -> str:
    """Numbers with a remainder; of doubles only by whole numbers, as 0.3 is no multiple of 0.1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise RuleInvalid(f"is {value}; give a number above 0")
    if type.stem in FLOATS and value != int(value):
        raise RuleInvalid(f"{value} of a {type.stem} is not exact; use a DECIMAL, or an SQL rule")
    exact = ColumnType(stem="DECIMAL", precision=type.precision or 19, scale=type.scale or 0)
    return f"{name} % {typed_literal(value, exact, is_bound=True)} <> 0"


def required_fields(name: str, fields: object, type: ColumnType) -> list[Predicate]:
    """Fields of a STRUCT that have a value where the STRUCT has one."""
    known = [field.name for field in type.fields]
    if type.stem != "STRUCT" or not isinstance(fields, list) or not fields:
        raise RuleInvalid("is a list of fields, of a STRUCT")
    if unknown := [str(field) for field in fields if field not in known]:
        raise RuleInvalid(f"{', '.join(unknown)} is no field of {type.ddl}")
    missing = " OR ".join(f"{name}.{quoted(field)} IS NULL" for field in fields)
    text = f"has {', '.join(fields)}"
    return [("required_fields", text, f"{name} IS NOT NULL AND ({missing})")]


def of_format(name: str, value: object, type: ColumnType) -> list[Predicate]:
    """What a `format` promises that the column's type does not already."""
    text = f"format {value}"
    if type.stem in TIMES or value in ("i128", "f64", "password"):
        return []  # of a date: how it is written elsewhere; the others hold any value
    if type.stem in INTEGERS and value in RANGES:
        low, high = (typed_literal(bound, type, is_bound=True) for bound in RANGES[str(value)])
        return [("format", text, f"{name} < {low} OR {name} > {high}")]
    if value == "u128" and type.stem in INTEGERS:
        return [("format", text, f"{name} < 0")]
    if value == "f32" and type.stem == "FLOAT":
        return []
    if type.stem in TEXTS and value in FORMS:
        return [("format", text, f"NOT {name} RLIKE {literal(FORMS[str(value)])}")]
    raise RuleInvalid(
        f"{value} of a {type.ddl} is not checked; say it by a pattern, or leave it out"
    )
