"""What a table consists of at a version: the files that its log's actions leave."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from headrace_lake.fsck.log import JSON

METADATA = ("id", "schemaString", "partitionColumns", "configuration")
"""What every writer says of a table; of the rest some leave out what is empty."""


@dataclass(frozen=True)
class SnapshotFile:
    """A data file as the log knows it.

    Attributes:
        path: Below the table's folder; a whole URI for a file elsewhere.
        modified: In seconds since 1970.
        statistics: `numRecords`, `minValues`, `maxValues`, `nullCount`; empty where there are none.
        version: Which commit added it, or the checkpoint that has it.
        is_literal: Whether partition and statistics are as the log's JSON has them. A reader that
            takes them from a checkpoint gives them types.
    """

    path: str
    size: int
    modified: float
    partition: Mapping[str, str | None]
    statistics: Mapping[str, Any] = field(repr=False)
    version: int
    is_literal: bool = True

    def differs(self, other: "SnapshotFile") -> bool:
        """Whether both say different things of the same file."""
        if self.size != other.size:
            return True
        are_literal = self.is_literal and other.is_literal
        return are_literal and (
            self.partition != other.partition or self.statistics != other.statistics
        )


@dataclass
class Snapshot:
    """A table at a version.

    Attributes:
        files: Data files that belong to it, by path.
        size: Bytes of all of them.
        metadata: Its metaData action; None until one was seen.
        protocol: Its protocol action; None until one was seen.
    """

    files: dict[str, SnapshotFile] = field(default_factory=dict)
    size: int = 0
    metadata: dict[str, Any] | None = None
    protocol: dict[str, Any] | None = None

    def apply(self, actions: Iterable[Mapping[str, Any]], version: int) -> None:
        """Do what a commit does; a file that it removes and adds stays, with other rows deleted.

        Raises:
            LookupError, TypeError, ValueError: An action lacks what it needs.
        """
        added: list[SnapshotFile] = []
        for action in actions:
            if add := action.get("add"):
                added.append(data_file(add, version))
            elif remove := action.get("remove"):
                self.drop(unquote(remove["path"]))
            elif metadata := action.get("metaData"):
                self.metadata = metadata
            elif protocol := action.get("protocol"):
                self.protocol = protocol
        for file in added:
            self.drop(file.path)
            self.files[file.path] = file
            self.size += file.size

    def drop(self, path: str) -> None:
        """Take a file away, if it is there."""
        if (file := self.files.pop(path, None)) is not None:
            self.size -= file.size


def data_file(add: Mapping[str, Any], version: int) -> SnapshotFile:
    """The file that an action adds.

    Raises:
        LookupError, TypeError, ValueError: The action lacks something, or has it in another form.
    """
    statistics = JSON.decode(add.get("stats") or "{}")
    return SnapshotFile(
        unquote(add["path"]),
        int(add["size"]),
        int(add["modificationTime"]) / 1000,
        dict(add["partitionValues"]),
        statistics,
        version,
    )


def described(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of a metaData action what every writer says."""
    return {key: (metadata or {}).get(key) for key in METADATA}


def supported(protocol: Mapping[str, Any] | None) -> dict[str, Any]:
    """A protocol action, its lists without an order."""
    return {
        key: sorted(value) if isinstance(value, list) else value
        for key, value in (protocol or {}).items()
        if value is not None
    }
