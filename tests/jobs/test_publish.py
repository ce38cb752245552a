"""Write modes, quarantine and evolution, read back by readers that are not Spark."""

import json
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from headrace_jobs.lake import tables
from headrace_schemas.declarations.pipeline import Evolution, WriteMode
from headrace_schemas.errors import SchemaBroken
from tests.jobs.batches import HEADER, JUNE, MAY, READINGS, Batch, contract

pytestmark = pytest.mark.spark

GOOD = ("a,2024-05-01T00:00:00Z,1.5,1", "b,2024-05-01T01:00:00Z,2.5,2")
BAD = "c,x,1,1"


def run(batch: Batch, *rows: str) -> int:
    """The batch all the way; the version it wrote."""
    batch.load_rows(*rows)
    assert batch.gate().status == "succeeded"
    table = batch.publish().table
    assert table is not None
    return table.version


def rows_of(uri: str, *columns: str) -> list[tuple[object, ...]]:
    """A table's rows by delta-rs, in order."""
    if not DeltaTable.is_deltatable(uri):
        return []
    rows = DeltaTable(uri).to_pyarrow_table(columns=list(columns)).to_pylist()
    return sorted(tuple(row[name] for name in columns) for row in rows)


@pytest.mark.parametrize("write", list(WriteMode))
def test_batch_is_published_once_when_it_is_published_twice(
    engine: SparkSession, tmp_path: Path, write: WriteMode
) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path), write=write)
    first = run(batch, *GOOD, BAD)
    columns = ("meter", "phase", "_partition", "_batch_id", "_source_file", "_source_row")
    content = rows_of(batch.table, *columns)
    assert content == [
        ("a", 1, "2024-05", "bronze.readings/2024-05", "readings/one.csv", 1),
        ("b", 2, "2024-05", "bronze.readings/2024-05", "readings/one.csv", 2),
    ]
    quarantine = rows_of(batch.quarantine, "source_file", "source_row", "row_json")
    quarantined = DeltaTable(batch.quarantine).version()
    again = batch.publish()
    assert again.counts is not None
    assert again.counts.model_dump() == {"rows_in": 3, "rows_out": 2, "rows_quarantined": 1}
    assert again.table is not None
    assert again.table.version == first  # as after a try that died behind its commit
    assert DeltaTable(batch.quarantine).version() == quarantined
    assert rows_of(batch.table, *columns) == content
    assert rows_of(batch.quarantine, "source_file", "source_row", "row_json") == quarantine
    assert DeltaTable(batch.table).version() == again.table.version
    assert DeltaTable(batch.table).metadata().partition_columns == ["_partition"]


def test_batch_takes_its_place_again_when_another_was_published_after_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    first = Batch(spark, tmp_path, contract(tmp_path))
    run(first, *GOOD)
    second = Batch(spark, tmp_path / "second", contract(tmp_path / "second"))
    second.lake = first.lake
    version = run(second, "z,2024-05-01T00:00:00Z,9,9")
    assert rows_of(first.table, "meter") == [("z",)]
    again = first.publish().table
    assert again is not None
    assert again.version > version
    assert rows_of(first.table, "meter") == [("a",), ("b",)]


def test_quarantine_holds_what_was_delivered_when_rows_are_bad(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path))
    run(batch, *GOOD, BAD, "d,2024-05-03,NaN,1", "d;2024-05-04")
    table = DeltaTable(batch.quarantine).to_pyarrow_table()
    assert {field.name: str(field.type) for field in table.schema} == {
        "_batch_id": "string",
        "rule_ids": "list<element: string>",
        "source_file": "string",
        "source_row": "int64",
        "row_json": "string",
        "unevaluated_rule_ids": "list<element: string>",
        "_partition": "string",
    }
    rows = sorted(table.to_pylist(), key=lambda row: row["source_row"])
    assert [(row["source_row"], row["rule_ids"]) for row in rows] == [
        (3, ["read_at.type"]),
        (4, ["kilowatts.finite"]),
        (5, ["row.malformed"]),
    ]
    assert json.loads(rows[0]["row_json"]) == {
        "meter": "c",
        "read_at": "x",
        "kilowatts": "1",
        "phase": "1",
    }
    assert json.loads(rows[1]["row_json"])["kilowatts"] == "NaN"
    assert rows[2]["row_json"] == "d;2024-05-04"
    assert {row["_batch_id"] for row in rows} == {"bronze.readings/2024-05"}
    assert {row["_partition"] for row in rows} == {"2024-05"}


def test_quarantine_follows_the_batch_when_it_is_repaired(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    run(batch, *GOOD, BAD)
    assert len(rows_of(batch.quarantine, "source_row")) == 1
    batch.partition = JUNE
    run(batch, *GOOD, BAD, BAD)
    batch.partition = MAY
    run(batch, *GOOD, "c,2024-05-03,1,1")
    assert rows_of(batch.quarantine, "_partition") == [("2024-06",), ("2024-06",)]
    assert len(rows_of(batch.table, "meter")) == 5
    before = DeltaTable(batch.quarantine).version()
    run(batch, *GOOD)
    assert DeltaTable(batch.quarantine).version() == before  # a clean batch makes no commit


def test_clean_batch_makes_no_quarantine_when_nothing_is_bad(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    run(batch, *GOOD)
    assert not Path(batch.quarantine).exists()


@pytest.mark.parametrize("write", [WriteMode.APPEND, WriteMode.REPLACE_PARTITION])
def test_other_partitions_stay_when_one_is_replaced(
    spark: SparkSession, tmp_path: Path, write: WriteMode
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), write=write)
    for batch.partition in (JUNE, MAY):  # the older one last
        run(batch, *GOOD)
    run(batch, "z,2024-05-01T00:00:00Z,9,9")
    assert rows_of(batch.table, "_partition", "meter") == [
        ("2024-05", "z"),
        ("2024-06", "a"),
        ("2024-06", "b"),
    ]


def test_whole_table_is_replaced_when_it_has_no_partition(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path))
    batch.partition = None
    run(batch, *GOOD, BAD)
    run(batch, "z,2024-05-01T00:00:00Z,9,9", BAD)
    assert rows_of(batch.table, "meter", "_batch_id") == [("z", "bronze.readings/all")]
    assert rows_of(batch.quarantine, "_partition", "source_row") == [("all", 2)]
    assert "_partition" not in {field.name for field in DeltaTable(batch.table).schema().fields}


def test_unpartitioned_batch_takes_its_own_place_when_it_is_appended(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), write=WriteMode.APPEND)
    batch.partition = None
    run(batch, *GOOD)
    run(batch, *GOOD)
    assert rows_of(batch.table, "meter") == [("a",), ("b",)]


def test_merge_updates_by_key_when_a_later_batch_has_it(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path), write=WriteMode.MERGE)
    run(batch, *GOOD)
    batch.partition = JUNE
    run(batch, "b,2024-05-01T01:00:00Z,2.5,22", "c,2024-06-01,3,3")
    expected = [("a", 1, "2024-05"), ("b", 22, "2024-06"), ("c", 3, "2024-06")]
    assert rows_of(batch.table, "meter", "phase", "_partition") == expected


def test_merge_keeps_the_later_value_when_an_older_batch_runs_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), write=WriteMode.MERGE)
    for batch.partition, phase in ((MAY, 1), (JUNE, 2), (MAY, 3)):
        run(batch, f"a,2024-05-01,1,{phase}", f"m{phase},2024-05-01,1,{phase}")
    assert rows_of(batch.table, "meter", "phase") == [("a", 2), ("m1", 1), ("m2", 2), ("m3", 3)]


def test_merge_is_refused_when_the_contract_has_no_key(spark: SparkSession, tmp_path: Path) -> None:
    keyless = READINGS.replace("primaryKey: true, primaryKeyPosition: 1", "required: true")
    keyless = keyless.replace("primaryKey: true, primaryKeyPosition: 2", "required: true")
    batch = Batch(spark, tmp_path, contract(tmp_path, keyless), write=WriteMode.MERGE)
    batch.load_rows(*GOOD)
    batch.gate()
    with pytest.raises(SchemaBroken, match="needs a key and the contract has none"):
        batch.publish()


@pytest.mark.parametrize("write", list(WriteMode))
def test_table_gains_the_column_when_it_evolves(
    spark: SparkSession, tmp_path: Path, write: WriteMode
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), write=write, evolution=Evolution.EVOLVE)
    run(batch, *GOOD)
    batch.partition = JUNE
    batch.load_rows("z,2024-06-01,9,9,red", header=f"{HEADER},colour")
    batch.gate()
    batch.publish()
    expected = [("a", None), ("b", None), ("z", "red")]
    rows = DeltaTable(batch.table).to_pyarrow_table(columns=["meter", "colour"]).to_pylist()
    assert sorted((row["meter"], row["colour"]) for row in rows) == expected


def test_row_is_quarantined_when_it_has_a_value_too_many(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), evolution=Evolution.DISCARD_ROW)
    batch.load_rows(f"{GOOD[0]},red", f"{GOOD[1]},", header=f"{HEADER},colour")
    batch.gate()
    batch.publish()
    assert rows_of(batch.table, "meter") == [("b",)]
    rows = DeltaTable(batch.quarantine).to_pyarrow_table().to_pylist()
    assert [row["rule_ids"] for row in rows] == [["schema.unknown_column"]]
    assert json.loads(rows[0]["row_json"])["colour"] == "red"


def test_table_gains_the_column_when_the_contract_does(spark: SparkSession, tmp_path: Path) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    run(batch, *GOOD)
    wider = READINGS + "- {name: colour, logicalType: string, physicalType: STRING}\n"
    batch.contract = contract(tmp_path, wider)
    batch.partition = JUNE
    batch.load_rows("z,2024-06-01,9,9,red", header=f"{HEADER},colour")
    batch.gate()
    batch.publish()
    assert len(rows_of(batch.table, "meter")) == 3


def test_table_is_unchanged_when_a_columns_type_no_longer_fits(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    version = run(batch, *GOOD)
    batch.load_rows(*GOOD)
    batch.gate()
    batch.contract = contract(tmp_path, READINGS.replace("DOUBLE", "STRING"))
    with pytest.raises(SchemaBroken, match="kilowatts"):
        batch.load_rows(*GOOD)
    with pytest.raises(SchemaBroken, match="kilowatts"):
        batch.publish()
    assert DeltaTable(batch.table).version() == version


def test_duckdb_reads_the_same_when_it_reads_the_table(spark: SparkSession, tmp_path: Path) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    run(batch, *GOOD, BAD)
    files = DeltaTable(batch.table).file_uris()
    found = duckdb.sql(
        f"SELECT meter, kilowatts, read_at::VARCHAR FROM read_parquet({files}) ORDER BY meter"
    ).fetchall()
    assert [row[:2] for row in found] == [("a", 1.5), ("b", 2.5)]
    assert found[1][2].startswith("2024-05-01 01:00:00")


def test_publish_completes_when_it_was_cut_off_after_the_quarantine(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    batch.load_rows(*GOOD, BAD)
    batch.gate()
    from headrace_jobs.tables import publish, repeats

    spec = batch.publish_spec()
    assert publish.write_quarantine(spark, spec, repeats.note_of(spec)) == 1
    assert not tables.exists(batch.table)
    batch.publish()
    assert len(rows_of(batch.quarantine, "source_row")) == 1
    assert len(rows_of(batch.table, "meter")) == 2
