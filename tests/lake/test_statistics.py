"""What the log says of a file's rows is compared with what another file says of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace_lake.fsck.check import checkpoints
from headrace_lake.fsck.log import actions
from headrace_lake.fsck.parquet import Footer, read_footer
from headrace_lake.fsck.snapshot import Snapshot
from headrace_lake.fsck.statistics import differences
from tests.lake.tables import Table

VERSION = 5

by_log_and_by_checkpoint = pytest.mark.parametrize("is_typed", [False, True])


def footer(file: Path) -> Footer:
    content = file.read_bytes()
    return read_footer(lambda start, length: content[start : start + length], len(content))


def logged(table: Table, is_typed: bool) -> Mapping[str, Any]:
    """Statistics of the file of a commit, by its JSON, or by the checkpoint that has it."""
    snapshot = Snapshot()
    if is_typed:
        found = checkpoints.content(str(table.place), 10)
        assert found is not None
        snapshot = found
    else:
        snapshot.apply(actions(table.log(VERSION).read_bytes()), VERSION)
    return snapshot.files[table.name(table.data(VERSION))].statistics


@by_log_and_by_checkpoint
def test_nothing_differs_when_the_file_is_the_one(table: Table, is_typed: bool):
    assert list(differences(logged(table, is_typed), footer(table.data(VERSION)))) == []


@by_log_and_by_checkpoint
@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("id", 138, "the smallest id"),
        ("id", 0, "the largest id"),
        ("sometimes", None, "column sometimes is NULL in 10 rows, the log says"),
        ("never", 1, "column never is NULL in 0 rows, the log says 10"),
        ("double", 999.5, "the smallest double"),
        ("float", -1.5, "the largest float"),
        ("decimal", None, "column decimal"),
        ("long_decimal", 7, "the smallest long_decimal"),
        ("text", "z", "the smallest text"),
        ("day", 0, "the smallest day"),
        ("at", 0, "the largest at"),
        ("local", 0, "the largest local"),
        ("tiny", -5, "the largest tiny"),
    ],
)
def test_column_is_told_when_its_values_are_others(
    table: Table, tmp_path: Path, column: str, value: object, told: str, is_typed: bool
):
    rows = pq.ParquetFile(table.data(VERSION)).read()
    at = rows.schema.get_field_index(column)
    field = rows.schema.field(at)
    stored = pa.int64() if pa.types.is_timestamp(field.type) else field.type
    stored = pa.int32() if pa.types.is_date(field.type) else stored
    values = pa.array([value] * rows.num_rows, stored).cast(field.type)
    pq.write_table(rows.set_column(at, field, values), tmp_path / "other.parquet")
    found = list(differences(logged(table, is_typed), footer(tmp_path / "other.parquet")))
    assert [one for one in found if one.startswith(told)], found


@by_log_and_by_checkpoint
def test_rows_are_told_when_there_are_fewer(table: Table, tmp_path: Path, is_typed: bool):
    pq.write_table(pq.ParquetFile(table.data(VERSION)).read().slice(0, 9), tmp_path / "o.parquet")
    found = list(differences(logged(table, is_typed), footer(tmp_path / "o.parquet")))
    assert found[0] == "it has 9 rows, the log says 10"


@by_log_and_by_checkpoint
def test_column_is_told_when_the_file_lacks_it(table: Table, tmp_path: Path, is_typed: bool):
    rows = pq.ParquetFile(table.data(VERSION)).read().drop_columns(["text"])
    pq.write_table(rows, tmp_path / "o.parquet")
    found = list(differences(logged(table, is_typed), footer(tmp_path / "o.parquet")))
    assert found == ["it has no column text"]
