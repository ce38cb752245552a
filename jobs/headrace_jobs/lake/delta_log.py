"""The log of a Delta table, read as bytes: which files a version has, without opening a session.

Spark tells neither which files an old version needs nor what its log needs to be read again. What
the log's format is: https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from pyarrow import parquet

from headrace_jobs.lake import files
from headrace_jobs.lake.files import ListedFile

COMMIT = re.compile(r"(\d{20})\.json")
CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet")
OF_A_VERSION = re.compile(r"\.?(\d{20})\.")
"""Whatever belongs to one version: commit, checkpoint, checksum, and Hadoop's file beside each."""


class LogIncomplete(LookupError):
    """Commits that a version needs are not there, or no checkpoint before it can be read."""


@dataclass(frozen=True)
class AddedFile:
    """A file of a version, by its path below the table; partition values in the columns' order."""

    path: str
    size: int
    partition: tuple[str | None, ...]

    @classmethod
    def of(cls, add: dict[str, Any]) -> "AddedFile":
        """From the log's action, whose path is escaped as a URI's is."""
        values = dict(add.get("partitionValues") or {})
        return cls(unquote(add["path"]), int(add["size"]), tuple(values.values()))


@dataclass(frozen=True)
class DeltaLog:
    """The log as it was listed once."""

    folder: str
    listed: tuple[ListedFile, ...]

    @classmethod
    def at(cls, uri: str) -> "DeltaLog | None":
        """The log of the table at `uri`; None if there is no table."""
        folder = f"{uri.rstrip('/')}/_delta_log"
        found = cls(folder, tuple(file for file in files.below(folder) if "/" not in file.path))
        return found if found.commits else None

    @cached_property
    def commits(self) -> dict[int, ListedFile]:
        """The commits that are there, oldest first."""
        matched = [(COMMIT.fullmatch(file.path), file) for file in self.listed]
        return {int(name[1]): file for name, file in matched if name}

    @cached_property
    def checkpoints(self) -> dict[int, tuple[str, ...]]:
        """The names of the parts of each checkpoint that is whole, oldest first."""
        parts: dict[tuple[int, int], list[str]] = {}
        for file in self.listed:
            if name := CHECKPOINT.fullmatch(file.path):
                parts.setdefault((int(name[1]), int(name[3] or 1)), []).append(file.path)
        return {
            version: tuple(sorted(names))
            for (version, count), names in sorted(parts.items())
            if len(names) == count
        }

    @property
    def newest(self) -> int:
        """The newest version."""
        return max(self.commits)

    def version_at(self, instant: datetime) -> int | None:
        """The version that was the newest one at a time; None if there was none, or it is gone.

        No commit is older than one before it, whatever its writer's clock said.
        """
        later = (version for version, commit in self.commits.items() if commit.written_at > instant)
        end = next(later, None)
        return max(
            (version for version in self.commits if end is None or version < end), default=None
        )

    def segment(self, version: int) -> tuple[int | None, list[int]]:
        """The checkpoint and the commits from which a version is read.

        Raises:
            LogIncomplete: They are not all there.
        """
        base = max(
            (checkpoint for checkpoint in self.checkpoints if checkpoint <= version), default=None
        )
        needed = list(range(0 if base is None else base + 1, version + 1))
        if missing := [commit for commit in needed if commit not in self.commits]:
            raise LogIncomplete(f"{self.folder}: commit {missing[0]} is gone")
        return base, needed

    def files_at(self, version: int) -> dict[str, AddedFile]:
        """The files of a version, by their paths.

        Raises:
            LogIncomplete: The log does not tell any more.
        """
        base, commits = self.segment(version)
        found = {} if base is None else {file.path: file for file in self.checkpointed(base)}
        for commit in commits:
            for kind, action in self.actions(commit):
                if kind == "remove":
                    found.pop(unquote(action["path"]), None)
                elif kind == "add":
                    found[unquote(action["path"])] = AddedFile.of(action)
        return found

    def checkpointed(self, version: int) -> Iterator[AddedFile]:
        """The files of a version of which there is a checkpoint."""
        columns = ["add.path", "add.size", "add.partitionValues"]
        for name in self.checkpoints[version]:
            with files.open_anywhere(f"{self.folder}/{name}") as stream:
                # Not `read_table`: by its names what is within a struct comes without the struct.
                adds = parquet.ParquetFile(stream).read(columns).column("add").to_pylist()
            yield from (AddedFile.of(add) for add in adds if add and add["path"] is not None)

    def added_after(self, version: int) -> set[str]:
        """Paths of all files that later versions had at any time."""
        later = [commit for commit in self.commits if commit > version]
        return {
            unquote(action["path"])
            for commit in later
            for kind, action in self.actions(commit)
            if kind == "add"
        }

    def actions(self, version: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """What a commit says, one thing after the other."""
        for line in files.read_text(f"{self.folder}/{self.commits[version].path}").splitlines():
            yield from json.loads(line).items()
