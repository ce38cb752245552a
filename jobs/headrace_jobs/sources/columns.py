"""A batch's columns beside the contract's: which are refused, and values as the contract's types.

A value that does not fit its type makes no error and no silent NULL: the row remembers the rule it
breaks in `LOAD_FAILURES`, and what was delivered in `RAW`, until the gate puts it into quarantine.
"""

from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    MapType,
    NumericType,
    StringType,
    StructType,
)

from headrace_jobs.lake.tables import BATCH, PARTITION, SOURCE_FILE, SOURCE_ROW
from headrace_jobs.sources.casts import CastValue, NoSuchCast, fitted
from headrace_schemas.declarations.column_name import RESERVED, alike, folded, is_reserved
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.pipeline import Evolution
from headrace_schemas.errors import SchemaBroken, listed
from headrace_schemas.rules.rule import quoted
from headrace_schemas.types import ColumnType

LOAD_FAILURES = "_load_failures"
"""ARRAY<STRING>: rules that the row broke when it was read."""

RAW = "_raw"
"""STRING: the row as it was delivered, where it broke one."""

CORRUPT = "_corrupt"
"""STRING: a line that has not one value for each column."""

MALFORMED = "row.malformed"
UNKNOWN_COLUMN = "schema.unknown_column"

ENGINE_COLUMNS = (PARTITION, BATCH, SOURCE_FILE, SOURCE_ROW, LOAD_FAILURES, RAW, CORRUPT)

IN_FULL = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
"""How `RAW` writes times: left to itself Spark cuts them to milliseconds."""

FITTED = "_fitted_"
"""Names of columns while they are cast begin with it."""


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
    contracted = {folded(name) for name in known}
    if other := [name for name in unknown if folded(name) in contracted]:
        raise SchemaBroken(
            contract.name,
            f"{where} has columns that differ from known ones by case",
            other,
            "Name them as the contract does.",
        )
    if missing := [name for name in known if name not in there]:
        raise SchemaBroken(
            contract.name,
            f"{where} lacks columns of the contract",
            missing,
            f"It has {listed(found)}. Deliver the columns, or change the contract.",
        )
    if unknown and evolution is Evolution.FREEZE:
        raise SchemaBroken(
            contract.name,
            f"{where} has columns that the contract does not know",
            unknown,
            "Add them to the contract, or choose another `evolution` in the pipeline.",
        )
    if in_order and evolution is Evolution.FREEZE and tuple(found) != known:
        misplaced = [name for name, expected in zip(found, known, strict=True) if name != expected]
        raise SchemaBroken(
            contract.name,
            f"{where} has the columns in another order",
            misplaced,
            f"The contract's order is {', '.join(known)}.",
        )


def check_names(contract: Contract, where: str, found: Sequence[str]) -> None:
    """Refuse columns that could not be distinguished from each other or from Headrace's own.

    Raises:
        SchemaBroken: Naming the columns; one without a name by its place, from 1 on.
    """
    if nameless := [str(place) for place, name in enumerate(found, 1) if not name.strip()]:
        raise SchemaBroken(
            contract.name,
            f"{where} has columns without a name, by their place",
            nameless,
            "Give each column a name.",
        )
    if doubled := list(dict.fromkeys(alike(found))):
        raise SchemaBroken(
            contract.name,
            f"{where} has a column twice, as case makes no difference",
            doubled,
            "Name each column once.",
        )
    if reserved := [name for name in found if is_reserved(name)]:
        raise SchemaBroken(
            contract.name,
            f"{where} has columns whose names are Headrace's own",
            reserved,
            f"Names that begin with {RESERVED} are kept for its columns: name them otherwise.",
        )


def unknown_columns(contract: Contract, found: Sequence[str]) -> list[str]:
    """Columns that neither the contract nor Headrace knows."""
    known = {*contract.column_names, *ENGINE_COLUMNS}
    return [name for name in found if name not in known]


def typed(
    frame: DataFrame,
    contract: Contract,
    evolution: Evolution,
    batch: str,
    readings: Mapping[str, Column] | None = None,
) -> DataFrame:
    """The batch as it is staged: contract columns, kept unknown ones, engine columns.

    Args:
        readings: For columns whose texts are not read as they stand, what is read instead: a text
            or a value of another type. A value whose reading is NULL does not fit. `RAW` shows what
            was delivered all the same.

    Raises:
        SchemaBroken: Of a column's type nothing can become the contract's, or not for certain.
    """
    schema = frame.schema
    unknown = unknown_columns(contract, schema.names)
    for name in (SOURCE_FILE, SOURCE_ROW, CORRUPT):
        if name not in schema.names:
            frame = frame.withColumn(name, F.lit(None).cast("string"))
    given = [*contract.column_names, *unknown]
    types = {field.name: field.dataType for field in schema}
    fits = as_declared(frame, types, contract, readings or {})
    # Below, each is used more than once; in a projection of its own it is computed once.
    losing = {name: f"{FITTED}{n}" for n, (name, fit) in enumerate(fits.items()) if fit.loses}
    frame = frame.select(
        *[quoted(column) for column in (*given, SOURCE_FILE, SOURCE_ROW, CORRUPT)],
        *[fits[name].value.alias(cast) for name, cast in losing.items()],
    )
    values = [
        F.col(losing[name]).alias(name) if name in losing else fit.value.alias(name)
        for name, fit in fits.items()
    ]
    is_whole = F.col(CORRUPT).isNull()  # of a malformed line nothing else is judged
    failures = [F.when(~is_whole, MALFORMED)]
    failures += [
        F.when(is_whole & F.col(quoted(name)).isNotNull() & F.isnull(cast), f"{name}.type")
        for name, cast in losing.items()
    ]
    if unknown and evolution is Evolution.DISCARD_ROW:
        failures += [F.when(is_whole & some(unknown), UNKNOWN_COLUMN)]
    kept = unknown if evolution is Evolution.EVOLVE else []
    broken = F.array_compact(F.array(*failures))
    delivered = [as_delivered(name, types[name]) for name in given]
    whole = F.coalesce(CORRUPT, F.to_json(F.struct(*delivered), IN_FULL))
    return frame.select(
        *values,
        *[quoted(column) for column in kept],
        F.lit(batch).alias(BATCH),
        SOURCE_FILE,
        F.col(SOURCE_ROW).cast("bigint").alias(SOURCE_ROW),
        broken.alias(LOAD_FAILURES),
        F.when(F.size(broken) > 0, whole).alias(RAW),
    )


def as_declared(
    frame: DataFrame,
    types: Mapping[str, DataType],
    contract: Contract,
    readings: Mapping[str, Column],
) -> dict[str, CastValue]:
    """The contract's columns in its types.

    Args:
        types: Of the frame's columns, known: Connect would have the whole plan analysed once more.

    Raises:
        SchemaBroken: Naming all columns that are refused.
    """
    if readings:
        read = frame.select(*[value.alias(name) for name, value in readings.items()])
        types = {**types, **{field.name: field.dataType for field in read.schema}}
    fits, refused = {}, {}
    for column in contract.columns:
        value = readings.get(column.name, F.col(quoted(column.name)))
        try:
            fit = fitted(value, types[column.name], ColumnType.parse(column.type))
        except NoSuchCast as error:
            refused[column.name] = error
            continue
        # A reading may make nothing of a text even if what it makes fits always.
        fits[column.name] = CastValue(fit.value, fit.loses or column.name in readings)
    if refused:
        raise SchemaBroken(
            contract.name,
            "a column cannot become the contract's type",
            [f"{name}{refusal.problem}" for name, refusal in refused.items()],
            " ".join(dict.fromkeys(refusal.advice for refusal in refused.values())),
        )
    return fits


def as_delivered(name: str, type: DataType) -> Column:
    """A column as `RAW` can write it: JSON has no keys but texts and numbers."""
    value = F.col(quoted(name))
    return value if keys_are_plain(type) else value.cast("string").alias(name)


def keys_are_plain(type: DataType) -> bool:
    """Whether each MAP inside has keys that are the same in JSON."""
    if isinstance(type, MapType):
        is_plain = isinstance(type.keyType, StringType | NumericType | BooleanType)
        return is_plain and keys_are_plain(type.valueType)
    if isinstance(type, ArrayType):
        return keys_are_plain(type.elementType)
    if isinstance(type, StructType):
        return all(keys_are_plain(field.dataType) for field in type)
    return True


def some(names: Sequence[str]) -> Column:
    """Whether one of the columns has a value."""
    # Flat: a chain of ORs is deeper than Spark Connect's messages may be.
    given = [F.col(quoted(name)).isNotNull() for name in names]
    return F.array_contains(F.array(*given), F.lit(True))


def null_texts(value: Column, texts: Sequence[str]) -> Column:
    """A CSV text with the source's words for "no value" turned into NULL."""
    # Spark reads an empty unquoted text as NULL whatever its options say; here the source decides.
    column = F.coalesce(value, F.lit(""))
    return F.when(~column.isin(list(texts)), column) if texts else column
