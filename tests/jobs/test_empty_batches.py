"""A batch without rows: published where the contract says so, and seen by who looks back at it."""

from pathlib import Path

import pyarrow
import pytest
from deltalake import DeltaTable
from pyarrow import parquet
from pyspark.sql import DataFrame, SparkSession

from headrace_jobs.lake.history import at
from headrace_schemas.declarations.empty_batches import published_empty
from headrace_schemas.declarations.pipeline import Input, WriteMode
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import StaleInput
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.wire.spec import PinnedInput, PinnedTable
from tests.jobs.batches import HEADER, Batch, contract

pytestmark = pytest.mark.spark

JANUARY, FEBRUARY = (Partition.parse(PartitionUnit.MONTH, f"2024-0{n}") for n in (1, 2))

MAY_BE_EMPTY = """
- {name: readings.counted, type: library, metric: rowCount, mustBeGreaterOrEqualTo: 0}
- {name: readings.mean, type: sql, query: "SELECT avg(kilowatts) FROM {table}", mustBeLessThan: 9}
- {name: phases.known, type: library, metric: nullValues, unit: percent, mustBeLessThan: 9,
   arguments: {properties: [phase]}}
"""

FRESH = "[{property: freshness, value: 2, unit: d, element: readings.read_at}]"


def both(january: DataFrame) -> DataFrame:
    return january


def empty_batch(spark: SparkSession, folder: Path, **build: object) -> Batch:
    """January's, of which the contract says that it may have no rows."""
    made = Batch(spark, folder, contract(folder, quality=MAY_BE_EMPTY, sla=FRESH), **build)
    made.partition, made.as_of = JANUARY, JANUARY.end
    return made


def published(batch: Batch) -> PinnedTable:
    report = batch.gate()
    assert (report.verdict, report.failures) == ("passed", ())
    table = batch.publish().table
    assert table is not None
    assert table.version == DeltaTable(batch.table).version()
    return table


def noted(batch: Batch) -> set[str]:
    return published_empty(DeltaTable(batch.table).metadata().configuration)


def test_partition_counts_as_published_when_it_was_published_empty(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = empty_batch(engine, tmp_path)
    batch.load_rows()
    table = published(batch)
    assert DeltaTable(batch.table).to_pyarrow_table().num_rows == 0
    assert noted(batch) == {"2024-01"}
    assert batch.publish().table == table  # once more: nothing new to say
    derived = Batch(
        engine,
        tmp_path / "silver",
        contract(tmp_path / "silver", name="silver.readings"),
        source=None,
        transform=f"{__name__}:both",
        inputs={"january": Input(table="bronze.readings", lookback=1)},
    )
    derived.partition = JANUARY
    pinned = {"january": PinnedInput(table=table, partitions=("2023-12", "2024-01"))}
    assert derived.load(inputs=pinned).counts.rows_out == 0  # type: ignore[union-attr]
    derived.partition = FEBRUARY
    pinned = {"january": PinnedInput(table=table, partitions=("2024-01", "2024-02"))}
    with pytest.raises(StaleInput, match="has not published partition 2024-02"):
        derived.load(inputs=pinned)


def test_note_goes_with_the_batch_when_a_table_is_restored(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = empty_batch(spark, tmp_path, write=WriteMode.APPEND)
    batch.load_rows()
    january = published(batch)
    assert noted(batch) == {"2024-01"}
    for version, expected in ((0, set()), (january.version, {"2024-01"})):
        spark.sql(f"RESTORE TABLE {at(batch.table)} TO VERSION AS OF {version}")
        assert noted(batch) == expected


def test_rows_take_the_place_of_nothing_when_they_come_later(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = empty_batch(spark, tmp_path, write=WriteMode.MERGE)
    batch.load_rows()
    published(batch)
    assert noted(batch) == {"2024-01"}
    batch.load_rows("a,2024-01-31T00:00:00Z,1.5,1")
    published(batch)
    assert DeltaTable(batch.table).partitions() == [{"_partition": "2024-01"}]


def test_whole_table_is_published_when_its_parquet_has_no_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    source = Source(files="readings/*", format="parquet")
    batch = empty_batch(spark, tmp_path, source=source)
    batch.partition = batch.as_of = None
    types = (pyarrow.string(), pyarrow.timestamp("us", "UTC"), pyarrow.float64(), pyarrow.int32())
    schema = pyarrow.schema(list(zip(HEADER.split(","), types, strict=True)))
    file = Path(batch.deliver(b"", "one.parquet"))
    parquet.write_table(schema.empty_table(), file)
    batch.load(str(file))
    published(batch)
    assert DeltaTable(batch.table).to_pyarrow_table().num_rows == 0
    assert noted(batch) == set()


def test_empty_batch_is_no_delivery_when_quarantine_emptied_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = empty_batch(spark, tmp_path)
    batch.load_rows("a,x,1,1", "b,2024-01-31T00:00:00Z,1,x")
    report = batch.gate()
    assert report.error is not None
    assert "read_at.type (1 of 2 rows); phase.type (1 of 2 rows)" in report.error.message
    assert "2 of 2 rows would go to quarantine" in report.error.message


def test_columns_are_judged_when_a_batch_that_may_be_empty_is_not(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = empty_batch(spark, tmp_path)
    batch.load_rows("a,2024-01-03T00:00:00Z,,")
    report = batch.gate()
    assert report.verdict == "failed"
    assert {one.rule for one in report.failures} == {
        "kilowatts.not_all_null",
        "phase.not_all_null",
        "table.fresh",
        "readings.mean",
        "phases.known",
    }
