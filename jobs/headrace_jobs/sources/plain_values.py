"""Texts that are plainly written, as values by Arrow: what every reader would take for the same value.

Only forms are read here of which nothing can be lost or meant otherwise: `7`, `7.0`, `-1.25`,
`2024-05-01`, `2024-05-01T12:00:00.5Z`, `true`. They are what nearly all files hold, and Arrow reads
them at a tenth of what Spark's casts cost. Any other text is said to be odd, and `text_casts`,
which knows all spellings and all refusals, decides on its row: a plain text is one that
it reads as the same value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute

from headrace_jobs.sources.text_casts import DIGITS
from headrace_schemas.types import FLOATS, INTEGERS, TEXTS, ColumnType

NUMBER_LETTERS = b"0123456789.-"
"""Arrow takes `0x1F`, `1e5` and `nan` for numbers as well; a column of these letters has none."""

WHOLE = r"^-?[0-9]{1,18}(?:\.0*)?$"
POINT_ZEROS = r"\.0*$"

# From 1900 on: older dates lie in Parquet by one of two calendars.
DAY = "(?:19|[2-9][0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}"
TIME = r"[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
OFFSET = "(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"
A_DAY, A_TIME, A_TIME_SOMEWHERE = f"^{DAY}$", f"^{DAY}(?:{TIME})?$", f"^{DAY}{TIME}{OFFSET}$"

TRUE, FALSE = ("t", "true", "y", "yes", "1"), ("f", "false", "n", "no", "0")

MICROSECONDS = pa.timestamp("us")

ARROW_TYPES = {
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "STRING": pa.string(),
    "VARCHAR": pa.string(),
    "CHAR": pa.string(),
    "BINARY": pa.binary(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "TIMESTAMP_NTZ": MICROSECONDS,
}


@dataclass(frozen=True)
class PlainValues:
    """Some texts of a column, read.

    Attributes:
        values: In the column's type; NULL where nothing is given, or where the text is odd.
        odd: BOOLEAN, never NULL: which texts are; None if none is.
    """

    values: Any
    odd: Any | None


def arrow_type(wanted: ColumnType) -> Any | None:
    """The type as Arrow has it; None for types that no text is read as here."""
    if wanted.stem == "DECIMAL":
        return pa.decimal128(wanted.precision or 0, wanted.scale or 0)
    return ARROW_TYPES.get(wanted.stem)


def plain_values(texts: Any, wanted: ColumnType) -> PlainValues:
    """Texts as values of a type that `arrow_type` knows.

    Args:
        texts: An Arrow array of type `string`.

    Raises:
        ArrowInvalid: A text has the form of a value and is none, as `2024-02-30`; which one is not known.
    """
    stem = wanted.stem
    if stem in INTEGERS:
        return integers(texts, wanted)
    if stem in FLOATS:
        return floats(texts, wanted)
    if stem in TEXTS:
        if wanted.length is None:
            return PlainValues(texts, None)
        return odd_apart(texts, compute.less_equal(compute.utf8_length(texts), wanted.length))
    return READERS[stem](texts, wanted)


def odd_apart(texts: Any, is_plain: Any) -> PlainValues:
    """The texts without the odd ones."""
    odd = compute.invert(compute.fill_null(is_plain, True))
    if not compute.any(odd).as_py():
        return PlainValues(texts, None)
    return PlainValues(compute.if_else(odd, pa.scalar(None, pa.string()), texts), odd)


def of_form(texts: Any, pattern: str) -> PlainValues:
    """The texts that match a regular expression."""
    return odd_apart(texts, compute.match_substring_regex(texts, pattern))


def cast(found: PlainValues, wanted: ColumnType, texts: Any | None = None) -> PlainValues:
    """What was found, in its type.

    Args:
        texts: What stands for the found texts, if not they themselves.
    """
    given = found.values if texts is None else texts
    return PlainValues(compute.cast(given, arrow_type(wanted)), found.odd)


def has_number_letters_alone(texts: Any) -> bool:
    """Whether no text has another letter than plain numbers do."""
    _, offsets, letters = texts.buffers()
    if letters is None:
        return True
    ends = np.frombuffer(offsets, dtype=np.int32)
    first, last = ends[texts.offset], ends[texts.offset + len(texts)]
    return not letters[int(first) : int(last)].to_pybytes().translate(None, NUMBER_LETTERS)


def integers(texts: Any, wanted: ColumnType) -> PlainValues:
    """`7`, and `7.0` as pandas writes it beside a null."""
    if has_number_letters_alone(texts):
        try:
            return cast(PlainValues(texts, None), wanted)
        except pa.ArrowInvalid:
            pass  # one is none, or has a point
    found = of_form(texts, WHOLE)
    return cast(found, wanted, compute.replace_substring_regex(found.values, POINT_ZEROS, ""))


def floats(texts: Any, wanted: ColumnType) -> PlainValues:
    """Decimals; of a whole number, no more digits than each number of the type has."""
    digits = DIGITS[wanted.stem]
    if has_number_letters_alone(texts):
        longest = compute.max(compute.binary_length(texts)).as_py() or 0
        if longest <= digits:
            try:
                return cast(PlainValues(texts, None), wanted)
            except pa.ArrowInvalid:
                pass  # one is none
    # No text of this form is beyond the type's largest number, or below its least one.
    return cast(of_form(texts, rf"^-?[0-9]{{1,{digits}}}(?:\.[0-9]{{1,30}})?$"), wanted)


def decimals(texts: Any, wanted: ColumnType) -> PlainValues:
    """Numbers with no more digits on either side of the point than the type has."""
    scale = wanted.scale or 0
    before = (wanted.precision or 0) - scale
    whole = f"[0-9]{{1,{before}}}" if before else "0"
    behind = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    return cast(of_form(texts, f"^-?{whole}{behind}$"), wanted)


def dates(texts: Any, wanted: ColumnType) -> PlainValues:
    """`2024-05-01`."""
    return cast(of_form(texts, A_DAY), wanted)


def local_times(texts: Any, wanted: ColumnType) -> PlainValues:
    """A date, or a date and a time to the microsecond."""
    return cast(of_form(texts, A_TIME), wanted)


def instants(texts: Any, wanted: ColumnType) -> PlainValues:
    """A date and a time with an offset, or as `local_times`, which is in UTC."""
    found = cast(
        of_form(texts, A_TIME_SOMEWHERE), wanted
    )  # Arrow reads those with offsets by themselves
    if found.odd is None:
        return found
    local = local_times(texts, ColumnType(stem="TIMESTAMP_NTZ"))
    values = compute.coalesce(found.values, compute.assume_timezone(local.values, "UTC"))
    if local.odd is None:
        return PlainValues(values, None)
    odd = compute.and_(found.odd, local.odd)
    return PlainValues(values, odd if compute.any(odd).as_py() else None)


def flags(texts: Any, _: ColumnType) -> PlainValues:
    """The words that a cast takes."""
    words = compute.ascii_lower(texts)
    is_true = compute.is_in(words, pa.array(TRUE))
    is_plain = compute.or_(is_true, compute.is_in(words, pa.array(FALSE)))
    is_known = compute.and_(compute.is_valid(texts), is_plain)
    odd = compute.and_not(compute.is_valid(texts), is_plain)
    values = compute.if_else(is_known, is_true, pa.scalar(None, pa.bool_()))
    return PlainValues(values, odd if compute.any(odd).as_py() else None)


READERS: dict[str, Callable[[Any, ColumnType], PlainValues]] = {
    "DECIMAL": decimals,
    "DATE": dates,
    "TIMESTAMP": instants,
    "TIMESTAMP_NTZ": local_times,
    "BOOLEAN": flags,
    # Its UTF-8.
    "BINARY": lambda texts, wanted: cast(PlainValues(texts, None), wanted),
}
