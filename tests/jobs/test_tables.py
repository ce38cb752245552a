"""Delta tables: versions that were written, nothing written twice, conflicts by their name."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.errors import is_conflict, is_lost, summary
from headrace_jobs.lake import tables
from headrace_schemas.errors import SchemaBroken, WriteConflict
from headrace_schemas.wire.spec import PinnedTable

pytestmark = pytest.mark.spark

NAME = "bronze.numbers"


def numbers(spark: SparkSession, count: int) -> DataFrame:
    return spark.range(count).withColumn("text", F.lit("x"))


def content(uri: str) -> list[tuple[int, str | None]]:
    rows = DeltaTable(uri).to_pyarrow_table().to_pylist()
    return sorted((row["id"], row.get("_partition")) for row in rows)


def test_partition_is_replaced_when_it_is_written_again(
    engine: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path / "table")
    for version, (count, key) in enumerate([(3, "2024-05"), (1, "2024-06"), (2, "2024-05")]):
        table = tables.replace(engine, numbers(engine, count), uri, NAME, key)
        assert table == PinnedTable(name=NAME, uri=uri, version=version)
    assert content(uri) == [(0, "2024-05"), (0, "2024-06"), (1, "2024-05")]
    first = PinnedTable(name=NAME, uri=uri, version=0)
    assert tables.read(engine, first).count() == 3
    assert tables.read(engine, table, ["2024-06"]).count() == 1


def test_given_partition_column_is_overruled_when_a_key_is_given(
    spark: SparkSession, tmp_path: Path
) -> None:
    frame = numbers(spark, 1).withColumn("_partition", F.lit("1999-01"))
    tables.replace(spark, frame, str(tmp_path / "t"), NAME, "2024-05")
    assert content(str(tmp_path / "t")) == [(0, "2024-05")]


def test_version_stays_when_nothing_is_replaced_by_nothing(
    spark: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path / "table")
    tables.replace(spark, numbers(spark, 3), uri, NAME, "2024-05")
    assert tables.replace(spark, numbers(spark, 0), uri, NAME, "2024-06").version == 0
    assert tables.replace(spark, numbers(spark, 0), uri, NAME, "2024-05").version == 1
    assert content(uri) == []


def test_whole_table_is_replaced_when_there_is_no_key(engine: SparkSession, tmp_path: Path) -> None:
    uri = str(tmp_path / "table")
    for version, count in enumerate([3, 2]):
        assert tables.replace(engine, numbers(engine, count), uri, NAME, None).version == version
    assert content(uri) == [(0, None), (1, None)]


def test_columns_are_added_only_when_the_table_may_evolve(
    spark: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path / "table")
    tables.replace(spark, numbers(spark, 1), uri, NAME, "2024-05")
    wider = numbers(spark, 1).withColumn("more", F.lit(1))
    with pytest.raises(SchemaBroken, match=NAME):
        tables.replace(spark, wider, uri, NAME, "2024-06")
    other = numbers(spark, 1).withColumn("text", F.array(F.lit(1)))
    with pytest.raises(SchemaBroken, match="text"):
        tables.replace(spark, other, uri, NAME, "2024-06", evolve=True)
    assert DeltaTable(uri).version() == 0
    assert tables.replace(spark, wider, uri, NAME, "2024-06", evolve=True).version == 1


def test_table_exists_only_when_it_is_one(engine: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert not tables.exists(str(tmp_path / "nothing"))
    assert not tables.exists(str(tmp_path / "folder"))
    tables.replace(engine, numbers(engine, 1), str(tmp_path / "table"), NAME, None)
    assert tables.exists(str(tmp_path / "table"))


def test_writer_gets_a_conflict_when_others_change_the_same_partition(
    engine: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path / "table")
    tables.replace(engine, numbers(engine, 1), uri, NAME, "2024-05")
    outcomes: list[object] = []

    def write() -> None:
        try:
            outcomes.append(
                tables.replace(engine, numbers(engine, 2), uri, NAME, "2024-05").version
            )
        except WriteConflict as conflict:
            outcomes.append(conflict)

    for _ in range(5):
        in_parallel(write, 4)
        if any(isinstance(one, WriteConflict) for one in outcomes):
            break
    assert any(isinstance(one, WriteConflict) for one in outcomes)
    assert all(isinstance(one, int | WriteConflict) for one in outcomes)
    assert content(uri) == [(0, "2024-05"), (1, "2024-05")]


def in_parallel(work: Callable[[], None], count: int) -> None:
    threads = [Thread(target=work) for _ in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


@pytest.mark.parametrize(
    ("text", "conflict", "lost"),
    [
        ("[DELTA_CONCURRENT_APPEND] Files were added to partition", True, False),
        ("io.delta.exceptions.ConcurrentTransactionException: x", True, False),
        ("<_MultiThreadedRendezvous: status = StatusCode.UNAVAILABLE", False, True),
        ("[INVALID_HANDLE.SESSION_CHANGED] The handle is invalid", False, True),
        ("[INVALID_HANDLE.SESSION_NOT_FOUND] The handle is invalid", False, True),
        ("[NO_ACTIVE_SESSION] No active Spark session found.", False, True),
        ("Job aborted: SparkContext was shut down", False, True),
        ("Job aborted: ExecutorLostFailure (executor driver exited)", False, True),
        ("o.a.s.BarrierJobSlotsNumberCheckFailed: [SPARK-24819]: Barrier", False, True),
        ("[DIVIDE_BY_ZERO] Division by zero", False, False),
    ],
)
def test_errors_are_told_apart_when_they_have_no_condition(
    text: str, conflict: bool, lost: bool
) -> None:
    error = RuntimeError(f"{text}\nand more lines: StatusCode.UNAVAILABLE DELTA_CONCURRENT_APPEND")
    assert is_conflict(error) is conflict
    assert is_lost(error) is lost
    assert "\n" not in summary(error)


def test_an_error_that_only_java_knows_is_told_by_its_own_text(spark: SparkSession) -> None:
    with pytest.raises(Exception, match="An error occurred") as raised:
        spark.sparkContext.textFile("file:/nothing/here").count()
    name = "org.apache.hadoop.mapred.InvalidInputException"
    assert summary(raised.value) == f"{name}: Input path does not exist: file:/nothing/here"
    assert not is_lost(raised.value)
