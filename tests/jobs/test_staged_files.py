"""A batch published by its files: what readers see, and when it is Spark that has to write it."""

from pathlib import Path

import pytest
from deltalake import DeltaTable, Field, Schema
from deltalake.schema import StructType
from pyspark.sql import SparkSession

from headrace_jobs.lake import placed_files
from headrace_jobs.lake.data_files import DataFile
from headrace_jobs.tables import repeats, staged_files
from headrace_jobs.tables.staged_files import WORKING_COLUMNS
from headrace_lake.fsck.check import check
from headrace_lake.fsck.damage import DamageKind
from headrace_lake.fsck.depth import Depth
from headrace_schemas.declarations.pipeline import Evolution, WriteMode
from tests.jobs import readers
from tests.jobs.batches import HEADER, JUNE, MAY, READINGS, Batch, contract
from tests.jobs.published import GOOD, OTHER, commits, damages, published, run, staged, writer_of

__all__ = ["published"]

pytestmark = pytest.mark.spark

STRUCT = StructType([Field("a", "date")])

EVERY_TYPE = """
- {name: n, logicalType: integer, physicalType: BIGINT}
- {name: small, logicalType: integer, physicalType: TINYINT}
- {name: price, logicalType: number, physicalType: "DECIMAL(10,2)"}
- {name: wide, logicalType: number, physicalType: "DECIMAL(30,6)"}
- {name: ratio, logicalType: number, physicalType: FLOAT}
- {name: at, logicalType: timestamp, physicalType: TIMESTAMP}
- {name: local, logicalType: timestamp, physicalType: TIMESTAMP_NTZ}
- {name: day, logicalType: date, physicalType: DATE}
- {name: word, logicalType: string, physicalType: STRING}
- {name: flag, logicalType: boolean, physicalType: BOOLEAN}
"""


def test_files_are_those_of_the_gate_when_a_partition_is_replaced(published: Batch) -> None:
    staged(published, *OTHER)
    report = published.publish()
    assert report.counts is not None
    assert report.counts.model_dump() == {"rows_in": 3, "rows_out": 3, "rows_quarantined": 0}
    assert writer_of(published.table) == "delta-rs"
    newest = commits(published.table)[-1]
    added = [one["add"] for one in newest if "add" in one]
    assert [one["remove"]["partitionValues"] for one in newest if "remove" in one] == [
        {"_partition": "2024-05"}
    ]
    gated = staged_files.of_outcome(published.gated, "passed")
    assert sorted((Path(published.gated) / one.path).read_bytes() for one in gated) == sorted(
        (Path(published.table) / one["path"]).read_bytes() for one in added
    )
    assert damages(published.table) == []


def test_lost_commit_is_noticed_when_the_newest_version_is_of_files(published: Batch) -> None:
    version = run(published, *OTHER)
    log = Path(published.table) / "_delta_log"
    assert (log / f"{version:020}.crc").exists()
    commit = log / f"{version:020}.json"
    content = commit.read_text()
    commit.unlink()
    assert [one.kind for one in check(published.table, Depth.LOG)] == [DamageKind.COMMIT_MISSING]
    lines = content.splitlines(keepends=True)
    commit.write_text("".join(line for line in lines if '"remove"' not in line))
    assert [one.kind for one in check(published.table, Depth.LOG)] == [DamageKind.COMMIT_DIFFERS]


def test_readers_see_the_table_s_own_columns_when_files_have_the_gate_s_as_well(
    published: Batch,
) -> None:
    columns = list(published.spark.read.format("delta").load(published.table).columns)
    run(published, *OTHER)
    rows = readers.read(published.table, "meter")
    assert [(row["meter"], row["phase"], row["_partition"]) for row in rows] == [
        ("a", 1, "2024-06"),
        ("b", 2, "2024-06"),
        ("c", 3, "2024-05"),
        ("d", 4, "2024-05"),
        ("e", 5, "2024-05"),
    ]
    assert {*rows[0]} == {*columns}
    frame = published.spark.read.format("delta").load(published.table)
    assert frame.columns == columns
    assert [tuple(row) for row in frame.where("meter = 'd'").select("phase").collect()] == [(4,)]


def test_earlier_version_is_read_as_it_was_when_its_partition_is_replaced(
    published: Batch,
) -> None:
    before = DeltaTable(published.table).version()
    reader = published.spark.read.format("delta").option("versionAsOf", before)
    begun = reader.load(published.table)
    assert run(published, *OTHER) == before + 1
    assert sorted(row["meter"] for row in begun.collect()) == ["a", "a", "b", "b"]
    assert DeltaTable(published.table, version=before).to_pyarrow_table().num_rows == 4


def test_spark_writes_on_when_the_newest_version_is_of_files(published: Batch) -> None:
    spark, at = published.spark, f"delta.`{published.table}`"
    run(published, *OTHER)
    spark.sql(f"DELETE FROM {at} WHERE meter = 'c'")
    spark.sql(
        f"MERGE INTO {at} t USING (SELECT 'd' AS meter) s ON t.meter = s.meter "
        "WHEN MATCHED THEN UPDATE SET t.phase = 44"
    )
    spark.sql(f"OPTIMIZE {at}")
    rows = readers.read(published.table, "meter")
    assert [(row["meter"], row["phase"]) for row in rows] == [
        ("a", 1),
        ("b", 2),
        ("d", 44),
        ("e", 5),
    ]
    assert damages(published.table) == []


def test_table_without_partitions_is_replaced_by_files_when_its_columns_stay(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    batch.partition = None
    run(batch, *GOOD)
    run(batch, *OTHER, "x,x,1,1")
    assert writer_of(batch.table) == "delta-rs"
    assert [row["meter"] for row in readers.read(batch.table, "meter")] == ["c", "d", "e"]
    assert damages(batch.table) == []
    gained = READINGS + "- {name: colour, logicalType: string, physicalType: STRING}\n"
    batch.contract = contract(tmp_path, gained)
    run(batch, "z,2024-06-01,9,9,red", header=f"{HEADER},colour")
    assert writer_of(batch.table) == "Apache-Spark"
    assert [row["colour"] for row in readers.read(batch.table, "meter")] == ["red"]
    batch.contract = contract(tmp_path)  # and a table that is replaced as a whole loses it again
    run(batch, *GOOD)
    assert "colour" not in readers.read(batch.table, "meter")[0]


def test_spark_writes_when_the_table_gains_a_column_and_files_do_when_it_has_one_more(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), evolution=Evolution.EVOLVE)
    run(batch, *GOOD)
    batch.partition = JUNE
    run(batch, "z,2024-06-01,9,9,red", header=f"{HEADER},colour")
    assert writer_of(batch.table) == "Apache-Spark"
    batch.partition = MAY
    run(batch, *OTHER)
    assert writer_of(batch.table) == "delta-rs"
    rows = readers.read(batch.table, "meter")
    assert [(row["meter"], row["colour"]) for row in rows] == [
        ("c", None),
        ("d", None),
        ("e", None),
        ("z", "red"),
    ]


@pytest.mark.parametrize(
    "asked",
    [
        "SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')",
        "SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
        "SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
        "SET TBLPROPERTIES ('delta.dataSkippingStatsColumns' = 'phase')",
        "ADD CONSTRAINT small CHECK (phase < 100)",
    ],
)
def test_spark_writes_when_the_table_asks_more_of_its_writers(published: Batch, asked: str) -> None:
    published.spark.sql(f"ALTER TABLE delta.`{published.table}` {asked}")
    staged(published, *OTHER)
    spec = published.publish_spec()
    before = DeltaTable(published.table).version()
    assert staged_files.publish(spec, repeats.note_of(spec)) is None
    assert DeltaTable(published.table).version() == before


@pytest.mark.parametrize("write", [WriteMode.APPEND, WriteMode.MERGE])
def test_spark_writes_when_rows_come_beside_others(
    spark: SparkSession, tmp_path: Path, write: WriteMode
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path), write=write)
    run(batch, *GOOD)
    run(batch, *OTHER)
    assert writer_of(batch.table) == "Apache-Spark"


@pytest.mark.parametrize(
    ("columns", "is_taken"),
    [
        ([Field("n", "long"), Field("s", STRUCT)], True),
        ([Field("s", STRUCT), Field("n", "long"), Field("more", "string")], True),
        ([Field("n", "long", nullable=False), Field("s", STRUCT)], False),
        ([Field("n", "integer"), Field("s", STRUCT)], False),
        ([Field("n", "long")], False),
        ([Field("n", "long"), Field("s", StructType([Field("a", "string")]))], False),
        ([Field("n", "long"), Field("s", StructType([Field("a", "date", nullable=False)]))], False),
    ],
)
def test_table_takes_files_when_its_columns_are_theirs(
    tmp_path: Path, columns: list[Field], is_taken: bool
) -> None:
    partition = Field("_partition", "string")
    table = DeltaTable.create(
        tmp_path / "t", Schema([*columns, partition]), partition_by=["_partition"]
    )
    struct = {"type": "struct", "fields": [{"name": "a", "type": "date", "nullable": True}]}
    file = DataFile("one.parquet", 1, 1, {"n": "long", "s": struct, "_raw": "string"}, "{}")
    assert placed_files.takes(table, [file], True, WORKING_COLUMNS) is is_taken
    assert not placed_files.takes(table, [file], False, WORKING_COLUMNS)


def test_rows_are_found_by_any_bound_when_their_columns_are_of_every_type(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path, EVERY_TYPE))
    header = "n,small,price,wide,ratio,at,local,day,word,flag"
    rows = [
        f"{n},{n % 7 - 3},{n * 37 - 500}.25,{n * 10**12}.000001,{n}.5,2024-05-{n:02}T23:59:59.999999Z,"
        f"1969-12-{n:02}T23:59:59.999999,19{n:02}-02-03,{'x' * 40}{n:02},{n % 2 == 0}"
        for n in range(1, 25)
    ]
    for _ in range(2):  # by Spark, and by files
        batch.load_rows(*rows, header=header)
        assert batch.gate().counts.rows_quarantined == 0
        batch.publish()
    assert writer_of(batch.table) == "delta-rs"
    assert damages(batch.table) == []
    frame = spark.read.format("delta").load(batch.table)
    for name in header.split(","):
        for end in ("min", "max"):
            at = f"delta.`{batch.table}`"
            least = f"(SELECT {end}(`{name}`) FROM {at} WHERE _source_row >= 0)"
            found = spark.sql(f"SELECT count(*) FROM {at} WHERE `{name}` = {least}").collect()
            assert found[0][0] >= 1, (name, end)
            if name != "flag":
                sign = "<" if end == "min" else ">"
                beyond = spark.sql(f"SELECT 1 FROM {at} WHERE `{name}` {sign} {least}").collect()
                assert beyond == []
    assert frame.count() == len(rows)
