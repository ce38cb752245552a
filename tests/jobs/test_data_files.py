"""What a file's footer tells a table's log, beside what Spark tells it of the same file."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import data_files
from headrace_jobs.lake.data_files import DataFile
from tests.lake.spark_tables import rows

BEYOND = "\U0010ffff"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "table"


def added(frame: DataFrame, folder: Path) -> tuple[DataFile, dict[str, Any]]:
    """The one file of a new table by its footer, and what Spark's commit says of it."""
    frame.coalesce(1).write.format("delta").save(str(folder))
    commit = (folder / "_delta_log" / f"{0:020}.json").read_text().splitlines()
    (add,) = [json.loads(line)["add"] for line in commit if "add" in json.loads(line)]
    found = data_files.read(str(folder), add["path"], frame.columns)
    assert found.size == add["size"]
    return found, json.loads(add["stats"])


def leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def test_log_is_told_what_spark_tells_it_when_columns_are_of_every_type(
    spark: SparkSession, folder: Path
) -> None:
    file, theirs = added(rows(spark, 0, 100), folder)
    expected = dict(leaves(theirs))
    # Of an array a footer counts elements, and Spark's largest number is none to JSON.
    for unknown in ("nullCount.list", "nullCount.map", "maxValues.nan"):
        del expected[unknown]
    found = dict(leaves(json.loads(file.statistics)))
    # Spark shows the shortest text that a float of 32 bits is read from, which is another of 64.
    for bound in ("minValues.float", "maxValues.float"):
        assert np.float32(found.pop(bound)) == np.float32(expected.pop(bound))
    assert found == expected
    assert file.rows == 100
    assert '"long_decimal":-50.00000' in file.statistics  # with all digits, as a number


@pytest.mark.parametrize(
    ("type", "values"),
    [
        ("DECIMAL(38,10)", ["-9999999999999999999999999999.9999999999", "0.0000000001"]),
        ("DECIMAL(9,9)", ["-0.999999999", "0.000000001"]),
        ("DECIMAL(18,0)", ["-999999999999999999", "999999999999999999"]),
        ("TIMESTAMP", ["0001-01-01T00:00:00.000001Z", "1969-12-31T23:59:59.999999Z"]),
        ("TIMESTAMP", ["1677-09-21T00:12:43.1459Z", "9999-12-31T23:59:59.999999Z"]),
        ("TIMESTAMP_NTZ", ["1582-10-04T12:00:00.1239", "2262-04-12T00:00:00"]),
        ("DATE", ["0001-01-01", "9999-12-31"]),
        ("STRING", ["", "x" * 32]),
        ("STRING", ["x" * 33, "x" * 32 + "\u007f"]),
        ("STRING", ["é" * 33, "\u4e2d" * 40]),
        ("TINYINT", ["-128", "127"]),
        ("BIGINT", ["-9223372036854775808", "9223372036854775807"]),
        ("BOOLEAN", ["true", "false"]),
    ],
)
def test_bounds_are_spark_s_when_values_are_at_the_end_of_what_a_type_holds(
    spark: SparkSession, folder: Path, type: str, values: list[str]
) -> None:
    frame = spark.createDataFrame([(value,) for value in [*values, None]], "v STRING")
    file, theirs = added(frame.select(F.col("v").cast(type)), folder)
    assert json.loads(file.statistics) == theirs


def test_bound_keeps_whole_characters_when_they_are_beyond_sixteen_bits(
    spark: SparkSession, folder: Path
) -> None:
    wave = "\U0001f30a"
    file, _ = added(spark.createDataFrame([(wave * 40,)], "v STRING"), folder)
    bounds = json.loads(file.statistics)
    assert bounds["minValues"]["v"] == wave * 32
    assert bounds["maxValues"]["v"] == wave * 32 + BEYOND


def test_largest_text_is_below_its_bound_when_no_character_is_above_its_own(
    spark: SparkSession, folder: Path
) -> None:
    longest = "x" * 32 + BEYOND * 2 + "y"
    frame = spark.createDataFrame([(longest,), (BEYOND * 40,)], "v STRING")
    file, _ = added(frame, folder)
    bounds = json.loads(file.statistics)
    assert bounds["maxValues"]["v"] >= BEYOND * 40
    assert bounds["minValues"]["v"] == "x" * 32


def test_no_bound_is_told_when_json_has_no_form_for_it(spark: SparkSession, folder: Path) -> None:
    frame = spark.createDataFrame(
        [(1.0, 1.0, math.nan, None), (math.nan, math.inf, math.nan, None)],
        "some DOUBLE, endless DOUBLE, none FLOAT, never INT",
    )
    file, _ = added(frame, folder)
    assert json.loads(file.statistics) == {
        "numRecords": 2,
        "minValues": {"some": 1.0, "endless": 1.0},
        "nullCount": {"some": 0, "endless": 0, "none": 0, "never": 2},
    }


def test_first_columns_have_statistics_when_there_are_many(
    spark: SparkSession, folder: Path
) -> None:
    wide = spark.range(3).select(
        F.struct(*[F.col("id").alias(f"s{n}") for n in range(5)]).alias("s"),
        *[F.col("id").alias(f"c{n}") for n in range(40)],
    )
    file, theirs = added(wide, folder)
    assert json.loads(file.statistics) == theirs


def test_bounds_are_of_all_rows_when_a_file_has_several_groups(tmp_path: Path) -> None:
    fields = [
        {"name": name, "type": type, "nullable": True, "metadata": {}}
        for name, type in (("n", "long"), ("late", "string"))
    ]
    noted = {data_files.SPARK_SCHEMA: json.dumps({"type": "struct", "fields": fields}).encode()}
    table = pa.table({"n": [5, 1, 9, 3], "late": [None, None, "b", "a"]})
    file = tmp_path / "one.parquet"
    parquet.write_table(table.replace_schema_metadata(noted), file, row_group_size=2)
    found = json.loads(data_files.read(str(tmp_path), "one.parquet", ["n", "late"]).statistics)
    assert found == {
        "numRecords": 4,
        "minValues": {"n": 1, "late": "a"},
        "maxValues": {"n": 9, "late": "b"},
        "nullCount": {"n": 0, "late": 2},
    }
