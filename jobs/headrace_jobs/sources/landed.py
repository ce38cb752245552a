"""Delivered files, opened only where they are what they seem: plain files below the landing root.

A folder that anyone may write to can hold a link to a secret of this machine, a pipe that never
ends, or a file that is still being written. Each is refused by name.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pyarrow import fs

from headrace_jobs.lake import files
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SourceChanged, SourceInvalid, SourceMissing
from headrace_schemas.places import Place

FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Never waits for the other end of a pipe that took the file's place.
PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True)
class LandedFile:
    """A file that was delivered.

    Attributes:
        table: Whose batch it belongs to.
        name: Path below the landing root, as rows name their source.
        root: The landing root, a path or a URI; None if the asker named none.
    """

    table: str
    uri: str
    name: str
    root: str | None

    @contextmanager
    def opened(self) -> Iterator[tuple[IO[bytes], int]]:
        """Its bytes as a stream, and how many there are.

        Raises:
            SourceMissing: There is no such file.
            SourceInvalid: It is no plain file, or lies outside of the landing root.
            SourceChanged: Somebody wrote to it meanwhile.
        """
        path = Place.parse(self.uri).path
        with self.local(path) if path is not None else self.remote() as stream:
            before = self.state(stream)
            try:
                yield stream, before[0]
            except SourceInvalid as error:
                if self.state(stream) != before:
                    raise SourceChanged(self.table, self.name) from error
                raise
            if self.state(stream) != before:
                raise SourceChanged(self.table, self.name)

    def state(self, stream: IO[bytes]) -> tuple[int, int]:
        """Size and time of the last change: another one means that the bytes may be others."""
        if Place.parse(self.uri).path is not None:
            found = os.fstat(stream.fileno())
            return found.st_size, found.st_mtime_ns
        system, key = files.store(self.uri)
        info = system.get_file_info(key)
        return int(info.size or 0), int(info.mtime_ns or 0)

    def local(self, path: Path) -> IO[bytes]:
        """A file on disk, opened step by step: no link is followed after it was judged."""
        root = Place.parse(self.root).path if self.root is not None else None
        top = (root or Path("/")).resolve()
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(top):
                raise self.refused("leads out of the landing root", "Deliver the file itself.")
            return self.plain(top, real.relative_to(top).parts)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise SourceMissing(self.table, self.name) from error
        except (OSError, RuntimeError) as error:  # a circle of links, too
            reason = getattr(error, "strerror", None) or "its links go round in a circle"
            raise self.refused(f"cannot be opened ({reason})", "Check its rights.") from error

    def plain(self, top: Path, steps: tuple[str, ...]) -> IO[bytes]:
        """The file at these steps below `top`, none of which is a link."""
        folder = os.open(top, FOLDER)
        try:
            for step in steps[:-1]:
                inner = os.open(step, FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            last = steps[-1] if steps else "."
            self.check_kind(os.stat(last, dir_fd=folder, follow_symlinks=False).st_mode)
            stream = os.fdopen(os.open(last, PLAIN, dir_fd=folder), "rb", buffering=0)
        finally:
            os.close(folder)
        self.check_kind(os.fstat(stream.fileno()).st_mode)
        return stream

    def check_kind(self, mode: int) -> None:
        """Refuse what is no plain file."""
        if not stat.S_ISREG(mode):
            kind = KINDS.get(stat.S_IFMT(mode), "a link")
            advice = "Let `source.files` name the files in it." if stat.S_ISDIR(mode) else ""
            raise self.refused(f"is {kind}, not a file", advice or "Deliver a plain file.")

    def remote(self) -> IO[bytes]:
        """An object's bytes."""
        if self.root is not None and not self.uri.startswith(f"{self.root.rstrip('/')}/"):
            raise self.refused("does not lie below the landing root", "Check `source.files`.")
        system, key = files.store(self.uri)
        kind = system.get_file_info(key).type
        if kind == fs.FileType.NotFound:
            raise SourceMissing(self.table, self.name)
        if kind == fs.FileType.Directory:
            self.check_kind(stat.S_IFDIR)
        return files.open_bytes(self.uri)

    def refused(self, problem: str, advice: str) -> SourceInvalid:
        """The error that names the file."""
        return SourceInvalid(self.name, problem, advice)


def landed_name(source: Source, uri: str) -> str:
    """The file's path below the landing root: as many steps as the source's pattern has."""
    path = Place.parse(uri).path
    place = uri if path is None else str(path)
    return "/".join(place.split("/")[-(source.files.count("/") + 1) :])
