"""Files that lie in a table's folder already, made its content by a commit that writes no row.

The commit is that of the version after the one that was read, or none is made, as it is for single
rows (`commits`).
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from headrace_lake.commits import attempt, strictly
from headrace_lake.version_checksum import write_checksum
from headrace_lake.versions import open_table
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.places import Place

WAITS = (0.75, 1.5, 3.0, 6.0)
"""Seconds between offers of a commit: as long as Spark's are, beyond what deltalake tries itself."""


@dataclass(frozen=True)
class AddedFile:
    """A data file that a commit adds.

    Attributes:
        path: Below the table's folder.
        size: Its bytes.
        written_at: When it was written, in milliseconds since 1970.
        statistics: Of its columns, as the log has them.
    """

    path: str
    size: int
    written_at: int
    statistics: str


def replace_files(
    uri: str, table: Any, files: Sequence[AddedFile], partition: tuple[str, str] | None, note: str
) -> int | None:
    """Make files all those of a partition, or of a table without partitions, in one commit.

    Args:
        uri: Where the table lies.
        table: It, open at the version that was looked at.
        partition: Column and value; None for a table without partitions.
        note: What the commit says of itself, the same where another attempt makes the same one.

    Returns:
        The version that was made; None if another writer has made it.

    Raises:
        EngineUnavailable: The lake cannot be read or written, time and again.
    """
    version: int = table.version() + 1
    is_made = patiently(uri, version - 1, partial(commit, table, files, partition, note))
    if not is_made and note_at(uri, version) != note:
        return None
    with suppress(EngineUnavailable):  # the commit is made; the checksum only watches over it
        write_checksum(uri, version)
    return version


def patiently(uri: str, version: int, make: Callable[[], None]) -> bool:
    """As `commits.attempt`, again and again where an object store does not answer.

    A commit that is offered twice is made once: the second finds the note of the first.
    """
    for seconds in WAITS if Place.parse(uri).is_s3 else ():
        try:
            return attempt(uri, version, make)
        except EngineUnavailable:
            time.sleep(seconds)
    return attempt(uri, version, make)


def commit(
    table: Any, files: Sequence[AddedFile], partition: tuple[str, str] | None, note: str
) -> None:
    """Have the log name the files, and those of the partition before no longer."""
    from deltalake.transaction import AddAction  # heavy

    values = {} if partition is None else dict([partition])
    added = [
        AddAction(file.path, file.size, values, file.written_at, True, file.statistics)
        for file in files
    ]
    table.create_write_transaction(
        added,
        "overwrite",
        table.schema(),
        partition_by=list(values),
        partition_filters=None if partition is None else [(partition[0], "=", partition[1])],
        commit_properties=strictly(note),
    )


def newest_note(table: Any) -> str:
    """The note of the commit that made an open table's version; empty without one."""
    (found,) = table.history(1)
    return str(found.get("userMetadata") or "")


def note_at(uri: str, version: int) -> str | None:
    """The note of the commit that made a version; None if nothing tells."""
    table = open_table(uri)
    commits = [] if table is None else table.history(table.version() - version + 1)
    return next(
        (str(one.get("userMetadata") or "") for one in commits if one["version"] == version), None
    )
