"""A table's data files: whether they are there, as long as the log says, and what was written."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from headrace_lake.fsck.damage import DamageKind, TableDamages
from headrace_lake.fsck.parquet import NotWhole, whole_file
from headrace_lake.fsck.snapshot import SnapshotFile
from headrace_lake.fsck.statistics import differences
from headrace_lake.objects import Folder, Stored

TOUCHED_SECONDS = 60
"""How much later than its commit says a file may have been written: clocks differ."""

FILE_READERS = 4
"""How many files are read at once; each reader holds a column of a row group in memory."""

SHOWN_DIFFERENCES = 3
"""How many of a file's differences are listed: a file that was exchanged differs everywhere."""

RESTORE = (
    "Restore this file from a backup of the table; else build the partitions again that it holds "
    "rows of, which replaces it."
)
DERIVED = "Then build again, or retrain, what was made from it since."


def check_listing(
    findings: TableDamages, files: Iterable[SnapshotFile], stored: Mapping[str, Stored]
) -> list[SnapshotFile]:
    """Compare the log's files with a listing of the table's folder.

    Returns:
        Those that are there, as long as they should be.
    """
    there, touched = [], []
    for file in files:
        if is_elsewhere(file):
            continue
        found = stored.get(file.path)
        if found is None:
            findings.note(
                DamageKind.FILE_MISSING,
                file.path,
                file.version,
                "the data file is not there",
                RESTORE,
            )
        elif found.size != file.size:
            findings.note(
                DamageKind.FILE_RESIZED,
                file.path,
                file.version,
                f"the data file has {found.size:,} bytes, the log says {file.size:,}",
                RESTORE,
            )
        else:
            there.append(file)
            if found.modified > file.modified + TOUCHED_SECONDS:
                touched.append((file, found))
    if touched:
        note_touched(findings, touched)
    return there


def is_elsewhere(file: SnapshotFile) -> bool:
    """Whether a file lies outside of the table's folder, as those of a shallow clone do."""
    return "://" in file.path or file.path.startswith("/")


def note_touched(findings: TableDamages, touched: list[tuple[SnapshotFile, Stored]]) -> None:
    """Say that files were written again: one note, as whoever copies a lake touches all of them."""
    file, found = touched[0]
    when = datetime.fromtimestamp(found.modified, UTC).isoformat(timespec="seconds")
    others = f" ({len(touched) - 1:,} more like it)" if len(touched) > 1 else ""
    findings.note(
        DamageKind.FILE_TOUCHED,
        file.path,
        file.version,
        f"the data file was written at {when}, after its commit{others}",
        "All is well if the table was copied or restored then. Else somebody has exchanged it: "
        "compare it with a backup.",
    )


def check_contents(
    findings: TableDamages,
    folder: Folder,
    files: Iterable[SnapshotFile],
    known: Mapping[str, str],
    seen: Callable[[SnapshotFile], None],
) -> dict[str, str]:
    """Read files whole, and compare them with their own checksums, the log and their digests.

    Args:
        known: Digests of files that were read before, by path.
        seen: Called with each file that was read.

    Returns:
        Digests of those that are as they should be.
    """
    digests = {}
    with ThreadPoolExecutor(FILE_READERS) as pool:
        for file, digest, problem in pool.map(partial(read_whole, folder, known), files):
            if problem:
                findings.note(
                    DamageKind.FILE_DIFFERS,
                    file.path,
                    file.version,
                    problem,
                    f"{RESTORE} {DERIVED}",
                )
            else:
                digests[file.path] = digest
            seen(file)
    return digests


def read_whole(
    folder: Folder, known: Mapping[str, str], file: SnapshotFile
) -> tuple[SnapshotFile, str, str]:
    """Read a file: itself, its digest, and what is wrong with it, empty where nothing is."""
    digest = hashlib.sha256()
    try:
        footer = whole_file(partial(folder.read, file.path), file.size, digest.update)
    except FileNotFoundError:
        return file, "", "the data file went away while it was read"
    except NotWhole as problem:
        return file, "", f"the data file is not what was written: {problem}"
    if others := list(islice(differences(file.statistics, footer), SHOWN_DIFFERENCES)):
        return file, "", f"the data file is another one than was committed: {'; '.join(others)}"
    found = digest.hexdigest()
    if known.get(file.path, found) != found:
        return file, "", "the data file has other bytes than when it was first checked"
    return file, found, ""
