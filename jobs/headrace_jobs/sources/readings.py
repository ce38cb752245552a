"""How delivered values are read where a source says that they are written otherwise than by default.

A reading is an expression that gives NULL for what is not written as declared: its row is then
marked. Nothing is guessed; a text that two declared formats read differently is not read.
"""

from decimal import Decimal
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, IntegralType, NumericType, StringType, StructType

from headrace_jobs.sources.casts import FIRST, LAST, bound
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.source import Source, ValueForm
from headrace_schemas.declarations.time_format import EPOCHS, has_short_year
from headrace_schemas.rules.rule import quoted
from headrace_schemas.types import NUMBERS, TIMES, ColumnType

FIRST_MICROS, LAST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
"""`FIRST` and `LAST`, counted from 1970."""

LAST_SHORT_YEAR = 2068
"""To Java 69 is 2069, to most others 1969: such years are not read."""

WHOLE = r"^[+-]?[0-9]{1,19}$"
COUNT = r"^[+-]?[0-9]{1,20}(?:\.[0-9]{0,18}0*)?(?:[eE]\+?[0-9]{1,2})?$"
"""A number as people and programs write it, of which a DECIMAL(38,18) holds all."""

LOST_NANOSECONDS = r"[.,][0-9]{6}[0-9]*[1-9]"

SPACES = " \u00a0\u202f"
"""What stands between groups of digits where a space is declared: they look the same."""


def readings(source: Source, contract: Contract, given: StructType) -> dict[str, Column]:
    """Column → what is read in its place; none for columns that are read as they stand."""
    found = {}
    for column in contract.columns:
        stem = ColumnType.parse(column.type).stem
        form = source.form_of(column.name, stem)
        value = F.col(quoted(column.name))
        replacement = reading(value, given[column.name].dataType, stem, form)
        if replacement is not None:
            found[column.name] = replacement
    return found


def are_texts_read_as_they_stand(source: Source, contract: Contract) -> bool:
    """Whether `readings` finds none for a batch whose columns are all texts; known without Spark."""
    stems = {column.name: ColumnType.parse(column.type).stem for column in contract.columns}
    return not any(
        is_text_read_otherwise(stem, source.form_of(name, stem)) for name, stem in stems.items()
    )


def is_text_read_otherwise(stem: str, form: ValueForm) -> bool:
    """Whether a text of a type is not read as it stands."""
    if stem in NUMBERS:
        return (form.decimal, form.thousands) != (".", "")
    return bool(form.formats if stem in TIMES else stem == "BOOLEAN" and form.true_values)


def reading(value: Column, given: DataType, stem: str, form: ValueForm) -> Column | None:
    """One column's reading; None if its values are read as they stand."""
    is_text = isinstance(given, StringType)
    if is_text and not is_text_read_otherwise(stem, form):
        return None
    if stem in TIMES:
        formats = [pattern for pattern in form.formats if is_text or pattern in EPOCHS]
        if formats and (is_text or isinstance(given, NumericType)):
            return time(value, given, stem, formats)
        return None
    if is_text and stem in NUMBERS:
        return number(value, form.decimal, form.thousands)
    if is_text and stem == "BOOLEAN":
        return flag(value, form)
    return None


def number(value: Column, decimal: str, thousands: str) -> Column:
    """The number as text with a point and without groups.

    Groups have three digits, or as in India two and at last three; the first is not 0. A text
    without any of the signs stays: there are `NaN` and `1e3`.
    """
    point = "\\" + decimal
    signs = SPACES if thousands == " " else thousands
    group = "[" + "".join(f"\\x{{{ord(sign):x}}}" for sign in signs) + "]"
    grouped = (
        rf"|[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+|[1-9][0-9]?(?:{group}[0-9]{{2}})+{group}[0-9]{{3}}"
        if signs
        else ""
    )
    written = (
        rf"^\s*[+-]?(?:(?:[0-9]+{grouped})(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$"
    )
    has_sign = value.rlike(rf"[.,]|(?:[0-9]{group}[0-9])" if signs else "[.,]")
    plain = F.translate(value, decimal + signs, ".")
    return F.when(value.rlike(written), plain).when(~has_sign, value)


def flag(value: Column, form: ValueForm) -> Column:
    """The declared words and no others."""
    word = F.trim(value)
    is_true = F.when(word.isin(list(form.true_values)), F.lit(True))
    return is_true.when(word.isin(list(form.false_values)), F.lit(False))


def time(value: Column, given: DataType, stem: str, formats: list[str]) -> Column:
    """An instant that all formats which read the value agree on; a wall clock's is UTC."""
    text = F.trim(value.cast("string"))
    found = [
        epoch(value, given, EPOCHS[pattern]) if pattern in EPOCHS else by_pattern(text, pattern)
        for pattern in formats
    ]
    instant = found[0]
    if len(found) > 1:
        earliest = F.least(*found)  # of those that are not NULL
        instant = F.when(earliest == F.greatest(*found), earliest)
    return instant.cast("timestamp_ntz") if stem == "TIMESTAMP_NTZ" else instant


def by_pattern(text: Column, pattern: str) -> Column:
    """What Spark reads by a pattern."""
    return bound(
        F.try_to_timestamp(text, F.lit(pattern)), lambda moment: whole_time(moment, text, pattern)
    )


def whole_time(instant: Column, text: Column, pattern: str) -> Column:
    """An instant of which nothing was cut off or guessed."""
    kept = [instant.between(F.lit(FIRST).cast("timestamp"), F.lit(LAST).cast("timestamp"))]
    if has_short_year(pattern):
        kept.append(F.year(instant) <= LAST_SHORT_YEAR)
    if "SSSSSSS" in pattern:
        kept.append(~text.rlike(LOST_NANOSECONDS))
    return F.when(reduce(Column.__and__, kept), instant)


def epoch(value: Column, given: DataType, power: int) -> Column:
    """The instant that a number counts to, where it is one of whole microseconds.

    Args:
        power: Ten to it makes microseconds of the number.
    """
    if isinstance(given, IntegralType):
        return whole_epoch(value.cast("bigint"), power)
    text = F.trim(value.cast("string"))
    # A cast that fails costs twenty times as much as one that does not.
    whole = whole_epoch(text.try_cast("bigint"), power)
    return F.when(text.rlike(WHOLE), whole).otherwise(broken_epoch(text, power))


def whole_epoch(number: Column, power: int) -> Column:
    """The instant of a BIGINT."""
    if power < 0:
        unit = 10**-power
        micros = F.call_function("div", number, F.lit(unit))
        is_whole = number % unit == 0
        return F.when(is_whole & is_promised(micros), F.timestamp_micros(micros))
    unit = 10**power
    is_near = number.between(FIRST_MICROS // unit, LAST_MICROS // unit)
    return F.when(is_near, F.timestamp_micros(number * unit))


def broken_epoch(text: Column, power: int) -> Column:
    """The instant of a number with places or an exponent."""
    number = F.when(text.rlike(COUNT), text.try_cast("decimal(38,18)"))
    return bound(number, lambda number: exact_epoch(number, power))


def exact_epoch(number: Column, power: int) -> Column:
    """The instant of a DECIMAL(38,18)."""
    places = max(power, 0)
    short = number.try_cast(f"decimal({20 + places},{places})")
    micros = (short * F.lit(Decimal(10**places))).try_cast("bigint")
    instant = whole_epoch(micros, min(power, 0))
    return F.when(short == number, instant)


def is_promised(micros: Column) -> Column:
    """Whether they are of a year that all readers know."""
    return micros.between(FIRST_MICROS, LAST_MICROS)
