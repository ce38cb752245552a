"""Texts as values: which spellings of a number, a time or a flag are read, and what they mean.

A text is a value of a type if it is written as one, and if nothing that it says is lost: neither
digits nor an offset. Blanks around it say nothing. Each function gives NULL for every other text.

These run for every value of every CSV file. A cast that fails is an exception inside, and costs as
much as fifty that do not; a regular expression costs as much as a cast.
"""

from collections.abc import Callable

from pyspark.sql import Column
from pyspark.sql import functions as F

from headrace_schemas.types import FLOATS, INTEGERS, TEXTS, ColumnType

BLANKS = r"[\x00-\x20\x7F]*"
"""What Spark's casts strip; the same for every type here."""

EXACT = rf"^{BLANKS}[+-]?(?:[0-9]+(?:\.[0-9]{{0,%d}}0*)?|\.(?=[0-9])[0-9]{{0,%d}}0*){BLANKS}$"
"""A number without exponent that has not more places than are given, but for zeros."""

# More digits of an exponent would make Java build a number of as many digits.
EXPONENT = rf"^{BLANKS}[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{{1,3}}{BLANKS}$"
ZERO = r"^[^1-9eE]*[eE]"

FLOATING = (
    rf"^{BLANKS}(?:[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    rf"|[+-]?(?i:inf|infinity)|(?i:nan)){BLANKS}$"
)
"""Java reads `12d`, `7F` and `0x1p3` as well."""
WHOLE = rf"^{BLANKS}[+-]?[0-9]+(?:\.0*)?{BLANKS}$"
NOT_ZERO = r"^[^eE]*[1-9]"
DIGITS = {"FLOAT": 6, "DOUBLE": 15}
"""Digits that each number of the type holds, whatever they are."""

A_FLAG = rf"(?i)^{BLANKS}(?:t|true|y|yes|1|f|false|n|no|0){BLANKS}$"

DAY = r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = r"[T ][0-9:]*(?:\.[0-9]{0,6}0*)?"
REGION = r" ?[A-Za-z_]+/[A-Za-z0-9_+/-]+"
ZONE = rf"(?: ?Z| ?(?:UTC|GMT|UT)?(?:[+-][0-9:]+)?|{REGION})"
# Casts take a year alone, and read a time alone as today's. Short names of zones mean several:
# BST is Bangladesh's to Java.
A_DATE = rf"^{BLANKS}{DAY}{BLANKS}$"
A_TIME = rf"^{BLANKS}{DAY}(?:{TIME})?{BLANKS}$"
A_TIME_SOMEWHERE = rf"^{BLANKS}{DAY}(?:{TIME}{ZONE})?{BLANKS}$"


def from_text(value: Column, wanted: ColumnType) -> Column:
    """A STRING as a value of a type without parts; NULL where it is none."""
    stem = wanted.stem
    if stem in TEXTS:
        return value if wanted.length is None else within(value, wanted.length)
    if stem in INTEGERS:
        return integer(value, stem)
    if stem in FLOATS:
        return floating(value, stem)
    if stem == "DECIMAL":
        return F.when(is_exact(value, wanted.scale or 0), value.try_cast(wanted.ddl))
    return OTHERS[stem](value)


def within(value: Column, length: int) -> Column:
    """A text of not more characters."""
    return F.when(F.length(value) <= length, value)


def integer(value: Column, stem: str) -> Column:
    """`7`, and what pandas makes of it beside a null, `7.0`; `1.5e3` is 1500."""
    plain = F.when(~F.contains(value, F.lit(".")), value.try_cast(stem))
    digits = F.substring_index(value, ".", 1).try_cast(stem)
    number = value.try_cast("DECIMAL(38,0)").try_cast(stem)
    return F.coalesce(plain, F.when(value.rlike(WHOLE), digits), F.when(is_exact(value, 0), number))


def is_exact(value: Column, scale: int) -> Column:
    """Whether the text is a number that needs not more than `scale` places."""
    # By its letters: a DECIMAL that held more digits, to compare with, could itself overflow.
    short = value.rlike(ZERO) | (places(value) <= scale)
    return value.rlike(EXACT % (scale, scale)) | (value.rlike(EXPONENT) & short)


def places(value: Column) -> Column:
    """Places that a number with an exponent needs; below 0 where it ends in zeros."""
    digits = F.regexp_extract(value, r"([0-9]*)\.?[0-9]*[eE]", 1)
    behind = F.regexp_replace(F.regexp_extract(value, r"\.([0-9]*)[eE]", 1), "0+$", "")
    zeros = F.length(digits) - F.length(F.regexp_replace(digits, "0+$", ""))
    power = F.regexp_extract(value, r"[eE]([+-]?[0-9]+)", 1).try_cast("INT")
    return F.when(behind == "", -zeros).otherwise(F.length(behind)) - power


def floating(value: Column, stem: str) -> Column:
    """The nearest number that the type has; of a whole number, all digits must be there."""
    number = value.try_cast(stem)
    is_short = F.length(value) <= DIGITS[stem]
    is_kept = is_short | ~value.rlike(WHOLE) | is_held(value, number, DIGITS[stem])
    is_zero_rightly = (number != 0) | ~value.rlike(NOT_ZERO)
    is_number = is_decimal(value) | value.rlike(FLOATING)
    return F.when(is_number & is_kept & is_zero_rightly, number)


def is_decimal(value: Column) -> Column:
    """Whether the text, if Java reads it as a number, is written in decimals; else it may be."""
    # Most texts, and dearer by a regular expression: `12d` and NaN end otherwise, hexadecimals
    # have an x.
    ends_in_digit = F.substring(value, -1, 1).between("0", "9")
    return ends_in_digit & ~F.contains(value, F.lit("x")) & ~F.contains(value, F.lit("X"))


def is_held(value: Column, number: Column, digits: int) -> Column:
    """Whether a whole number's text has few digits but for zeros, or is the number exactly."""
    exact = value.try_cast("DECIMAL(38,0)").try_cast("BIGINT") == number.try_cast("BIGINT")
    # From here on a cast to BIGINT gives the largest one.
    return (F.length(significant(value)) <= digits) | (exact & (number < F.lit(2.0**63)))


def significant(text: Column) -> Column:
    """A whole number's digits without the zeros before and behind them."""
    return F.regexp_replace(F.regexp_replace(text, "[^0-9]", ""), "^0+|0+$", "")


def date(value: Column) -> Column:
    """`2024-05-01` and nothing behind it."""
    return F.when(value.rlike(A_DATE), value.try_cast("DATE"))


def local_time(value: Column) -> Column:
    """A date, or a date and a time to the microsecond, without an offset."""
    return F.when(value.rlike(A_TIME), value.try_cast("TIMESTAMP_NTZ"))


def instant(value: Column) -> Column:
    """As `local_time`, with an offset or a region; in UTC where it names neither."""
    moment = value.try_cast("TIMESTAMP")
    checked = F.when(F.contains(value, F.lit("/")), in_region(value, moment)).otherwise(moment)
    return F.when(value.rlike(A_TIME_SOMEWHERE), checked)


def in_region(value: Column, moment: Column) -> Column:
    """The moment, unless clocks of the region skip it."""
    region = F.trim(F.regexp_extract(value, f"({REGION}){BLANKS}$", 1))
    said = F.regexp_replace(value, f"{REGION}{BLANKS}$", "").try_cast("TIMESTAMP_NTZ")
    there = F.from_utc_timestamp(moment, region).cast("TIMESTAMP_NTZ")
    return F.when(moment.isNotNull() & (there == said), moment)


OTHERS: dict[str, Callable[[Column], Column]] = {
    "BOOLEAN": lambda value: F.when(value.rlike(A_FLAG), value.try_cast("BOOLEAN")),
    # Its UTF-8.
    "BINARY": lambda value: value.cast("BINARY"),
    "DATE": date,
    "TIMESTAMP": instant,
    "TIMESTAMP_NTZ": local_time,
}
