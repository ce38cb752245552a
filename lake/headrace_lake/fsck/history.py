"""Goes through a table's log from its oldest commit to its newest, and says what does not add up."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from headrace_lake.fsck import checkpoints
from headrace_lake.fsck.damage import DamageKind, TableDamages
from headrace_lake.fsck.depth import Depth
from headrace_lake.fsck.log import Checkpoint, Log, actions, checksum, commit_path
from headrace_lake.fsck.snapshot import Snapshot, SnapshotFile, data_file, described, supported
from headrace_lake.objects import READERS, Folder, Stored

RESTORE = "Restore it from a backup of the table"
AGAIN = (
    "or move the table's folder away and build its partitions again: readers of this version and "
    "of later ones miss rows or stop, unless a checkpoint has what is lost."
)
NEWEST = (
    "or remove all files of this version from _delta_log and run again what had written it: until "
    "then some readers silently see the version before, and others stop."
)


@dataclass(frozen=True)
class Version:
    """The files of one version, read; None for one that is not there, or not wanted."""

    commit: bytes | None = None
    checksum: bytes | None = None


@dataclass
class History:
    """A log as it was gone through.

    Attributes:
        sound: The checkpoints that can be read.
        snapshot: The table at its newest version; None where too much is lost to know.
        begins: The version that the commits are applied to; -1 where nothing comes before them.
        lists_from: Checksums of older versions are compared by their counts alone.
        reads_from: Commits of older versions are looked for, and not read.
        missed: Files and bytes that a checksum counts and no commit that can be read has added.
    """

    findings: TableDamages
    folder: Folder
    log: Log
    sound: list[Checkpoint]
    snapshot: Snapshot | None = None
    begins: int = -1
    lists_from: int = 0
    reads_from: int = 0
    missed: tuple[int, int] = (0, 0)

    @property
    def are_commits_whole(self) -> bool:
        """Whether all rows can be had from commits, and the checkpoint that they begin with."""
        return self.snapshot is not None and not self.findings.has(
            DamageKind.COMMIT_MISSING,
            DamageKind.COMMIT_EMPTY,
            DamageKind.COMMIT_BROKEN,
            DamageKind.COMMIT_DIFFERS,
        )

    def read(self, version: int) -> Version:
        """Read what the log has of a version."""
        if version < self.reads_from:
            return Version()
        return Version(
            self._content(self.log.commits.get(version)),
            self._content(self.log.checksums.get(version)),
        )

    def _content(self, file: Stored | None) -> bytes | None:
        try:
            return None if file is None else self.folder.read(file.path)
        except FileNotFoundError:
            return None


def go_through(
    findings: TableDamages, folder: Folder, log: Log, depth: Depth, at_least: int
) -> History:
    """Read commits and their checksums.

    Args:
        at_least: A version that somebody was given: it must be there.
    """
    broken = checkpoints.broken(folder, log, whole=depth is Depth.FULL)
    sound = [checkpoint for checkpoint in log.checkpoints if checkpoint not in broken]
    history = History(findings, folder, log, sound)
    if sound and depth is not Depth.FULL:
        history.lists_from = sound[-1].version
    begin(history, depth)
    # Not a range: the name of a damaged folder's file may be any number.
    versions = sorted({*log.commits, *log.checksums, max(log.newest, at_least)})
    with ThreadPoolExecutor(READERS) as pool:
        follow(history, zip(versions, pool.map(history.read, versions), strict=True))
    checkpoints.note_broken(
        findings, folder, log, broken, are_commits_whole=history.are_commits_whole
    )
    return history


def begin(history: History, depth: Depth) -> None:
    """Find what the commits are applied to: nothing, or a checkpoint."""
    first = next(iter(history.log.commits), history.log.newest + 1)
    sound = history.sound
    if depth is Depth.TAIL and sound and build_on(history, sound[-1]):
        history.reads_from = history.begins + 1
    elif first == 0:
        history.snapshot = Snapshot()
    else:
        # The oldest: older versions are read from there.
        usable = [checkpoint for checkpoint in sound if checkpoint.version >= first - 1]
        if not usable or not build_on(history, usable[0]):
            history.findings.note(
                DamageKind.COMMIT_MISSING,
                commit_path(first - 1),
                first - 1,
                "the commit is not there, nor is a checkpoint that can be read in its place",
                f"{RESTORE}, {AGAIN}",
            )


def build_on(history: History, checkpoint: Checkpoint) -> bool:
    """Take what a checkpoint holds; whether a reader can."""
    found = checkpoints.content(history.folder.uri, checkpoint.version)
    if found is not None:
        history.snapshot, history.begins = found, checkpoint.version
    return found is not None


def follow(history: History, contents: Iterable[tuple[int, Version]]) -> None:
    """Do what each commit does, and compare the outcome with its checksum."""
    is_known = True  # what the files are; not behind a lost commit
    missing_from = None
    before = next(iter(history.log.commits), 0) - 1
    for version, read in contents:
        if version > before + 1 and missing_from is None:
            missing_from = before + 1
        if version not in history.log.commits:
            missing_from = version if missing_from is None else missing_from
        elif missing_from is not None:
            is_known = begin_again(history, missing_from, version)
            if not is_known:
                note_missing(history, missing_from, version - 1)
            missing_from = None
        before = version
        is_known &= apply(history, version, read.commit)
        if history.snapshot and read.checksum is not None and version > history.begins:
            is_known = compare(
                history,
                history.snapshot,
                version,
                read.checksum,
                is_known=is_known and missing_from is None,
            )
    if missing_from is not None:
        note_missing(history, missing_from, before)


def begin_again(history: History, missing_from: int, version: int) -> bool:
    """Whether commits may be missing, and a later one builds on a checkpoint of its own.

    So it is where a cleaning has kept old versions that somebody needs, with the checkpoint before
    them, and removed what lay between. It removes checksums, too: one that is there shows a loss.
    """
    if any(missing_from <= checksummed < version for checksummed in history.log.checksums):
        return False
    base = next(
        (
            checkpoint
            for checkpoint in history.sound
            if checkpoint.version in (version - 1, version)
        ),
        None,
    )
    if base is None or version < history.reads_from:
        return base is not None
    history.missed = (0, 0)
    return build_on(history, base)


def apply(history: History, version: int, content: bytes | None) -> bool:
    """Do what a commit does; whether it could be read."""
    file = history.log.commits.get(version)
    if file is None or (content is None and version < history.reads_from and file.size):
        return True  # noted with those that are missing beside it, or not wanted
    kind, problem = DamageKind.COMMIT_BROKEN, ""
    if not (content or b"").strip():
        kind, problem = DamageKind.COMMIT_EMPTY, f"it has {file.size} bytes and no action"
    else:
        try:
            found = actions(content or b"")
            if history.snapshot is not None and version > history.begins:
                history.snapshot.apply(found, version)
        except LookupError as error:
            problem = f"an action lacks {error}"
        except (TypeError, ValueError) as error:
            problem = f"it was cut off or overwritten: {error}"
    if problem:
        note_commit(history, kind, version, f"the commit cannot be used: {problem}")
    return not problem


def note_missing(history: History, first: int, last: int) -> None:
    """Remember that commits are missing, one after the other."""
    problem = "the commit is not there"
    if last > first:
        problem = f"the commits of the versions {first:,} to {last:,} are not there"
    if last > history.log.newest:
        problem += f", though somebody was told of version {last:,}"
    note_commit(history, DamageKind.COMMIT_MISSING, first, problem)


def note_commit(history: History, kind: DamageKind, version: int, problem: str) -> None:
    """Remember a commit that cannot be used, and what to do about it."""
    is_newest = version >= max(history.log.commits, default=0)
    history.findings.note(
        kind,
        commit_path(version),
        version,
        problem,
        f"{RESTORE}, {NEWEST if is_newest else AGAIN}",
    )


def compare(
    history: History, snapshot: Snapshot, version: int, content: bytes, *, is_known: bool
) -> bool:
    """Compare the table with the checksum of a version; whether its files are known afterwards.

    Args:
        is_known: Whether they are before. Else a difference is what is said already.
    """
    try:
        version_checksum = checksum(content)
        listed = listed_files(version_checksum, version) if version >= history.lists_from else None
    except (LookupError, TypeError, ValueError) as error:
        history.findings.note(
            DamageKind.CHECKSUM_BROKEN,
            history.log.checksums[version].path,
            version,
            f"the checksum cannot be read ({error})",
            "Remove it: the commit itself is there, only less of it can be checked.",
        )
        return is_known
    for at, clause in disagreements(history, snapshot, version_checksum, listed):
        if is_known:
            problem = f"the commit is not what the checksum of version {version} says: {clause}"
            note_commit(history, DamageKind.COMMIT_DIFFERS, version if at is None else at, problem)
    # Each damage is noted once: what follows is compared with what should be there now.
    believe(history, snapshot, version_checksum, listed)
    return True


def listed_files(version_checksum: dict[str, Any], version: int) -> dict[str, SnapshotFile] | None:
    """The files that a checksum lists; None where they are too many for it.

    Raises:
        LookupError, TypeError, ValueError: One of them is in another form.
    """
    if (found := version_checksum.get("allFiles")) is None:
        return None
    return {file.path: file for file in (data_file(entry, version) for entry in found)}


def disagreements(
    history: History,
    snapshot: Snapshot,
    version_checksum: dict[str, Any],
    listed: dict[str, SnapshotFile] | None,
) -> Iterator[tuple[int | None, str]]:
    """What a checksum says otherwise than the commits: of which version if not its own, and what."""
    count, size = len(snapshot.files) + history.missed[0], snapshot.size + history.missed[1]
    expected = version_checksum["numFiles"], version_checksum.get("tableSizeBytes", size)
    if (count, size) != expected:
        yield (
            None,
            (
                f"it makes {count:,} files of {size:,} bytes of the table, "
                f"not {expected[0]:,} of {expected[1]:,} bytes"
            ),
        )
    elif listed is not None and history.missed == (0, 0):
        if others := sorted(snapshot.files.keys() ^ listed.keys()):
            yield None, f"it makes other files of the table, such as {others[0]}"
        differing = (
            key
            for key in snapshot.files.keys() & listed.keys()
            if snapshot.files[key].differs(listed[key])
        )
        if (key := next(differing, None)) is not None:
            yield snapshot.files[key].version, f"it tells other things of {key}"
    metadata, protocol = version_checksum.get("metadata"), version_checksum.get("protocol")
    if metadata and snapshot.metadata and described(metadata) != described(snapshot.metadata):
        yield None, "it gives the table other columns or properties"
    if protocol and snapshot.protocol and supported(protocol) != supported(snapshot.protocol):
        yield None, "it gives the table another protocol"


def believe(
    history: History,
    snapshot: Snapshot,
    version_checksum: dict[str, Any],
    listed: dict[str, SnapshotFile] | None,
) -> None:
    """Make the table what its checksum says, as far as the checksum says it."""
    if listed is not None:
        for path, file in snapshot.files.items():
            if path in listed and not file.differs(listed[path]):
                listed[path] = file  # which knows the version that added it
        snapshot.files = listed
        snapshot.size = sum(file.size for file in listed.values())
    snapshot.metadata = version_checksum.get("metadata") or snapshot.metadata
    snapshot.protocol = version_checksum.get("protocol") or snapshot.protocol
    size = snapshot.size
    history.missed = (
        version_checksum["numFiles"] - len(snapshot.files),
        version_checksum.get("tableSizeBytes", size) - size,
    )
