"""A derived table is its transform of the pinned inputs, or its batch is refused."""

from datetime import datetime

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.pipeline import Input, WriteMode
from headrace_schemas.errors import (
    SchemaBroken,
    StaleInput,
    TransformInvalid,
)
from headrace_schemas.wire.spec import PinnedInput, PinnedTable
from tests.jobs.batches import JUNE, MAY, READINGS, ROW, Batch, contract

pytestmark = pytest.mark.spark


def doubled(readings: DataFrame) -> DataFrame:
    return readings.withColumn("kilowatts", F.col("kilowatts") * 2)


def bounded(readings: DataFrame, *, start: datetime, end: datetime) -> DataFrame:
    seconds = int((end - start).total_seconds())
    return readings.withColumn("phase", F.lit(seconds))


def narrowed(readings: DataFrame) -> DataFrame:
    return readings.drop("phase")


def counted(readings: DataFrame) -> DataFrame:
    return readings.groupBy("meter", "read_at").agg(
        F.sum("kilowatts").alias("kilowatts"), F.count("*").alias("phase")
    )


def misnamed(values: DataFrame) -> DataFrame:
    return values


@pytest.fixture
def published(batch: Batch) -> PinnedTable:
    batch.load_rows(ROW, "b,2024-05-02,2,2")
    batch.gate()
    table = batch.publish().table
    assert table is not None
    return table


def derived(batch: Batch, transform: str | None, **build: object) -> Batch:
    folder = batch.folder / "derived"
    silver = contract(folder, READINGS, name="silver.readings")
    where = None if transform is None else f"{__name__}:{transform}"
    return Batch(
        batch.spark,
        folder,
        silver,
        source=None,
        transform=where,
        inputs={"readings": Input(table="bronze.readings")},
        **build,
    )


def pinned(table: PinnedTable, *keys: str) -> dict[str, PinnedInput]:
    return {"readings": PinnedInput(table=table, partitions=keys or (MAY.key,))}


def test_transform_reads_the_pinned_version_when_a_newer_one_exists(
    batch: Batch, published: PinnedTable
) -> None:
    batch.load_rows("z,2024-05-09,9,9")
    batch.gate()
    batch.publish()
    silver = derived(batch, "doubled")
    silver.load(inputs=pinned(published))
    rows = silver.staged_rows()
    assert [(row["meter"], row["kilowatts"]) for row in rows] == [("a", 3.0), ("b", 4.0)]
    assert [row["_source_row"] for row in rows] == [1, 2]
    assert rows[0]["_batch_id"] == "silver.readings/2024-05"


def test_input_is_handed_on_when_there_is_no_transform(
    batch: Batch, published: PinnedTable
) -> None:
    silver = derived(batch, None)
    silver.load(inputs=pinned(published))
    assert [row["meter"] for row in silver.staged_rows()] == ["a", "b"]


def test_rows_have_no_position_when_the_transform_makes_new_ones(
    batch: Batch, published: PinnedTable
) -> None:
    silver = derived(batch, "counted")
    silver.load(inputs=pinned(published))
    rows = silver.staged_rows()
    assert {row["_source_file"] for row in rows} == {None}
    assert {row["_source_row"] for row in rows} == {None}
    assert {type(row["phase"]) for row in rows} == {int}


def test_transform_gets_the_bounds_when_it_asks_for_them(
    batch: Batch, published: PinnedTable
) -> None:
    silver = derived(batch, "bounded")
    silver.load(inputs=pinned(published))
    assert {row["phase"] for row in silver.staged_rows()} == {31 * 24 * 3600}


def test_sql_file_makes_the_table_when_it_is_the_transform(
    batch: Batch, published: PinnedTable
) -> None:
    silver = derived(batch, None)
    file = batch.folder / "half.sql"
    file.write_text(
        "SELECT meter, read_at, kilowatts / 2 AS kilowatts, phase FROM readings "
        "WHERE read_at >= :start AND read_at < :end"
    )
    silver.build = silver.build.model_copy(update={"transform": "half.sql"})
    spec = silver.load_spec(inputs=pinned(published))
    from headrace_jobs.tables import load

    load.run(batch.spark, spec.model_copy(update={"transform_path": str(file)}))
    assert [row["kilowatts"] for row in silver.staged_rows()] == [0.75, 1.0]
    with pytest.raises(TransformInvalid, match="no such file"):
        load.run(batch.spark, spec.model_copy(update={"transform_path": str(file) + "x"}))
    file.write_text("SELECT nothing FROM readings")
    with pytest.raises(TransformInvalid, match="UNRESOLVED_COLUMN"):
        load.run(batch.spark, spec.model_copy(update={"transform_path": str(file)}))


def test_transform_is_refused_when_it_does_not_fit(batch: Batch, published: PinnedTable) -> None:
    with pytest.raises(TransformInvalid, match="has no attribute 'nothing'"):
        derived(batch, "nothing").load(inputs=pinned(published))
    with pytest.raises(TransformInvalid, match=r"parameters are \['values'\]"):
        derived(batch, "misnamed").load(inputs=pinned(published))
    with pytest.raises(SchemaBroken, match="lacks columns of the contract: phase"):
        derived(batch, "narrowed").load(inputs=pinned(published))
    whole = derived(batch, "bounded")
    whole.partition = None
    with pytest.raises(TransformInvalid, match="asks for start, the table has no partition"):
        whole.load(inputs=pinned(published))


def test_load_asks_again_when_an_input_lacks_the_partition(
    batch: Batch, published: PinnedTable
) -> None:
    silver = derived(batch, "doubled")
    silver.partition = JUNE
    with pytest.raises(StaleInput, match=r"has not published partition 2024-06 yet"):
        silver.load(inputs=pinned(published, "2024-05", "2024-06"))


def test_only_the_pinned_partitions_are_read_when_the_input_has_others(
    batch: Batch, published: PinnedTable
) -> None:
    batch.partition = JUNE
    batch.load_rows("j,2024-06-01,1,1")
    batch.gate()
    table = batch.publish().table
    assert table is not None
    both = tables.read(batch.spark, table)
    assert {row["_partition"] for row in both.collect()} == {"2024-05", "2024-06"}
    silver = derived(batch, "doubled", write=WriteMode.APPEND)
    silver.partition = JUNE
    silver.load(inputs=pinned(table, "2024-06"))
    assert [row["meter"] for row in silver.staged_rows()] == ["j"]


def test_contract_hash_is_unmoved_when_a_batch_is_loaded(batch: Batch) -> None:
    before: Contract = batch.contract
    batch.load_rows(ROW)
    assert batch.contract.hash == before.hash
