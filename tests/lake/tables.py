"""Looks at tables and damages them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headrace_lake.fsck.check import check
from headrace_lake.fsck.damage import Damage, DamageKind
from headrace_lake.fsck.depth import Depth

Found = list[tuple[DamageKind, str, int | None]]


@dataclass(frozen=True)
class Table:
    """A Delta table on disk."""

    place: Path

    def log(self, version: int, ending: str = "json") -> Path:
        """A file of the log."""
        return self.place / "_delta_log" / f"{version:020}.{ending}"

    @property
    def pointer(self) -> Path:
        return self.place / "_delta_log" / "_last_checkpoint"

    def data(self, version: int) -> Path:
        """The file that a commit of one file has added."""
        lines = [json.loads(line) for line in self.log(version).read_text().splitlines()]
        (path,) = [line["add"]["path"] for line in lines if "add" in line]
        return self.place / path

    def name(self, file: Path) -> str:
        """A file's path below the table."""
        return str(file.relative_to(self.place))

    def check(self, depth: Depth = Depth.LOG) -> list[Damage]:
        return check(str(self.place), depth, "silver.readings")

    def found(self, depth: Depth = Depth.LOG) -> Found:
        """What is wrong, in short; that a test has written to a file is known."""
        return short(self.check(depth))


def short(damages: list[Damage]) -> Found:
    return [
        (one.kind, one.file, one.version)
        for one in damages
        if one.kind is not DamageKind.FILE_TOUCHED
    ]


def change(file: Path, by: Callable[[bytes], bytes]) -> None:
    """Write a file anew, made from what it was."""
    file.write_bytes(by(file.read_bytes()))


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def empty(_: bytes) -> bytes:
    return b""


def flipped(at: int) -> Callable[[bytes], bytes]:
    """Turns one bit of a byte."""

    def flip(content: bytes) -> bytes:
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    return flip
