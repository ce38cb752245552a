"""Plain files of the lake and the landing area, outside Spark: local paths and object stores."""

import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from pyarrow import fs

from headrace_jobs.engine.store_errors import store_unavailable
from headrace_schemas.places import Place

COPIERS = 8
"""How many files are copied at once: it is waiting for the store that takes the time."""


def store(uri: str) -> tuple[Any, str]:
    """The file system of a URI and the path in it; credentials come from the environment.

    Only the bucket goes through Arrow's parser of URIs: it would cut a key at `#`.
    """
    place = Place.parse(uri)
    scheme = "s3" if place.is_s3 else place.scheme
    system, root = fs.FileSystem.from_uri(f"{scheme}://{place.bucket}")
    return system, f"{root}/{place.key}"


def size(uri: str) -> int | None:
    """Bytes of a file; None if there is none."""
    path = Place.parse(uri).path
    if path is not None:
        return path.stat().st_size if path.is_file() else None
    system, name = store(uri)
    info = system.get_file_info(name)
    return int(info.size) if info.type == fs.FileType.File else None


def open_bytes(uri: str) -> IO[bytes]:
    """A file's bytes as a stream."""
    path = Place.parse(uri).path
    if path is not None:
        return path.open("rb")
    system, name = store(uri)
    stream: IO[bytes] = system.open_input_stream(name, compression=None)
    return stream


def open_anywhere(uri: str) -> Any:
    """A file that can be read at any place, as Arrow's own."""
    path = Place.parse(uri).path
    system, name = (fs.LocalFileSystem(), str(path)) if path is not None else store(uri)
    return system.open_input_file(name)


def create(uri: str) -> IO[bytes]:
    """A new file to write to, in the place of an earlier one."""
    path = Place.parse(uri).path
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
    system, name = store(uri)
    stream: IO[bytes] = system.open_output_stream(name, compression=None)
    return stream


def copied_by_store(uri: str, copy_uri: str) -> bool:
    """Have an object store copy one of its files; False if it has not, and bytes must be sent."""
    if Place.parse(uri).path is not None or Place.parse(copy_uri).path is not None:
        return False
    system, name = store(uri)
    try:
        system.copy_file(name, store(copy_uri)[1])
    except OSError:  # a store may not know how, or not for one so large
        return False
    return True


class ListedFile(NamedTuple):
    """A file below a folder: its path from there, its bytes, and when it was last written (UTC)."""

    path: str
    size: int
    written_at: datetime


def copied(folder: str, path: str, copy_folder: str, copy_path: str) -> ListedFile | None:
    """Copy a file, on a disk with what Hadoop keeps beside it; None if its store does not do that.

    No bytes of an object store's file are sent.

    Raises:
        OSError: The store is away, or the disk has no room.
    """
    source, copy = (
        f"{where.rstrip('/')}/{name}" for where, name in ((folder, path), (copy_folder, copy_path))
    )
    from_path, to_path = Place.parse(source).path, Place.parse(copy).path
    if from_path is None or to_path is None:
        system, name = store(copy)
        try:
            system.copy_file(store(source)[1], name)
        except OSError as error:
            if store_unavailable(error):
                raise
            return None  # it may not know how, or not for one so large
    else:
        to_path.parent.mkdir(parents=True, exist_ok=True)
        checksum = hidden_checksum(from_path)
        if checksum.exists():
            shutil.copyfile(checksum, hidden_checksum(to_path))
        shutil.copyfile(from_path, to_path)
        system, name = fs.LocalFileSystem(), str(to_path)
    info = system.get_file_info(name)
    return ListedFile(copy_path, int(info.size), info.mtime.astimezone(UTC))


class Copy(NamedTuple):
    """A file to copy: its path below one folder, the copy's below another, and its bytes."""

    path: str
    copy_path: str
    size: int


def all_copied(folder: str, copy_folder: str, copies: Sequence[Copy]) -> list[ListedFile] | None:
    """Copy some files, several at once; None if their store does not do that, or one was cut.

    Raises:
        OSError: The store is away, or the disk has no room.
    """

    def one(copy: Copy) -> ListedFile | None:
        made = copied(folder, copy.path, copy_folder, copy.copy_path)
        return made if made is not None and made.size == copy.size else None

    with ThreadPoolExecutor(COPIERS) as pool:
        made = [found for found in pool.map(one, copies) if found is not None]
    return made if len(made) == len(copies) else None


def hidden_checksum(file: Path) -> Path:
    """What Hadoop keeps beside a file on a disk, and reads it by."""
    return file.with_name(f".{file.name}.crc")


def below(folder: str) -> list[ListedFile]:
    """Every file below a folder, in the order of their paths; none if there is no folder."""
    path = Place.parse(folder).path
    system, root = (fs.LocalFileSystem(), str(path)) if path is not None else store(folder)
    selector = fs.FileSelector(root, allow_not_found=True, recursive=True)
    return sorted(
        ListedFile(
            info.path[len(root.rstrip("/")) + 1 :], int(info.size), info.mtime.astimezone(UTC)
        )
        for info in system.get_file_info(selector)
        if info.type == fs.FileType.File
    )


def remove_files(folder: str, paths: Iterable[str]) -> None:
    """Remove files below a folder, and what Hadoop keeps beside each on a disk.

    One that is gone already is none to remove: another run was cut off.
    """
    path = Place.parse(folder).path
    for relative in paths:
        if path is not None:
            file = path / relative
            file.unlink(missing_ok=True)
            hidden_checksum(file).unlink(missing_ok=True)
            continue
        system, root = store(folder)
        with suppress(FileNotFoundError):
            system.delete_file(f"{root}/{relative}")


def remove(folder: str) -> None:
    """Remove a folder and what is in it; nothing happens if there is none."""
    path = Place.parse(folder).path
    if path is not None:
        shutil.rmtree(path, ignore_errors=True)
        return
    system, name = store(folder)
    system.delete_dir_contents(name, missing_dir_ok=True)


def read_text(uri: str) -> str:
    """A small file's text."""
    with open_bytes(uri) as stream:
        return stream.read().decode("utf-8")


def write_text(folder: str, name: str, text: str) -> None:
    """Write a small file below a folder, replacing an earlier one."""
    path = Place.parse(folder).path
    if path is not None:
        path.mkdir(parents=True, exist_ok=True)
        part = path / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(path / name)
        return
    system, root = store(folder)
    with system.open_output_stream(f"{root}/{name}") as stream:
        stream.write(text.encode("utf-8"))
