"""A Delta table's log as its folder shows it: commits, their checksums, checkpoints, the pointer.

Files beside these (Hadoop's hidden checksums, staged commits, what was moved aside) are not looked at.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from headrace_lake.objects import Stored

FOLDER = "_delta_log"
POINTER = f"{FOLDER}/_last_checkpoint"
"""Names the newest checkpoint, so that readers need not list; they list where it is no help."""

NAMES = re.compile(
    rf"{FOLDER}/(?P<version>\d{{20}})\.(?:(?P<commit>json)|(?P<checksum>crc)|checkpoint"
    r"(?:\.(?P<part>\d{10})\.(?P<parts>\d{10})|\.(?P<id>[0-9a-f-]{36}))?\.(?:parquet|json))"
)


JSON = json.JSONDecoder(parse_float=Decimal)
"""Reads numbers as they are written; made once, as a log has thousands of lines."""


@dataclass(frozen=True)
class Checkpoint:
    """All that the table was at a version, in one file or several.

    Attributes:
        count: How many files it should have.
        id: Of a checkpoint whose file is named by one; such a file leads to others (its sidecars).
    """

    version: int
    files: tuple[Stored, ...]
    count: int
    id: str | None

    @property
    def path(self) -> str:
        """Its first file."""
        return self.files[0].path


@dataclass(frozen=True)
class Log:
    """What lies in the log's folder, by version."""

    commits: Mapping[int, Stored]
    checksums: Mapping[int, Stored]
    checkpoints: tuple[Checkpoint, ...]
    pointer: Stored | None

    @property
    def newest(self) -> int:
        """The newest version that anything mentions; -1 for an empty log.

        A commit is written before its checksum and before its checkpoint: what mentions a newer
        version than the commits do has seen one that is gone.
        """
        versions = [
            *self.commits,
            *self.checksums,
            *(checkpoint.version for checkpoint in self.checkpoints),
        ]
        return max(versions, default=-1)

    @classmethod
    def of(cls, files: Iterable[Stored]) -> "Log":
        """The log among a table's files."""
        commits: dict[int, Stored] = {}
        checksums: dict[int, Stored] = {}
        parts: dict[tuple[int, int, str | None], list[Stored]] = defaultdict(list)
        pointer = None
        for file in files:
            if file.path == POINTER:
                pointer = file
            elif found := NAMES.fullmatch(file.path):
                version = int(found["version"])
                if found["commit"]:
                    commits[version] = file
                elif found["checksum"]:
                    checksums[version] = file
                else:
                    parts[version, int(found["parts"] or 1), found["id"]].append(file)
        checkpoints = [
            Checkpoint(version, tuple(sorted(found, key=lambda file: file.path)), count, id)
            for (version, count, id), found in parts.items()
        ]
        return cls(
            dict(sorted(commits.items())),
            checksums,
            tuple(sorted(checkpoints, key=lambda checkpoint: checkpoint.version)),
            pointer,
        )


def commit_path(version: int) -> str:
    """Where the commit of a version lies."""
    return f"{FOLDER}/{version:020}.json"


def actions(content: bytes) -> list[dict[str, Any]]:
    """What a commit does, an action a line.

    Raises:
        ValueError: A line is not one.
    """
    found = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            action = JSON.decode(line.decode())
        except ValueError as error:
            raise ValueError(f"line {number} is no JSON") from error
        if not isinstance(action, dict):
            raise ValueError(f"line {number} is no action")  # noqa: TRY004 - it is what was read
        found.append(action)
    return found


def checksum(content: bytes) -> dict[str, Any]:
    """What the table was at a version, by the writer of its commit.

    Raises:
        LookupError, TypeError, ValueError: It cannot be read.
    """
    found: dict[str, Any] = JSON.decode(content.decode())
    if not isinstance(found["numFiles"], int):
        raise TypeError("its number of files is none")
    return found
