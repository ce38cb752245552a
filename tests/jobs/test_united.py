"""Files of one batch are typed by themselves, then united: no file changes the values of another."""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession, types

from headrace_jobs.sources.united import containing
from headrace_schemas.declarations.pipeline import Evolution
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SchemaBroken, SourceInvalid
from tests.jobs.batches import Batch, contract

METERS = """
- {name: meter, logicalType: string, physicalType: STRING, primaryKey: true, primaryKeyPosition: 1}
- {name: serial, logicalType: integer, physicalType: BIGINT}
- {name: read_at, logicalType: timestamp, physicalType: TIMESTAMP}
- {name: clock, logicalType: timestamp, physicalType: TIMESTAMP_NTZ}
- {name: visits, logicalType: array, physicalType: "ARRAY<STRUCT<at: TIMESTAMP, by: STRING>>"}
"""

EXACT = 9007199254740993
HOUR_NS = 3_600_000_000_000


def parquet_batch(spark: SparkSession, folder: Path, evolution: Evolution) -> Batch:
    source = Source(files="readings/*.parquet", format="parquet")
    return Batch(spark, folder, contract(folder, METERS), source=source, evolution=evolution)


def deliver(batch: Batch, name: str, **columns: object) -> str:
    file = batch.folder / "landing" / "readings" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = len(next(iter(columns.values())))  # type: ignore[arg-type]
    given = {
        "meter": [name] * rows,
        "serial": pa.nulls(rows),
        "read_at": pa.nulls(rows),
        "clock": pa.nulls(rows),
        "visits": pa.nulls(rows),
        **columns,
    }
    pq.write_table(pa.table(given), file, write_page_checksum=True)
    return str(file)


def nanoseconds(*values: int | None, zone: str | None = None) -> pa.Array:
    return pa.array(values, pa.timestamp("ns", zone))


def test_each_file_keeps_its_values_when_types_differ(engine: SparkSession, tmp_path: Path) -> None:
    batch = parquet_batch(engine, tmp_path, Evolution.EVOLVE)
    batch.load(
        deliver(batch, "long", serial=[EXACT], extra=pa.array([1], pa.int8())),
        deliver(batch, "double", serial=[5.0, 2.5, None], extra=pa.array([EXACT] * 3)),
        deliver(batch, "small", serial=pa.array([7], pa.int8()), extra=pa.nulls(1)),
        deliver(batch, "text", serial=["8"], visits=[[]]),
        deliver(batch, "lists", visits=[[{"at": None, "by": "x"}], [None], [], None]),
        deliver(
            batch,
            "whole",
            read_at=nanoseconds(HOUR_NS, -1_000, None, zone="UTC"),
            clock=nanoseconds(HOUR_NS + 1_000, -1_000, None),
        ),
        deliver(
            batch,
            "fine",
            read_at=nanoseconds(HOUR_NS, 1_001, None, -1, zone="UTC"),
            clock=nanoseconds(HOUR_NS, 7_000, None, 1),
        ),
        deliver(batch, "coarse", read_at=pa.array([1], pa.timestamp("s", "UTC"))),
    )
    rows = {(row["meter"], row["_source_row"]): row for row in batch.staged_rows()}
    first = datetime(1970, 1, 1)
    hour, before = first.replace(hour=1), datetime(1969, 12, 31, 23, 59, 59, 999_999)

    def values(name: str, column: str) -> list[object]:
        return [row[column] for (meter, _), row in sorted(rows.items()) if meter == name]

    assert [values(name, "serial") for name in ("long", "double", "small", "text")] == [
        [EXACT],
        [5, None, None],
        [7],
        [8],
    ]
    assert values("double", "_load_failures") == [[], ["serial.type"], []]
    assert values("text", "visits") == [[]]
    assert values("lists", "visits") == [[{"at": None, "by": "x"}], [None], [], None]
    assert values("long", "extra") == [1]
    assert values("double", "extra") == [EXACT] * 3
    assert values("small", "extra") == values("text", "extra") == [None]
    assert values("whole", "read_at") == [hour, before, None]
    assert values("whole", "clock") == [hour.replace(microsecond=1), before, None]
    assert values("whole", "_load_failures") == [[], [], []]
    assert values("fine", "read_at") == [hour, None, None, None]
    assert values("fine", "clock") == [hour, first.replace(microsecond=7), None, None]
    assert values("fine", "_load_failures") == [
        [],
        ["read_at.type"],
        [],
        ["read_at.type", "clock.type"],
    ]
    assert '"read_at":"1969-12-31 23:59:59.999999999Z"' in str(values("fine", "_raw")[3])
    assert values("coarse", "read_at") == [datetime(1970, 1, 1, 0, 0, 1)]


def test_nanoseconds_are_the_texts_that_other_times_are(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = parquet_batch(spark, tmp_path, Evolution.FREEZE)
    whole = deliver(batch, "a", meter=nanoseconds(HOUR_NS, HOUR_NS + 1_000, zone="UTC"))
    fine = deliver(batch, "b", meter=nanoseconds(HOUR_NS, HOUR_NS + 1_000, -1, zone="UTC"))
    batch.load(whole, fine)
    first, second = "1970-01-01 01:00:00", "1970-01-01 01:00:00.000001"
    assert sorted(str(row["meter"]) for row in batch.staged_rows()) == sorted(
        [first, second, first, second, "1969-12-31 23:59:59.999999999"]
    )
    for name, column in (("whole", nanoseconds(1_000)), ("fine", nanoseconds(1))):
        number = deliver(batch, name, serial=column)
        with pytest.raises(SchemaBroken, match="serial is TIMESTAMP_NTZ, the contract says BIGINT"):
            batch.load(number)


def test_files_are_refused_when_they_give_an_unknown_column_types_that_no_type_holds(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = parquet_batch(spark, tmp_path, Evolution.EVOLVE)
    one, two = deliver(batch, "one", extra=[1]), deliver(batch, "two", Extra=["x"])
    with pytest.raises(SchemaBroken) as caught:
        batch.load(one, two)
    assert str(caught.value).startswith(
        "bronze.readings: files give a column different types: Extra is bigint in readings/one and "
        "string in readings/two. "
    )
    fine = deliver(batch, "fine", extra=nanoseconds(1))
    with pytest.raises(SourceInvalid, match="fine: column extra has parts of microseconds"):
        batch.load(fine)


def test_damaged_page_names_the_file_that_was_delivered(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = parquet_batch(spark, tmp_path, Evolution.FREEZE)
    good, bad = deliver(batch, "good", serial=[1]), Path(deliver(batch, "bad", serial=[EXACT]))
    content = bytearray(bad.read_bytes())
    content[content.index(b"bad") + 1] ^= 1
    bad.write_bytes(content)
    with pytest.raises(SourceInvalid, match=r"^readings/bad: Spark cannot read it"):
        batch.load(good, str(bad))


@pytest.mark.parametrize(
    ("one", "other", "wide"),
    [
        (types.ByteType(), types.LongType(), "bigint"),
        (types.IntegerType(), types.DoubleType(), "double"),
        (types.FloatType(), types.DoubleType(), "double"),
        (types.LongType(), types.DoubleType(), None),
        (types.LongType(), types.DecimalType(20, 0), "decimal(20,0)"),
        (types.LongType(), types.DecimalType(20, 2), None),
        (types.DecimalType(5, 2), types.DecimalType(9, 4), "decimal(9,4)"),
        (types.DecimalType(5, 2), types.DecimalType(6, 4), None),
        (types.DecimalType(5, 2), types.DoubleType(), None),
        (types.IntegerType(), types.FloatType(), None),
        (types.DateType(), types.TimestampType(), None),
        (types.TimestampNTZType(), types.TimestampType(), None),
        (types.BooleanType(), types.IntegerType(), None),
        (types.ArrayType(types.IntegerType()), types.ArrayType(types.LongType()), None),
    ],
)
def test_one_type_holds_another_only_if_it_holds_each_value(
    one: types.DataType, other: types.DataType, wide: str | None
) -> None:
    for found in (containing(one, other), containing(other, one)):
        assert (found.simpleString() if found else None) == wide
