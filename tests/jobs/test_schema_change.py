"""A contract that changes: what its table follows by itself, and what is refused before any work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.lake.schema_change import Change, as_stored, change, refused, types_of
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.pipeline import Evolution, TableBuild, WriteMode
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SchemaBroken
from headrace_schemas.partition import PartitionUnit
from headrace_schemas.types import ColumnType
from tests.jobs.batches import JUNE, Batch, contract
from tests.jobs.readers import read


def typed(folder: Path, **columns: str) -> Contract:
    """A contract with the meter as its key, and these columns and types."""
    known = {"meter": "STRING", **columns}
    lines = [
        f"- {{name: '{name}', logicalType: string, physicalType: '{type}', "
        f"primaryKey: {'true' if name == 'meter' else 'false'}}}"
        for name, type in known.items()
    ]
    return contract(folder, "\n".join(lines))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("INT", "INT", Change.SAME),
        ("VARCHAR(3)", "STRING", Change.SAME),
        ("TINYINT", "SMALLINT", Change.WIDER),
        ("SMALLINT", "INT", Change.WIDER),
        ("INT", "BIGINT", Change.WIDER),
        ("BIGINT", "INT", Change.OTHER),
        ("INT", "DOUBLE", Change.WIDER),
        ("SMALLINT", "FLOAT", Change.WIDER),
        ("INT", "FLOAT", Change.OTHER),
        ("BIGINT", "DOUBLE", Change.OTHER),
        ("FLOAT", "DOUBLE", Change.WIDER),
        ("DOUBLE", "FLOAT", Change.OTHER),
        ("DOUBLE", "DECIMAL(38,18)", Change.OTHER),
        ("INT", "DECIMAL(10,0)", Change.WIDER),
        ("INT", "DECIMAL(10,1)", Change.OTHER),
        ("BIGINT", "DECIMAL(19,0)", Change.WIDER),
        ("BIGINT", "DECIMAL(18,0)", Change.OTHER),
        ("DECIMAL(5,2)", "DECIMAL(12,4)", Change.WIDER),
        ("DECIMAL(5,2)", "DECIMAL(6,4)", Change.OTHER),
        ("DECIMAL(5,2)", "DECIMAL(5,1)", Change.OTHER),
        ("DECIMAL(1,0)", "DECIMAL(5,4)", Change.WIDER),
        ("DATE", "TIMESTAMP_NTZ", Change.WIDER),
        ("DATE", "TIMESTAMP", Change.OTHER),
        ("TIMESTAMP", "TIMESTAMP_NTZ", Change.OTHER),
        ("INT", "STRING", Change.OTHER),
        ("INT", "ARRAY<INT>", Change.OTHER),
        ("ARRAY<INT>", "ARRAY<BIGINT>", Change.WIDER),
        ("MAP<STRING,INT>", "MAP<STRING,STRING>", Change.OTHER),
        ("STRUCT<a: INT, b: INT>", "STRUCT<b: INT, a: INT>", Change.SAME),
        ("STRUCT<a: INT>", "STRUCT<a: INT, b: STRING>", Change.GROWN),
        ("STRUCT<a: INT>", "STRUCT<a: BIGINT>", Change.WIDER),
        ("STRUCT<a: INT>", "STRUCT<a: BIGINT, b: INT>", Change.OTHER),
        ("STRUCT<a: INT, b: INT>", "STRUCT<b: BIGINT, a: INT>", Change.OTHER),
        ("STRUCT<a: INT, b: INT>", "STRUCT<a: INT>", Change.OTHER),
        ("STRUCT<a: INT>", "STRUCT<A: INT>", Change.OTHER),
        ("ARRAY<STRUCT<a: INT>>", "ARRAY<STRUCT<a: INT, b: INT>>", Change.GROWN),
    ],
)
def test_change_of_a_type_is_told_when_its_contract_changes(
    old: str, new: str, expected: Change
) -> None:
    assert change(*(as_stored(ColumnType.parse(one)) for one in (old, new))) is expected


@pytest.mark.parametrize(
    ("table", "changes", "told"),
    [
        ({"v": "BIGINT"}, {}, ["v (BIGINT in the table, INT in the contract)"]),
        ({"v": "INT", "gone": "STRING"}, {}, ["gone (STRING in the table, not in the contract)"]),
        ({"v": "INT", "gone": "STRING"}, {"evolution": Evolution.EVOLVE}, []),
        ({"V": "INT"}, {}, ["V (so called in the table, v in the contract)"]),
        ({}, {}, []),
        ({"v": "TINYINT"}, {}, []),
        (
            {"v": "INT"},
            {"partition": None, "write": WriteMode.APPEND},
            ["_partition (the pipeline builds without partitions)"],
        ),
    ],
)
def test_differences_are_told_with_both_types_when_a_table_cannot_follow(
    tmp_path: Path, table: dict[str, str], changes: dict[str, Any], told: list[str]
) -> None:
    build = TableBuild(
        **{
            "name": "bronze.readings",
            "partition": PartitionUnit.MONTH,
            "source": Source(files="{partition}.csv"),
            **changes,
        }
    )
    stored = {"meter": "STRING", **table, "_batch_id": "STRING", "_partition": "STRING"}
    types = {name: ColumnType.parse(type) for name, type in stored.items()}
    assert refused(types, build, typed(tmp_path, v="INT")) == told


def test_key_must_be_in_the_table_when_rows_are_merged_by_it(tmp_path: Path) -> None:
    build = TableBuild(
        name="bronze.readings",
        partition=PartitionUnit.MONTH,
        write=WriteMode.MERGE,
        source=Source(files="{partition}.csv"),
    )
    types = {"v": ColumnType.parse("INT"), "_partition": ColumnType.parse("STRING")}
    found = refused(types, build, typed(tmp_path, v="INT"))
    assert found == ["meter (in the key, not in the table)"]


OLD = {
    "i": ("INT", "1"),
    "s": ("SMALLINT", "2"),
    "f": ("FLOAT", "0.5"),
    "d": ("DECIMAL(4,2)", "1.25"),
    "day": ("DATE", "2024-05-01"),
    "n": ("INT", "7"),
    "l": ("ARRAY<INT>", None),
}
NEW = {
    "i": ("BIGINT", "9999999999"),
    "s": ("INT", "40000"),
    "f": ("DOUBLE", "0.1"),
    "d": ("DECIMAL(12,4)", "12345678.9999"),
    "day": ("TIMESTAMP_NTZ", "2024-06-01 12:30:00"),
    "n": ("DOUBLE", "0.5"),
    "l": ("ARRAY<BIGINT>", None),
    "since": ("TIMESTAMP_NTZ", "2024-06-01 00:00:00"),
    "wind speed": ("DOUBLE", "3.5"),
}


def row(spark: SparkSession, meter: str, columns: dict[str, tuple[str, str | None]]) -> DataFrame:
    """One row of these columns: type and value."""
    values = [
        f"CAST({'NULL' if value is None else repr(value)} AS {type}) AS `{name}`"
        for name, (type, value) in columns.items()
    ]
    return spark.sql(f"SELECT '{meter}' AS meter, {', '.join(values)}")


def merged(spark: SparkSession, frame: DataFrame, uri: str, key: str) -> None:
    frame = frame.withColumn("_partition", F.lit(key))
    tables.create(frame, uri, ["_partition"])
    every = "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    tables.merge(spark, frame, uri, ["meter"], every, evolve=True)


def replaced(spark: SparkSession, frame: DataFrame, uri: str, key: str) -> None:
    tables.replace(spark, frame, uri, "bronze.readings", key, evolve=True)


@pytest.mark.spark
def test_every_reader_sees_old_and_new_rows_when_types_widen_and_columns_come(
    engine: SparkSession, tmp_path: Path
) -> None:
    assert_both_are_read(engine, str(tmp_path / "table"), replaced)


@pytest.mark.spark
def test_every_reader_sees_old_and_new_rows_when_wider_ones_are_merged(
    spark: SparkSession, tmp_path: Path
) -> None:
    assert_both_are_read(spark, str(tmp_path / "table"), merged)


def assert_both_are_read(spark: SparkSession, uri: str, write: Callable[..., None]) -> None:
    """An old row, and one with wider types and more columns; the old version stays as it was."""
    write(spark, row(spark, "a", OLD), uri, "2024-05")
    before = DeltaTable(uri).version()
    write(spark, row(spark, "b", NEW), uri, "2024-06")

    first, second = read(uri, "meter")

    assert [first[name] for name in NEW] == [
        1,
        2,
        0.5,
        "1.2500",
        "2024-05-01 00:00:00",
        7.0,
        None,
        None,
        None,
    ]
    assert [second[name] for name in NEW] == [
        9999999999,
        40000,
        0.1,
        "12345678.9999",
        "2024-06-01 12:30:00",
        0.5,
        None,
        "2024-06-01 00:00:00",
        3.5,
    ]
    assert (first["_partition"], second["_partition"]) == ("2024-05", "2024-06")
    assert "typeWidening" not in DeltaTable(uri).protocol().reader_features
    old = spark.read.format("delta").option("versionAsOf", before).load(uri)
    found = {name: type.ddl for name, type in types_of(old.schema).items()}
    assert {name: found[name] for name in OLD} == {name: type for name, (type, _) in OLD.items()}
    assert [row["i"] for row in old.collect()] == [1]
    version = DeltaTable(uri).version()
    write(spark, row(spark, "b", NEW), uri, "2024-06")
    assert DeltaTable(uri).version() == version + 1  # nothing is widened twice


@pytest.mark.spark
def test_batch_is_published_or_refused_at_once_when_its_contract_widens_or_narrows(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, typed(tmp_path, v="INT"))
    for type, text in (("INT", "meter,v\na,1\n"), ("BIGINT", "meter,v\na,9999999999\n")):
        batch.contract = typed(tmp_path, v=type)
        batch.load(batch.deliver(text))
        assert batch.gate().verdict == "passed"
        batch.publish()
        batch.partition = JUNE
    assert [row["v"] for row in read(batch.table, "_partition")] == [1, 9999999999]
    batch.contract = typed(tmp_path, v="INT")
    with pytest.raises(SchemaBroken) as raised:
        batch.load(str(tmp_path / "is not even looked at"))
    assert "v (BIGINT in the table, INT in the contract)" in str(raised.value)
    assert "rebuild.bronze.readings" in str(raised.value)
