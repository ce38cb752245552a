"""What checking a table costs: its log and listing, and each way of reading all of its data.

    python benchmarks/fsck.py

Needs a gigabyte of disk for some seconds.
"""

import hashlib
import json
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from headrace_lake.fsck.check import check
from headrace_lake.fsck.depth import Depth
from headrace_lake.fsck.parquet import whole_file

COMMITS, FILES_EACH, CHECKPOINT_EACH = 1000, 3, 10
ROWS, COLUMNS = 4_000_000, 16


def main() -> None:
    """Print seconds and megabytes a second."""
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        measure_log(Path(folder) / "table")
        measure_data(Path(folder) / "data.parquet")


def measure_log(place: Path) -> None:
    """A table of many commits, with the checksums that Spark would write beside them."""
    keys = [f"2013-{part:02}" for part in range(FILES_EACH)]
    for number in range(COMMITS):
        rows = pa.table({"n": range(FILES_EACH), "p": keys})
        write_deltalake(str(place), rows, partition_by=["p"], mode="append")
        table = DeltaTable(str(place))
        added = table.get_add_actions()
        sizes = added.column("size_bytes").to_pylist()
        said = {"numFiles": len(sizes), "tableSizeBytes": sum(sizes), "padding": "x" * 2500}
        (place / f"_delta_log/{number:020}.crc").write_text(json.dumps(said))
        if number and not number % CHECKPOINT_EACH:
            table.create_checkpoint()
    print(f"{COMMITS:,} commits, {COMMITS * FILES_EACH:,} files, on disk")
    for depth in (Depth.TAIL, Depth.LOG):
        seconds = best(lambda depth=depth: assert_whole(check(str(place), depth)))
        print(f"  {depth:<42}{seconds * 1000:>6.0f} ms")


def assert_whole(found: list[object]) -> None:
    """A benchmark of a damaged table would say nothing."""
    assert not found, found[0]


def measure_data(file: Path) -> None:
    """A large file, read in each way."""
    numbers = np.random.default_rng(0)
    columns = {f"c{one}": numbers.random(ROWS) for one in range(COLUMNS)}
    pq.write_table(
        pa.table(columns),
        file,
        write_page_checksum=True,
        use_dictionary=False,
        row_group_size=500_000,
    )
    size = file.stat().st_size

    def part(start: int, length: int) -> bytes:
        with file.open("rb") as opened:
            opened.seek(start)
            return opened.read(length)

    digest = hashlib.sha256()
    ways: dict[str, Callable[[], object]] = {
        "read": lambda: file.read_bytes(),
        "read, CRC-32 of all": lambda: zlib.crc32(file.read_bytes()),
        "read, SHA-256 of all": lambda: hashlib.sha256(file.read_bytes()),
        "checksums of pages": lambda: whole_file(part, size, lambda _: None),
        "checksums of pages, SHA-256": lambda: whole_file(part, size, digest.update),
        "pyarrow decodes all, checksums of pages": lambda: pq.read_table(
            file, page_checksum_verification=True, use_threads=False
        ),
    }
    print(f"data: one file of {size / 1e6:,.0f} MB, one thread, cached by the system")
    for name, way in ways.items():
        seconds = best(way)
        print(f"  {name:<42}{seconds:>6.2f} s{size / 1e6 / seconds:>8,.0f} MB/s")


def best(way: Callable[[], object]) -> float:
    """Seconds of the quickest of three."""
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        way()
        taken.append(time.perf_counter() - started)
    return min(taken)


if __name__ == "__main__":
    main()
