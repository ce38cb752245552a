"""What a contract says against its standard, against its own types, or to no effect."""

import re
from collections.abc import Iterator
from typing import Any

from headrace_launcher.project.odcs import SERVES, check_standard, columns, mappings
from headrace_schemas.declarations.declaration import KeyPath
from headrace_schemas.declarations.declaration_file import DeclarationFile
from headrace_schemas.errors import listed
from headrace_schemas.project_errors import DeclarationInvalid
from headrace_schemas.rules.java_regex import pattern_problem
from headrace_schemas.types import TEXTS, ColumnType, TypeInvalid

PROMISES = ("required", "unique", "primaryKey", "quality", "enum", "logicalTypeOptions")
"""What a nested field may say and nothing would check."""

BOUNDS = (
    ("minimum", "maximum"),
    ("exclusiveMinimum", "exclusiveMaximum"),
    ("minLength", "maxLength"),
)
"""Options of which the first must not be above the second."""

COLUMN_KEYS = ("column", "column_A", "column_B")
COLUMN_LISTS = ("column_list", "column_set")


def rules(file: DeclarationFile) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Every quality rule as it is written, with its place."""
    for position, table in mappings(file.content.get("schema")):
        for index, rule in mappings(table.get("quality")):
            yield ("schema", position, "quality", index), rule
    for path, column in columns(file.content):
        for index, rule in mappings(column.get("quality")):
            yield (*path, "quality", index), rule


def rule_path(file: DeclarationFile, id: str) -> KeyPath:
    """Where a rule stands; its column, or the table, if it follows from them."""
    for path, rule in rules(file):
        table, *step = path[1:]
        column = step[1] if step[0] == "properties" else None
        owner = column_name(file, table, column) if column is not None else "table"
        if id == (rule.get("name") or rule.get("id") or f"{owner}.rule{int(path[-1]) + 1}"):
            return path
    named = [
        path
        for path, declared in columns(file.content)
        if id.startswith(f"{declared.get('name')}.")
    ]
    return named[-1] if named else ("schema",)


def column_name(file: DeclarationFile, table: Any, column: Any) -> str:
    """The name of the column at a place."""
    return str(file.content["schema"][table]["properties"][column].get("name"))


def check_columns(file: DeclarationFile) -> Iterator[DeclarationInvalid]:
    """Columns whose words contradict each other, or promise what nothing would check."""
    for path, column in columns(file.content):
        name, physical = column.get("name"), column.get("physicalName")
        if physical is not None and physical != name:
            yield file.refusal(
                (*path, "physicalName"),
                f"column {name} cannot be called {physical} as well",
                advice="`name` is what files and tables call it; leave physicalName out.",
            )
        yield from check_types(file, path, column)
        yield from check_options(file, path, column)
        for inner, field in nested(path, column):
            for key in PROMISES:
                if field.get(key):
                    yield file.refusal(
                        (*inner, key),
                        f"{key} within column {name} is not checked",
                        advice="Say it of the column, by a sql rule.",
                    )


def check_types(
    file: DeclarationFile, path: KeyPath, column: dict[str, Any]
) -> Iterator[DeclarationInvalid]:
    """The type by which a column is stored can hold what it is said to mean."""
    logical, physical = column.get("logicalType"), column.get("physicalType")
    if not isinstance(logical, str) or not isinstance(physical, str) or logical not in SERVES:
        return
    try:
        stored = ColumnType.parse(physical)
    except TypeInvalid:
        return  # refused where it is read
    if stored.stem not in SERVES[logical] | TEXTS:
        yield file.refusal(
            (*path, "logicalType"),
            f"{logical} contradicts physicalType {physical}",
            advice=f"A {logical} is stored as {', '.join(sorted(SERVES[logical]))} or STRING.",
        )


def check_options(
    file: DeclarationFile, path: KeyPath, column: dict[str, Any]
) -> Iterator[DeclarationInvalid]:
    """The lowest value that is allowed is not above the highest."""
    options = column.get("logicalTypeOptions")
    if not isinstance(options, dict):
        return
    for low, high in BOUNDS:
        if is_above(options.get(low), options.get(high)):
            yield file.refusal(
                (*path, "logicalTypeOptions", low),
                f"{low} {options[low]} is above {high} {options[high]}, so every row would be bad",
            )


def check_thresholds(file: DeclarationFile) -> Iterator[DeclarationInvalid]:
    """Bounds of a measured value stand in order."""
    for path, rule in rules(file):
        for key in ("mustBeBetween", "mustNotBeBetween"):
            bounds = rule.get(key)
            if isinstance(bounds, list) and len(bounds) == 2 and is_above(*bounds):
                yield file.refusal(
                    (*path, key),
                    f"{bounds[0]} is above {bounds[1]}",
                    advice=f"Write [{bounds[1]}, {bounds[0]}].",
                )


def is_above(low: Any, high: Any) -> bool:
    """Whether two bounds are of one kind and the first is the larger one."""
    numbers = all(type(bound) in (int, float) for bound in (low, high))
    texts = all(isinstance(bound, str) for bound in (low, high))
    return bool((numbers or texts) and low > high)


def nested(path: KeyPath, column: dict[str, Any]) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """The fields within a column."""
    for index, field in mappings(column.get("properties")):
        yield (*path, "properties", index), field
        yield from nested((*path, "properties", index), field)
    if isinstance(items := column.get("items"), dict):
        yield (*path, "items"), items
        yield from nested((*path, "items"), items)


def check_rule_columns(file: DeclarationFile) -> Iterator[DeclarationInvalid]:
    """Rules name columns that are there."""
    known = [str(column.get("name")) for _, column in columns(file.content)]
    for path, rule in rules(file):
        for inner, name in named_columns(rule):
            if name not in known:
                yield file.refusal(
                    (*path, *inner),
                    f"no such column in the table (found: {name})",
                    advice=f"It has {listed(sorted(known))}.",
                )


def named_columns(rule: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """The columns that a rule's arguments name, with their places."""
    given = rule.get("implementation")
    kwargs = given.get("kwargs") if isinstance(given, dict) else None
    if isinstance(kwargs, dict):
        for key in COLUMN_KEYS:
            if isinstance(kwargs.get(key), str):
                yield ("implementation", "kwargs", key), kwargs[key]
        for key in COLUMN_LISTS:
            yield from texts_of(("implementation", "kwargs", key), kwargs.get(key))
    arguments = rule.get("arguments")
    if isinstance(arguments, dict):
        yield from texts_of(("arguments", "properties"), arguments.get("properties"))


def texts_of(path: KeyPath, names: Any) -> Iterator[tuple[KeyPath, str]]:
    """Texts of a list with their places."""
    for index, name in enumerate(names if isinstance(names, list) else []):
        if isinstance(name, str):
            yield (*path, index), name


def check_patterns(file: DeclarationFile) -> Iterator[DeclarationInvalid]:
    """Regular expressions are such as Java reads."""
    for path, pattern in patterns(file):
        if problem := pattern_problem(pattern):
            yield file.refusal(
                path, f"is no regular expression of Java: {problem} (found: {pattern[:60]})"
            )


def patterns(file: DeclarationFile) -> Iterator[tuple[KeyPath, str]]:
    """Every regular expression, with its place."""
    found: list[tuple[KeyPath, Any]] = []
    for path, column in columns(file.content):
        options = column.get("logicalTypeOptions")
        if isinstance(options, dict):
            found.append(((*path, "logicalTypeOptions", "pattern"), options.get("pattern")))
    for path, rule in rules(file):
        arguments, given = rule.get("arguments"), rule.get("implementation")
        if isinstance(arguments, dict):
            found.append(((*path, "arguments", "pattern"), arguments.get("pattern")))
        kwargs = given.get("kwargs") if isinstance(given, dict) else None
        if isinstance(kwargs, dict):
            here: KeyPath = (*path, "implementation", "kwargs")
            found.append(((*here, "regex"), kwargs.get("regex")))
            found += texts_of((*here, "regex_list"), kwargs.get("regex_list"))
            found += in_query((*here, "unexpected_rows_query"), kwargs.get("unexpected_rows_query"))
        found += in_query((*path, "query"), rule.get("query"))
    yield from ((path, pattern) for path, pattern in found if isinstance(pattern, str))


REGEX_WORD = re.compile(r"\b(?:rlike|regexp)", re.IGNORECASE)


def in_query(path: KeyPath, query: Any) -> Iterator[tuple[KeyPath, str]]:
    """Patterns that a query spells out; where SQL's own escapes leave no doubt what they are."""
    if not isinstance(query, str) or not REGEX_WORD.search(query):
        return
    import sqlglot  # heavy: only where there is such a query
    from sqlglot import exp

    try:
        statement = sqlglot.parse_one(query.replace("{", "").replace("}", ""), dialect="spark")
    except (sqlglot.errors.SqlglotError, RecursionError):
        return  # SQL is checked with the rules
    for match in statement.find_all(exp.RegexpLike):
        pattern = match.expression
        if isinstance(pattern, exp.Literal) and pattern.is_string and "\\" not in pattern.this:
            yield path, pattern.this


CHECKS = (check_standard, check_columns, check_thresholds, check_rule_columns, check_patterns)
