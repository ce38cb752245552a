"""Values as a contract's types: one rule for every pair of a delivered type and a declared one.

A value is kept if its cast, cast back, equals it; else it is NULL, and its row is marked. Numbers
are equal as numbers. Pairs that mean nothing, or more than one thing, are refused before a row is
read: an integer is no point in time until somebody says its unit. Fields of a STRUCT go by name.

What a text may be stands in `text_casts`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from headrace_jobs.sources.text_casts import from_text
from headrace_schemas.types import (
    BITS,
    FLOATS,
    INTEGERS,
    NESTED,
    NUMBERS,
    TEXTS,
    TIMES,
    ColumnType,
    Field,
)

SIMPLE: dict[str, Callable[..., T.DataType]] = {
    "BOOLEAN": T.BooleanType,
    "TINYINT": T.ByteType,
    "SMALLINT": T.ShortType,
    "INT": T.IntegerType,
    "BIGINT": T.LongType,
    "FLOAT": T.FloatType,
    "DOUBLE": T.DoubleType,
    "DECIMAL": T.DecimalType,
    "STRING": T.StringType,
    "VARCHAR": T.VarcharType,
    "CHAR": T.CharType,
    "BINARY": T.BinaryType,
    "DATE": T.DateType,
    "TIMESTAMP": T.TimestampType,
    "TIMESTAMP_NTZ": T.TimestampNTZType,
    "ARRAY": T.ArrayType,
    "MAP": T.MapType,
    "STRUCT": T.StructType,
    "VOID": T.NullType,
}
STEMS: dict[object, str] = {type: stem for stem, type in SIMPLE.items()}

FIRST, LAST = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"
"""What Spark promises of times; beyond them its casts overflow."""

TO_CAST = "Change the type in the contract, or cast in a transform."
TO_SAY_UNIT = (
    "Say in the pipeline's source how its times are written, or declare the numbers as they are."
)
TO_NAME = "Deliver the fields that the contract names, named as it names them."
TO_KEEP_ZONE = "Declare TIMESTAMP, or convert it in a transform."


class NoSuchCast(ValueError):
    """A pair of types of which no value can be kept for certain.

    Attributes:
        path: Names of fields down to the pair, each behind a point; empty for the column itself.
    """

    def __init__(
        self, given: T.DataType, wanted: ColumnType, advice: str = TO_CAST, path: str = ""
    ) -> None:
        super().__init__(f"{written(given)} cannot become {wanted.ddl}. {advice}")
        self.given = given
        self.wanted = wanted
        self.advice = advice
        self.path = path

    @property
    def problem(self) -> str:
        """What is given, and what is declared."""
        return f"{self.path} is {written(self.given)}, the contract says {self.wanted.ddl}"

    def inside(self, field: str) -> "NoSuchCast":
        """The same, as part of a struct."""
        return NoSuchCast(self.given, self.wanted, self.advice, f".{field}{self.path}")


def written(type: T.DataType) -> str:
    """A type for messages, as a contract would write it."""
    if isinstance(type, T.ArrayType):
        return f"ARRAY<{written(type.elementType)}>"
    if isinstance(type, T.MapType):
        return f"MAP<{written(type.keyType)},{written(type.valueType)}>"
    if isinstance(type, T.StructType):
        return f"STRUCT<{','.join(f'{field.name}:{written(field.dataType)}' for field in type)}>"
    return str(type.simpleString()).upper()


@dataclass(frozen=True)
class CastValue:
    """A value in the contract's type.

    Attributes:
        value: NULL where nothing is given, or where what is given does not fit.
        loses: Whether there can be values that do not fit.
    """

    value: Column
    loses: bool


def fitted(value: Column, given: T.DataType, wanted: ColumnType) -> CastValue:
    """A column of one type as another.

    Raises:
        NoSuchCast: The pair is refused.
    """
    if is_same(given, wanted):
        return CastValue(value, loses=False)
    stem = STEMS.get(type(given))
    if stem is None:
        raise NoSuchCast(given, wanted)
    if stem == "VOID":
        return CastValue(value.cast(stored(wanted)), loses=False)
    if stem in NESTED or wanted.stem in NESTED:
        if stem != wanted.stem:
            raise NoSuchCast(given, wanted)
        return PARTS[stem](value, given, wanted)
    if stem in TEXTS:
        # A collation is no part of the value, and regular expressions do not know all of them.
        plain = value if given == T.StringType() else value.cast("string")
        return CastValue(from_text(plain, wanted), loses=wanted.stem not in ("STRING", "BINARY"))
    return simple(value, given, wanted)


def simple(value: Column, given: T.DataType, wanted: ColumnType) -> CastValue:
    """What is no text and has no parts."""
    stem = STEMS[type(given)]
    if wanted.stem in TEXTS:
        return as_text(value, stem, wanted)
    counts = NUMBERS | {"BOOLEAN"}
    if stem in counts and wanted.stem in counts:
        return number(value, given, wanted)
    if stem in TIMES and wanted.stem in TIMES:
        return time(value, given, wanted)
    advice = TO_SAY_UNIT if stem in NUMBERS and wanted.stem in TIMES else TO_CAST
    raise NoSuchCast(given, wanted, advice)


def is_same(given: T.DataType, wanted: ColumnType) -> bool:
    """Whether all values of the given type are ones of the other."""
    has_length = any(nested.length is not None for nested in wanted.walk())
    return not has_length and nullable(given) == stored(wanted)


def stored(wanted: ColumnType) -> T.DataType:
    """The type as Spark computes with it: a text with a length is a STRING."""
    return spark_type(wanted, texts=T.StringType())


def spark_type(wanted: ColumnType, texts: T.DataType | None = None) -> T.DataType:
    """The type as Spark's own parser of DDL makes it.

    Args:
        texts: What VARCHAR and CHAR become, if not themselves.
    """
    inner = [spark_type(child, texts) for child in wanted.children]
    if wanted.stem == "STRUCT":
        pairs = zip(wanted.fields, inner, strict=True)
        return T.StructType([T.StructField(field.name, type) for field, type in pairs])
    if inner:
        return SIMPLE[wanted.stem](*inner)
    if wanted.length is not None:
        return texts or SIMPLE[wanted.stem](wanted.length)
    if wanted.stem == "DECIMAL":
        return T.DecimalType(wanted.precision or 0, wanted.scale or 0)
    return SIMPLE[wanted.stem]()


def nullable(given: T.DataType) -> T.DataType:
    """The type with NULL allowed everywhere, and without what is said about fields."""
    if isinstance(given, T.ArrayType):
        return T.ArrayType(nullable(given.elementType))
    if isinstance(given, T.MapType):
        return T.MapType(nullable(given.keyType), nullable(given.valueType))
    if isinstance(given, T.StructType):
        return T.StructType(
            [T.StructField(field.name, nullable(field.dataType)) for field in given]
        )
    return given


def there_and_back(value: Column, given: T.DataType, wanted: ColumnType) -> Column:
    """The cast value, where casting it back gives what was given."""
    cast = value.try_cast(wanted.ddl)
    # By the given type, as DECIMALs of two scales are compared by a third one that may be short.
    return F.when(cast.try_cast(given.simpleString()) == value, cast)


def number(value: Column, given: T.DataType, wanted: ColumnType) -> CastValue:
    """A number or a flag as another; a flag is 1 or 0."""
    stem = STEMS[type(given)]
    if stem in INTEGERS and wanted.stem in INTEGERS and BITS[stem] < BITS[wanted.stem]:
        return CastValue(value.cast(wanted.ddl), loses=False)
    if (stem, wanted.stem) in (("FLOAT", "DOUBLE"), ("INT", "DOUBLE")):
        return CastValue(value.cast(wanted.ddl), loses=False)
    kept = there_and_back(value, given, wanted)
    # The largest integers become the power of two behind them, and come back as themselves.
    if stem in FLOATS and wanted.stem in INTEGERS:
        limit = 2.0 ** (BITS[wanted.stem] - 1)
        kept = F.when((value < F.lit(limit)) & (value >= F.lit(-limit)), kept)
    if stem in INTEGERS and wanted.stem in FLOATS:
        kept = F.when(kept < F.lit(2.0 ** (BITS[stem] - 1)), kept)
    return CastValue(kept, loses=True)


def as_text(value: Column, stem: str, wanted: ColumnType) -> CastValue:
    """The text that Spark writes, and reads as the same value; bytes must be UTF-8."""
    text = value.cast("string")
    if stem == "BINARY":
        text = F.when(F.is_valid_utf8(text), text)
    return CastValue(from_text(text, wanted), loses=stem == "BINARY" or wanted.stem != "STRING")


def time(value: Column, given: T.DataType, wanted: ColumnType) -> CastValue:
    """A date is its midnight, and a time without an offset is one in UTC."""
    stem = STEMS[type(given)]
    if (stem, wanted.stem) == ("TIMESTAMP", "TIMESTAMP_NTZ"):
        raise NoSuchCast(given, wanted, TO_KEEP_ZONE)
    ddl = given.simpleString()
    is_promised = value.between(F.lit(FIRST).cast(ddl), F.lit(LAST).cast(ddl))
    return CastValue(F.when(is_promised, there_and_back(value, given, wanted)), loses=True)


# Parts


def bound(value: Column, use: Callable[[Column], Column]) -> Column:
    """What `use` makes of a value that is computed once, however often it is used."""
    return F.get(F.transform(F.array(value), use), F.lit(0))


def nulls(array: Column) -> Column:
    """How many elements are NULL."""
    return F.size(array) - F.size(F.array_compact(array))


def elements(array: Column, given: T.DataType, wanted: ColumnType) -> CastValue:
    """An array's elements as the type; NULL for an element that does not fit."""
    if is_same(given, wanted):
        return CastValue(array, loses=False)
    fits = []

    def fit(element: Column) -> Column:
        fits.append(fitted(element, given, wanted))
        return fits[-1].value

    cast = F.transform(array, fit)  # calls it once, to build the lambda
    return CastValue(cast, fits[0].loses)


def array(value: Column, given: T.DataType, wanted: ColumnType) -> CastValue:
    """An array of which each element fits."""
    if not isinstance(given, T.ArrayType) or wanted.element is None:
        raise NoSuchCast(given, wanted)
    fit = elements(value, given.elementType, wanted.element)
    if not fit.loses:
        return fit
    return CastValue(
        bound(fit.value, lambda cast: F.when(nulls(cast) == nulls(value), cast)), loses=True
    )


def map_of(value: Column, given: T.DataType, wanted: ColumnType) -> CastValue:
    """A map of which each key and value fits, and no two keys become one."""
    if not isinstance(given, T.MapType) or wanted.key is None or wanted.element is None:
        raise NoSuchCast(given, wanted)
    keys = elements(F.map_keys(value), given.keyType, wanted.key)
    values = elements(F.map_values(value), given.valueType, wanted.element)
    if not keys.loses and not values.loses and is_same(given.keyType, wanted.key):
        return CastValue(F.map_from_arrays(keys.value, values.value), loses=False)

    def joined(both: Column) -> Column:
        keys, values = both.getField("keys"), both.getField("values")
        distinct = F.size(F.array_distinct(F.array_compact(keys))) == F.size(value)
        is_kept = distinct & (nulls(values) == nulls(F.map_values(value)))
        return F.when(is_kept, F.map_from_arrays(keys, values))

    both = F.struct(keys.value.alias("keys"), values.value.alias("values"))
    return CastValue(bound(both, joined), loses=True)


def struct(value: Column, given: T.DataType, wanted: ColumnType) -> CastValue:
    """A struct of which each field fits the one of its name."""
    if not isinstance(given, T.StructType):
        raise NoSuchCast(given, wanted)
    if sorted(given.names) != sorted(member.name for member in wanted.fields):
        raise NoSuchCast(given, wanted, TO_NAME)
    fits = {member.name: field(value, given, member) for member in wanted.fields}
    made = F.struct(*[fit.value.alias(name) for name, fit in fits.items()])
    losing = [name for name, fit in fits.items() if fit.loses]
    if not losing:
        return CastValue(F.when(value.isNotNull(), made), loses=False)

    def kept(cast: Column) -> Column:
        lost = [value.getField(name).isNotNull() & cast.getField(name).isNull() for name in losing]
        return F.when(~F.array_contains(F.array(*lost), F.lit(True)), cast)

    return CastValue(F.when(value.isNotNull(), bound(made, kept)), loses=True)


def field(value: Column, given: T.StructType, wanted: Field) -> CastValue:
    """A struct's field."""
    try:
        return fitted(value.getField(wanted.name), given[wanted.name].dataType, wanted.type)
    except NoSuchCast as error:
        raise error.inside(wanted.name) from error


PARTS: dict[str, Callable[[Column, T.DataType, ColumnType], CastValue]] = {
    "ARRAY": array,
    "MAP": map_of,
    "STRUCT": struct,
}
