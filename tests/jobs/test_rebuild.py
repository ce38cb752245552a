"""A table built anew: all of it by the contract as it is now, or nothing."""

from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from headrace_jobs.tables import rebuild
from headrace_schemas.declarations.empty_batches import published_empty
from headrace_schemas.declarations.pipeline import Evolution
from headrace_schemas.errors import WriteConflict
from headrace_schemas.wire.spec import PinnedTable
from headrace_schemas.wire.table_jobs import RebuildSpec, RebuiltBatch
from tests.jobs.batches import JUNE, MAY, Batch, contract
from tests.jobs.readers import read

pytestmark = pytest.mark.spark

METER = "- {name: meter, logicalType: string, physicalType: STRING, primaryKey: true}\n"
OLD = (
    METER
    + """
- {name: v, logicalType: integer, physicalType: BIGINT}
- {name: gone, logicalType: string, physicalType: STRING}
"""
)
NEW = METER + "- {name: v, logicalType: integer, physicalType: INT}"

FILES = {
    MAY: "meter,v,gone\na,1,x\nb,9999999999,y\n",
    JUNE: "meter,v,gone\nc,3,z\na,4,z\n",
}


def spec(batch: Batch, delivered: dict[str, str], version: int) -> RebuildSpec:
    partitions = {one.key: one for one in FILES}
    folder = batch.folder / "rebuild" / str(batch.attempt)
    batches = [
        RebuiltBatch(
            partition=partitions[key],
            source_files=(file,),
            staged_uri=f"{folder}/{key}/staged",
            gated_uri=f"{folder}/{key}/gated",
            record_uri=f"{batch.record}/{key}",
        )
        for key, file in delivered.items()
    ]
    table = PinnedTable(name=batch.contract.name, uri=batch.table, version=version)
    return RebuildSpec(
        **batch.head(),
        build=batch.build,
        contract=batch.contract,
        table=table,
        batches=tuple(batches),
        table_uri=batch.table,
        quarantine_uri=batch.quarantine,
    )


def test_table_is_the_new_contract_s_in_one_commit_when_it_is_built_anew(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path, OLD), evolution=Evolution.DISCARD_VALUE)
    delivered = {}
    for batch.partition, text in FILES.items():
        delivered[batch.partition.key] = batch.deliver(text, f"{batch.partition.key}.csv")
        batch.load(delivered[batch.partition.key])
        assert batch.gate().verdict == "passed"
        batch.publish()
    before, version = read(batch.table, "_partition"), DeltaTable(batch.table).version()

    # one batch fails: nothing is changed
    enough = "[{name: enough, type: library, metric: rowCount, mustBeGreaterThan: 1}]"
    batch.contract = contract(tmp_path, NEW, enough)
    failed = rebuild.run(engine, spec(batch, delivered, version))
    assert (failed.job, failed.status, failed.table) == ("rebuild", "failed", None)
    assert failed.gate is not None
    assert failed.warnings() == failed.gate.warnings() != []
    assert failed.error is not None
    assert failed.error.fields["partition"] == MAY.key  # one row of two has a value too large
    assert read(batch.table, "_partition") == before
    assert not DeltaTable.is_deltatable(batch.quarantine)

    # someone published meanwhile: nothing is changed
    batch.contract = contract(tmp_path, NEW)
    with pytest.raises(WriteConflict, match="rebuild"):
        rebuild.run(engine, spec(batch, delivered, version - 1))
    assert DeltaTable(batch.table).version() == version

    report = rebuild.run(engine, spec(batch, delivered, version))

    assert report.table is not None
    assert report.table.version == DeltaTable(batch.table).version() == version + 1
    assert report.counts is not None
    assert report.counts.model_dump() == {"rows_in": 4, "rows_out": 2, "rows_quarantined": 2}
    assert [
        (row["meter"], row["v"], row["_partition"], row["_source_file"], "gone" in row)
        for row in read(batch.table, "_partition")
    ] == [
        ("a", 1, "2024-05", "readings/2024-05.csv", False),
        ("c", 3, "2024-06", "readings/2024-06.csv", False),
    ]
    bad = read(batch.quarantine, "_partition")
    assert [(row["rule_ids"], row["_partition"], row["source_row"]) for row in bad] == [
        (["v.type"], "2024-05", 2),
        (["key.unique_in_table"], "2024-06", 2),
    ]
    old = engine.read.format("delta").option("versionAsOf", version).load(batch.table)
    assert sorted(row["gone"] for row in old.collect()) == ["x", "y", "z", "z"]

    # the next batch goes on as ever
    batch.partition = JUNE
    batch.load(delivered[JUNE.key])
    batch.gate()
    batch.publish()
    assert sorted(row["v"] for row in read(batch.table, "_partition")) == [1, 3, 4]


def test_latest_partition_s_first_row_stays_when_merged_batches_are_built_anew(
    spark: SparkSession,
) -> None:
    rows = [
        ("a", 1, "2024-05", "f", 1),
        ("a", 2, "2024-06", "f", 2),
        ("a", 3, "2024-06", "f", 1),
        ("b", 4, "2024-05", "g", 1),
        ("b", 5, "2024-05", "f", 9),
    ]
    schema = "`meter.id` STRING, v INT, _partition STRING, _source_file STRING, _source_row BIGINT"
    frame = rebuild.newest(spark.createDataFrame(rows, schema), ["meter.id"])
    assert sorted(row["v"] for row in frame.collect()) == [3, 5]


def test_partition_is_known_to_be_empty_when_its_rows_are_gone_after_building_anew(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path, NEW))
    delivered = {}
    for batch.partition, text in {MAY: "meter,v\na,1\n", JUNE: "meter,v\nb,2\n"}.items():
        delivered[batch.partition.key] = batch.deliver(text, f"{batch.partition.key}.csv")
        batch.load(delivered[batch.partition.key])
        batch.gate()
        batch.publish()
    batch.deliver("meter,v\n", "2024-06.csv")
    counted = "[{name: counted, type: library, metric: rowCount, mustBeGreaterOrEqualTo: 0}]"
    batch.contract = contract(tmp_path, NEW, counted)

    report = rebuild.run(spark, spec(batch, delivered, DeltaTable(batch.table).version()))

    assert report.counts is not None
    assert report.counts.rows_out == 1
    assert [row["meter"] for row in read(batch.table, "meter")] == ["a"]
    assert published_empty(DeltaTable(batch.table).metadata().configuration) == {"2024-06"}
