"""Parquet files are read as other readers read them, whatever their writer chose."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace_lake.fsck.parquet import NotWhole, whole_file

ROWS = pa.table(
    {
        "number": pa.array(range(5000)),
        "word": [f"word {one % 17}" for one in range(5000)],
        "list": [[one] * (one % 4) for one in range(5000)],
        "nested": [{"a": one, "b": None} for one in range(5000)],
    }
)


def read(file: Path) -> tuple[Any, int]:
    """The footer of a file, and how many of its bytes were looked at."""
    content, seen = file.read_bytes(), bytearray()
    footer = whole_file(
        lambda start, length: content[start : start + length], len(content), seen.extend
    )
    assert bytes(seen) == content
    return footer, len(seen)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("is_dictionary", [False, True])
@pytest.mark.parametrize("rows", [ROWS, ROWS.slice(0, 1), ROWS.slice(0, 0)])
def test_file_is_whole_however_it_was_written(
    tmp_path: Path, rows: pa.Table, is_dictionary: bool, version: Any
):
    file = tmp_path / "file.parquet"
    pq.write_table(
        rows,
        file,
        write_page_checksum=True,
        use_dictionary=is_dictionary,
        row_group_size=2000,
        data_page_version=version,
        data_page_size=1000,
        write_page_index=True,
    )
    footer, _ = read(file)
    expected = pq.ParquetFile(file).metadata
    assert footer.rows == expected.num_rows
    assert sum(one.length for one in footer.chunks) == sum(
        expected.row_group(group).column(column).total_compressed_size
        for group in range(expected.num_row_groups)
        for column in range(expected.num_columns)
    )
    assert [".".join(leaf.path) for leaf in footer.leaves] == [
        expected.schema.column(one).path for one in range(expected.num_columns)
    ]


def test_every_flip_in_a_page_is_found_when_pages_have_checksums(tmp_path: Path):
    file = tmp_path / "file.parquet"
    pq.write_table(ROWS.slice(0, 300), file, write_page_checksum=True, compression="none")
    group = pq.ParquetFile(file).metadata.row_group(0)
    content = file.read_bytes()
    for number in range(group.num_columns - 1):  # of the last one all is NULL: the page is a head
        column = group.column(number)
        end = (
            column.dictionary_page_offset or column.data_page_offset
        ) + column.total_compressed_size
        for at in range(end - 20, end):
            file.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
            with pytest.raises(NotWhole, match="is not what its checksum says"):
                read(file)


@pytest.mark.parametrize("kept", [0, 4, 11, 12, 100, -1, -8, -9])
def test_file_is_refused_when_it_was_cut_off(tmp_path: Path, kept: int):
    file = tmp_path / "file.parquet"
    pq.write_table(ROWS, file)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(NotWhole):
        read(file)
