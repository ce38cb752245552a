"""Expectations about rows: as a predicate that is TRUE for a bad row.

Great Expectations has no rows to set aside, so Headrace judges each row itself and gives the record
its count. A row on which the predicate is NULL is not bad: whether a value may be missing is a rule
of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from headrace_schemas.rules.rule import Expectation, RuleInvalid, literal, quoted, rows_where
from headrace_schemas.rules.sql_text import SqlUnreadable, statement, where_clause
from headrace_schemas.rules.values import listed, regex_literal, typed_literal
from headrace_schemas.types import INTEGERS, NUMBERS, TEXTS, TIMES, ColumnType

Types = Mapping[str, ColumnType]
"""The table's columns, by name."""

Given = dict[str, Any]

COMPARABLE = (NUMBERS, TEXTS, TIMES, frozenset({"BOOLEAN"}))
WHOLE = ColumnType(stem="BIGINT")
EXACT_AS_DOUBLE = 2**53


class Judged(NamedTuple):
    """What an expectation says of a row: `bad`, where it `counts`, both Spark SQL predicates."""

    bad: str
    counts: str = "TRUE"


def column_in(types: Types, name: object) -> str:
    """A column as the contract spells it.

    Raises:
        RuleInvalid: The contract has no such column.
    """
    found = [column for column in types if column.lower() == str(name).lower()]
    if not isinstance(name, str) or not found:
        raise RuleInvalid(f"column {name} is not in the contract; it has {', '.join(types)}", name)
    return name if name in types else found[0]


def columns_in(types: Types, names: object, least: int = 1) -> tuple[str, ...]:
    """Several columns, each once."""
    if not isinstance(names, list | tuple) or len(names) < least:
        raise RuleInvalid(f"needs a list of at least {least} column(s), found {names}")
    found = tuple(column_in(types, name) for name in names)
    if len(set(found)) < len(found):
        raise RuleInvalid(f"names a column twice: {', '.join(found)}")
    return found


def is_set(kwargs: Given, name: str) -> bool:
    """An argument that is true or false; false if it is not given.

    Raises:
        RuleInvalid: It is something else.
    """
    value = kwargs.get(name)
    if not isinstance(value, bool | None):
        raise RuleInvalid(f"{name} is {value}; give true or false")
    return bool(value)


def one_of(kwargs: Given, name: str, known: Sequence[str], default: str) -> str:
    """An argument that is one of a few words."""
    value = kwargs.get(name, default)
    if value not in known:
        raise RuleInvalid(f"{name} is {value}; give one of {', '.join(known)}")
    return str(value)


def between(measured: str, type: ColumnType, kwargs: Given) -> str:
    """Predicate of what lies outside min_value and max_value.

    Raises:
        RuleInvalid: There is no bound, or one that the type does not know.
    """
    parts = []
    for bound, strict, inside in (
        ("min_value", "strict_min", "<"),
        ("max_value", "strict_max", ">"),
    ):
        is_strict = is_set(kwargs, strict)
        if (value := kwargs.get(bound)) is None:
            continue
        operator = f"{inside}=" if is_strict else inside
        parts.append(f"{measured} {operator} {typed_literal(value, type, is_bound=True)}")
    if not parts:
        raise RuleInvalid("needs min_value or max_value")
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        raise RuleInvalid(f"min_value {low} is above max_value {high}, so every row would be bad")
    return " OR ".join(parts)


def outside(column: str, literals: list[str]) -> str:
    """Predicate of a value that is none of the list's."""
    name = quoted(column)
    return f"{name} NOT IN ({', '.join(literals)})" if literals else f"{name} IS NOT NULL"


def inside(column: str, literals: list[str], has_null: bool) -> str:
    """Predicate of a value that is one of the list's; NULL is said apart."""
    name = quoted(column)
    parts = [f"{name} IS NULL"] if has_null else []
    parts += [f"{name} IN ({', '.join(literals)})"] if literals else []
    return " OR ".join(parts)


def of_values(kind: str, kwargs: Given, types: Types) -> str:
    """The bad rows of an expectation about one column."""
    column = column_in(types, kwargs["column"])
    name, type = quoted(column), types[column]
    what = kind.removeprefix("expect_column_").removeprefix("values_to_")
    match what:
        case "not_be_null":
            return f"{name} IS NULL"
        case "be_null":
            return f"{name} IS NOT NULL"
        case "be_between":
            return between(name, type, kwargs)
        case "value_lengths_to_be_between":
            return between(f"length({text_of(name, type)})", WHOLE, kwargs)
        case "value_lengths_to_equal":
            length = typed_literal(kwargs["value"], WHOLE)
            return f"length({text_of(name, type)}) <> {length}"
        case "be_in_set":
            return outside(column, listed(kwargs["value_set"], type, "value_set")[0])
        case "not_be_in_set":
            return inside(column, *listed(kwargs["value_set"], type, "value_set"))
        case "be_json_parseable":
            return f"{name} IS NOT NULL AND try_parse_json({text_of(name, type)}) IS NULL"
    return of_patterns(what, kwargs, text_of(name, type))


def text_of(name: str, type: ColumnType) -> str:
    """A column that is read as text.

    Raises:
        RuleInvalid: Its values have no text.
    """
    if type.children or type.stem == "BINARY":
        raise RuleInvalid(f"{name} is a {type.ddl}, which has no text")
    return name


def of_patterns(what: str, kwargs: Given, name: str) -> str:
    """The bad rows of an expectation about the form of a text."""
    key = next(option for option in PATTERNS if option in kwargs)
    given = kwargs[key] if key.endswith("_list") else [kwargs[key]]
    if not isinstance(given, list | tuple) or not given:
        raise RuleInvalid(f"{key} needs a list of patterns")
    write = like if key.startswith("like") else rlike
    matches = [write(name, pattern, kwargs) for pattern in given]
    if what.startswith("not_"):
        return " OR ".join(matches)
    if len(matches) == 1:
        return f"NOT {matches[0]}"
    joint = " OR " if one_of(kwargs, "match_on", ("any", "all"), "any") == "any" else " AND "
    return f"NOT ({joint.join(matches)})"


PATTERNS = ("regex", "regex_list", "like_pattern", "like_pattern_list")


def rlike(name: str, pattern: object, kwargs: Given) -> str:
    """A text in which a regular expression is found."""
    del kwargs
    return f"{name} RLIKE {regex_literal(pattern)}"


def like(name: str, pattern: object, kwargs: Given) -> str:
    """A text that a LIKE pattern describes as a whole.

    Raises:
        RuleInvalid: The sign that takes a sign's meaning stands before none.
    """
    escape = kwargs.get("escape", "\\")
    if not isinstance(escape, str) or len(escape) != 1 or escape in "%_":
        raise RuleInvalid(f"escape is {escape}; give one sign other than % and _")
    if not isinstance(pattern, str):
        raise RuleInvalid(f"{pattern} is not a pattern; give a text in quotes", pattern)
    signs = iter(pattern)
    for sign in signs:
        if sign == escape and next(signs, "") not in ("%", "_", escape):
            raise RuleInvalid(f"in {pattern!r}, {escape} stands before neither %, _ nor itself")
    escaped = f" ESCAPE {literal(escape)}" if "escape" in kwargs else ""
    return f"{name} LIKE {literal(pattern)}{escaped}"


def of_pairs(kind: str, kwargs: Given, types: Types) -> Judged:
    """The bad rows of an expectation about two columns."""
    a, b = column_in(types, kwargs["column_A"]), column_in(types, kwargs["column_B"])
    left, right = quoted(a), quoted(b)
    if kind.endswith("in_set"):
        good = in_pairs(kwargs["value_pairs_set"], (a, b), types)
    elif not any({types[a].stem, types[b].stem} <= family for family in COMPARABLE):
        raise RuleInvalid(f"{a} is {types[a].ddl} and {b} {types[b].ddl}, which do not compare")
    elif kind.endswith("a_to_be_greater_than_b"):
        or_equal = is_set(kwargs, "or_equal")
        if "ignore_row_if" not in kwargs:
            return Judged(f"{left} {'<' if or_equal else '<='} {right}", given((left, right)))
        good = f"{left} {'>=' if or_equal else '>'} {right}"
    else:
        good = f"{left} = {right}"
    known = ("either_value_is_missing", "both_values_are_missing", "neither")
    return with_missing(good, (left, right), one_of(kwargs, "ignore_row_if", known, known[0]))


def in_pairs(pairs: object, columns: tuple[str, str], types: Types) -> str:
    """Two columns whose values together are one of the list's pairs."""
    if not isinstance(pairs, list | tuple) or not pairs:
        raise RuleInvalid("value_pairs_set needs a list of pairs")
    good = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != len(columns):
            raise RuleInvalid(f"value_pairs_set needs a list of pairs, found {pair}")
        values = [
            "NULL" if value is None else typed_literal(value, types[name])
            for name, value in zip(columns, pair, strict=True)
        ]
        good.append(
            " AND ".join(
                f"{quoted(name)} <=> {text}" for name, text in zip(columns, values, strict=True)
            )
        )
    return " OR ".join(f"({text})" for text in good)


def of_several(kind: str, kwargs: Given, types: Types) -> Judged:
    """The bad rows of an expectation about several columns."""
    columns = columns_in(types, kwargs["column_list"], least=2)
    names = tuple(quoted(column) for column in columns)
    stems = {types[column].stem for column in columns}
    if kind == "expect_multicolumn_sum_to_equal":
        if not stems <= NUMBERS:
            raise RuleInvalid("a sum needs columns of numbers")
        total = typed_literal(kwargs["sum_total"], ColumnType(stem="DOUBLE"))
        good = f"{' + '.join(names)} = {total}"
    elif not any(stems <= family for family in COMPARABLE):
        raise RuleInvalid(f"{', '.join(columns)} do not compare: they are of different kinds")
    elif kind == "expect_multicolumn_values_to_be_equal":
        good = " AND ".join(f"{names[0]} = {name}" for name in names[1:])
    else:
        pairs = [(a, b) for at, a in enumerate(names) for b in names[at + 1 :]]
        good = " AND ".join(f"{a} <> {b}" for a, b in pairs)
    known = ("any_value_is_missing", "all_values_are_missing", "never")
    return with_missing(good, names, one_of(kwargs, "ignore_row_if", known, known[0]))


def given(names: Sequence[str]) -> str:
    """Predicate of a row that has all the values."""
    return " AND ".join(f"{name} IS NOT NULL" for name in names)


def with_missing(good: str, names: Sequence[str], ignored: str) -> Judged:
    """What `ignore_row_if` makes of a predicate for good rows: which rows are judged at all."""
    if ignored in ("either_value_is_missing", "any_value_is_missing"):
        counts = given(names)
    elif ignored in ("both_values_are_missing", "all_values_are_missing"):
        counts = " OR ".join(f"{name} IS NOT NULL" for name in names)
    else:
        counts = "TRUE"
    return Judged(f"({counts}) AND NOT coalesce({good}, FALSE)", counts)


def judged(kind: str, kwargs: Given, types: Types) -> Judged:
    """Which rows are bad by an expectation of `ABOUT_ROWS`; uniqueness is none of a single row.

    Raises:
        RuleInvalid: An argument is of the wrong form.
    """
    if kind == "unexpected_rows_expectation":
        try:
            return Judged(where_clause(str(kwargs["unexpected_rows_query"])))
        except SqlUnreadable as error:
            raise RuleInvalid(f"unexpected_rows_query {error}") from error
    if "column_A" in kwargs:
        return of_pairs(kind, kwargs, types)
    if "column_list" in kwargs:
        return of_several(kind, kwargs, types)
    bad = of_values(kind, kwargs, types)
    about_null = kind.endswith("_be_null")
    return Judged(
        bad, "TRUE" if about_null else given([quoted(column_in(types, kwargs["column"]))])
    )


def condition_of(kwargs: Given) -> str | None:
    """The `row_condition`: a Spark SQL predicate of the rows that are judged.

    Raises:
        RuleInvalid: It is written for another parser.
    """
    parser = kwargs.get("condition_parser", "spark")
    if parser != "spark":
        raise RuleInvalid(
            f"condition_parser {parser} is not read here: write row_condition in Spark SQL, with "
            "condition_parser: spark"
        )
    condition = kwargs.get("row_condition")
    if condition is None:
        return None
    if not isinstance(condition, str):
        raise RuleInvalid("row_condition needs a text: a predicate in Spark SQL")
    try:
        return statement(condition)
    except SqlUnreadable as error:
        raise RuleInvalid(f"row_condition {error}") from error


def where(condition: str | None, bad: str) -> str:
    """`bad` of the rows that meet the condition; on others it is not even looked at."""
    if condition is None:
        return bad
    return f"CASE WHEN ({condition}\n) THEN ({bad}\n) ELSE FALSE END"


def share_of(kwargs: Given) -> float:
    """The share of rows that must be good; 1 if it is not given.

    Raises:
        RuleInvalid: It is no share.
    """
    mostly: Callable[[], Any] | Any = kwargs.get("mostly", 1)
    if isinstance(mostly, bool) or not isinstance(mostly, int | float) or not 0 <= mostly <= 1:
        raise RuleInvalid(f"mostly is {mostly}; give a share between 0 and 1")
    return float(mostly)


def recorded(kind: str, kwargs: Given, bad: str, types: Types) -> Expectation:
    """How Great Expectations keeps the record: by itself where it counts as we do.

    It ignores NULL, compares as doubles, and what is sent as JSON comes back without its type.
    """
    arguments = {
        key: value for key, value in kwargs.items() if value is not None and key != "mostly"
    }
    if "row_condition" in arguments or "column" not in arguments:
        return rows_where(bad)
    arguments.pop("condition_parser", None)
    arguments["column"] = column_in(types, arguments["column"])
    stem = types[arguments["column"]].stem
    if kind in ("expect_column_values_to_be_null", "expect_column_values_to_not_be_null"):
        return Expectation(type=kind, kwargs=arguments)
    if kind == "expect_column_values_to_be_between":
        bounds = [arguments[key] for key in ("min_value", "max_value") if key in arguments]
        is_same = stem in INTEGERS | {"DOUBLE"} and all(map(is_plain, bounds))
    elif kind.endswith("be_in_set"):
        values = [value for value in arguments["value_set"] if value is not None]
        has_null = len(values) < len(arguments["value_set"])
        is_same = bool(values) and all(fits(value, stem) for value in values)
        is_same = is_same and not (has_null and "_not_" in kind)
        arguments["value_set"] = values
    else:
        is_same = "regex" in arguments and stem in TEXTS
    return Expectation(type=kind, kwargs=arguments) if is_same else rows_where(bad)


def is_plain(value: object) -> bool:
    """Whether a number is the same as a double."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < EXACT_AS_DOUBLE


def fits(value: object, stem: str) -> bool:
    """Whether Great Expectations compares the value with such a column as we do."""
    if stem in TEXTS:
        return isinstance(value, str)
    if stem == "BOOLEAN":
        return isinstance(value, bool)
    return stem in INTEGERS | {"DOUBLE"} and is_plain(value)
