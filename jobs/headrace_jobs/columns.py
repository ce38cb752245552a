"""A batch's columns beside the contract's: which are refused, and values as the contract's types.

A value that does not fit its type makes no error and no silent NULL: the row remembers the rule it
breaks in `LOAD_FAILURES`, and what was delivered in `RAW`, until the gate puts it into quarantine.
"""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, FractionalType, StringType, StructType

from headrace_jobs.tables import BATCH, PARTITION, SOURCE_FILE, SOURCE_ROW
from headrace_schemas.column_name import RESERVED, alike, folded, is_reserved
from headrace_schemas.contract import Column as ContractColumn
from headrace_schemas.contract import Contract
from headrace_schemas.errors import SchemaBroken, listed
from headrace_schemas.pipeline import Evolution
from headrace_schemas.rules import quoted

LOAD_FAILURES = "_load_failures"
"""ARRAY<STRING>: rules that the row broke when it was read."""

RAW = "_raw"
"""STRING: the row as it was delivered, where it broke one."""

CORRUPT = "_corrupt"
"""STRING: a line that has not one value for each column."""

MALFORMED = "row.malformed"
UNKNOWN_COLUMN = "schema.unknown_column"

ENGINE_COLUMNS = (PARTITION, BATCH, SOURCE_FILE, SOURCE_ROW, LOAD_FAILURES, RAW, CORRUPT)

INTEGERS = frozenset({"TINYINT", "BYTE", "SMALLINT", "SHORT", "INT", "INTEGER", "BIGINT", "LONG"})

ONLY_A_DATE = r"^\s*\d{4}-\d{2}-\d{2}\s*$"
FROM_A_DATE_ON = r"^\s*\d{4}-\d{2}-\d{2}"
"""Casts take a year alone, and read a time alone as today's: both are refused."""


def check_columns(
    contract: Contract, where: str, found: Sequence[str], evolution: Evolution, in_order: bool
) -> None:
    """Refuse a batch whose columns are not the contract's, as far as `evolution` does not say else.

    Names that are empty, Headrace's own or one to Spark are refused whatever `evolution` says:
    nobody could tell afterwards which column a value came from.

    Args:
        where: The file, or the transform.
        in_order: Whether the columns must stand in the contract's order.

    Raises:
        SchemaBroken: Naming the columns.
    """
    known = contract.column_names
    check_names(contract, where, found)
    there = set(found)
    unknown = unknown_columns(contract, found)
    contracted = {folded(one) for one in known}
    if other := [one for one in unknown if folded(one) in contracted]:
        raise SchemaBroken(
            contract.name, f"{where} has columns that differ from known ones by case", other,
            "Name them as the contract does.",
        )  # fmt: skip
    if missing := [one for one in known if one not in there]:
        raise SchemaBroken(
            contract.name, f"{where} lacks columns of the contract", missing,
            f"It has {listed(found)}. Deliver the columns, or change the contract.",
        )  # fmt: skip
    if unknown and evolution is Evolution.FREEZE:
        raise SchemaBroken(
            contract.name, f"{where} has columns that the contract does not know", unknown,
            "Add them to the contract, or choose another `evolution` in the pipeline.",
        )  # fmt: skip
    if in_order and evolution is Evolution.FREEZE and tuple(found) != known:
        moved = [one for one, other in zip(found, known, strict=True) if one != other]
        raise SchemaBroken(
            contract.name, f"{where} has the columns in another order", moved,
            f"The contract's order is {', '.join(known)}.",
        )  # fmt: skip


def check_names(contract: Contract, where: str, found: Sequence[str]) -> None:
    """Refuse columns that could not be told apart from each other or from Headrace's own.

    Raises:
        SchemaBroken: Naming the columns; one without a name by its place, from 1 on.
    """
    if nameless := [str(place) for place, one in enumerate(found, 1) if not one.strip()]:
        raise SchemaBroken(
            contract.name, f"{where} has columns without a name, by their place", nameless,
            "Give each column a name.",
        )  # fmt: skip
    if doubled := list(dict.fromkeys(alike(found))):
        raise SchemaBroken(
            contract.name, f"{where} has a column twice, as case makes no difference", doubled,
            "Name each column once.",
        )  # fmt: skip
    if reserved := [one for one in found if is_reserved(one)]:
        raise SchemaBroken(
            contract.name, f"{where} has columns whose names are Headrace's own", reserved,
            f"Names that begin with {RESERVED} are kept for its columns: name them otherwise.",
        )  # fmt: skip


def unknown_columns(contract: Contract, found: Sequence[str]) -> list[str]:
    """Columns that neither the contract nor Headrace knows."""
    known = {*contract.column_names, *ENGINE_COLUMNS}
    return [one for one in found if one not in known]


def typed(frame: DataFrame, contract: Contract, evolution: Evolution, batch: str) -> DataFrame:
    """The batch as it is staged: contract columns, kept unknown ones, engine columns."""
    schema = frame.schema
    unknown = unknown_columns(contract, schema.names)
    for name in (SOURCE_FILE, SOURCE_ROW, CORRUPT):
        if name not in schema.names:
            frame = frame.withColumn(name, F.lit(None).cast("string"))
    given = [quoted(one) for one in (*contract.column_names, *unknown)]
    casts = [
        cast_to(column, schema[column.name].dataType).alias(column.name)
        for column in contract.columns
    ]
    is_whole = F.col(CORRUPT).isNull()  # of a malformed line nothing else is judged
    failures = [F.when(~is_whole, MALFORMED)]
    failures += [
        F.when(is_whole & unfit(column, schema[column.name].dataType), f"{column.name}.type")
        for column in contract.columns
        if not fits(column, schema)
    ]
    if unknown and evolution is Evolution.DISCARD_ROW:
        failures += [F.when(is_whole & some(unknown), UNKNOWN_COLUMN)]
    kept = unknown if evolution is Evolution.EVOLVE else []
    broken = F.array_compact(F.array(*failures))
    whole = F.coalesce(CORRUPT, F.to_json(F.struct(*given)))
    return frame.select(
        *casts, *kept, F.lit(batch).alias(BATCH), SOURCE_FILE,
        F.col(SOURCE_ROW).cast("bigint").alias(SOURCE_ROW), broken.alias(LOAD_FAILURES),
        F.when(F.size(broken) > 0, whole).alias(RAW),
    )  # fmt: skip


def some(names: Sequence[str]) -> Column:
    """Whether one of the columns has a value."""
    # Flat: a chain of ORs is deeper than Spark Connect's messages may be.
    given = [F.col(quoted(name)).isNotNull() for name in names]
    return F.array_contains(F.array(*given), F.lit(True))


def fits(column: ContractColumn, schema: StructType) -> bool:
    """Whether any value of the given column is one of the contract's type."""
    return schema[column.name].dataType.simpleString().upper() == spelled(column.type)


def spelled(type: str) -> str:
    """A type as Spark spells it, where DDL has several words for it."""
    other = {"INTEGER": "INT", "LONG": "BIGINT", "SHORT": "SMALLINT", "BYTE": "TINYINT",
             "REAL": "FLOAT"}  # fmt: skip
    return other.get(type, type.replace(" ", ""))


def cast_to(column: ContractColumn, given: DataType) -> Column:
    """The column's value in the contract's type; NULL where it does not fit."""
    value = F.col(quoted(column.name))
    if given.simpleString().upper() == spelled(column.type):
        return value
    cast = value.try_cast(column.type)
    guard = changed(column, given, cast)
    return cast if guard is None else F.when(~guard, cast)


def unfit(column: ContractColumn, given: DataType) -> Column:
    """Whether there is a value and it does not fit the contract's type."""
    value = F.col(quoted(column.name))
    cast = value.try_cast(column.type)
    guard = changed(column, given, cast)
    lost = cast.isNull() if guard is None else cast.isNull() | guard
    return value.isNotNull() & lost


def changed(column: ContractColumn, given: DataType, cast: Column) -> Column | None:
    """Whether a cast makes another value of it without saying so; None if it never does."""
    value, type = F.col(quoted(column.name)), column.type.split("(")[0].strip()
    if isinstance(given, StringType):
        if type == "DATE":
            return ~value.rlike(ONLY_A_DATE)
        if type.startswith("TIMESTAMP"):
            return ~value.rlike(FROM_A_DATE_ON)
        if type in ("DECIMAL", "DEC", "NUMERIC"):
            return F.coalesce(value.try_cast("decimal(38,18)") != cast, F.lit(False))
    if isinstance(given, FractionalType) and type in INTEGERS:
        return F.coalesce(cast.cast("double") != value.cast("double"), F.lit(False))
    return None


def null_texts(value: Column, texts: Sequence[str]) -> Column:
    """A CSV text with the source's words for "no value" turned into NULL."""
    # Spark reads an empty unquoted text as NULL whatever it is told; here the source decides.
    column = F.coalesce(value, F.lit(""))
    return F.when(~column.isin(list(texts)), column) if texts else column
