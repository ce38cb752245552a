"""Parquet files that Spark would fail on, cut, or unpack for ever are refused by file and column."""

import base64
import decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from pyspark.sql import SparkSession

from headrace_jobs.sources import parquet_form
from headrace_jobs.sources.parquet_form import Nanoseconds, ParquetForm, read_parquet_form
from headrace_schemas.errors import SourceInvalid

NS = pa.timestamp("ns")


def form(folder: Path, table: pa.Table, **options: object) -> ParquetForm:
    pq.write_table(table, folder / "one.parquet", **options)
    return read_parquet_form(str(folder / "one.parquet"), "one.parquet")


def refusal(folder: Path, table: pa.Table | None = None, **options: object) -> str:
    if table is not None:
        pq.write_table(table, folder / "one.parquet", **options)
    with pytest.raises(SourceInvalid) as caught:
        read_parquet_form(str(folder / "one.parquet"), "one.parquet")
    return str(caught.value)


READ = {
    "nothing": pa.nulls(1),
    "flag": pa.array([True]),
    "tiny": pa.array([1], pa.int8()),
    "unsigned": pa.array([2**64 - 1], pa.uint64()),
    "float": pa.array([1.5], pa.float32()),
    "day": pa.array([1], pa.date32()),
    "milliseconds": pa.array([1], pa.timestamp("ms", "UTC")),
    "clock": pa.array([1], pa.timestamp("us")),
    "nanoseconds": pa.array([1], NS),
    "bytes": pa.array([b"x"]),
    "fixed": pa.array([b"xy"], pa.binary(2)),
    "document": pa.array(["{}"], pa.json_(pa.utf8())),
    "large": pa.array(["x"], pa.large_string()),
    "view": pa.array(["x"], pa.string_view()),
    "dictionary": pa.array(["x"]).dictionary_encode(),
    "decimal": pa.array([decimal.Decimal("1.20")]),
    "list": pa.array([[1]]),
    "list view": pa.array([[1]], pa.list_view(pa.int64())),
    "fixed.list": pa.array([[1]], pa.list_(pa.int64(), 1)),
    "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "struct": pa.array([{"a": 1, "b": [{"c": "x"}], "nothing": None}]),
}


def test_what_passes_is_what_spark_reads(spark: SparkSession, tmp_path: Path) -> None:
    parts = []
    for codec in ("none", "snappy", "gzip", "zstd", "lz4"):
        found = form(tmp_path, pa.table(READ), compression=codec)
        assert found.columns == tuple(READ)
        assert (found.rows, found.empty) == (1, ("nothing", "struct.nothing"))
        (tmp_path / "one.parquet").rename(tmp_path / f"{codec}.parquet")
        parts.append(str(tmp_path / f"{codec}.parquet"))
    frame = spark.read.parquet(*parts)
    assert frame.columns == list(READ)
    rows = [str(row) for row in frame.collect()]
    assert len(rows) == len(parts)
    assert len(set(rows)) == 1


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (pa.array([1.5], pa.float16()), "v has the Parquet type Float16"),
        (pa.array([1], pa.time64("us")), "v has the Parquet type Time"),
        (
            pa.array([{"t": 1}], pa.struct([("t", pa.time32("ms"))])),
            "v.t has the Parquet type Time",
        ),
        (pa.array([bytes(16)], pa.uuid()), "v has the Parquet type UUID"),
        (pa.array([decimal.Decimal(1)], pa.decimal256(45)), "v has the Parquet type Decimal of 45"),
        (pa.array([[0]], pa.list_(NS)), "v.list.element has nanoseconds within a struct or list"),
    ],
)
def test_type_is_refused_when_spark_does_not_read_it(
    tmp_path: Path, array: pa.Array, told: str
) -> None:
    assert refusal(tmp_path, pa.table({"v": array})).startswith(f"one.parquet: column {told}")


def test_file_is_refused_when_spark_cannot_unpack_it(tmp_path: Path) -> None:
    table = pa.table({"a": [1.5], "b": [1.5]})
    assert "column a is compressed with BROTLI" in refusal(tmp_path, table, compression="brotli")
    split = {"use_dictionary": False, "column_encoding": {"b": "BYTE_STREAM_SPLIT", "a": "PLAIN"}}
    assert "column b is encoded with BYTE_STREAM_SPLIT" in refusal(tmp_path, table, **split)
    metadata: list[pq.FileMetaData] = []
    pq.write_table(table, tmp_path / "two.parquet", metadata_collector=metadata)
    metadata[0].set_file_path("two.parquet")
    metadata[0].write_metadata_file(tmp_path / "one.parquet")
    assert "column a has its values in another file" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "A"], "columns a and A differ by case only"),
        (["a", "a"], "has column a twice"),
        (["a", ""], "has a column without a name"),
        ([], "has no columns"),
        ([f"c{number}" for number in range(10_001)], "has 10001 columns, more than 10000"),
    ],
    ids=["case", "twice", "nameless", "none", "wide"],
)
def test_file_is_refused_when_columns_cannot_be_told_apart(
    tmp_path: Path, names: list[str], told: str
) -> None:
    table = pa.table([pa.array([1])] * len(names), names=names)
    assert refusal(tmp_path, table).startswith(f"one.parquet: {told}")


def test_fields_are_refused_when_they_differ_by_case(tmp_path: Path) -> None:
    table = pa.table({"s": pa.array([{"Lat": {"x": 1}, "lat": {"y": 2}}])})
    assert "columns s.Lat and s.lat differ by case only" in refusal(tmp_path, table)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"PAR1", "is not a Parquet"),
        (b"\x1f\x8b" * 50, "is packed with gzip"),
        (b"PAR1" + bytes(50) + b"\xff\xff\xff\x7fPAR1", "is not a Parquet"),
        (b"PAR1" + bytes(50) + b"\x20\0\0\0PAR1", "is not a Parquet"),
    ],
)
def test_file_is_refused_when_it_is_not_whole(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "one.parquet").write_bytes(content)
    assert refusal(tmp_path).startswith(f"one.parquet: {told}")


class Keys(pe.KmsClient):
    """Wraps keys without hiding them."""

    def __init__(self, config: object) -> None:
        super().__init__()

    def wrap_key(self, key: bytes, master: str) -> bytes:
        return base64.b64encode(key)

    def unwrap_key(self, key: bytes, master: str) -> bytes:
        return base64.b64decode(key)


@pytest.mark.parametrize("plaintext_footer", [True, False])
def test_encrypted_file_is_refused_whether_its_footer_is_or_not(
    tmp_path: Path, plaintext_footer: bool
) -> None:
    config = pe.EncryptionConfiguration(
        footer_key="footer", column_keys={"columns": ["v"]}, plaintext_footer=plaintext_footer
    )
    properties = pe.CryptoFactory(Keys).file_encryption_properties(pe.KmsConnectionConfig(), config)
    table = pa.table({"v": [1]})
    with pq.ParquetWriter(
        tmp_path / "one.parquet", table.schema, encryption_properties=properties
    ) as writer:
        writer.write_table(table)
    assert refusal(tmp_path) == ("one.parquet: is encrypted. Deliver the file without encryption.")


def repeated(value: object, times: int) -> pa.Array:
    indices = pa.nulls(times, pa.int32()).fill_null(0)
    return pa.DictionaryArray.from_arrays(indices, pa.array([value]))


@pytest.mark.parametrize(
    "array",
    [
        repeated("x" * 1_000_000, 1_500),
        repeated(b"x" * 1_000, 1_500_000),
        pa.ListArray.from_arrays([0, 1_500], repeated("x" * 1_000_000, 1_500)),
    ],
)
def test_file_is_refused_when_it_unpacks_without_bound(tmp_path: Path, array: pa.Array) -> None:
    told = refusal(tmp_path, pa.table({"v": array}))
    size = (tmp_path / "one.parquet").stat().st_size
    assert size < 300_000
    assert told == (
        f"one.parquet: unpacks to more than 1073741824 bytes. A file of {size} bytes may not; "
        "deliver large batches as several files."
    )


def test_texts_are_counted_exactly_when_few_are_long(tmp_path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(
        pa.nulls(2_000_000, pa.int32()).fill_null(0), pa.array(["x", "y" * 100_000])
    )
    assert form(tmp_path, pa.table({"v": texts})).rows == 2_000_000


def test_texts_are_counted_when_each_repeats_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_form, "SMALL_UNPACKED", 6_000_000)
    options = {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"}
    assert form(tmp_path, pa.table({"v": ["x" * 100_000] * 58}), **options).rows == 58
    told = refusal(tmp_path, pa.table({"v": ["x" * 100_000] * 61}), **options)
    assert "unpacks to more than 6000000 bytes" in told


def test_file_is_refused_when_it_has_rows_without_bound(tmp_path: Path) -> None:
    table = pa.table({"v": pa.nulls(1 << 20, pa.int64())})
    with pq.ParquetWriter(tmp_path / "one.parquet", table.schema) as writer:
        for _ in range(130):
            writer.write_table(table)
    assert "unpacks to more than 1073741824 bytes" in refusal(tmp_path)


def test_ten_million_rows_of_constants_pass(tmp_path: Path) -> None:
    rows = 10_000_000
    numbers = pa.nulls(rows, pa.int64()).fill_null(7)
    table = pa.table({"text": repeated("EWR", rows), "id": numbers, "other": repeated("é", rows)})
    assert form(tmp_path, table).rows == rows
    assert (tmp_path / "one.parquet").stat().st_size < 200_000


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_nanoseconds_are_told_from_whole_microseconds(tmp_path: Path, zone: str | None) -> None:
    type = pa.timestamp("ns", zone)
    table = pa.table(
        {
            "a.b": pa.array([1_000, None, -1_000], type),
            "fine": pa.array([1_000, None, -1], type),
        }
    )
    is_utc = zone is not None
    assert form(tmp_path, table).nanoseconds == {
        "a.b": Nanoseconds(is_utc=is_utc, is_whole=True),
        "fine": Nanoseconds(is_utc=is_utc, is_whole=False),
    }


def test_old_timestamps_are_refused_only_when_they_would_be_cut(tmp_path: Path) -> None:
    far = pa.array([253402300799_000000, None, -62135596800_000000], pa.timestamp("us"))
    whole = pa.table({"v": far})
    assert form(tmp_path, whole, use_deprecated_int96_timestamps=True).nanoseconds == {}
    fine = pa.table({"v": pa.array([1_000, 1], NS)})
    told = refusal(tmp_path, fine, use_deprecated_int96_timestamps=True)
    assert "column v has nanoseconds in the old type INT96" in told
