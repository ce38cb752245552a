"""Predictions made from a table's files: those that Spark would have made, and Spark's where it must."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deltalake import DeltaTable
from pyarrow import parquet
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.errors import query_errors
from headrace_jobs.lake import tables
from headrace_jobs.learning import features, score, scored_files
from headrace_jobs.learning.scored_files import ScoredFiles, feature_numbers
from headrace_jobs.sources import spread
from headrace_schemas.declarations.contract import Column
from headrace_schemas.wire.model_jobs import ScoreSpec
from headrace_schemas.wire.spec import PinnedTable
from tests.jobs.learning import CONTRACT, Learned, loaded, model, score_spec
from tests.jobs.test_score import MARCH, rows_of_partition

pytestmark = pytest.mark.spark

BETWEEN_SINGLES = (
    "16777217",
    "16777219",
    "-16777217",
    "33554434.001",
    "33554433.999",
    "16777216.5",
)

VALUES: dict[str, list[Any]] = {
    "TINYINT": [-128, 0, 127, None],
    "SMALLINT": [-32768, 1, 32767, None],
    "INT": [-(2**31), 16777217, 2**31 - 1, None],
    "BIGINT": [-(2**63), 2**53 + 1, 9007199791611905, 2**63 - 1, None],
    "FLOAT": [float("nan"), float("inf"), 1.5, -0.0, None],
    "DOUBLE": [float("nan"), float("-inf"), 1e300, 1e-60, 0.1, 1 + 2**-24, None],
    "DECIMAL(15,3)": [*map(Decimal, BETWEEN_SINGLES), Decimal("999999999999.999"), None],
    "DECIMAL(15,15)": [Decimal("0.000000000000001"), Decimal("-0.1"), None],
    "DECIMAL(9,0)": [Decimal(16777217), Decimal(-999999999), None],
    "BOOLEAN": [True, False, None],
    "STRING": ["north", "south", "", "größe", "unknown", None],
    "VARCHAR(5)": ["north", "south", None],
}


@pytest.mark.parametrize("type", VALUES)
def test_numbers_are_those_of_spark_when_columns_are_of_every_type(
    spark: SparkSession, tmp_path: Path, type: str
) -> None:
    contract = CONTRACT.model_copy(update={"columns": (Column(name="x y.z", type=type),)})
    declared = features.declared_feature(model("typed"), contract, "x y.z")
    feature = declared.model_copy(update={"codes": {"north": 0, "": 1, "größe": 2, "south": 3}})
    stored = "string" if type.startswith("VARCHAR") else type
    rows = [(value,) for value in VALUES[type]]
    frame = spark.createDataFrame(rows, f"`x y.z` {stored}").coalesce(1)
    frame.write.parquet(str(tmp_path / "rows"))
    read = spark.read.parquet(str(tmp_path / "rows"))
    expected = read.select(features.feature_number(feature).alias("x")).toPandas()["x"]

    found = feature_numbers(
        feature, parquet.read_table(tmp_path / "rows")["x y.z"].combine_chunks()
    )

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected.to_numpy(np.float32))


def by_spark_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing is scored by files."""
    monkeypatch.setattr(ScoredFiles, "of", lambda *_: None)


def without_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on Spark is not asked for rows."""

    def refuse(*_: object) -> DataFrame:
        raise AssertionError("Spark was asked")

    monkeypatch.setattr(score, "by_spark", refuse)


def rebuilt(spark: SparkSession, learned: Learned, folder: Path, files: int) -> PinnedTable:
    """The feature table with more files a partition."""
    rows = spark.read.format("delta").load(learned.features.uri).repartition(files)
    rows.write.format("delta").partitionBy("_partition").save(str(folder / "features"))
    return PinnedTable(name=learned.features.name, uri=str(folder / "features"), version=0)


def spec_of(learned: Learned, table: PinnedTable, folder: Path) -> ScoreSpec:
    return score_spec(learned.model, table, folder / "scored", learned.version)


@pytest.mark.parametrize("bytes_to_spread", [0, spread.SPREAD_BYTES])
def test_predictions_are_those_of_spark_when_files_are_scored(
    engine: SparkSession,
    learned: Learned,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bytes_to_spread: int,
) -> None:
    spec = spec_of(learned, rebuilt(engine, learned, tmp_path, 3), tmp_path)
    score.run(engine, spec.model_copy(update={"partition": MARCH}))
    with monkeypatch.context() as patched:
        by_spark_alone(patched)
        score.run(engine, spec)
    expected = rows_of_partition(spec.predictions_uri, "2024-04")
    monkeypatch.setattr(spread, "SPREAD_BYTES", bytes_to_spread)
    monkeypatch.setattr(scored_files, "BATCH_ROWS", 50)
    without_spark(monkeypatch)

    report = score.run(engine, spec)

    assert report.counts is not None
    assert report.counts.rows_out == 400
    assert rows_of_partition(spec.predictions_uri, "2024-04") == expected
    of_april = [one for one in DeltaTable(spec.predictions_uri).file_uris() if "2024-04" in one]
    assert len(of_april) == 3
    assert not Path(spec.staged_uri).exists()


def test_a_column_is_missing_in_files_from_before_it_came(
    spark: SparkSession, learned: Learned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = spark.read.format("delta").load(learned.features.uri)
    older, newer = rows.where("line = 'A'").drop("wind"), rows.where("line = 'B'")
    for one in (older, newer):
        writer = one.write.format("delta").mode("append").option("mergeSchema", "true")
        writer.partitionBy("_partition").save(str(tmp_path / "features"))
    table = PinnedTable(name="gold.trips", uri=str(tmp_path / "features"), version=1)
    spec = spec_of(learned, table, tmp_path)
    by_spark = score.by_spark(spark, spec, ["line", "trip"], loaded("late", learned.version))
    expected = [row["prediction"] for row in by_spark.orderBy("line", "trip").collect()]
    score.run(spark, spec.model_copy(update={"partition": MARCH}))
    without_spark(monkeypatch)

    score.run(spark, spec)

    found = rows_of_partition(spec.predictions_uri, "2024-04")
    assert [row["prediction"] for row in found] == expected


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE {} SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
        "ALTER TABLE {} SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
    ],
)
def test_a_table_is_left_to_spark_when_its_log_says_more_than_its_files(
    spark: SparkSession, learned: Learned, tmp_path: Path, sql: str
) -> None:
    table = rebuilt(spark, learned, tmp_path, 1)
    spark.sql(sql.format(f"delta.`{table.uri}`"))
    spark.sql(f"DELETE FROM delta.`{table.uri}` WHERE trip % 2 = 0")
    table = table.model_copy(update={"version": tables.newest_version(spark, table.uri)})
    spec = spec_of(learned, table, tmp_path)
    left = spark.read.format("delta").load(table.uri).where("_partition = '2024-04'").count()

    assert ScoredFiles.of(spec, ["line", "trip"], loaded("late", learned.version)) is None
    report = score.run(spark, spec)

    assert report.counts is not None
    assert report.counts.rows_out == left < 400


@pytest.mark.parametrize(
    ("column", "type", "is_plain"),
    [
        ("fare", "DECIMAL(15,2)", True),
        ("fare", "DECIMAL(16,2)", False),
        ("trip", "STRUCT<a: INT>", False),
        ("depot", "INT", False),
        ("is_peak", "STRING", False),
    ],
)
def test_a_partition_is_left_to_spark_when_a_type_has_rules_of_its_own(
    learned: Learned, tmp_path: Path, column: str, type: str, is_plain: bool
) -> None:
    spec = spec_of(learned, learned.features, tmp_path)
    columns = [
        one.model_copy(update={"type": type}) if one.name == column else one
        for one in spec.contract.columns
    ]
    contract = spec.contract.model_copy(update={"columns": tuple(columns)})
    found = ScoredFiles.of(
        spec.model_copy(update={"contract": contract}),
        ["line", "trip"],
        loaded("late", learned.version),
    )
    assert (found is not None) is is_plain


def test_scoring_is_refused_when_the_pinned_version_never_had_a_feature(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    rows = spark.read.format("delta").load(learned.features.uri).drop("wind")
    rows.write.format("delta").partitionBy("_partition").save(str(tmp_path / "features"))
    table = PinnedTable(name="gold.trips", uri=str(tmp_path / "features"), version=0)
    with pytest.raises(query_errors(), match="wind"):
        score.run(spark, spec_of(learned, table, tmp_path))


def test_a_feature_is_found_when_the_table_has_it_in_other_capitals(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    rows = spark.read.format("delta").load(learned.features.uri)
    renamed = rows.withColumnRenamed("wind", "Wind")
    renamed.write.format("delta").partitionBy("_partition").save(str(tmp_path / "features"))
    table = PinnedTable(name="gold.trips", uri=str(tmp_path / "features"), version=0)
    spec = spec_of(learned, learned.features, tmp_path)
    score.run(spark, spec)
    expected = rows_of_partition(spec.predictions_uri, "2024-04")

    score.run(spark, spec.model_copy(update={"features": table}))

    assert rows_of_partition(spec.predictions_uri, "2024-04") == expected


def test_spark_says_what_is_wrong_when_a_file_is_damaged(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    table = rebuilt(spark, learned, tmp_path, 1)
    spec = spec_of(learned, table, tmp_path)
    score.run(spark, spec)
    before = rows_of_partition(spec.predictions_uri, "2024-04")
    (file,) = (Path(table.uri) / "_partition=2024-04").glob("*.parquet")
    group = parquet.read_metadata(file).row_group(0)
    columns = {one.path_in_schema: one for one in map(group.column, range(group.num_columns))}
    wind, content = columns["wind"], bytearray(file.read_bytes())
    content[wind.data_page_offset + wind.total_compressed_size // 2] ^= 4
    file.write_bytes(content)
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)

    with pytest.raises(query_errors()):
        score.run(spark, spec)

    assert rows_of_partition(spec.predictions_uri, "2024-04") == before
    assert not Path(spec.staged_uri).exists()


def test_the_version_that_is_pinned_is_scored_when_the_table_has_moved_on(
    spark: SparkSession, learned: Learned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = rebuilt(spark, learned, tmp_path, 1)
    spec = spec_of(learned, table, tmp_path)
    score.run(spark, spec)
    before = rows_of_partition(spec.predictions_uri, "2024-04")
    moved = spark.read.format("delta").load(table.uri).withColumn("wind", F.lit(0.0))
    moved.write.format("delta").mode("overwrite").save(table.uri)
    without_spark(monkeypatch)

    score.run(spark, spec)

    assert rows_of_partition(spec.predictions_uri, "2024-04") == before
