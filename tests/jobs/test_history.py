"""History that is declared: tables say so, old versions are read while pinned, refused by name after."""

from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from headrace_jobs.lake import history, tables
from headrace_schemas.errors import VersionGone
from headrace_schemas.wire.spec import PinnedTable
from tests.jobs.aged import age
from tests.jobs.batches import ROW, Batch

pytestmark = pytest.mark.spark

NAME = "bronze.numbers"

KEPT = {
    "delta.deletedFileRetentionDuration": "interval 30 days",
    "delta.logRetentionDuration": "interval 30 days",
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": "10",
}


def properties(uri: str) -> dict[str, str | None]:
    return DeltaTable(uri).metadata().configuration


def written(spark: SparkSession, folder: Path, versions: int) -> PinnedTable:
    """A table whose version n has n + 1 rows."""
    table = None
    for count in range(1, versions + 1):
        table = tables.replace(spark, spark.range(count).toDF("id"), str(folder), NAME, "2024-05")
    assert table is not None
    return table


@pytest.mark.parametrize("days", [40, 3 * 365])
def test_pinned_version_is_read_when_it_is_older_than_the_history(
    engine: SparkSession, tmp_path: Path, days: int
) -> None:
    table = written(engine, tmp_path / "table", 3)
    age(tmp_path / "table", lambda version: days - version)
    old = table.model_copy(update={"version": 0})
    assert [row.id for row in tables.read(engine, old).collect()] == [0]


def test_table_says_how_long_it_keeps_its_history_when_it_is_made(
    engine: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path / "table")
    history.declare(engine, 30, (NAME, uri))
    assert written(engine, tmp_path / "table", 2).version == 1
    assert properties(uri) == KEPT


def test_version_is_made_only_when_the_declared_history_differs(
    engine: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path / "table")
    history.declare(engine, 400)
    written(engine, tmp_path / "table", 1)
    history.declare(engine, 30, (NAME, uri))
    history.declare(engine, 30, (NAME, uri), ("none", str(tmp_path / "none")))
    assert DeltaTable(uri).version() == 1
    assert properties(uri) == KEPT


def test_batch_has_its_history_declared_when_it_is_published(batch: Batch) -> None:
    batch.build = batch.build.model_copy(update={"history_days": 30})
    batch.load_rows(
        ROW, "b,2024-05-01T00:00:00Z,x,1", *[f"c{n},2024-05-02T00:00:00Z,1,1" for n in range(9)]
    )
    batch.gate()
    assert batch.publish().table.version == 0
    assert properties(batch.table) == KEPT
    assert properties(batch.quarantine) == KEPT
    batch.build = batch.build.model_copy(update={"history_days": 40})
    assert batch.publish().table.version == 2
    assert batch.publish().table.version == 2  # nothing is written twice
    assert properties(batch.table)["delta.logRetentionDuration"] == "interval 40 days"


def test_version_is_refused_by_name_when_its_log_is_gone(
    engine: SparkSession, tmp_path: Path
) -> None:
    history.declare(engine, 30)
    table = written(engine, tmp_path / "table", 13)
    for version in range(3, 10):
        (tmp_path / "table" / "_delta_log" / f"{version:020}.json").unlink()
    for version in (3, 7, 9):
        gone = table.model_copy(update={"version": version})
        with pytest.raises(
            VersionGone, match=rf"bronze.numbers: version {version} is gone: 30 days"
        ):
            tables.read(engine, gone)
    for version in (0, 2, 10, 12):
        there = table.model_copy(update={"version": version})
        assert tables.read(engine, there).count() == version + 1


def test_version_is_refused_by_name_when_its_files_are_gone(
    engine: SparkSession, tmp_path: Path
) -> None:
    history.declare(engine, 30)
    table = written(engine, tmp_path / "table", 2)
    old = table.model_copy(update={"version": 0})
    for file in DeltaTable(table.uri, version=0).file_uris():
        Path(file).unlink()
    with (
        pytest.raises(VersionGone, match="version 0 is gone: 30 days"),
        history.kept_files([old]),
    ):
        tables.read(engine, old).collect()
