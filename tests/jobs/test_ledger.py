"""Rows that were committed without Spark are Spark's to read and to look after."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.lake.history import declare
from headrace_jobs.tables.maintain import maintain
from headrace_lake import commits
from headrace_lake.commits import insert, replace
from headrace_lake.fsck.check import check
from headrace_lake.fsck.depth import Depth
from headrace_lake.ledger import DECISIONS, EVALUATIONS
from headrace_schemas.decisions.decision import Decision
from headrace_schemas.decisions.model_version import Evaluation
from headrace_schemas.declarations.pipeline import HISTORY_DAYS
from headrace_schemas.wire.maintenance_jobs import MaintainedTable, MaintainSpec
from tests.jobs.learning import head
from tests.lake.rows import decision, seen_by_duckdb
from tests.lake.tables import short

pytestmark = pytest.mark.spark

NO_SPARK: Any = None
"""In place of a session where none may be used."""

SCHEMA = ", ".join(
    f"{name} {'TIMESTAMP' if name in ('as_of', 'effective_from') else 'STRING'}"
    for name in DECISIONS.columns.values()
)


def rows_of_spark(spark: SparkSession, table: Path) -> set[tuple[str, ...]]:
    """Every decision as Spark reads it, instants as numbers."""
    frame = spark.read.format("delta").load(str(table))
    columns = [
        F.unix_micros(name) if name in ("as_of", "effective_from") else F.col(name)
        for name in DECISIONS.columns.values()
    ]
    assert frame.columns == list(DECISIONS.columns.values())
    return {tuple(map(str, row)) for row in frame.select(*columns).collect()}


def as_spark_reads(row: Decision) -> tuple[str, ...]:
    micros = {name: instant(getattr(row, name)) for name in ("as_of", "effective_from")}
    return tuple(str(value) for value in (row.model_dump() | micros).values())


def instant(found: datetime | None) -> int | None:
    if found is None:
        return None
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def written_by_spark(spark: SparkSession, table: Path, *ids: str) -> None:
    """A ledger as Headrace wrote it while Spark did."""
    declare(spark, HISTORY_DAYS)
    rows = [tuple(decision(one).model_dump().values()) for one in ids]
    frame = spark.createDataFrame(rows, SCHEMA)
    frame.write.format("delta").mode("append").partitionBy("model").save(str(table))


def test_spark_reads_what_was_inserted(engine: SparkSession, tmp_path: Path) -> None:
    rows = [decision("a"), decision("b", request_id=None, effective_from=None)]
    for one in rows:
        insert(DECISIONS, str(tmp_path), one, "{}")
    assert rows_of_spark(engine, tmp_path) == set(map(as_spark_reads, rows))


def test_rows_are_added_to_a_ledger_that_spark_has_written(
    spark: SparkSession, tmp_path: Path
) -> None:
    written_by_spark(spark, tmp_path, "a", "b")
    again = insert(DECISIONS, str(tmp_path), decision("a", reason="other"), "{}")
    assert again.row == decision("a")
    insert(DECISIONS, str(tmp_path), decision("c"), "{}")
    expected = [decision(one) for one in "abc"]
    assert DECISIONS.read(str(tmp_path), "late") == expected
    assert rows_of_spark(spark, tmp_path) == set(map(as_spark_reads, expected))
    assert seen_by_duckdb(tmp_path, "id") == ["a", "b", "c"]
    assert short(check(str(tmp_path), Depth.FULL)) == []


def test_a_row_is_offered_again_when_spark_was_first(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_by_spark(spark, tmp_path, "a")
    write, left = commits.write, ["by spark"]

    def late(*given: object) -> None:
        if left:
            written_by_spark(spark, tmp_path, left.pop())
        write(*given)  # type: ignore[arg-type]  # what it is called with

    monkeypatch.setattr(commits, "write", late)
    insert(DECISIONS, str(tmp_path), decision("own"), "{}")
    assert seen_by_duckdb(tmp_path, "id") == ["a", "by spark", "own"]


def test_rows_stay_when_the_ledger_is_looked_after(spark: SparkSession, tmp_path: Path) -> None:
    """Some of them written by Spark; but it does not join them."""
    ledger = tmp_path / "decisions"
    written_by_spark(spark, ledger, "00", "01")
    for number in range(2, 14):
        insert(DECISIONS, str(ledger), decision(f"{number:02}"), "{}")
    expected = rows_of_spark(spark, ledger)
    table = MaintainedTable(
        name=DECISIONS.name, uri=str(ledger), history_days=HISTORY_DAYS, is_row_table=True
    )
    spec = MaintainSpec(
        **head("maintain"),
        tables=(table,),
        staging_uri=str(tmp_path / "staging"),
        time_limit_minutes=60,
    )
    report = maintain(NO_SPARK, spec, datetime.now(tz=UTC))
    assert report.metrics["files_joined"] >= 13
    assert len(DeltaTable(str(ledger)).file_uris()) == 1
    assert rows_of_spark(spark, ledger) == expected
    insert(DECISIONS, str(ledger), decision("14"), "{}")
    assert seen_by_duckdb(ledger, "id") == [f"{number:02}" for number in range(15)]
    assert len(DECISIONS.read(str(ledger))) == len(rows_of_spark(spark, ledger)) == 15
    assert short(check(str(ledger), Depth.FULL)) == []


def test_spark_reads_what_was_replaced(spark: SparkSession, tmp_path: Path) -> None:
    for number, digest in (("1", "a"), ("2", "b"), ("1", "c")):
        one = Evaluation(model="late", version=number, sha256=digest)
        replace(EVALUATIONS, str(tmp_path), one, "{}")
    version = tables.newest_version(spark, str(tmp_path))
    found = spark.read.format("delta").option("versionAsOf", version).load(str(tmp_path)).collect()
    assert sorted(map(tuple, found)) == [("late", "1", "c"), ("late", "2", "b")]
