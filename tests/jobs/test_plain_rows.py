"""Rows that Arrow stages without Spark: what it reads is what Spark's casts read, and the rest is Spark's."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import data_files, row_groups
from headrace_jobs.sources import plain_rows
from headrace_jobs.sources.plain_values import ARROW_TYPES, arrow_type, plain_values
from headrace_jobs.sources.text_casts import from_text
from headrace_jobs.tables import load
from headrace_schemas.declarations.pipeline import Evolution
from headrace_schemas.declarations.source import Source
from headrace_schemas.types import NESTED, SIMPLE, ColumnType
from tests.jobs.batches import ROW, Batch, contract, text
from tests.jobs.random_files import CSV_TYPES, ODD_TEXTS, text_equals

TYPES = (
    *[stem for stem in ARROW_TYPES if stem not in ("VARCHAR", "CHAR")],
    "VARCHAR(4)",
    "CHAR(2)",
    "DECIMAL(12,3)",
    "DECIMAL(38,10)",
    "DECIMAL(3,3)",
    "DECIMAL(5,0)",
)

BORDERS = (
    *("1.000", "-0.0", "-.5", "00012", "999999999999999", "9999999999999999", "1234567.0"),
    *("16777217", "3.4028236e38", "1" * 400, f"0.{'0' * 29}1", f"0.{'0' * 60}1", "-", ".", "--5"),
    *(
        "1.2.3",
        "12345.678",
        "0.123",
        "1.123",
        "00.5",
        "99999",
        "100000",
        "5-",
        "0X1f",
        "1E5",
        "nan(1)",
    ),
    *("127", "128", "-128", "32767", "32768", "2147483647", "2147483648", "9223372036854775807"),
    *("1900-01-01", "1899-12-31", "10000-01-01", "2024-5-1", "2024-05-01T", "2024-05-01 10:00"),
    *("2024-05-01T10:00:00.1", "2024-05-01T10:00:00.1234567", "2024-05-01T10:00:00.123456"),
    *("2024-05-01T10:00:00+14:00", "2024-05-01T10:00:00+15:00", "2024-05-01T10:00:00-00:30"),
    *(
        "2024-05-01T10:00:00+0200",
        "2024-05-01T10:00:00+02",
        "2024-05-01T25:00:00",
        "Y",
        "yES",
        "\u017f",
    ),
    *("TRUE", "f", "0", "ab", "abcd", "abcde", "é€😀x", "2023-02-29", "2024-02-29T00:00:00Z"),
)

SOME_TEXTS = st.one_of(
    st.sampled_from([*ODD_TEXTS, *BORDERS]),
    st.from_regex(r"\A[+-]?[0-9]{0,20}\.?[0-9]{0,20}([eE][+-]?[0-9]{1,3})?\Z"),
    *CSV_TYPES.values(),
)


@dataclasses.dataclass
class Read:
    """What became of one text."""

    value: Any
    is_odd: bool


def read(texts: Sequence[str], wanted: ColumnType) -> list[Read]:
    """Each text by itself, as one that cannot be read makes all of its block odd."""
    found = []
    for one in texts:
        try:
            plain = plain_values(pa.array([one]), wanted)
        except pa.ArrowInvalid:
            found.append(Read(None, True))
            continue
        found.append(Read(plain.values[0].as_py(), plain.odd is not None))
    return found


def test_every_type_of_a_text_is_known() -> None:
    assert {ColumnType.parse(one).stem for one in TYPES} == {
        stem for stem in (*SIMPLE, "DECIMAL", "VARCHAR", "CHAR") if stem not in (*NESTED, "VOID")
    }
    assert arrow_type(ColumnType.parse("ARRAY<INT>")) is None


@pytest.mark.spark
@pytest.mark.parametrize("type", TYPES)
def test_plain_text_is_what_sparks_cast_makes_of_it(spark: SparkSession, type: str) -> None:
    wanted = ColumnType.parse(type)
    texts = [one for one in dict.fromkeys([*ODD_TEXTS, *BORDERS]) if one]
    frame = spark.createDataFrame([(n, one) for n, one in enumerate(texts)], "n INT, v STRING")
    cast = frame.select("n", from_text(F.col("v"), wanted).alias("v")).toArrow()
    by_spark = dict(zip(cast["n"].to_pylist(), cast["v"].to_pylist(), strict=True))
    plain = read(texts, wanted)
    for place, one in enumerate(plain):
        if not one.is_odd:
            assert (texts[place], one.value) == (texts[place], by_spark[place])
    assert any(not one.is_odd for one in plain)


@settings(max_examples=300, deadline=None)
@given(st.lists(SOME_TEXTS, min_size=1, max_size=20), st.sampled_from(TYPES))
def test_plain_text_says_its_value_when_texts_are_random(texts: list[str], type: str) -> None:
    wanted = ColumnType.parse(type)
    try:
        found = plain_values(pa.array([*texts, None]), wanted)
    except pa.ArrowInvalid:
        return
    odd = [False] * (len(texts) + 1) if found.odd is None else found.odd.to_pylist()
    *values, last = found.values.to_pylist()
    assert (last, odd[-1]) == (None, False)
    for one, value, is_odd in zip(texts, values, odd, strict=False):
        if is_odd:
            assert value is None
        elif isinstance(value, str):
            assert value == one
        else:
            assert text_equals(one, value), (one, value)


def without_engine(folder: Path) -> Batch:
    return Batch(None, folder, contract(folder))  # type: ignore[arg-type] # plain rows ask for none


def test_plain_file_is_staged_without_an_engine(tmp_path: Path) -> None:
    batch = without_engine(tmp_path)
    report = batch.load(batch.deliver(text(ROW, "b,2024-05-02 10:00:00,NA,")))
    assert (report.counts.rows_out, report.metrics["rows_not_readable"]) == (2, 0)
    (file,) = Path(batch.staged).glob("*.parquet")
    with duckdb.connect() as connection:
        found = connection.sql(f"SELECT * FROM '{file}'").fetchall()
    assert [row[0] for row in found] == ["a", "b"]
    assert [row[2:4] for row in found] == [(1.5, 1), (None, None)]
    assert [row[4:] for row in found] == [
        ("bronze.readings/2024-05", "readings/one.csv", number, [], None) for number in (1, 2)
    ]
    assert not Path(f"{batch.staged}_delivered").exists()


# Both ways

COLUMNS = "\n".join(
    f"- {{name: c{place}, physicalType: '{type}'}}" for place, type in enumerate(TYPES)
)

PLAIN = (
    *("true", "1", "2", "3", "4", "0.5", "1.25", "text", "bytes"),
    *("2024-05-01", "2024-05-01T10:00:00Z", "2024-05-01 10:00:00", "abcd", "ab"),
    *("1.5", "12345678901234567890.5", "0.125", "7"),
)


def csv_of(*rows: Sequence[str], end: str = "\n") -> str:
    header = [f"c{place}" for place in range(len(TYPES))]
    return "".join(",".join(f'"{one}"' for one in row) + end for row in (header, *rows))


def in_place(place: int, value: str) -> list[str]:
    return [value if at == place else one for at, one in enumerate(PLAIN)]


FILES = {
    "plain": csv_of(PLAIN, PLAIN),
    "nulls": csv_of(*[in_place(place, "NA") for place in range(len(PLAIN))]),
    "odd": csv_of(PLAIN, *[in_place(place, " é") for place in range(len(PLAIN))], PLAIN),
    "crlf": csv_of(PLAIN, in_place(7, "one\r\ntwo, three"), end="\r\n"),
    "quotes": csv_of(PLAIN, in_place(7, 'a ""b"" c')),
    "blank lines": csv_of(PLAIN).replace("\n", "\n\n"),
    "ragged": csv_of(PLAIN) + "1,2\n" + csv_of(PLAIN).split("\n")[1] + "\n",
    "header alone": csv_of(),
    "no such day": csv_of(PLAIN, in_place(9, "2024-02-30"), PLAIN),
    "all odd": csv_of(*[in_place(1, "x")] * 3),
}


def both_ways(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, *files: str
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The staged rows, with Arrow and without it."""
    reports, rows, types = [], [], []
    for is_plain in (True, False):
        with monkeypatch.context() as patched:
            if not is_plain:
                patched.setattr(plain_rows.PlainForm, "of", lambda *_: None)
            reports.append(batch.load(*files))
        rows.append(batch.staged_rows())
        types.append(batch.spark.read.parquet(batch.staged).schema.simpleString())
    assert reports[0].model_dump(exclude={"job_id"}) == reports[1].model_dump(exclude={"job_id"})
    assert types[0] == types[1]
    return rows[0], rows[1]


@pytest.mark.spark
@pytest.mark.parametrize("block_bytes", [600, plain_rows.BLOCK_BYTES])
def test_batch_is_the_same_when_spark_reads_it(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(plain_rows, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(row_groups, "ROW_GROUP_BYTES", block_bytes)
    batch = Batch(spark, tmp_path, contract(tmp_path, COLUMNS))
    files = [batch.deliver(content, f"{name}.csv") for name, content in FILES.items()]
    plain, by_spark = both_ways(batch, monkeypatch, *files)
    assert plain == by_spark
    assert {row["_source_file"] for row in plain} == {
        f"readings/{name}.csv" for name in FILES if name != "header alone"
    }


@pytest.mark.spark
@pytest.mark.parametrize("evolution", Evolution)
def test_unknown_column_is_treated_the_same_when_spark_reads_it(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, evolution: Evolution
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), evolution=evolution)
    header = "meter,read_at,kilowatts,phase"
    if evolution is not Evolution.FREEZE:
        header += ",more"
    rows = [ROW + end for end in ((",x", ",") if "more" in header else ("",))]
    odd = rows[0].replace("1.5", "x")
    files = [batch.deliver(text(*rows, odd, header=header))]
    if evolution is not Evolution.FREEZE:
        files.append(batch.deliver(text(ROW), "two.csv"))
    plain, by_spark = both_ways(batch, monkeypatch, *files)
    assert plain == by_spark


@pytest.mark.spark
@pytest.mark.parametrize(
    ("source", "content"),
    [
        ({"header": False}, text(ROW, "x,y,z,1").split("\n", 1)[1]),
        ({"delimiter": ";", "quote": "'"}, "meter;read_at;kilowatts;phase\n'a;b';2024-05-01;1;2\n"),
        ({"quote": "none"}, text('"a,2024-05-01,1,1')),
        ({"comment": "#"}, text("# no row", ROW)),
        ({"null_values": ()}, text("a,2024-05-01,,1")),
        ({"null_values": ("a",)}, text('"a",2024-05-01,,1')),
        (
            {"decimal": ",", "delimiter": ";"},
            text("a;2024-05-01;1,5;2", header="meter;read_at;kilowatts;phase"),
        ),
        ({"unnamed_columns": "drop"}, text(f"0,{ROW}", header=",meter,read_at,kilowatts,phase")),
        ({"trim_header": True}, text(ROW, header='" meter\n",read_at,kilowatts,phase')),
        ({"encoding": "utf-16"}, text("é,2024-05-01,1,1").encode("utf-16")),
        ({"skip_lines": 2}, "one\ntwo\n" + text(ROW)),
    ],
)
def test_dialect_is_read_the_same_when_spark_reads_it(
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: dict[str, Any],
    content: str | bytes,
) -> None:
    known = Source(files="readings/*.csv", **source)
    batch = Batch(spark, tmp_path, contract(tmp_path), source=known)
    plain, by_spark = both_ways(batch, monkeypatch, batch.deliver(content))
    assert plain
    assert plain == by_spark


@pytest.mark.spark
def test_line_is_read_by_spark_when_it_is_longer_than_a_block(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_rows, "BLOCK_BYTES", 1000)
    batch = Batch(spark, tmp_path, contract(tmp_path))
    content = text(ROW, f"{'x' * 5000},2024-05-01,1,1", ROW)
    plain, by_spark = both_ways(batch, monkeypatch, batch.deliver(content))
    assert plain == by_spark
    assert [len(str(row["meter"])) for row in plain] == [1, 5000, 1]


def test_what_an_earlier_try_left_is_gone_when_a_batch_is_staged(tmp_path: Path) -> None:
    batch = without_engine(tmp_path)
    file = batch.deliver(text(ROW))
    batch.load(file)
    batch.load(file)
    (staged,) = Path(batch.staged).iterdir()
    assert parquet.read_metadata(staged).num_rows == 1


def test_footer_says_what_sparks_says_when_a_plain_file_is_put_into_a_table(tmp_path: Path) -> None:
    batch = without_engine(tmp_path)
    batch.load(batch.deliver(text(ROW, ROW.replace("a,", "b,"))))
    (file,) = Path(batch.staged).glob("*.parquet")
    found = data_files.read(batch.staged, file.name, ["meter", "read_at", "kilowatts", "phase"])
    assert found.rows == 2
    named = ("string", "timestamp", "double", "integer")
    assert tuple(found.types.values())[:4] == named
    assert '"maxValues":{"meter": "b"' in found.statistics.replace('"meter":', '"meter": ')
    assert "2024-05-01T00:00:00.000Z" in found.statistics


@pytest.mark.spark
def test_footer_has_sparks_bounds_when_a_plain_file_is_put_into_a_table(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path, COLUMNS))
    file = batch.deliver(csv_of(PLAIN, in_place(1, "NA"), in_place(2, "-7"), in_place(14, "2.5")))
    found = []
    for is_plain in (True, False):
        with monkeypatch.context() as patched:
            if not is_plain:
                patched.setattr(plain_rows.PlainForm, "of", lambda *_: None)
            batch.load(file)
        (staged,) = Path(batch.staged).glob("*.parquet")
        names = [f"c{place}" for place in range(len(TYPES))]
        found.append(data_files.read(batch.staged, staged.name, names))
    assert found[0].statistics == found[1].statistics
    assert list(found[0].types) == list(found[1].types)


def test_no_rows_are_lost_when_a_copy_changes_after_its_check(tmp_path: Path) -> None:
    batch = without_engine(tmp_path)
    spec = batch.load_spec(batch.deliver(text(ROW, ROW)))
    (delivery,) = load.delivered_files(batch.spark, spec)
    with Path(delivery.copy_uri).open("a") as copy:
        copy.write(f"{ROW}\n")
    with pytest.raises(Exception, match="3 rows are read of 2"):
        load.stage(batch.spark, spec, [delivery])
