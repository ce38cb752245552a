"""Random deliveries for property tests, and what each of their values means to a reader of its own.

Nothing here is Spark's: CSV is read by Python's csv, Parquet by pyarrow, and a value's meaning is
worked out with Python's decimals and dates.
"""

import csv
import gzip
import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

NULLS = ("", "NA")

ODD_TEXTS = (
    "",
    "NA",
    " 7 ",
    "1.0",
    "7.000",
    "1e3",
    "12d",
    "7F",
    "0x1p3",
    "1_000",
    "9007199254740993",
    "9223372036854775808",
    "-0",
    "NaN",
    "Infinity",
    "1e400",
    "0.1",
    "1,5",
    "true",
    "no",
    "2",
    "١٢",
    "2024-05-01",
    "2024-05-01T10:00:00+02:00",
    "2024-05-01 10:00:00.123456789",
    "2024-02-30",
    "2024-05-01T10:00:00Z",
    "2024-05-01 23:59:59.999999",
    "05/01/2020",
    "1714557600",
    "2024",
    "12:30",
    "1.2345",
    "12345678901234567890123456.78",
    "ABCDE",
    "abc",
    " ",
    "  x ",
    "\\N",
    "null",
    'a "b" c',
    "one\ntwo",
    "one\r\ntwo",
    "a,b",
    "\\",
    "\\n",
    "ünï©",
    "é",
    "😀",
    "a\tb",
    "'",
    "--",
    "0001-01-01",
    "9999-12-31",
    "1500-02-29",
    "1582-10-10",
    "300",
    "-129",
    "0.5e-3",
    "+5",
    ".5",
    "5.",
    "1e",
    "e1",
    "-",
    "#x",
    "today",
    "2024-05-01T24:00:00",
    "2024-06-30T23:59:60Z",
)

CSV_TYPES = {
    "STRING": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
    "VARCHAR(4)": st.text(st.characters(min_codepoint=32, max_codepoint=1000), max_size=4),
    "TINYINT": st.integers(-128, 127).map(str),
    "INT": st.integers(-(2**31), 2**31 - 1).map(str),
    "BIGINT": st.integers(-(2**63), 2**63 - 1).map(str),
    "FLOAT": st.integers(-(2**20), 2**20).map(lambda one: str(one / 64)),
    "DOUBLE": st.floats(allow_nan=False, allow_infinity=False).map(repr),
    "DECIMAL(12,3)": st.decimals(-(10**8), 10**8, places=3).map(lambda one: format(one, "f")),
    "DECIMAL(38,10)": st.decimals(
        -(10**27), 10**27, places=10, allow_nan=False, allow_infinity=False
    ).map(lambda one: format(one, "f")),
    "BOOLEAN": st.sampled_from(["true", "false", "TRUE", "False"]),
    "DATE": st.dates(date(1, 1, 1)).map(date.isoformat),
    "TIMESTAMP": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(
        lambda one: one.isoformat() + "Z"
    ),
    "TIMESTAMP_NTZ": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(
        datetime.isoformat
    ),
}
"""Contract type → texts that it holds for certain."""


@dataclass
class RandomFile:
    """One file.

    Attributes:
        rows: What an independent reader sees, by position.
        plain: Positions of rows that must be published: each value fits for certain.
        is_damaged: Whether the file as a whole may be refused.
    """

    path: Path
    rows: list[dict[str, Any]]
    plain: set[int]
    is_damaged: bool = False
    given: dict[str, str] = field(default_factory=dict)


@st.composite
def csv_recipes(draw: Callable[..., Any]) -> dict[str, Any]:
    """Types of a contract's columns, and files that are delivered for it."""
    types = draw(st.lists(st.sampled_from(sorted(CSV_TYPES)), min_size=1, max_size=5))
    files = draw(st.lists(csv_file(types), min_size=20, max_size=30))
    return {"types": types, "files": files}


@st.composite
def csv_file(draw: Callable[..., Any], types: list[str]) -> dict[str, Any]:
    """Rows of texts, and how they are written down."""
    rows = []
    for _ in range(draw(st.integers(0, 4))):
        is_plain = draw(st.booleans())
        odd = st.sampled_from(ODD_TEXTS)
        cells = [draw(CSV_TYPES[one] if is_plain or draw(st.booleans()) else odd) for one in types]
        rows.append((is_plain, cells))
    return {
        "rows": rows,
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        "end": draw(st.sampled_from(["\n", "\r\n"])),
        "bom": draw(st.booleans()),
        "gz": draw(st.booleans()),
        "damage": draw(
            st.sampled_from([None] * 12 + ["cut", "ragged", "latin", "nul", "quote", "cr"])
        ),
    }


def write_csv(recipe: dict[str, Any], names: list[str], path: Path) -> RandomFile:
    """The file, and its rows as Python's csv reads them back."""
    buffer = io.StringIO(newline="")
    # Python writes a CR without quotes, and reads it as a line end.
    has_return = any("\r" in cell for _, cells in recipe["rows"] for cell in cells)
    quoting = csv.QUOTE_ALL if has_return else recipe["quoting"]
    writer = csv.writer(buffer, quoting=quoting, lineterminator=recipe["end"])
    writer.writerow(names)
    for _, cells in recipe["rows"]:
        writer.writerow(cells)
    content = ("\ufeff" if recipe["bom"] else "").encode() + buffer.getvalue().encode()
    content = damaged(content, recipe)
    rows = []
    if recipe["damage"] in (None, "ragged", "cut"):  # one that is cut behind a line is whole
        text = content.decode("utf-8-sig")
        for cells in list(csv.reader(io.StringIO(text, newline="")))[1:]:
            if cells:  # a blank line is no row
                is_whole = len(cells) == len(names)
                rows.append(dict(zip(names, cells, strict=True)) if is_whole else {"ragged": ""})
    plain = {
        index
        for index, (is_plain, cells) in enumerate(recipe["rows"])
        if is_plain and recipe["damage"] is None and not any(one in NULLS for one in cells)
    }
    if recipe["gz"]:
        path, content = path.with_name(path.name + ".gz"), gzip.compress(content)
    path.write_bytes(content)
    return RandomFile(path, rows, plain, is_damaged=recipe["damage"] is not None)


def damaged(content: bytes, recipe: dict[str, Any]) -> bytes:
    """The bytes as they come out of a bad transfer."""
    end = recipe["end"].encode()
    match recipe["damage"]:
        case "cut":
            return content[: max(len(content) - 3, 1)]
        case "ragged":
            return content + b"1,2,3,4,5,6,7" + end
        case "latin":
            return content + "é".encode("latin-1") + end
        case "nul":
            return content + b"\0" + end
        case "cr":
            return content + b"x\ry" + end
        case "quote":
            return content + b'"open' + end
    return content


TRUE_WORDS = {"t", "true", "y", "yes", "1"}
FALSE_WORDS = {"f", "false", "n", "no", "0"}
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?)? ?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def text_equals(text: str, published: Any) -> bool:
    """Whether a published value is what a text says, in the type that it was published as."""
    if isinstance(published, bytes):
        return text.encode() == published
    text = text.strip()
    if isinstance(published, bool):
        return text.lower() in (TRUE_WORDS if published else FALSE_WORDS)
    if isinstance(published, int | Decimal):
        return bool(NUMBER.fullmatch(text)) and Decimal(text) == Decimal(published)
    if isinstance(published, float):
        return bool(NUMBER.fullmatch(text)) and is_nearest(text, published)
    if isinstance(published, datetime):
        return micros(text, published.tzinfo is not None) == micros_of(published)
    if isinstance(published, date):
        return text == published.isoformat()
    raise AssertionError(f"no rule for {type(published)}")


def is_nearest(text: str, published: float) -> bool:
    """Whether a float is the nearest to a decimal text, as DOUBLE or as FLOAT."""
    exact = float(text)
    if exact == published:
        return True
    try:
        return struct.unpack("f", struct.pack("f", exact))[0] == published
    except OverflowError:
        return False


EPOCH = datetime(1970, 1, 1)


def micros_of(value: datetime) -> Decimal:
    """Microseconds since 1970; of a time without zone, by its own clock."""
    naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return Decimal((naive - EPOCH) // timedelta(microseconds=1))


def micros(text: str, with_zone: bool) -> Decimal | None:
    """The exact microseconds that an ISO text says; None if it says no such time."""
    found = TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    if offset and not with_zone:
        return None
    try:
        whole = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        return None
    seconds = Decimal((whole - EPOCH) // timedelta(seconds=1)) + Decimal("0." + (fraction or "0"))
    if offset and offset != "Z":
        sign = -1 if offset[0] == "-" else 1
        seconds -= sign * (int(offset[1:3]) * 3600 + int(offset[4:6]) * 60)
    return seconds * 1_000_000


PARQUET_TYPES: dict[str, tuple[pa.DataType, Any]] = {
    "STRING": (pa.string(), st.sampled_from(["a", "12", "1.50", "true", "2024-05-01", "é", ""])),
    "TINYINT": (pa.int8(), st.integers(-128, 127)),
    "INT": (pa.int32(), st.sampled_from([0, 1, 2, 300, -129, 2**31 - 1, 16777217])),
    "BIGINT": (pa.int64(), st.sampled_from([0, 1, 7, 2**53 + 1, 2**63 - 1, -(2**63), 1714557600])),
    "FLOAT": (pa.float32(), st.sampled_from([0.0, 0.5, 1.0, -2.25, 16777216.0])),
    "DOUBLE": (pa.float64(), st.sampled_from([0.0, -0.0, 0.1, 1.0, 2.5, 2.0**53, 1e300, 3e9])),
    "DECIMAL(12,3)": (
        pa.decimal128(12, 3),
        st.sampled_from([Decimal(one) for one in ("0.000", "1.500", "1.239")]),
    ),
    "DECIMAL(10,2)": (
        pa.decimal128(10, 2),
        st.sampled_from([Decimal(one) for one in ("0.00", "1.50", "-9.99")]),
    ),
    "BOOLEAN": (pa.bool_(), st.booleans()),
    "BINARY": (pa.binary(), st.sampled_from([b"a", b"\xff\xfe", b"", b"12"])),
    "DATE": (
        pa.date32(),
        st.sampled_from([date(2024, 5, 1), date(1500, 1, 1), date(9999, 12, 31)]),
    ),
    "TIMESTAMP": (
        pa.timestamp("us", "UTC"),
        st.sampled_from([datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 1, 10, 0, 0, 5, UTC)]),
    ),
    "TIMESTAMP_NTZ": (
        pa.timestamp("us"),
        st.sampled_from([datetime(2024, 5, 1), datetime(2024, 5, 1, 10, 30)]),
    ),
    "ARRAY<INT>": (pa.list_(pa.int32()), st.lists(st.sampled_from([1, 2, None]), max_size=3)),
    "STRUCT<lat:DOUBLE,lon:DOUBLE>": (
        pa.struct([("lat", pa.float64()), ("lon", pa.float64())]),
        st.sampled_from([{"lat": 1.0, "lon": 2.0}, {"lat": None, "lon": 3.5}]),
    ),
}
"""Contract type → the type that a file has for it, and values."""

OTHER_TYPES: dict[str, tuple[pa.DataType, Any]] = {
    "nanoseconds": (
        pa.timestamp("ns"),
        st.sampled_from([1714557600123456000, 1714557600123456789]),
    ),
    "nanoseconds, UTC": (pa.timestamp("ns", "UTC"), st.sampled_from([0, 1714557600000000001])),
    "milliseconds": (pa.timestamp("ms", "UTC"), st.sampled_from([0, 1714557600123])),
    "unsigned": (pa.uint32(), st.sampled_from([0, 1, 2**32 - 1])),
    "unsigned, long": (pa.uint64(), st.sampled_from([0, 1, 2**64 - 1])),
    "half": (pa.float16(), st.just(None)),
    "time": (pa.time64("us"), st.just(None)),
    "swapped": (
        pa.struct([("lon", pa.float64()), ("lat", pa.float64())]),
        st.sampled_from([{"lon": 2.0, "lat": 1.0}]),
    ),
    "longs": (pa.list_(pa.int64()), st.sampled_from([[1], [2**40], []])),
    "large text": (pa.large_string(), st.sampled_from(["a", "12"])),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "b"])),
}

GIVEN_TYPES = PARQUET_TYPES | OTHER_TYPES


@st.composite
def parquet_recipes(draw: Callable[..., Any]) -> dict[str, Any]:
    """Types of a contract's columns, and Parquet files that are delivered for it."""
    types = draw(st.lists(st.sampled_from(sorted(PARQUET_TYPES)), min_size=1, max_size=4))
    files = draw(st.lists(parquet_file(types), min_size=20, max_size=30))
    return {"types": types, "files": files}


@st.composite
def parquet_file(draw: Callable[..., Any], types: list[str]) -> dict[str, Any]:
    """Given types and columns of values; at most one column has another type than the contract's."""
    given = list(types)
    if draw(st.booleans()):
        given[draw(st.integers(0, len(types) - 1))] = draw(st.sampled_from(sorted(GIVEN_TYPES)))
    rows = draw(st.integers(0, 4))
    columns = [[draw(st.none() | GIVEN_TYPES[one][1]) for _ in range(rows)] for one in given]
    codec = draw(st.sampled_from(["snappy", "zstd", "none", "gzip"]))
    return {"given": given, "columns": columns, "codec": codec}


def write_parquet(
    recipe: dict[str, Any], names: list[str], types: list[str], path: Path
) -> RandomFile:
    """The file, and its rows as pyarrow reads them back."""
    arrays = [
        pa.array(values, GIVEN_TYPES[one][0])
        for one, values in zip(recipe["given"], recipe["columns"], strict=True)
    ]
    pq.write_table(
        pa.table(dict(zip(names, arrays, strict=True))), path, compression=recipe["codec"]
    )
    table = pq.read_table(path)
    columns = {name: [exact(one) for one in table.column(name)] for name in names}
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    is_same = recipe["given"] == types
    plain = set(range(len(rows))) if is_same else set()
    return RandomFile(
        path,
        rows,
        plain,
        is_damaged=not is_same,
        given=dict(zip(names, recipe["given"], strict=True)),
    )


def exact(value: pa.Scalar) -> Any:
    """A value of Arrow without loss: nanoseconds stay a number of them."""
    if not value.is_valid:
        return None
    if pa.types.is_timestamp(value.type) and value.type.unit == "ns":
        return Nanoseconds(value.value)
    return value.as_py()


@dataclass(frozen=True)
class Nanoseconds:
    """A time that Python's own would cut."""

    since_1970: int


def value_equals(given: Any, published: Any) -> bool:
    """Whether a published value is the one that a Parquet file holds."""
    if published is None or given is None:
        return given is None and published is None
    if isinstance(given, str) and not isinstance(published, str):
        return text_equals(given, published)
    if isinstance(published, bytes) and isinstance(given, str):
        return given.encode() == published
    if isinstance(published, str) and not isinstance(given, str):
        return (
            given.decode() == published
            if isinstance(given, bytes)
            else told_equals(given, published)
        )
    if isinstance(given, Nanoseconds):
        return isinstance(published, datetime) and micros_of(published) * 1000 == given.since_1970
    if isinstance(given, dict):
        return set(given) == set(published) and all(
            value_equals(given[name], published[name]) for name in given
        )
    if isinstance(given, list):
        return len(given) == len(published) and all(map(value_equals, given, published))
    if isinstance(given, date) and isinstance(published, date):
        return micros_of(as_time(given)) == micros_of(as_time(published))
    if isinstance(given, float) and isinstance(published, Decimal):
        return is_nearest(str(published), given)  # a decimal is what the float stands for
    if is_number(given) and is_number(published):
        return Decimal(given) == Decimal(published)
    return type(given) is type(published) and given == published


def told_equals(given: Any, published: str) -> bool:
    """Whether a text says the value that was given."""
    if isinstance(given, bool):
        return published.lower() == str(given).lower()
    if isinstance(given, Nanoseconds):
        told = micros(published, with_zone=True)
        return told is not None and told * 1000 == given.since_1970
    if isinstance(given, date):
        return micros(published, with_zone=True) == micros_of(as_time(given))
    try:
        return is_number(given) and Decimal(published) == Decimal(
            repr(given) if isinstance(given, float) else given
        )
    except InvalidOperation:
        return False


def as_time(value: date) -> datetime:
    """A date as its midnight."""
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)


def is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float | Decimal)
