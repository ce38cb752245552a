"""What each pair of types should give, in Python's own numbers and times: no Spark here."""

import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from headrace_schemas.types import ColumnType

WIDE = Context(prec=500)
BITS = {"TINYINT": 8, "SMALLINT": 16, "INT": 32, "BIGINT": 64}
FLOATS = ("FLOAT", "DOUBLE")
NUMBERS = (*BITS, *FLOATS, "DECIMAL")
TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP_NTZ")
TEXTS = ("STRING", "VARCHAR", "CHAR")
NESTED = ("ARRAY", "MAP", "STRUCT")

BLANKS = "".join(map(chr, range(33))) + "\x7f"
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
FLAGS = {
    **dict.fromkeys(("t", "true", "y", "yes", "1"), True),
    **dict.fromkeys(("f", "false", "n", "no", "0"), False),
}
WORDS = {"nan": "nan", "inf": "inf", "infinity": "inf"}
MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([T ](?P<hour>[0-9]{1,2})(:(?P<minute>[0-9]{1,2})(:(?P<second>[0-9]{1,2})(\.(?P<part>[0-9]*))?)?)?"
    r" ?(?P<zone>Z|UTC|GMT|((UTC|GMT)?[+-][0-9]{1,2}:?[0-9]{0,2})|[A-Za-z_]+/[A-Za-z_]+)?)?"
)


class Marked(Exception):
    """The row is not published."""


def is_refused(given: ColumnType, wanted: ColumnType) -> bool:
    """Whether no row of the pair is read at all."""
    pair = (given.stem, wanted.stem)
    if given.stem in NESTED or wanted.stem in NESTED:
        if given.stem != wanted.stem:
            return True
        if {one.name for one in given.fields} != {one.name for one in wanted.fields}:
            return True
        fields = {one.name: one.type for one in given.fields}
        inner = [(fields[one.name], one.type) for one in wanted.fields] or list(
            zip(given.children, wanted.children, strict=True)
        )
        return any(is_refused(*one) for one in inner)
    if given.stem in TEXTS or wanted.stem in TEXTS or given.stem == wanted.stem:
        return False
    counts = (*NUMBERS, "BOOLEAN")
    if given.stem in counts and wanted.stem in counts:
        return False
    both_times = given.stem in TIMES and wanted.stem in TIMES
    return not both_times or pair == ("TIMESTAMP", "TIMESTAMP_NTZ")


def expected(value: Any, given: ColumnType, wanted: ColumnType) -> Any:
    """What is published.

    Raises:
        Marked: Nothing is.
    """
    if value is None:
        return None
    if wanted.stem == "ARRAY" and wanted.element and given.element:
        return [expected(one, given.element, wanted.element) for one in value]
    if wanted.stem == "MAP":
        return a_map(value, given, wanted)
    if wanted.stem == "STRUCT":
        fields = {one.name: one.type for one in given.fields}
        return {
            one.name: expected(value[one.name], fields[one.name], one.type) for one in wanted.fields
        }
    if wanted.stem in TEXTS:
        text = text_of(value, given)
        if isinstance(text, str) and wanted.length is not None and len(text) > wanted.length:
            raise Marked
        return text
    if wanted.stem == "BINARY":
        return value.encode() if isinstance(value, str) else bytes(value)
    if given.stem in TEXTS:
        return READ[wanted.stem](value.strip(BLANKS), wanted)
    if wanted.stem in TIMES:
        return a_time(value, wanted)
    return counted(value, given, wanted)


def a_map(value: dict[Any, Any], given: ColumnType, wanted: ColumnType) -> dict[Any, Any]:
    assert given.key
    assert given.element
    assert wanted.key
    assert wanted.element
    keys = [expected(one, given.key, wanted.key) for one in value]
    if len(set(keys)) < len(keys):
        raise Marked
    values = [expected(one, given.element, wanted.element) for one in value.values()]
    return dict(zip(keys, values, strict=True))


def text_of(value: Any, given: ColumnType) -> Any:
    if given.stem == "BINARY":
        try:
            return bytes(value).decode()
        except UnicodeDecodeError as error:
            raise Marked from error
    if given.stem == "BOOLEAN":
        return "true" if value else "false"
    if given.stem == "DECIMAL":
        return f"{value:.{given.scale}f}"
    if isinstance(value, datetime):
        text = value.isoformat(" ")
        return text.rstrip("0") if "." in text else text
    if given.stem in FLOATS:
        return java_text(value, given.stem)
    return str(value)


def java_text(value: float, given: str) -> str:
    """As the javadoc of Double.toString has it, for the values that are used here."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[repr(float(value))]
    sign, digits, power = Decimal(shortest(value, given)).as_tuple()
    assert isinstance(power, int)
    text = "".join(map(str, digits)).lstrip("0")
    power += len(text) - 1
    prefix = "-" if sign else ""
    if not text:
        return f"{prefix}0.0"
    text, dropped = text.rstrip("0"), 0
    if -3 <= power < 7:
        if power < 0:
            return f"{prefix}0.{'0' * (-power - 1)}{text}"
        text = text.ljust(power + 1, "0")
        return f"{prefix}{text[: power + 1]}.{text[power + 1 :] or '0'}"
    return f"{prefix}{text[0]}.{text[1:] or '0'}E{power + dropped}"


def single(value: float) -> float:
    """The nearest number of 32 bits."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def near(value: float, stem: str) -> float:
    return single(value) if stem == "FLOAT" else value


def shortest(value: float, stem: str) -> str:
    """The fewest digits that mean this number."""
    if stem == "DOUBLE":
        return repr(value)
    return next(
        text for digits in range(1, 10) if single(float(text := f"{value:.{digits}g}")) == value
    )


def decimal(number: Decimal, wanted: ColumnType) -> Decimal:
    """Rounded to the type's places.

    Raises:
        Marked: It has too many digits.
    """
    assert wanted.precision is not None
    found = number.quantize(Decimal(1).scaleb(-(wanted.scale or 0)), ROUND_HALF_UP, WIDE)
    if len(found.as_tuple().digits) > wanted.precision and found:
        raise Marked
    return found


def counted(value: Any, given: ColumnType, wanted: ColumnType) -> Any:
    """A number or flag as another."""
    if value != value or value in (float("inf"), float("-inf")):
        if wanted.stem in FLOATS:
            return value
        raise Marked
    exact = Decimal(value) if not isinstance(value, bool) else Decimal(int(value))
    if wanted.stem in BITS:
        return integer(exact, wanted)
    if wanted.stem == "BOOLEAN":
        return integer(exact, ColumnType(stem="TINYINT")) == 1 if exact in (0, 1) else fail()
    if wanted.stem == "DECIMAL":
        if given.stem not in FLOATS:
            found = decimal(exact, wanted)
            return found if found == exact else fail()
        # Spark takes a FLOAT for the DOUBLE that it equals
        found = decimal(Decimal(repr(value)), wanted)
        return found if near(float(found), given.stem) == value else fail()
    found = near(float(exact), wanted.stem)
    if given.stem == "DECIMAL":
        back = Decimal(repr(found))
        return found if decimal(back, given) == exact else fail()
    return (
        found if found not in (float("inf"), float("-inf")) and Decimal(found) == exact else fail()
    )


def fail() -> Any:
    raise Marked


def integer(exact: Decimal, wanted: ColumnType) -> int:
    limit = 2 ** (BITS[wanted.stem] - 1)
    if exact != exact.to_integral_value() or not -limit <= exact < limit:
        raise Marked
    return int(exact)


def a_time(value: date, wanted: ColumnType) -> date:
    if wanted.stem == "DATE":
        if isinstance(value, datetime):
            return value.date() if value == midnight(value) else fail()
        return value
    return value if isinstance(value, datetime) else midnight(value)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def read_number(text: str) -> Decimal:
    if not NUMBER.fullmatch(text):
        raise Marked
    return Decimal(text)


def read_integer(text: str, wanted: ColumnType) -> int:
    return integer(read_number(text), wanted)


def read_decimal(text: str, wanted: ColumnType) -> Decimal:
    number = read_number(text)
    if number and abs(number.adjusted()) > 400:
        raise Marked
    found = decimal(number, wanted)
    return found if found == number else fail()


def read_float(text: str, wanted: ColumnType) -> float:
    sign = "-" if text.startswith("-") else ""
    if (word := WORDS.get(text.lower().lstrip("+-"))) and (word == "inf" or text.lower() == "nan"):
        return float(sign + word)
    number = read_number(text)
    found = near(float(text), wanted.stem)
    if found == 0:
        return found if not number else fail()
    digits = f"{number.copy_abs():f}".partition(".")[0].strip("0")
    if WHOLE.fullmatch(text) and len(digits) > (6 if wanted.stem == "FLOAT" else 15):
        return found if -(2**63) <= found < 2**63 and Decimal(found) == number else fail()
    return found


def read_flag(text: str, _: ColumnType) -> bool:
    found = FLAGS.get(text.lower())
    return fail() if found is None else found


def read_time(text: str, wanted: ColumnType) -> datetime:
    found = MOMENT.fullmatch(text)
    if not found or (found["part"] or "")[6:].strip("0"):
        raise Marked
    try:
        day = date.fromisoformat(found["day"])
        part = int((found["part"] or "0").ljust(6, "0")[:6])
        clock = [int(found[one] or 0) for one in ("hour", "minute", "second")]
        local = datetime(day.year, day.month, day.day, *clock, part)
    except ValueError as error:
        raise Marked from error
    if wanted.stem == "TIMESTAMP_NTZ":
        return local if not found["zone"] else fail()
    return in_utc(local, found["zone"] or "Z")


def in_utc(local: datetime, zone: str) -> datetime:
    if "/" in zone:
        if zone not in available_timezones():
            raise Marked
        moment = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        back = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        return moment.replace(tzinfo=None) if back == local else fail()
    offset = re.sub("UTC|GMT|Z", "", zone)
    if not offset:
        return local
    hours, _, minutes = offset[1:].partition(":")
    hours, minutes = (hours[:2], minutes or hours[2:] or "0")
    shift = timedelta(hours=int(hours), minutes=int(minutes))
    if shift > timedelta(hours=18):
        raise Marked
    return local - shift if offset[0] == "+" else local + shift


def read_date(text: str, _: ColumnType) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise Marked
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Marked from error


READ: dict[str, Callable[[str, ColumnType], Any]] = {
    **dict.fromkeys(BITS, read_integer),
    **dict.fromkeys(FLOATS, read_float),
    "DECIMAL": read_decimal,
    "BOOLEAN": read_flag,
    "DATE": read_date,
    "TIMESTAMP": read_time,
    "TIMESTAMP_NTZ": read_time,
}
