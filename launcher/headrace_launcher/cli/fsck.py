"""What the command `headrace fsck` asks, and how it shows what it finds."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from headrace_lake.fsck.check import FsckResult, check_lake, repair
from headrace_lake.fsck.depth import Depth
from headrace_launcher.services.settings import Settings
from headrace_schemas.places import Lake


@dataclass(frozen=True)
class FsckReport:
    """What was found, and what was repaired before.

    Attributes:
        moved: URIs of what was moved aside.
    """

    lake: str
    depth: Depth
    checked: FsckResult
    moved: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        damages = [
            {**damage.model_dump(mode="json"), "is_harmless": damage.is_harmless}
            for damage in self.checked.damages
        ]
        return {
            "lake": self.lake,
            "depth": self.depth.value,
            "is_well": self.checked.is_well,
            "tables": list(self.checked.tables),
            "damages": damages,
            "moved": list(self.moved),
        }


def examine(
    settings: Settings,
    names: Collection[str],
    tell: Callable[[str], None],
    *,
    full: bool,
    mend: bool,
) -> FsckReport:
    """Check the lake's tables, or those that are named; after a repair check them again.

    Raises:
        TableMissing: The lake has no table of a name.
        EngineUnavailable: The lake cannot be read.
    """
    lake, depth = Lake(root=settings.lake), Depth.FULL if full else Depth.LOG
    checked = check_lake(lake, depth, names, tell)
    moved: list[str] = []
    if mend and (moved := repair(lake, checked.damages)):
        checked = check_lake(lake, depth, names, tell)
    return FsckReport(settings.lake, depth, checked, tuple(moved))


def lines(report: FsckReport) -> Iterator[Text]:
    """The report for people: a line for what was moved, a line a damage, and a sum."""
    for uri in report.moved:
        yield Text(f"moved aside: {uri}")
    for damage in report.checked.damages:
        style = "yellow" if damage.is_harmless else "red"
        yield Text.assemble((f"{damage.kind:<19}", style), str(damage))
    harmless = sum(damage.is_harmless for damage in report.checked.damages)
    harmful = len(report.checked.damages) - harmless
    tables = counted(len(report.checked.tables), "table")
    what = "log and all data" if report.depth is Depth.FULL else "log and list of files"
    notes = f", {harmless} harmless" if harmless else ""
    yield Text(f"{tables}, {what}: {counted(harmful, 'damage')}{notes}")


def counted(count: int, noun: str) -> str:
    """A number of things."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
