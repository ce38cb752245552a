"""Plain files of the lake and the landing area, outside Spark: local paths and object stores."""

import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import unquote

from pyarrow import fs

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:")


def local_path(uri: str) -> Path | None:
    """The path behind a URI; None if it lies in an object store."""
    if not SCHEME.match(uri):
        return Path(uri)
    if not uri.startswith("file:"):
        return None
    # Not all of it is a URI's path: `#` and `?` may stand in a file's name.
    return Path(unquote(re.sub(r"^file:(//[^/]*(?=/))?", "", uri)))


def store(uri: str) -> tuple[Any, str]:
    """The file system of a URI and the path in it; credentials come from the environment.

    Only the bucket goes through Arrow's parser of URIs: it would cut a key at `#`.
    """
    scheme, _, place = uri.partition("://")
    bucket, _, key = place.partition("/")
    system, root = fs.FileSystem.from_uri(f"{'s3' if scheme == 's3a' else scheme}://{bucket}")
    return system, f"{root}/{key}"


def size(uri: str) -> int | None:
    """Bytes of a file; None if there is none."""
    path = local_path(uri)
    if path is not None:
        return path.stat().st_size if path.is_file() else None
    system, name = store(uri)
    info = system.get_file_info(name)
    return int(info.size) if info.type == fs.FileType.File else None


def open_bytes(uri: str) -> IO[bytes]:
    """A file's bytes as a stream."""
    path = local_path(uri)
    if path is not None:
        return path.open("rb")
    system, name = store(uri)
    stream: IO[bytes] = system.open_input_stream(name, compression=None)
    return stream


def open_anywhere(uri: str) -> Any:
    """A file that can be read at any place, as Arrow's own."""
    path = local_path(uri)
    system, name = (fs.LocalFileSystem(), str(path)) if path is not None else store(uri)
    return system.open_input_file(name)


def create(uri: str) -> IO[bytes]:
    """A new file to write to, in the place of an earlier one."""
    path = local_path(uri)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb")
    system, name = store(uri)
    stream: IO[bytes] = system.open_output_stream(name, compression=None)
    return stream


def copied_by_store(uri: str, copy_uri: str) -> bool:
    """Have an object store copy one of its files; False if it has not, and bytes must be sent."""
    if local_path(uri) is not None or local_path(copy_uri) is not None:
        return False
    system, name = store(uri)
    try:
        system.copy_file(name, store(copy_uri)[1])
    except OSError:  # a store may not know how, or not for one so large
        return False
    return True


class Found(NamedTuple):
    """A file below a folder: its path from there, its bytes, and when it was last written (UTC)."""

    path: str
    size: int
    written_at: datetime


def below(folder: str) -> list[Found]:
    """Every file below a folder, in the order of their paths; none if there is no folder."""
    path = local_path(folder)
    system, root = (fs.LocalFileSystem(), str(path)) if path is not None else store(folder)
    selector = fs.FileSelector(root, allow_not_found=True, recursive=True)
    return sorted(
        Found(info.path[len(root.rstrip("/")) + 1 :], int(info.size), info.mtime.astimezone(UTC))
        for info in system.get_file_info(selector)
        if info.type == fs.FileType.File
    )


def remove_files(folder: str, paths: Iterable[str]) -> None:
    """Remove files below a folder, and what Hadoop keeps beside each on a disk.

    One that is gone already is none to remove: another run was cut off.
    """
    path = local_path(folder)
    for one in paths:
        if path is not None:
            file = path / one
            file.unlink(missing_ok=True)
            file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
            continue
        system, root = store(folder)
        with suppress(FileNotFoundError):
            system.delete_file(f"{root}/{one}")


def remove(folder: str) -> None:
    """Remove a folder and what is in it; nothing happens if there is none."""
    path = local_path(folder)
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
    path = local_path(folder)
    if path is not None:
        path.mkdir(parents=True, exist_ok=True)
        part = path / f".{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(path / name)
        return
    system, root = store(folder)
    with system.open_output_stream(f"{root}/{name}") as stream:
        stream.write(text.encode("utf-8"))
