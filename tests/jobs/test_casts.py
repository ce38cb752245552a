"""Every pair of types: a value is kept, marked, or the pair is refused; never changed."""

import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from headrace_jobs.sources.casts import SIMPLE, spark_type, stored
from headrace_jobs.sources.columns import LOAD_FAILURES, RAW, typed
from headrace_schemas.declarations.contract import Column, Contract
from headrace_schemas.declarations.pipeline import Evolution
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SchemaBroken
from headrace_schemas.types import TYPES, ColumnType
from tests.jobs.batches import Batch, contract
from tests.jobs.cast_oracle import Marked, expected, is_refused, single

pytestmark = pytest.mark.spark

WANTED = (
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INT",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL(10,2)",
    "DECIMAL(38,0)",
    "DECIMAL(38,18)",
    "DECIMAL(38,38)",
    "DECIMAL(3,3)",
    "STRING",
    "VARCHAR(3)",
    "CHAR(5)",
    "BINARY",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP_NTZ",
    "ARRAY<INT>",
    "ARRAY<VARCHAR(3)>",
    "ARRAY<STRUCT<a: INT, b: STRING>>",
    "MAP<STRING, INT>",
    "MAP<INT, STRING>",
    "STRUCT<lat: DOUBLE, lon: DOUBLE>",
    "STRUCT<lat: INT, lon: INT>",
    "STRUCT<LAT: DOUBLE, LON: DOUBLE>",
    "STRUCT<lat: DOUBLE>",
    "STRUCT<at: STRUCT<`the day`: DATE, n: DECIMAL(4,1)>>",
    "ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<INT>>>>>",
)

NUMBERS = (
    "0",
    "-0",
    "+7",
    " 7 ",
    "\t7",
    "7.",
    ".5",
    "-.5",
    "007",
    "1.0",
    "1.00",
    "7.000",
    "-3.0",
    "1.5",
    "12.345",
    "1e3",
    "1.5e3",
    "15e-1",
    "1E+2",
    "1e-2",
    "120e-1",
    "0E-10",
    "0e5",
    "1e400",
    "-1e400",
    "1e-400",
    "1e39",
    "1e-50",
    "12d",
    "7F",
    "0x1p3",
    "0x10",
    "1_000",
    "1,000",
    "1,5",
    "1 5",
    "\uff11\uff12",
    "--1",
    "+-1",
    "+",
    ".",
    "e5",
    "1e",
    "1e5.0",
    "NaN",
    "nan",
    "-NaN",
    "Infinity",
    "-Infinity",
    "inf",
    "+inf",
    "-INF",
    "infinity",
    "infinit",
    "one",
    "",
    " ",
    "127",
    "128",
    "-128",
    "-129",
    "32768",
    "2147483647",
    "2147483648",
    "-2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.0",
    "-9007199254740993",
    "16777216",
    "16777217",
    "123456789",
    "0.1",
    "0.30000000000000004",
    "3.14159265358979323846",
    "100000000000000000000000",
    "100000000000000000000001",
    "1" + "0" * 50,
    "9" * 400,
    "1234567890123456789012345.67",
    "1234567890123456789012345.670",
    "1234567890123456789012345.678",
    "0." + "1" * 38,
    "0." + "1" * 39,
    "9" * 38,
    "9" * 39,
    "1." + "0" * 60,
    "1." + "0" * 60 + "1",
    "0" * 60 + "5",
    "99999999.99",
    "999999999.99",
    "0.005",
    "0.999",
    "0.9990",
)

TIMES = (
    "2024-05-01",
    " 2024-05-01 ",
    "2024-5-1",
    "2024-05",
    "2024",
    "2024-02-30",
    "2024-05-32",
    "20240501",
    "05/01/2020",
    "2024-05-01T10",
    "2024-05-01T10:30",
    "2024-05-01 10:30:15",
    "2024-05-01T10:30:15.5",
    "2024-05-01T10:00:00.123456",
    "2024-05-01T10:00:00.123456000",
    "2024-05-01T10:00:00.123456789",
    "2024-05-01T10:00:00.1234567Z",
    "2024-05-01T00:00:00",
    "2024-05-01T10:00:00Z",
    "2024-05-01T10:00:00+02:00",
    "2024-05-01T10:00:00 +02:00",
    "2024-05-01T10:00:00-0530",
    "2024-05-01T10:00:00+02",
    "2024-05-01T10:00:00UTC",
    "2024-05-01T10:00:00 UTC+1",
    "2024-05-01T10:00:00 Europe/Berlin",
    "2024-05-01T10:00:00Europe/Berlin",
    "2024-03-31T02:30:00 Europe/Berlin",
    "2024-10-27T02:30:00 Europe/Berlin",
    "2024-05-01T10:00:00 BST",
    "2024-05-01T10:00:00 CST",
    "2024-05-01T10:00:00 Nowhere/City",
    "2024-05-01T24:00:00",
    "2024-05-01T23:59:60",
    "2024-05-01T10:00:00,5",
    "T10:30",
    "10:30:00",
    "now",
    "today",
    "epoch",
    "0001-01-01",
    "9999-12-31",
    "9999-12-31T23:59:59.999999",
    "1582-10-10",
    "1582-10-10T12:00:00",
    "0000-01-01",
    "12024-05-01",
    "+2024-05-01",
    "-2024-05-01",
    "2024-05-01 x",
    "2024-05-01Z",
    "2024-05-01T",
    "1714557600",
    "2024-05-01T10:00:00+25:00",
)

FLAGS = ("true", "TRUE", " t ", "yes", "y", "1", "false", "f", "no", "n", "0", "2", "on", "wahr")

TEXTS = (
    *NUMBERS,
    *TIMES,
    *FLAGS,
    "abc",
    "ABCD",
    "\U0001f600\U0001f600\U0001f600",
    "ab ",
    "äöü",
    "äöüß",
)

BEYOND = (
    0.0,
    -0.0,
    1.0,
    2.0,
    0.5,
    0.1,
    1.25,
    -1.239,
    1.2399,
    127.0,
    128.0,
    32768.0,
    2147483647.0,
    2147483648.0,
    16777217.0,
    9007199254740992.0,
    9223372036854775808.0,
    -9223372036854775808.0,
    1e22,
    1e24,
    1e300,
    5e-324,
    0.30000000000000004,
    math.nan,
    math.inf,
    -math.inf,
)

SINGLE = (
    0.0,
    -0.0,
    1.0,
    2.0,
    0.5,
    0.10000000149011612,
    1.25,
    127.0,
    128.0,
    16777216.0,
    2147483648.0,
    9223372036854775808.0,
    1.0000000200408773e20,
    3.4028234663852886e38,
    math.nan,
    math.inf,
)

DAYS = (date(1, 1, 1), date(1582, 10, 10), date(1970, 1, 1), date(2024, 5, 1), date(9999, 12, 31))
MOMENTS = (
    *[datetime(one.year, one.month, one.day) for one in DAYS],
    datetime(2024, 5, 1, 10, 0, 0, 123456),
    datetime(1969, 12, 31, 23, 59, 59, 999999),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
)

GIVEN: dict[str, Sequence[Any]] = {
    "STRING": TEXTS,
    "BOOLEAN": (True, False),
    "TINYINT": (0, 1, 2, -128, 127),
    "SMALLINT": (0, 1, 2, 128, -32768, 32767),
    "INT": (0, 1, 2, 128, 32768, 16777217, -(2**31), 2**31 - 1),
    "BIGINT": (
        0,
        1,
        2,
        2**31,
        2**53,
        2**53 + 1,
        -(2**53) - 1,
        10**9,
        10**10,
        -(2**63),
        2**63 - 1,
        1714557600000,
    ),
    "FLOAT": SINGLE,
    "DOUBLE": BEYOND,
    "DECIMAL(10,4)": [
        Decimal(one)
        for one in ("0", "1", "2", "1.25", "1.2399", "1.2300", "-0.0001", "999999.9999", "0.1")
    ],
    "DECIMAL(38,18)": [
        Decimal(one)
        for one in (
            "0",
            "1",
            "0.1",
            "0.000000000000000001",
            "99999999999999999999.999999999999999999",
            "12345678901234567890.120000000000000000",
            "9007199254740993",
        )
    ],
    "DECIMAL(38,0)": [
        Decimal(one) for one in (0, 1, 2, 2**63 - 1, 2**63, 2**53 + 1, 10**37, 10**38 - 1)
    ],
    "BINARY": (b"abc", b"", "äöü".encode(), b"\xff\xfe", b"a\x80", b"\xed\xa0\x80", b"\x00"),
    "DATE": DAYS,
    "TIMESTAMP": [one.replace(tzinfo=UTC) for one in MOMENTS],
    "TIMESTAMP_NTZ": MOMENTS,
    "ARRAY<STRING>": (["1", None], ["1.0", "7"], ["x"], ["abcd"], []),
    "ARRAY<DOUBLE>": ([1.0, None], [1.5], [math.nan], []),
    "ARRAY<STRUCT<b: STRING, a: BIGINT>>": (
        [Row(b="x", a=1), None],
        [Row(b=None, a=2**40)],
        [Row(b="x", a=None)],
    ),
    "ARRAY<ARRAY<ARRAY<ARRAY<ARRAY<STRING>>>>>": ([[[[["1", None]], None]]], [[[[["x"]]]]]),
    "MAP<STRING, BIGINT>": ({"a": 1, "b": None}, {"a": 2**40}, {}),
    "MAP<STRING, STRING>": ({"1": "2", "3": None}, {"1": "x"}, {"x": "1"}, {"1": "1", "1.0": "2"}),
    "STRUCT<lon: DOUBLE, lat: DOUBLE>": (
        Row(lon=2.0, lat=1.0),
        Row(lon=None, lat=1.5),
        Row(lon=math.nan, lat=None),
    ),
    "STRUCT<at: STRUCT<n: STRING, `the day`: TIMESTAMP_NTZ>>": (
        Row(at=Row("1.50", datetime(2024, 5, 1))),
        Row(at=Row("1.25", datetime(2024, 5, 1))),
        Row(at=None),
        Row(at=Row("1", datetime(2024, 5, 1, 1))),
    ),
}


def contract_of(types: Sequence[str]) -> Contract:
    columns = [Column(name=f"c{n}", type=ColumnType.parse(one).ddl) for n, one in enumerate(types)]
    return Contract(name="bronze.pairs", version="1.0.0", columns=tuple(columns))


def plain(value: Any) -> Any:
    """A value as the oracle has it: comparable, NaN too."""
    if isinstance(value, Row):
        value = value.asDict()
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, float):
        return repr(value + 0.0)
    return bytes(value) if isinstance(value, bytearray) else value


def are_equal(found: Any, right: Any, given: str) -> bool:
    """Javas differ in how many digits they write of a number."""
    if given in ("FLOAT", "DOUBLE") and isinstance(found, str) and "marked" not in (found, right):
        try:
            return repr(single(float(found))) == repr(single(float(right)))
        except ValueError:
            return found == right
    return bool(found == right)


GROUPS = {
    "texts": ("STRING",),
    "numbers": ("BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE"),
    "others": (
        "DECIMAL(10,4)",
        "DECIMAL(38,18)",
        "DECIMAL(38,0)",
        "BINARY",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMP_NTZ",
    ),
    "nested": tuple(one for one in GIVEN if "<" in one),
}
"""Types that one query looks at together."""


def test_every_type_of_a_contract_is_one_of_spark_s() -> None:
    assert set(SIMPLE) == {*TYPES, "VOID"}


def test_every_given_type_is_tried() -> None:
    assert sorted(one for group in GROUPS.values() for one in group) == sorted(GIVEN)
    assert len(GIVEN) * len(WANTED) > 500


@pytest.mark.parametrize("group", GROUPS)
def test_value_is_kept_or_marked_or_its_column_refused_when_types_differ(
    engine: SparkSession, group: str
) -> None:
    given = GROUPS[group]
    frame = side_by_side(engine, given)
    pairs = [(one, other) for one in given for other in WANTED]
    refused = [one for one in pairs if is_refused(*map(ColumnType.parse, one))]
    kept = [one for one in pairs if one not in refused]
    copies, contract = paired(frame, given, refused)
    with pytest.raises(SchemaBroken) as caught:
        typed(copies, contract, Evolution.FREEZE, "b")
    assert len(as_list(caught.value.fields["columns"])) == len(refused)
    copies, contract = paired(frame, given, kept)
    staged = typed(copies, contract, Evolution.FREEZE, "b")
    # Python's own reader of instants fails in year 1.
    shown = [
        F.col(one).cast("timestamp_ntz").alias(one) if type == "timestamp" else one
        for one, type in staged.dtypes
    ]
    rows = staged.select(*shown).collect()
    wrong = []
    for n, (source, wanted) in enumerate(kept):
        for value, row in zip([*GIVEN[source], None], rows, strict=False):
            right, found = verdict(value, source, wanted), verdict_of(row, f"c{n}")
            if not are_equal(found, right, source):
                wrong.append(f"{value!r} {source} -> {wanted}: {found!r}, not {right!r}")
    assert all((row[RAW] is None) == (row[LOAD_FAILURES] == []) for row in rows)
    assert not wrong, "\n".join(wrong)


def side_by_side(spark: SparkSession, types: Sequence[str]) -> DataFrame:
    """A column for each type, with its values and then NULL."""
    longest = max(len(GIVEN[one]) for one in types)
    columns = [[*GIVEN[one], *[None] * (longest + 1 - len(GIVEN[one]))] for one in types]
    schema = ", ".join(f"v{n} {one}" for n, one in enumerate(types))
    return spark.createDataFrame(list(zip(*columns, strict=True)), schema).coalesce(1)


def paired(
    frame: DataFrame, given: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[DataFrame, Contract]:
    """A column of the given type for each pair, and the contract that wants the other."""
    copies = [f"v{given.index(one)} AS c{n}" for n, (one, _) in enumerate(pairs)]
    return frame.selectExpr(*copies), contract_of([wanted for _, wanted in pairs])


def verdict(value: Any, source: str, wanted: str) -> Any:
    """The value that should be there, or that it should be marked."""
    try:
        found = expected(plain_given(value), ColumnType.parse(source), ColumnType.parse(wanted))
    except Marked:
        return "marked"
    return plain(found)


def verdict_of(row: Row, name: str) -> Any:
    """What is there: a value, or NULL and a mark."""
    if f"{name}.type" not in row[LOAD_FAILURES]:
        return plain(row[name])
    return "marked" if row[name] is None else f"marked, and {row[name]!r}"


def as_list(found: object) -> list[object]:
    assert isinstance(found, list)
    return found


def plain_given(value: Any) -> Any:
    """As Python has it, without rows and zones."""
    if isinstance(value, list):
        return [plain_given(one) for one in value]
    if isinstance(value, Row):
        names = value.__fields__ if hasattr(value, "__fields__") else ["n", "the day"]
        return {name: plain_given(one) for name, one in zip(names, value, strict=True)}
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


# Through load


def parquet(batch: Batch, name: str, **columns: object) -> str:
    file = batch.folder / "landing" / "readings" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)
    return str(file)


PLACES = """
- {name: meter, logicalType: string, physicalType: STRING}
- {name: day, logicalType: date, physicalType: DATE}
- {name: price, logicalType: number, physicalType: 'DECIMAL(10,2)'}
- {name: place, logicalType: object, physicalType: 'STRUCT<lat: DOUBLE, lon: DOUBLE>'}
- {name: steps, logicalType: object, physicalType: 'STRUCT<lat: DOUBLE, lon: DOUBLE>'}
"""


def test_parquet_is_kept_by_name_and_marked_by_value_when_its_types_are_wider(
    engine: SparkSession, tmp_path: Path
) -> None:
    source = Source(files="readings/*.parquet", format="parquet")
    batch = Batch(engine, tmp_path, contract(tmp_path, PLACES), source=source)
    file = parquet(
        batch,
        "one.parquet",
        meter=["a", "b", "c"],
        day=[datetime(2024, 5, 1), datetime(2024, 5, 1, 10, 30), None],
        price=pa.array([Decimal("1.2300"), Decimal("1.2399"), None], pa.decimal128(10, 4)),
        place=[{"lon": 2.0, "lat": 1.0}, {"lon": 2.0, "lat": None}, None],
        steps=pa.array(
            [{"lat": 1, "lon": 2}, {"lat": 2**53 + 1, "lon": 2}, None],
            pa.struct({"lat": pa.int64(), "lon": pa.int64()}),
        ),
    )
    batch.load(file)
    first, second, third = batch.staged_rows()
    assert (first["day"], first["price"]) == (date(2024, 5, 1), Decimal("1.23"))
    assert first["place"] == first["steps"] == {"lat": 1.0, "lon": 2.0}
    assert list(first["place"]) == ["lat", "lon"]  # type: ignore[call-overload]
    assert first["_load_failures"] == third["_load_failures"] == []
    assert second["_load_failures"] == ["day.type", "price.type", "steps.type"]
    assert second["place"] == {"lat": None, "lon": 2.0}
    raw = json.loads(str(second["_raw"]))
    assert (raw["price"], raw["steps"]["lat"]) == (1.2399, 2**53 + 1)


def test_batch_is_refused_with_all_its_columns_when_their_types_mean_nothing(
    batch: Batch,
) -> None:
    batch.build = batch.build.model_copy(
        update={"source": Source(files="readings/*.parquet", format="parquet")}
    )
    file = parquet(
        batch,
        "one.parquet",
        meter=["a"],
        read_at=[1714557600000],
        kilowatts=[[1.0]],
        phase=[datetime(2024, 5, 1)],
    )
    with pytest.raises(SchemaBroken) as caught:
        batch.load(file)
    assert str(caught.value).startswith(
        "bronze.readings: readings/one.parquet: a column cannot become the contract's type: read_at is "
        "BIGINT, the contract says TIMESTAMP, kilowatts is ARRAY<DOUBLE>, the contract says DOUBLE, phase is "
        "TIMESTAMP_NTZ, the contract says INT. Say in the pipeline's source how its times are"
    )


def test_text_is_marked_when_only_other_languages_read_it(
    engine: SparkSession, tmp_path: Path
) -> None:
    columns = """
- {name: v, logicalType: number, physicalType: DOUBLE}
- {name: at, logicalType: timestamp, physicalType: TIMESTAMP_NTZ}
"""
    batch = Batch(engine, tmp_path, contract(tmp_path, columns))
    batch.load_rows(
        "12d,2024-05-01T10:00:00+02:00",
        "7F,2024-05-01T10:00:00.123456789",
        "0x1p3,2024-05-01T10:00:00Z",
        "12,2024-05-01T10:00:00.123456000",
        header="v,at",
    )
    *wrong, right = batch.staged_rows()
    assert [row["_load_failures"] for row in wrong] == [["v.type", "at.type"]] * 3
    assert (right["v"], right["at"]) == (12.0, datetime(2024, 5, 1, 10, 0, 0, 123456))


# What is read in a text's place, and what is shown of it


def test_reading_is_cast_and_the_text_is_shown_when_a_source_writes_its_own_way(
    engine: SparkSession,
) -> None:
    frame = engine.createDataFrame(
        [("1,5", "1", "01/05/2024"), ("1.5", None, "x"), (None, "2", None), ("x", "y", None)],
        "c0 string, c1 string, c2 string",
    ).coalesce(1)
    comma = F.when(~F.contains("c0", F.lit(".")), F.replace("c0", F.lit(","), F.lit(".")))
    readings = {"c0": comma, "c2": F.try_to_date("c2", "dd/MM/yyyy")}
    staged = typed(frame, contract_of(["DOUBLE", "INT", "DATE"]), Evolution.FREEZE, "b", readings)
    found = [(*row[:3], row[LOAD_FAILURES], row[RAW]) for row in staged.collect()]
    assert found == [
        (1.5, 1, date(2024, 5, 1), [], None),
        (None, None, None, ["c0.type", "c2.type"], '{"c0":"1.5","c2":"x"}'),
        (None, 2, None, [], None),
        (None, None, None, ["c0.type", "c1.type"], '{"c0":"x","c1":"y"}'),
    ]


SHOWN = {
    "X'ff00'": "/wA=",
    "double('NaN')": "NaN",
    "float('-Infinity')": "-Infinity",
    "12345678901234567890.123456789012345678BD": Decimal("12345678901234567890.123456789012345678"),
    "TIMESTAMP '2024-05-01 10:00:00.123456'": "2024-05-01T10:00:00.123456Z",
    "TIMESTAMP_NTZ '2024-05-01 10:00:00.123456'": "2024-05-01T10:00:00.123456",
    "DATE '0001-01-01'": "0001-01-01",
    "map(1, 'x')": {"1": "x"},
    "map(1.5D, 'x')": {"1.5": "x"},
    "map(DATE '2024-05-01', 'x')": "{2024-05-01 -> x}",
    "array(map(named_struct('a', 1, 'b', 'y'), 2))": "[{{1, y} -> 2}]",
    "array(NULL, X'ff')": [None, "/w=="],
    "named_struct('A', 1, 'b', 2)": {"A": 1, "b": 2},
    "INTERVAL '1-2' YEAR TO MONTH": "INTERVAL '1-2' YEAR TO MONTH",
}


def test_row_is_shown_as_delivered_when_its_types_are_not_a_text(engine: SparkSession) -> None:
    frame = engine.range(1).selectExpr(
        "'x' AS c0", *[f"{one} AS u{n}" for n, one in enumerate(SHOWN)]
    )
    row = typed(frame, contract_of(["INT"]), Evolution.DISCARD_VALUE, "b").head()
    assert row is not None
    raw = json.loads(row[RAW], parse_float=Decimal)
    assert {one: raw[f"u{n}"] for n, one in enumerate(SHOWN)} == SHOWN


# Types


def test_types_are_spark_s_own_when_they_are_read_without_it(spark: SparkSession) -> None:
    spellings = [
        *WANTED,
        "byte",
        "Short",
        "integer",
        "LONG",
        "real",
        "dec(5)",
        "numeric",
        "decimal( 7 , 3 )",
        "Timestamp_LTZ",
        "map<string, array<struct<`x y`: char(3), Z: binary>>>",
    ]
    for one in spellings:
        read = T.StructType.fromDDL(f"v {one}")["v"].dataType
        assert spark_type(ColumnType.parse(one)) == read, one
        if "char(" not in one.lower():
            assert stored(ColumnType.parse(one)) == read, one
