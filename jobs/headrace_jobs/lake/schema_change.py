"""How the columns of a table that is there differ from those that are written to it now.

Delta would take some differences in silence (a column that is gone is NULL from then on, a narrower
type is cast) and refuse others when all the work is done. Here both are distinguished before it begins.
"""

import json
from collections.abc import Iterable
from enum import StrEnum

from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from headrace_lake.versions import open_table
from headrace_schemas.declarations.column_name import PARTITION, folded, is_reserved, needs_mapping
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.pipeline import Evolution, TableBuild, WriteMode
from headrace_schemas.errors import SchemaBroken
from headrace_schemas.types import BITS, TEXTS, ColumnType, Field, TypeInvalid

WHOLE_DIGITS = {stem: len(str(2 ** (bits - 1))) for stem, bits in BITS.items()}
"""Digits that hold every value of an integer type."""

EXACT_WHOLE_DIGITS = {"FLOAT": 7, "DOUBLE": 15}
"""Digits of a whole number that a binary float holds exactly, rounded down."""

Types = dict[str, ColumnType]
"""Types by the columns' names, in their order."""


class Change(StrEnum):
    """What becomes of a column's type.

    SAME: nothing. GROWN: a struct in it gains fields, which Delta adds by itself. WIDER: another
    type that holds every value of the old one. OTHER: anything else.
    """

    SAME = "same"
    GROWN = "grown"
    WIDER = "wider"
    OTHER = "other"


def table_schema(uri: str) -> StructType | None:
    """The columns of the Delta table at `uri`; None if there is none.

    Spark is not asked: it would read the log again that another writer has gone on with.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    return None if table is None else StructType.fromJson(json.loads(table.schema().to_json()))


def types_of(schema: StructType) -> Types:
    """The columns' types as contracts know them."""
    return {field.name: column_type(field.dataType) for field in schema.fields}


def column_type(given: DataType) -> ColumnType:
    """A type of Spark's as contracts know it; VARCHAR and CHAR are STRING to a table's readers."""
    if isinstance(given, StructType):
        fields = tuple(
            Field(name=field.name, type=column_type(field.dataType)) for field in given.fields
        )
        return ColumnType(stem="STRUCT", fields=fields)
    if isinstance(given, ArrayType):
        return ColumnType(stem="ARRAY", element=column_type(given.elementType))
    if isinstance(given, MapType):
        key, element = column_type(given.keyType), column_type(given.valueType)
        return ColumnType(stem="MAP", key=key, element=element)
    text = given.simpleString()
    try:
        return as_stored(ColumnType.parse(text))
    except TypeInvalid:  # only in columns that no contract knows
        return ColumnType(stem=text.upper())


def as_stored(type: ColumnType) -> ColumnType:
    """A contract's type as a table shows it."""
    if type.stem in TEXTS:
        return ColumnType(stem="STRING")
    return type.model_copy(
        update={
            "fields": tuple(
                Field(name=field.name, type=as_stored(field.type)) for field in type.fields
            ),
            "key": type.key and as_stored(type.key),
            "element": type.element and as_stored(type.element),
        }
    )


def change(old: ColumnType, new: ColumnType) -> Change:
    """What becomes of values of `old` in a column of `new`, both as stored."""
    if old == new:
        return Change.SAME
    if old.stem != new.stem or not old.children:
        return Change.WIDER if is_wider(old, new) else Change.OTHER
    if old.stem != "STRUCT":
        pairs = zip(old.children, new.children, strict=True)
        return together(change(before, after) for before, after in pairs)
    return struct_change(old, new)


def struct_change(old: ColumnType, new: ColumnType) -> Change:
    """`change` of two structs: Delta goes by the fields' names, whatever their order."""
    given, wanted = ({field.name: field.type for field in type.fields} for type in (old, new))
    if not given.keys() <= wanted.keys():
        return Change.OTHER
    found = together(change(type, wanted[name]) for name, type in given.items())
    if given.keys() == wanted.keys():
        # A struct that is cast is cast by position.
        in_order = found is not Change.WIDER or list(given) == list(wanted)
        return found if in_order else Change.OTHER
    return Change.GROWN if found in (Change.SAME, Change.GROWN) else Change.OTHER


def together(changes: Iterable[Change]) -> Change:
    """The change of a type whose parts change like this; growing and widening at once is OTHER."""
    found = set(changes) - {Change.SAME}
    return Change.OTHER if len(found) > 1 else found.pop() if found else Change.SAME


def is_wider(old: ColumnType, new: ColumnType) -> bool:
    """Whether every value of a simple type is one of another."""
    if old.stem in WHOLE_DIGITS and new.stem in WHOLE_DIGITS:
        return WHOLE_DIGITS[old.stem] < WHOLE_DIGITS[new.stem]
    if old.stem in WHOLE_DIGITS and new.stem in EXACT_WHOLE_DIGITS:
        return WHOLE_DIGITS[old.stem] <= EXACT_WHOLE_DIGITS[new.stem]
    if new.stem == "DECIMAL":
        digits, places = WHOLE_DIGITS.get(old.stem, 0), 0
        if old.stem == "DECIMAL":
            digits, places = whole_digits(old), old.scale or 0
        return digits + places > 0 and digits <= whole_digits(new) and places <= (new.scale or 0)
    return (old.stem, new.stem) in (("FLOAT", "DOUBLE"), ("DATE", "TIMESTAMP_NTZ"))


def whole_digits(type: ColumnType) -> int:
    """Digits of a DECIMAL before its point."""
    return (type.precision or 0) - (type.scale or 0)


def wider(table: Types, frame: Types) -> dict[str, str]:
    """The table's columns that must become wider to take the frame's, with their new types' DDL."""
    given = {folded(name): type for name, type in frame.items()}
    return {
        name: given[folded(name)].ddl
        for name, type in table.items()
        if folded(name) in given and change(type, given[folded(name)]) is Change.WIDER
    }


def refuse_changes(build: TableBuild, contract: Contract, uri: str | None) -> None:
    """Refuse a contract that the table cannot follow without losing values, or making some up.

    A table that every batch replaces as a whole follows any contract.

    Raises:
        SchemaBroken: Naming each column, what it is in the table and what in the contract.
    """
    is_whole = build.partition is None and build.write is WriteMode.REPLACE_PARTITION
    schema = None if uri is None or is_whole else table_schema(uri)
    if schema is None:
        return
    found = refused(types_of(schema), build, contract)
    if found:
        raise SchemaBroken(
            build.name,
            "the table cannot follow the contract",
            found,
            "Change the contract back, or build the table anew from what was delivered, which "
            f"keeps its old versions: start the Dag rebuild.{build.name}.",
        )


def refused(table: Types, build: TableBuild, contract: Contract) -> list[str]:
    """Differences that a table cannot take, in words."""
    wanted = {column.name: as_stored(ColumnType.parse(column.type)) for column in contract.columns}
    given = {folded(name): name for name in wanted}
    found = []
    if (PARTITION in table) != (build.partition is not None):
        asked = "with partitions, the table has none" if build.partition else "without partitions"
        found.append(f"{PARTITION} (the pipeline builds {asked})")
    for name, type in table.items():
        now: str | None = name if is_reserved(name) else given.get(folded(name))
        if now is None and build.evolution is not Evolution.EVOLVE:
            found.append(f"{name} ({type.ddl} in the table, not in the contract)")
        elif now not in (None, name):
            found.append(f"{name} (so called in the table, {now} in the contract)")
        elif now is not None and now in wanted and change(type, wanted[now]) is Change.OTHER:
            found.append(f"{name} ({type.ddl} in the table, {wanted[now].ddl} in the contract)")
    if build.write is WriteMode.MERGE:
        there = set(map(folded, table))
        found += [
            f"{column} (in the key, not in the table)"
            for column in contract.key
            if folded(column) not in there
        ]
    return found


def features(types: Types) -> frozenset[str]:
    """The table features that columns need which not every Delta table has."""
    inside = [inner for type in types.values() for inner in type.walk()]
    names = [*types, *(field.name for inner in inside for field in inner.fields)]
    found = {"columnMapping"} if any(map(needs_mapping, names)) else set()
    if any(inner.stem == "TIMESTAMP_NTZ" for inner in inside):
        found.add("timestampNtz")
    return frozenset(found)
