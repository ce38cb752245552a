"""Versions and partitions, read without Spark."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from arro3.core import Array, DataType, Table
from deltalake import DeltaTable, write_deltalake

from headrace_lake.tables import (
    partition_keys,
    published_keys,
    quarantine_reasons,
    rows_by_partition,
)
from headrace_lake.versions import files_at, newest_version, open_table, refreshed, version_at
from headrace_schemas.declarations.empty_batches import PUBLISHED_EMPTY
from headrace_schemas.errors import EngineUnavailable


def write(uri: str, *partitions: str) -> None:
    """A row a partition; without any, one row of a table without partitions."""
    columns = {"n": Array(list(range(len(partitions) or 1)), DataType.int64())}
    if partitions:
        columns["_partition"] = Array(list(partitions), DataType.utf8())
    by = ["_partition"] if partitions else None
    write_deltalake(uri, Table.from_pydict(columns), partition_by=by, mode="append")


def test_nothing_is_there_when_there_is_no_table(tmp_path: Path) -> None:
    uri = str(tmp_path / "nothing")
    assert newest_version(uri) is None
    assert version_at(uri, datetime.now(tz=UTC)) is None
    assert files_at(uri, 0) is None
    assert published_keys(uri) == set()
    assert rows_by_partition(uri) == quarantine_reasons(uri) == {}


def test_version_is_the_newest_when_a_table_was_written_twice(tmp_path: Path) -> None:
    uri = str(tmp_path)
    write(uri, "2013-01")
    opened = open_table(uri)
    write(uri, "2013-02")
    assert newest_version(uri) == refreshed(opened).version() == 1
    assert published_keys(uri) == {"2013-01", "2013-02"}
    assert len(files_at(uri, 0) or {}) == 1
    assert len(files_at(uri, 1) or {}) == 2
    assert files_at(uri, 2) is None


def test_version_of_a_time_is_the_newest_one_then_or_else_the_oldest(tmp_path: Path) -> None:
    uri = str(tmp_path)
    for key in ("2013-01", "2013-02"):
        write(uri, key)
    now = datetime.now(tz=UTC)
    assert version_at(uri, now + timedelta(hours=1)) == 1
    assert version_at(uri, now - timedelta(hours=1)) == 0


def test_partition_is_published_when_it_has_no_rows(tmp_path: Path) -> None:
    uri = str(tmp_path)
    write(uri, "2013-01")
    noted = {f"{PUBLISHED_EMPTY}2013-02": "true"}
    DeltaTable(uri).alter.set_table_properties(noted, raise_if_not_exists=False)
    assert published_keys(uri) == {"2013-01", "2013-02"}
    assert partition_keys(uri) == ["2013-01"]


def test_rows_are_counted_by_partition_or_as_a_whole(tmp_path: Path) -> None:
    write(str(tmp_path / "months"), "2013-01", "2013-01", "2013-02")
    write(str(tmp_path / "whole"))
    assert rows_by_partition(str(tmp_path / "months")) == {"2013-01": 2, "2013-02": 1}
    assert rows_by_partition(str(tmp_path / "whole")) == {"all": 1}


def test_lake_is_said_to_be_unavailable_when_a_log_is_damaged(tmp_path: Path) -> None:
    write(str(tmp_path), "2013-01")
    (tmp_path / "_delta_log" / f"{0:020}.json").write_text("{")
    with pytest.raises(EngineUnavailable, match="lake at "):
        newest_version(str(tmp_path))
