"""What a contract says about columns, keys and freshness, beyond the form of the standard."""

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unicodedata import category

from open_data_contract_standard.model import (
    DataQuality,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
)

from headrace_schemas.declarations.column_name import is_reserved
from headrace_schemas.declarations.declaration import KeyPath
from headrace_schemas.declarations.declaration_file import DeclarationFile, Problems
from headrace_schemas.errors import listed
from headrace_schemas.project_errors import DeclarationInvalid
from headrace_schemas.types import TIMES, ColumnType, TypeInvalid

UNITS = {
    "d": "days",
    "day": "days",
    "days": "days",
    "h": "hours",
    "hour": "hours",
    "hours": "hours",
}

LONGEST_COLUMN = 255
"""Characters of a column's name: what catalogues and databases beside Delta take."""

INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's classes of line ends and controls."""

COLUMNS: KeyPath = ("schema", 0, "properties")


def properties(table: SchemaObject) -> list[tuple[int, SchemaProperty]]:
    """The table's columns with their positions in the file."""
    return list(enumerate(table.properties or []))


def written_names(content: dict[str, Any]) -> set[str]:
    """Names of columns as a file has them, whether these columns can be read or not."""
    tables = content.get("schema")
    first = tables[0] if isinstance(tables, list) and tables else None
    columns = first.get("properties") if isinstance(first, dict) else None
    found = columns if isinstance(columns, list) else []
    return {str(entry.get("name")) for entry in found if isinstance(entry, dict)}


def qualities(table: SchemaObject) -> Iterator[tuple[KeyPath, str | None, DataQuality]]:
    """Every rule that is declared, with its place and its column."""
    for position, quality in enumerate(table.quality or []):
        yield ("schema", 0, "quality", position), None, quality
    for index, column in properties(table):
        for position, quality in enumerate(column.quality or []):
            yield (*COLUMNS, index, "quality", position), column.name, quality


def second_place(table: SchemaObject, id: str) -> KeyPath:
    """Where the last rule called `id` stands; its column if it follows from a type or a key."""
    places = [path for path, _, rule in qualities(table) if id in (rule.name, rule.id)]
    if places:
        return places[-1]
    named = [index for index, column in properties(table) if id.startswith(f"{column.name}.")]
    return (*COLUMNS, named[-1]) if named else ("schema",)


def names_can_be_held(file: DeclarationFile, table: SchemaObject) -> Iterator[DeclarationInvalid]:
    """Refuse a name that no table, file or query can hold."""
    for index, column in properties(table):
        name, problem = column.name or "x", ""
        if is_reserved(name):
            problem = "names that begin with _ are Headrace's own"
        elif not name.strip():
            problem = "is blank"
        elif any(category(character) in INVISIBLE for character in name):
            problem = "holds a control character"
        elif "`" in name or name == "*":
            problem = "is none that Great Expectations can look up"
        elif len(name) > LONGEST_COLUMN:
            problem = f"is longer than {LONGEST_COLUMN} characters"
        if problem:
            yield file.refusal(
                (*COLUMNS, index, "name"),
                f"column {name[:60]!r}: {problem}",
                advice="Call it otherwise.",
            )


def columns_are_told_apart(
    file: DeclarationFile, table: SchemaObject
) -> Iterator[DeclarationInvalid]:
    """Spark and Delta do not distinguish `Meter` from `meter`."""
    seen: dict[str, str] = {}
    names: set[str] = set()
    for index, column in properties(table):
        name = str(column.name)
        first, is_second = seen.setdefault(name.lower(), name), name in names
        names.add(name)
        if column.name and is_second:
            yield file.refusal((*COLUMNS, index, "name"), f"column {name} stands twice")
        elif column.name and first != name:
            yield file.refusal(
                (*COLUMNS, index, "name"),
                f"column {name} differs from {first} by case only, and Spark does not look at case",
                advice="Call one of them otherwise.",
            )


def key_is_ordered(file: DeclarationFile, table: SchemaObject) -> Iterator[DeclarationInvalid]:
    """Positions of the key are of key columns, and each one's own; a key can be compared."""
    taken: dict[int, str | None] = {}
    for index, column in properties(table):
        position = column.primaryKeyPosition
        here = (*COLUMNS, index, "primaryKeyPosition")
        if position is not None and position > 0 and not column.primaryKey:
            yield file.refusal(
                here,
                f"column {column.name} has a position in the key and is not of it",
                advice="Add primaryKey: true, or leave the position out.",
            )
        elif position is not None and column.primaryKey:
            if position in taken:
                yield file.refusal(
                    here,
                    f"columns {taken[position]} and {column.name} have the same position, "
                    f"{position}",
                    advice="Count them 1, 2, 3.",
                )
            taken[position] = column.name
        if column.primaryKey or column.unique:
            yield from cannot_be_compared(file, index, column)


def cannot_be_compared(
    file: DeclarationFile, index: int, column: SchemaProperty
) -> Iterator[DeclarationInvalid]:
    """Spark cannot group or join by a MAP."""
    found = column_type(column)
    if found is not None and any(inner.stem == "MAP" for inner in found.walk()):
        yield file.refusal(
            (*COLUMNS, index),
            f"column {column.name} holds a MAP, which cannot be compared",
            advice="Take another column as the key.",
        )


def readable_types(table: SchemaObject) -> dict[str, ColumnType]:
    """Columns whose name and type can be read."""
    found = {
        str(column.name): column_type(column) for _, column in properties(table) if column.name
    }
    return {name: type for name, type in found.items() if type is not None}


def column_type(column: SchemaProperty) -> ColumnType | None:
    """Its type; None if that cannot be read."""
    try:
        return ColumnType.parse(column.physicalType or "")
    except TypeInvalid:
        return None


def freshness_of(
    file: DeclarationFile, standard: OpenDataContractStandard, problems: Problems
) -> tuple[str, timedelta] | None:
    """Column and limit that `slaProperties` promise; other properties are for people."""
    found: list[tuple[str, timedelta]] = []
    for index, promise in enumerate(standard.slaProperties or []):
        here: KeyPath = ("slaProperties", index)
        if promise.property != "freshness":
            continue
        if found:
            problems.add(file.refusal(here, "a second freshness is promised; one is checked"))
            break
        unit, value = UNITS.get(promise.unit or ""), promise.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            unit = None
        if unit is None or not promise.element:
            problems.add(
                file.refusal(
                    here,
                    "freshness needs a numeric value, unit d or h, and element table.column "
                    f"(found: value {value}, unit {promise.unit}, element {promise.element})",
                )
            )
            break
        age = float(str(value))
        if not (math.isfinite(age) and 0 < age <= 36_525):
            problems.add(
                file.refusal((*here, "value"), f"freshness must be above 0 (found: {value})")
            )
            break
        column = timed_column(file, standard, index, problems)
        if column is not None:
            found.append((column, timedelta(**{unit: age})))
    return found[0] if found else None


def timed_column(
    file: DeclarationFile, standard: OpenDataContractStandard, index: int, problems: Problems
) -> str | None:
    """The column that freshness is asked of."""
    here: KeyPath = ("slaProperties", index, "element")
    element = str((standard.slaProperties or [])[index].element)
    table = (standard.schema_ or [])[0]
    columns = {str(declared.name): declared for _, declared in properties(table) if declared.name}
    own = [name for name in columns if element == name or element.endswith(f".{name}")]
    if not own:
        problems.add(
            file.refusal(
                here,
                f"no such column in the table (found: {element})",
                advice=f"It has {listed(sorted(columns))}.",
            )
        )
        return None
    column = max(own, key=len)
    prefix = element[: -len(column)].rstrip(".")
    names = {str(name).lower() for name in (table.name, table.physicalName, standard.name)}
    if prefix and prefix.lower() not in names:
        problems.add(
            file.refusal(
                here,
                f"{prefix} is not this table (found: {element})",
                advice=f"Write {table.name}.{column}.",
            )
        )
    found = column_type(columns[column])
    if found is not None and found.stem not in TIMES:
        problems.add(
            file.refusal(
                here, f"{column} is a {found.ddl}, and only a TIMESTAMP or DATE has an age"
            )
        )
        return None
    return column
