"""Which versions of tables are kept beyond their history, for whom, and at what cost; and holds."""

import getpass
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.table import Table as Shown

from headrace_lake.commits import insert
from headrace_lake.ledger import HOLDS, lake_pins
from headrace_lake.versions import files_at, newest_version, version_at
from headrace_launcher.errors import TableVersionUnknown
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import UnknownTable
from headrace_schemas.places import Lake
from headrace_schemas.planning.pins import Hold, Pin, hold_pins
from headrace_schemas.wire.job_folders import job_folders, job_pins

OF_MODELS = ("predictions", "monitoring", "sketches")
"""Kinds of tables that each model has one of."""


@dataclass(frozen=True)
class PinnedVersion:
    """A version of a table with everything that keeps it.

    Attributes:
        bytes_kept: Of files that neither the table's history nor another pinned version has; None
            if the version cannot be read any more.
    """

    table: str
    version: int
    pins: tuple[Pin, ...]
    bytes_kept: int | None


@dataclass(frozen=True)
class Pins:
    """The pins of one lake, and of the jobs of this machine."""

    lake: Lake
    catalog: Catalog
    jobs: Path

    def pins(self, now: datetime) -> list[Pin]:
        """Every pin there is."""
        return lake_pins(self.lake, self.catalog, now) + job_pins(job_folders(self.jobs), now)

    def versions(self, now: datetime) -> list[PinnedVersion]:
        """Every pinned version with its cost, by table and version."""
        found: dict[str, dict[int, list[Pin]]] = {}
        for pin in self.pins(now):
            found.setdefault(pin.table, {}).setdefault(pin.version, []).append(pin)
        return [
            PinnedVersion(table, version, tuple(versions[version]), cost)
            for table, versions in sorted(found.items())
            for version, cost in self.costs(table, sorted(versions), now).items()
        ]

    def costs(self, table: str, versions: Sequence[int], now: datetime) -> dict[int, int | None]:
        """The bytes that each version of a table keeps alone; within the history it is none."""
        uri = self.lake.pinnable(table)
        oldest = version_at(uri, now - timedelta(days=self.history_days(table))) or 0
        history = files_at(uri, oldest) or {}
        files = {version: files_at(uri, version) for version in versions}
        costs: dict[int, int | None] = {}
        for version, own in files.items():
            # What an old version shares with any of the history, it shares with the oldest.
            others = (found or {} for other, found in files.items() if other != version)
            also = set(history).union(*others)
            sizes = [size for path, size in (own or {}).items() if path not in also]
            costs[version] = None if own is None else 0 if version >= oldest else sum(sizes)
        return costs

    def history_days(self, table: str) -> int:
        """How long the history of a table is, or of what belongs to a model of it."""
        kind, _, rest = table.partition(".")
        if kind in OF_MODELS:
            table = self.catalog.models[rest].table
        return self.catalog.build(table).history_days

    def hold(self, table: str, version: int, reason: str, now: datetime) -> None:
        """Keep a version until somebody releases it.

        Raises:
            UnknownTable: The lake has no such table.
            TableVersionUnknown: The table has no such version, or has it no more.
        """
        self.refuse_unknown(table)
        if files_at(self.lake.pinnable(table), version) is None:
            raise TableVersionUnknown(table, version, "there is no such version, or not any more")
        self.say(table, version, "hold", reason, now)

    def release(self, table: str, version: int, reason: str, now: datetime) -> None:
        """Hold a version no longer; other pins on it stay.

        Raises:
            TableVersionUnknown: Nobody holds it.
        """
        if (table, version) not in {
            (pin.table, pin.version) for pin in hold_pins(HOLDS.read(self.lake.holds))
        }:
            raise TableVersionUnknown(table, version, "nobody holds it")
        self.say(table, version, "release", reason, now)

    def refuse_unknown(self, table: str) -> None:
        """Only what was published can be held."""
        known = sorted(self.catalog.builds)
        models = [f"{kind}.{name}" for name in self.catalog.models for kind in OF_MODELS]
        if table not in (*known, *models) or newest_version(self.lake.pinnable(table)) is None:
            raise UnknownTable(table, "the lake", [*known, *models])

    def say(self, table: str, version: int, action: str, reason: str, now: datetime) -> None:
        """Add a row to the ledger of holds; none is ever changed."""
        hold = Hold(
            table=table, version=version, action=action, reason=reason, by=getpass.getuser(), at=now
        )
        insert(HOLDS, self.lake.holds, hold, json.dumps({"by": hold.by}))


def pins_table(versions: Sequence[PinnedVersion]) -> Shown:
    """As a person reads them, one line a pin."""
    shown = Shown("table", "version", "why", "since", "kept by it alone", box=None)
    for version in versions:
        for index, pin in enumerate(version.pins):
            size = "gone" if version.bytes_kept is None else f"{version.bytes_kept:,} bytes"
            first = (version.table, str(version.version)) if index == 0 else ("", "")
            shown.add_row(
                *first, f"{pin.kind.value}: {pin.why}", day(pin.since), size if index == 0 else ""
            )
    return shown


def day(instant: datetime | None) -> str:
    """When, to the day."""
    return "" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d}"


def as_json(versions: Sequence[PinnedVersion]) -> list[dict[str, object]]:
    """For programs."""
    return [
        {
            "table": version.table,
            "version": version.version,
            "bytes": version.bytes_kept,
            "pins": [
                pin.model_dump(mode="json", include={"kind", "why", "since"})
                for pin in version.pins
            ],
        }
        for version in versions
    ]
