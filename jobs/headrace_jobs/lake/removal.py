"""What of a Delta table nobody needs any more: neither its declared history nor a pin nor a writer."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from headrace_jobs.lake import files
from headrace_jobs.lake.delta_log import OF_A_VERSION, DeltaLog, LogIncomplete
from headrace_jobs.lake.files import ListedFile
from headrace_schemas.planning.pins import Pin
from headrace_schemas.wire.maintenance_jobs import MaintainedTable

log = logging.getLogger(__name__)


@dataclass
class RetainedFiles:
    """What is to stay of a table.

    Attributes:
        files: Paths of data files.
        versions: Whose entries in the log stay.
        by_pin: Bytes of files that are there for one pin only.
        gone: Pins on versions that cannot be read any more, whoever removed them.
    """

    files: set[str]
    versions: set[int]
    by_pin: dict[Pin, int] = field(default_factory=dict)
    gone: list[Pin] = field(default_factory=list)


def needed(table: MaintainedTable, delta_log: DeltaLog, now: datetime) -> RetainedFiles:
    """What history and pins need.

    Raises:
        LogIncomplete: The log does not tell what the history needs; then all of it does.
    """
    horizon = now - timedelta(days=table.history_days)
    oldest = delta_log.version_at(horizon)
    if oldest is None:
        oldest = min(delta_log.commits)
    base, commits = delta_log.segment(oldest)
    first = min([*commits, oldest] if base is None else [base])
    history = set(delta_log.files_at(oldest)) | delta_log.added_after(oldest)
    versions = {version for version in listed_versions(delta_log) if version >= first}
    kept = RetainedFiles(set(history), versions)
    pinned: dict[Pin, dict[str, int]] = {}
    for pin in table.pins:
        try:
            found = delta_log.files_at(pin.version)
            base, commits = delta_log.segment(pin.version)
        except LogIncomplete:
            kept.gone.append(pin)
            continue
        pinned[pin] = {path: file.size for path, file in found.items()}
        kept.files |= found.keys()
        kept.versions |= {pin.version, *commits} | (set() if base is None else {base})
    for pin, sizes in pinned.items():
        others = (other for other_pin, other in pinned.items() if other_pin.version != pin.version)
        also = history.union(*others)
        kept.by_pin[pin] = sum(size for path, size in sizes.items() if path not in also)
    return kept


def listed_versions(delta_log: DeltaLog) -> set[int]:
    """Every version of which the log holds anything."""
    found = (OF_A_VERSION.match(entry.path) for entry in delta_log.listed)
    return {int(match[1]) for match in found if match}


def needless_log(delta_log: DeltaLog, kept: RetainedFiles) -> list[ListedFile]:
    """Entries of the log that no kept version is read from, oldest first.

    A cut-off leaves the younger ones, so that the rest can be read from its first checkpoint on.
    """
    found = []
    for entry in delta_log.listed:
        of = OF_A_VERSION.match(entry.path)
        if of and int(of[1]) not in kept.versions:
            found.append((int(of[1]), entry))
    return [entry for _, entry in sorted(found)]


def needless_files(
    listed: Sequence[ListedFile], kept: RetainedFiles, written_before: datetime
) -> list[ListedFile]:
    """Data files that no kept version has.

    Args:
        written_before: Younger ones may belong to a commit that is still to come.
    """
    return [
        file
        for file in listed
        if file.path.endswith(".parquet")
        and not is_hidden(file.path)
        and file.path not in kept.files
        and file.written_at < written_before
    ]


def is_hidden(path: str) -> bool:
    """Whether Delta keeps something else than rows there: its log, changes, an index.

    A partition's folder begins with `_` as well, as its column does.
    """
    return any(step.startswith(("_", ".")) and "=" not in step for step in path.split("/"))


def remove_needless(
    table: MaintainedTable,
    delta_log: DeltaLog,
    listed: Sequence[ListedFile],
    now: datetime,
    written_before: datetime,
) -> tuple[list[ListedFile], list[ListedFile], RetainedFiles]:
    """Remove what nobody needs: log entries, then data files; what was removed, and what stays.

    First the log, so that a version whose files go is one that is no longer listed.

    Raises:
        LogIncomplete: The log does not tell what the history needs; nothing was removed.
    """
    kept = needed(table, delta_log, now)
    entries = needless_log(delta_log, kept)
    data = needless_files(listed, kept, written_before)
    files.remove_files(delta_log.folder, [entry.path for entry in entries])
    files.remove_files(table.uri, [file.path for file in data])
    log.info("%s: %d log entries and %d files removed", table.name, len(entries), len(data))
    return entries, data, kept
