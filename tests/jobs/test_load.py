"""Every damaged file is loaded correctly, refused, or its bad rows are marked: nothing silently."""

import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from headrace_schemas.declarations.pipeline import Evolution
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import (
    SchemaBroken,
    SourceInvalid,
    SourceMissing,
)
from tests.jobs.batches import HEADER, ROW, Batch, contract, text

pytestmark = pytest.mark.spark


def broken(batch: Batch) -> list[list[str]]:
    return [row["_load_failures"] for row in batch.staged_rows()]


def test_values_are_typed_when_they_fit(engine: SparkSession, tmp_path: Path) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path))
    report = batch.load_rows(
        ROW, "b,2024-05-01 01:00:00,NA,", "c,2024-05-02T02:00:00+02:00,-1e3, 7 "
    )
    assert report.counts is not None
    assert report.counts.rows_in == 3
    assert [list(row.values())[:7] for row in batch.staged_rows()] == [
        ["a", datetime(2024, 5, 1), 1.5, 1, "bronze.readings/2024-05", "readings/one.csv", 1],
        [
            "b",
            datetime(2024, 5, 1, 1),
            None,
            None,
            "bronze.readings/2024-05",
            "readings/one.csv",
            2,
        ],
        ["c", datetime(2024, 5, 2), -1000.0, 7, "bronze.readings/2024-05", "readings/one.csv", 3],
    ]
    assert broken(batch) == [[], [], []]


@pytest.mark.parametrize(
    ("row", "rules"),
    [
        ("a,2024-05-01T00:00:00Z,1.5,one", ["phase.type"]),
        ("a,2024-05-01T00:00:00Z,1.5,1.5", ["phase.type"]),
        ("a,2024-05-01T00:00:00Z,1.5,99999999999", ["phase.type"]),
        ("a,2024-05-01T00:00:00Z,1 5,1", ["kilowatts.type"]),
        ("a,2024,1.5,1", ["read_at.type"]),
        ("a,T12:30,1.5,1", ["read_at.type"]),
        ("a,2024-05-32,1.5,x", ["read_at.type", "phase.type"]),
        ("a,2024-05-01T00:00:00Z,1.5", ["row.malformed"]),
        ("a,2024-05-01T00:00:00Z,1.5,1,x", ["row.malformed"]),
        ("a,b", ["row.malformed"]),
    ],
)
def test_row_is_marked_and_kept_as_delivered_when_it_cannot_be_read(
    batch: Batch, row: str, rules: list[str]
) -> None:
    batch.load_rows(ROW, row)
    good, bad = batch.staged_rows()
    assert good["_load_failures"] == []
    assert good["_raw"] is None
    assert bad["_load_failures"] == rules
    assert (bad["_source_file"], bad["_source_row"]) == ("readings/one.csv", 2)
    if rules == ["row.malformed"]:
        assert bad["_raw"] == row
    else:
        assert list(json.loads(str(bad["_raw"])).values()) == row.split(",")


@pytest.mark.parametrize(
    ("type", "given", "fits"),
    [
        ("DATE", "2024-05-01", True),
        ("DATE", "2024-05-01T10:00:00", False),
        ("DATE", "2024-05", False),
        ("DECIMAL(6,2)", "1.25", True),
        ("DECIMAL(6,2)", "1.250", True),
        ("DECIMAL(6,2)", "1.239", False),
        ("DECIMAL(6,2)", "12345678", False),
        ("BOOLEAN", "true", True),
        ("BOOLEAN", "2", False),
        ("BIGINT", "9223372036854775808", False),
        ("FLOAT", "1.5", True),
        ("TIMESTAMP_NTZ", "2024-05-01T10:00:00", True),
    ],
)
def test_no_cast_changes_a_value_when_it_does_not_fit(
    spark: SparkSession, tmp_path: Path, type: str, given: str, fits: bool
) -> None:
    columns = f"- {{name: value, logicalType: string, physicalType: '{type}'}}"
    batch = Batch(spark, tmp_path, contract(tmp_path, columns))
    batch.load_rows(given, header="value")
    (row,) = batch.staged_rows()
    assert row["_load_failures"] == ([] if fits else ["value.type"])
    assert (row["value"] is not None) is fits


def test_infinite_and_nan_texts_stay_what_they_are_when_loaded(batch: Batch) -> None:
    batch.load_rows("a,2024-05-01,1e400,1", "b,2024-05-01,NaN,1", "c,2024-05-01,Infinity,1")
    values = [row["kilowatts"] for row in batch.staged_rows()]
    assert values[0] == values[2] == float("inf")
    assert values[1] != values[1]
    assert broken(batch) == [[], [], []]  # finiteness is a rule of the gate


def test_quotes_and_line_ends_are_read_when_values_hold_them(batch: Batch) -> None:
    batch.load_rows(
        '"a, ""b""\nc",2024-05-01,1,1', '"",2024-05-01,1,1', ",2024-05-01,1,1", 'x"y,2024-05-01,1,1'
    )
    rows = batch.staged_rows()
    assert [row["meter"] for row in rows] == ['a, "b"\nc', None, None, 'x"y']
    assert [row["_source_row"] for row in rows] == [1, 2, 3, 4]


def test_empty_text_stays_empty_when_the_source_says_what_null_is(
    spark: SparkSession, tmp_path: Path
) -> None:
    source = Source(files="readings/*.csv", null_values=("NA",))
    batch = Batch(spark, tmp_path, contract(tmp_path), source=source)
    batch.load_rows(",2024-05-01,NA,1", "NA,2024-05-01,1,1")
    assert [row["meter"] for row in batch.staged_rows()] == ["", None]


@pytest.mark.parametrize(
    "content", ["\ufeff" + text(ROW), text(ROW, end="\r\n"), text("", ROW, "")]
)
def test_rows_are_whole_when_file_has_a_mark_crlf_or_blank_lines(
    batch: Batch, content: str
) -> None:
    batch.load(batch.deliver(content))
    (row,) = batch.staged_rows()
    assert (row["meter"], row["phase"], row["_load_failures"]) == ("a", 1, [])


def test_rows_are_numbered_by_file_when_several_are_delivered(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path))
    named = {"a b+1%.csv": 3, "two.csv": 4, "three.csv": 1, "four.csv.gz": 2}
    files = []
    for name, rows in named.items():
        content = text(*[f"{name[0]},2024-05-01,1,{n + 1}" for n in range(rows)]).encode()
        files.append(
            batch.deliver(gzip.compress(content) if name.endswith("gz") else content, name)
        )
    batch.load(*files)
    rows = batch.staged_rows()
    assert [(row["_source_file"], row["_source_row"]) for row in rows] == [
        (f"readings/{name}", n + 1) for name in sorted(named) for n in range(named[name])
    ]
    assert all(row["phase"] == row["_source_row"] for row in rows)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "readings/one.csv: is empty"),
        (text(ROW).encode()[:-9], "readings/one.csv:2: the last line does not end"),
        (text(ROW, "Jos\u00e9,2024-05-01,1,1").encode("latin-1"), "readings/one.csv:3: byte 4"),
        (text(ROW).encode("utf-16"), "readings/one.csv:1: "),
        (text(ROW, "a\0,2024-05-01,1,1").encode(), "readings/one.csv:3: holds a NUL byte"),
        (text(ROW, '"a,2024-05-01,1,1').encode(), "readings/one.csv:3: a quote is opened"),
        (text(ROW, '"a"b,2024-05-01,1,1').encode(), "readings/one.csv:3: a closing quote"),
        (text(ROW).encode() + b"b,2024-05-01,1,1\r\n", "readings/one.csv:3: lines end in two ways"),
        (text(ROW, "x" * 1_000_001 + ",,,").encode(), "readings/one.csv:3: a value is longer"),
        (text("x" * 17_000_000).encode(), "readings/one.csv:2: a line is longer"),
    ],
)
def test_file_is_refused_with_its_line_when_it_is_damaged(
    batch: Batch, content: bytes, said: str
) -> None:
    with pytest.raises(SourceInvalid) as caught:
        batch.load(batch.deliver(content))
    assert str(caught.value).startswith(said)


def test_header_only_file_loads_no_row_when_delivered(batch: Batch) -> None:
    report = batch.load_rows()
    assert report.counts is not None
    assert report.counts.rows_in == 0
    assert batch.staged_rows() == []


@pytest.mark.parametrize("content", [b"not a gzip file\n", gzip.compress(text(ROW).encode())[:-12]])
def test_compressed_file_is_refused_when_it_is_not_whole(batch: Batch, content: bytes) -> None:
    with pytest.raises(SourceInvalid, match=r"one\.csv\.gz: is not a complete gzip file"):
        batch.load(batch.deliver(content, "one.csv.gz"))


def test_compressed_file_is_refused_when_it_unpacks_without_bound(batch: Batch) -> None:
    bomb = gzip.compress(text().encode() + b"a" * 999 + b",2024-05-01,1,1\n" * 8_000_000)
    assert len(bomb) < 400_000
    with pytest.raises(SourceInvalid, match="unpacks to more than 67108864 bytes"):
        batch.load(batch.deliver(bomb, "one.csv.gz"))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("meter,read_at,kilowatts", "lacks columns of the contract: phase"),
        ("meter,read_at,kilowatts,phase,colour", "does not know: colour"),
        ("read_at,meter,kilowatts,phase", "another order: read_at, meter"),
        ("meter,read_at,kilowatts,Phase", "differ from known ones by case: Phase"),
        ("meter,read_at,kilowatts,phase,PHASE", "has a column twice, as case makes no difference"),
        ("meter,read_at,kilowatts,phase,phase", "has a column twice: phase"),
        ("meter,read_at, kilowatts,phase", "with blanks around them: ' kilowatts'. Take them away"),
    ],
)
def test_frozen_table_refuses_the_file_when_its_header_differs(
    batch: Batch, header: str, said: str
) -> None:
    with pytest.raises(SchemaBroken) as caught:
        batch.load_rows(ROW + "," * (header.count(",") - 3), header=header)
    assert said in str(caught.value)
    assert str(caught.value).startswith("bronze.readings: readings/one.csv ")


WIDER = "colour,meter,read_at,kilowatts,phase"


def test_unknown_column_is_dropped_when_evolution_discards_values(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), evolution=Evolution.DISCARD_VALUE)
    batch.load_rows(f"red,{ROW}", f"{ROW}", header=WIDER)
    good, bad = batch.staged_rows()
    assert "colour" not in good
    assert (good["meter"], good["_load_failures"]) == ("a", [])
    assert bad["_load_failures"] == ["row.malformed"]  # although the dropped column is not read


def test_row_is_marked_when_evolution_discards_rows(spark: SparkSession, tmp_path: Path) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), evolution=Evolution.DISCARD_ROW)
    batch.load_rows(f"red,{ROW}", f",{ROW}", header=WIDER)
    assert broken(batch) == [["schema.unknown_column"], []]
    assert json.loads(str(batch.staged_rows()[0]["_raw"]))["colour"] == "red"


def test_unknown_column_is_kept_when_the_table_evolves(spark: SparkSession, tmp_path: Path) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), evolution=Evolution.EVOLVE)
    batch.load(batch.deliver(text(ROW)), batch.deliver(text(f"red,{ROW}", header=WIDER), "two.csv"))
    assert [(row["meter"], row["colour"]) for row in batch.staged_rows()] == [
        ("a", None),
        ("a", "red"),
    ]


def test_evolving_table_keeps_a_column_when_its_name_is_strange(
    spark: SparkSession, tmp_path: Path
) -> None:
    names = ["a b", "x;y", "a.b", "(m/s)"]
    batch = Batch(spark, tmp_path, contract(tmp_path), evolution=Evolution.EVOLVE)
    batch.load_rows(f"{ROW},1,2,3,4", header=f"{HEADER},{','.join(names)}")
    (row,) = batch.staged_rows()
    assert [row[name] for name in names] == ["1", "2", "3", "4"]


def test_evolving_table_refuses_a_column_when_its_name_is_reserved(batch: Batch) -> None:
    batch.build = batch.build.model_copy(update={"evolution": Evolution.EVOLVE})
    with pytest.raises(SchemaBroken, match="names are Headrace's own: _partition_x"):
        batch.load_rows(f"{ROW},1", header=f"{HEADER},_partition_x")


def test_strange_column_names_are_read_when_they_are_discarded(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), evolution=Evolution.DISCARD_ROW)
    batch.load_rows(f"{ROW},1", header=f'{HEADER},"a.`b, c"')
    assert broken(batch) == [["schema.unknown_column"]]


def manifest(file: str, **said: object) -> None:
    Path(f"{file}.manifest.json").write_text(json.dumps(said))


def test_file_loads_when_its_manifest_agrees(batch: Batch) -> None:
    content = text(ROW).encode()
    file = batch.deliver(content)
    manifest(file, bytes=len(content), sha256=hashlib.sha256(content).hexdigest().upper(), rows=1)
    assert batch.load(file).metrics["files"] == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"bytes": 1}, "its manifest says 1"),
        ({"sha256": "0" * 64}, "not those of the manifest's sha256"),
        ({"rows": 2}, "has 1 rows, its manifest says 2"),
    ],
)
def test_file_is_refused_when_its_manifest_disagrees(
    batch: Batch, said: dict[str, object], told: str
) -> None:
    file = batch.deliver(text(ROW))
    manifest(file, **said)
    with pytest.raises(SourceInvalid, match=told):
        batch.load(file)


def test_manifest_is_refused_when_it_is_not_json(batch: Batch) -> None:
    file = batch.deliver(text(ROW))
    Path(f"{file}.manifest.json").write_text("[")
    with pytest.raises(SourceInvalid, match=r"one\.csv\.manifest\.json: is not JSON"):
        batch.load(file)


def test_load_asks_again_when_no_file_is_there(batch: Batch) -> None:
    with pytest.raises(SourceMissing):
        batch.load()
    with pytest.raises(SourceMissing):
        batch.load(str(batch.folder / "landing" / "readings" / "none.csv"))


def test_load_gives_the_same_when_it_runs_twice(batch: Batch) -> None:
    batch.load_rows(ROW, "b,x,1,1")
    before = batch.staged_rows()
    batch.load_rows(ROW, "b,x,1,1")
    assert batch.staged_rows() == before


# Parquet


def parquet(batch: Batch, name: str, **columns: object) -> str:
    file = batch.folder / "landing" / "readings" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)
    return str(file)


@pytest.fixture
def parquet_batch(spark: SparkSession, tmp_path: Path) -> Batch:
    source = Source(files="readings/*.parquet", format="parquet")
    return Batch(spark, tmp_path, contract(tmp_path), source=source)


def test_parquet_is_cast_and_numbered_when_types_differ(parquet_batch: Batch) -> None:
    when = [datetime(2024, 5, 1, tzinfo=UTC)] * 3
    file = parquet(
        parquet_batch,
        "one.parquet",
        meter=["a", "b", "c"],
        read_at=when,
        kilowatts=[1, 2, 3],
        phase=[1.0, 2.5, 1e12],
    )
    parquet_batch.load(file)
    rows = parquet_batch.staged_rows()
    assert [row["kilowatts"] for row in rows] == [1.0, 2.0, 3.0]
    assert [row["phase"] for row in rows] == [1, None, None]
    assert [row["_source_row"] for row in rows] == [1, 2, 3]
    assert broken(parquet_batch) == [[], ["phase.type"], ["phase.type"]]


def test_parquet_is_refused_when_it_is_cut_or_lacks_columns(parquet_batch: Batch) -> None:
    file = parquet(parquet_batch, "one.parquet", meter=["a"])
    with pytest.raises(SchemaBroken, match="lacks columns of the contract: read_at, kilowatts"):
        parquet_batch.load(file)
    Path(file).write_bytes(Path(file).read_bytes()[:-20])
    with pytest.raises(SourceInvalid, match=r"one\.parquet: is not a Parquet file, or was cut"):
        parquet_batch.load(file)


def test_column_is_refused_when_its_type_can_never_fit(parquet_batch: Batch) -> None:
    when = [datetime(2024, 5, 1, tzinfo=UTC)]
    file = parquet(
        parquet_batch, "one.parquet", meter=["a"], read_at=when, kilowatts=[1.0], phase=[[1]]
    )
    with pytest.raises(SchemaBroken, match="cannot become the contract's type"):
        parquet_batch.load(file)
