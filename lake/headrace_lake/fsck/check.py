"""Checks tables of the lake: does every reader get the rows that were committed, all and unchanged?

`check` looks at one table, `check_table` also at the digests that the lake keeps of its files, and
`check_lake` at every table; nothing of a table is ever changed but by `repair`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from headrace_lake.fsck import checkpoints
from headrace_lake.fsck.damage import Damage, DamageKind, TableDamages
from headrace_lake.fsck.data_files import check_contents, check_listing
from headrace_lake.fsck.depth import Depth
from headrace_lake.fsck.digests import DigestFile, Digests
from headrace_lake.fsck.history import History, go_through
from headrace_lake.fsck.lake_tables import LakeTable, lake_tables
from headrace_lake.fsck.log import FOLDER, POINTER, Log
from headrace_lake.fsck.snapshot import SnapshotFile
from headrace_lake.objects import Folder, folder
from headrace_schemas.errors import TableDamaged
from headrace_schemas.places import Lake

MISSING_LOG = (
    "Restore the log from a backup of the table, or move the folder away and build the table again."
)


@dataclass
class CheckRequest:
    """What is asked of a check, beside the table.

    Attributes:
        at_least: A version that somebody was given: it must be there.
        digests: Of files that were read before.
        on_progress: Called with what is done, now and then.
    """

    depth: Depth
    at_least: int = 0
    digests: Mapping[str, str] = field(default_factory=dict)
    on_progress: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        digests: Of the files that a full check read and that are as they should be.
    """

    damages: list[Damage]
    digests: dict[str, str]


@dataclass(frozen=True)
class FsckResult:
    """What was looked at, and what is wrong with it."""

    tables: tuple[str, ...]
    damages: tuple[Damage, ...]

    @property
    def is_well(self) -> bool:
        """Whether every reader gets the right rows of all tables."""
        return all(damage.is_harmless for damage in self.damages)


def check(
    uri: str, depth: Depth = Depth.LOG, name: str | None = None, at_least: int = 0
) -> list[Damage]:
    """What is wrong with the table at `uri`; nothing if all is well.

    Args:
        name: What the table is called in what is found; without one its URI.
        at_least: A version that somebody was given: it must be there.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    return examine(folder(uri), name or uri, CheckRequest(depth, at_least)).damages


def refuse_damaged(uri: str, name: str, at_least: int) -> None:
    """Stop where the table's log or the list of its files says that rows are lost.

    Raises:
        TableDamaged: It does.
        EngineUnavailable: The lake cannot be read.
    """
    found = [damage for damage in check(uri, Depth.TAIL, name, at_least) if not damage.is_harmless]
    if found:
        raise TableDamaged(name, [str(damage).removeprefix(f"{name}: ") for damage in found])


def check_lake(
    lake: Lake,
    depth: Depth,
    names: Collection[str] = (),
    on_progress: Callable[[str], None] = lambda _: None,
) -> FsckResult:
    """What is wrong with the lake's tables, or with those that are named.

    A full check keeps the digests of files that it read for the first time in the lake, below
    `ledger/digests`.

    Args:
        on_progress: Called with what is done, now and then.

    Raises:
        TableMissing: The lake has no table of a name.
        EngineUnavailable: The lake cannot be read.
    """
    root = folder(lake.root)
    tables = lake_tables(root, names)
    damages: list[Damage] = []
    for table in tables:
        on_progress(table.name)
        damages += check_table(root, lake, table, depth, on_progress)
    return FsckResult(tuple(table.name for table in tables), tuple(damages))


def check_table(
    root: Folder, lake: Lake, table: LakeTable, depth: Depth, on_progress: Callable[[str], None]
) -> list[Damage]:
    """What is wrong with one table of the lake."""
    place = folder(lake.at(table.path))
    if depth is not Depth.FULL:
        return examine(place, table.name, CheckRequest(depth, on_progress=on_progress)).damages
    findings, file, before = TableDamages(table.name), DigestFile.of(root, table.path), Digests()
    try:
        before = file.read()
    except ValueError:
        findings.note(
            DamageKind.DIGESTS_BROKEN,
            file.path,
            None,
            "the digests of its files cannot be read",
            "They are written anew now: compare the table with a backup if you doubt it.",
        )
    outcome = examine(
        place, table.name, CheckRequest(depth, digests=before.files, on_progress=on_progress)
    )
    # Where something is damaged none is forgotten: what is restored is compared with it.
    kept = before.files if outcome.damages else {}
    if (after := Digests(files={**kept, **outcome.digests})) != before:
        file.write(after)
    return findings.found + outcome.damages


def examine(place: Folder, name: str, request: CheckRequest) -> Outcome:
    """Check a table; twice where something is wrong, as somebody may have been writing to it."""
    outcome = look(place, name, request)
    if any(not damage.is_harmless for damage in outcome.damages):
        request.on_progress(f"{name}: something is wrong; looking again")
        return look(place, name, request)
    return outcome


def look(place: Folder, name: str, request: CheckRequest) -> Outcome:
    """Check a table."""
    findings = TableDamages(name)
    stored = {file.path: file for file in place.files()}
    log = Log.of(stored.values())
    if log.newest < 0:
        findings.note(
            DamageKind.LOG_MISSING,
            FOLDER,
            None,
            "the log has no commit and no checkpoint",
            MISSING_LOG,
        )
        return Outcome(findings.found, {})
    is_full = request.depth is Depth.FULL
    history = go_through(findings, place, log, request.depth, request.at_least)
    if history.snapshot is None:
        return Outcome(findings.found, {})
    files = sorted(history.snapshot.files.values(), key=lambda file: (file.version, file.path))
    there = check_listing(findings, files, stored)
    digests = {}
    if is_full:
        compare_with_reader(history)
        progress = ReadProgress(request, name, sum(file.size for file in there))
        digests = check_contents(findings, place, there, request.digests, progress.seen)
    return Outcome(findings.found, digests)


@dataclass
class ReadProgress:
    """Tells how much of a table was read."""

    request: CheckRequest
    name: str
    total: int
    read: int = 0

    def seen(self, file: SnapshotFile) -> None:
        """A file was read."""
        self.read += file.size
        self.request.on_progress(
            f"{self.name}: {self.read / 1e6:,.0f} of {self.total / 1e6:,.0f} MB"
        )


def compare_with_reader(history: History) -> None:
    """Compare what the commits make with what a reader sees, who begins with a checkpoint."""
    findings, log, snapshot = history.findings, history.log, history.snapshot
    if not log.checkpoints or not history.are_commits_whole or snapshot is None:
        return
    if findings.has(DamageKind.CHECKPOINT_BROKEN, DamageKind.POINTER_ASTRAY):
        return
    newest = log.checkpoints[-1]
    seen = checkpoints.content(history.folder.uri, log.newest)
    problem = "a reader that begins with the checkpoint stops"
    if seen is not None:
        differing = [
            path
            for path in snapshot.files.keys() | seen.files.keys()
            if path not in snapshot.files
            or path not in seen.files
            or snapshot.files[path].differs(seen.files[path])
        ]
        if not differing:
            return
        problem = (
            f"the checkpoint lists other files than the commits make, such as {min(differing)}"
        )
    # Without a checksum beside it nobody can tell which of both is right.
    is_repairable = newest.version in log.checksums and history.begins < newest.version
    findings.note(
        DamageKind.CHECKPOINT_DIFFERS,
        newest.path,
        newest.version,
        problem,
        checkpoints.REPAIR if is_repairable else checkpoints.NO_REPAIR,
        is_repairable=is_repairable,
    )


def repair(lake: Lake, damages: Iterable[Damage]) -> list[str]:
    """Move checkpoints aside that cannot be read, where the commits alone give every row.

    Nothing else is ever changed. What is moved keeps its name, with `.damaged` after it.

    Returns:
        URIs of what was moved.

    Raises:
        EngineUnavailable: The lake cannot be written.
    """
    wrong = [damage for damage in damages if damage.is_repairable]
    moved: list[str] = []
    for table in (
        lake_tables(folder(lake.root), {damage.table for damage in wrong}) if wrong else []
    ):
        place = folder(lake.at(table.path))
        versions = {
            damage.version
            for damage in wrong
            if damage.table == table.name and damage.file != POINTER
        }
        log = Log.of(place.files())
        files = [
            file.path
            for checkpoint in log.checkpoints
            if checkpoint.version in versions
            for file in checkpoint.files
        ]
        # The pointer may name what is moved; a reader that finds none lists the folder.
        for path in [*files, *([log.pointer.path] if log.pointer else [])]:
            place.move(path, f"{path}{checkpoints.ASIDE}")
            moved.append(lake.at(table.path, path))
    return moved
