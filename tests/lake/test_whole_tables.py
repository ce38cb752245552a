"""Nothing is said of tables with which nothing is wrong."""

import os
from pathlib import Path

import pytest
from arro3.core import Array, DataType
from arro3.core import Table as Rows
from deltalake import DeltaTable, write_deltalake

from headrace_lake.fsck.check import check
from headrace_lake.fsck.depth import Depth
from tests.lake.tables import Table

DEPTHS = list(Depth)


@pytest.mark.parametrize("depth", DEPTHS)
def test_nothing_is_found_when_spark_has_written(table: Table, depth: Depth):
    assert table.check(depth) == []


@pytest.mark.parametrize("depth", DEPTHS)
def test_nothing_is_found_when_everything_was_done_to_a_table(changed: Table, depth: Depth):
    assert changed.check(depth) == []


@pytest.mark.parametrize("depth", DEPTHS)
def test_nothing_is_found_when_hadoop_has_left_its_own_checksums(table: Table, depth: Depth):
    (table.place / "_delta_log" / f".{13:020}.json.crc").write_bytes(b"crc\0")
    table.data(3).with_name(f".{table.data(3).name}.crc").write_bytes(b"crc\0")
    assert table.check(depth) == []


@pytest.mark.parametrize("depth", DEPTHS)
def test_nothing_is_found_when_old_commits_were_cleaned_away(table: Table, depth: Depth):
    for version in range(10):
        table.log(version).unlink()
        table.log(version, "crc").unlink()
    assert table.check(depth) == []


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("checkpoint", [8, 9])
def test_nothing_is_found_when_an_old_version_was_kept_and_later_ones_cleaned_away(
    table: Table, checkpoint: int, depth: Depth
):
    DeltaTable(str(table.place), version=checkpoint).create_checkpoint()
    for version in (5, 6, 7, 8):
        table.log(version).unlink()
        table.log(version, "crc").unlink()
    assert table.check(depth) == []


@pytest.mark.parametrize("depth", DEPTHS)
def test_nothing_is_found_when_deltalake_has_written_alone(tmp_path: Path, depth: Depth):
    uri = str(tmp_path / "t")
    odd = ["é/ :%", "b"]
    for number in range(12):
        rows = Rows.from_pydict(
            {
                "n": Array([number, None], DataType.int64()),
                "x": Array([number / 3, float("nan")], DataType.float64()),
                "at": Array([number * 1_234_567, -1], DataType.int64()).cast(
                    DataType.timestamp("us", tz="UTC")
                ),
                "text": Array(["a" * 80, "ü" * 40], DataType.utf8()),
                "p": Array(odd, DataType.utf8()),
            }
        )
        mode = "overwrite" if number == 6 else "append"
        write_deltalake(uri, rows, partition_by=["p"], mode=mode)
    DeltaTable(uri).create_checkpoint()
    DeltaTable(uri).delete("n = 8")
    DeltaTable(uri).optimize.compact()
    assert not list(Path(uri).rglob("*.crc"))
    assert check(uri, depth) == []


@pytest.mark.parametrize("depth", DEPTHS)
def test_nothing_is_found_when_deltalake_has_written_after_spark(table: Table, depth: Depth):
    uri = str(table.place)
    rows = DeltaTable(uri).to_pyarrow_table()
    write_deltalake(uri, rows.slice(0, 3), mode="append")
    DeltaTable(uri).create_checkpoint()
    assert table.check(depth) == []


@pytest.mark.parametrize("depth", DEPTHS)
def test_copying_is_no_damage_when_it_touches_every_file(table: Table, depth: Depth):
    for file in table.place.rglob("*.parquet"):
        later = file.stat().st_mtime + 3600
        os.utime(file, (later, later))
    (noted,) = table.check(depth)
    assert noted.is_harmless
    assert "13 more like it" in noted.problem
