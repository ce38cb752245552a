"""Checkpoints: whether they can be read, what they hold, and when they may be moved aside."""

import json
from functools import partial
from typing import Any
from urllib.parse import unquote

from headrace_lake.fsck.damage import DamageKind, TableDamages
from headrace_lake.fsck.log import POINTER, Checkpoint, Log
from headrace_lake.fsck.parquet import NotWhole, read_footer, whole_file
from headrace_lake.fsck.snapshot import Snapshot, SnapshotFile
from headrace_lake.objects import Folder

ASIDE = ".damaged"
"""What a file is called, after its name, that was moved aside: no reader of Delta looks at it."""

REPAIR = (
    "All commits are there, and it only repeats them: `headrace fsck --repair` moves it aside, and "
    "readers work again."
)
NO_REPAIR = (
    "Not all commits are there that it sums up: restore it from a backup of the table, or move the "
    "table's folder away and build its partitions again."
)


def broken(folder: Folder, log: Log, *, whole: bool) -> dict[Checkpoint, str]:
    """The checkpoints that cannot be read, and why, as a clause.

    Args:
        whole: Whether all bytes of all checkpoints are read. Else of each it is looked whether it
            is there, and of those from which readers begin whether it has an end.
    """
    read = log.checkpoints if whole else (*log.checkpoints[:1], *log.checkpoints[-1:])
    found = {}
    for checkpoint in log.checkpoints:
        problem = incomplete(checkpoint)
        if problem is None and checkpoint in read:
            problem = unreadable(folder, checkpoint, whole=whole)
        if problem is not None:
            found[checkpoint] = problem
    return found


def incomplete(checkpoint: Checkpoint) -> str | None:
    """What of a checkpoint is not there, by the listing."""
    if len(checkpoint.files) != checkpoint.count:
        return f"{len(checkpoint.files)} of the checkpoint's {checkpoint.count} files are there"
    if not all(file.size for file in checkpoint.files):
        return "the checkpoint has 0 bytes"
    return None


def unreadable(folder: Folder, checkpoint: Checkpoint, *, whole: bool) -> str | None:
    """What of a checkpoint's files is no Parquet."""
    for file in checkpoint.files:
        if file.path.endswith(".parquet"):
            read = partial(folder.read, file.path)
            try:
                if whole:
                    whole_file(read, file.size, lambda _: None)
                else:
                    read_footer(read, file.size)
            except FileNotFoundError:
                return "the checkpoint is gone"
            except NotWhole as found:
                return f"the checkpoint cannot be read: {found}"
    return None


def note_broken(
    findings: TableDamages,
    folder: Folder,
    log: Log,
    found: dict[Checkpoint, str],
    *,
    are_commits_whole: bool,
) -> None:
    """Say which checkpoints cannot be read, and whether the pointer leads to one that is there."""
    advice = REPAIR if are_commits_whole else NO_REPAIR
    for checkpoint, problem in found.items():
        findings.note(
            DamageKind.CHECKPOINT_BROKEN,
            checkpoint.path,
            checkpoint.version,
            problem,
            advice,
            is_repairable=are_commits_whole,
        )
    if log.pointer is None:
        return
    try:
        version = int(json.loads(folder.read(POINTER))["version"])
    except FileNotFoundError:
        return
    except (LookupError, TypeError, ValueError):
        findings.note(
            DamageKind.POINTER_BROKEN,
            POINTER,
            None,
            "the pointer to the newest checkpoint is no JSON",
            "Readers list the folder instead, and the next checkpoint writes it anew.",
            is_repairable=True,
        )
        return
    if version not in {checkpoint.version for checkpoint in log.checkpoints}:
        findings.note(
            DamageKind.POINTER_ASTRAY,
            POINTER,
            version,
            "it leads to a checkpoint that is not there; some readers stop at that",
            advice,
            is_repairable=are_commits_whole,
        )


def content(uri: str, version: int) -> Snapshot | None:
    """The table at a version as Delta's own reader sees it; None if that cannot read it."""
    from deltalake import DeltaTable  # heavy: most logs are whole and do without

    try:
        table = DeltaTable(uri, version=version)
        rows = table.get_add_actions()
    except Exception:  # deltalake's kernel raises nothing narrower
        return None
    columns: dict[str, Any] = {name: rows.column(name).to_pylist() for name in rows.schema.names}
    files = {}
    for index, path in enumerate(columns["path"]):
        file = SnapshotFile(
            unquote(path),
            columns["size_bytes"][index],
            columns["modification_time"][index] / 1000,
            partition_of(columns, index),
            statistics_of(columns, index),
            version,
            is_literal=False,
        )
        files[file.path] = file
    return Snapshot(files, sum(file.size for file in files.values()))


def partition_of(columns: dict[str, Any], index: int) -> dict[str, Any]:
    """The values of the partition columns, which are all texts to the log."""
    found: dict[str, Any] = columns["partition"][index] if "partition" in columns else {}
    return found


def statistics_of(columns: dict[str, Any], index: int) -> dict[str, Any]:
    """The statistics of a file as the log's JSON has them, but typed."""
    names = {
        "num_records": "numRecords",
        "null_count": "nullCount",
        "min": "minValues",
        "max": "maxValues",
    }
    return {
        name: columns[column][index]
        for column, name in names.items()
        if columns.get(column) and columns[column][index] is not None
    }
