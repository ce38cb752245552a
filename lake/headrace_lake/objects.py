"""Files below a folder of the lake, on disk or in an object store: listed, read, moved aside.

Endpoint and keys of a store come from the usual `AWS_*` variables, as for every other reader.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.places import Place

READERS = 8
"""How many requests to a store are under way at once: it is waiting that takes the time."""


@dataclass(frozen=True)
class Stored:
    """A file.

    Attributes:
        path: Below the folder that was listed.
        size: In bytes.
        modified: When it was written, in seconds since 1970.
    """

    path: str
    size: int
    modified: float

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


class Folder(Protocol):
    """What disks and stores both can; paths are relative to the folder, with slashes.

    Every method raises EngineUnavailable where the disk or the store does not answer.
    """

    @property
    def uri(self) -> str:
        """Where it is."""

    def files(self) -> list[Stored]:
        """All files below the folder, at any depth; none if there is no folder."""

    def folders(self, path: str) -> list[str]:
        """Names of the folders in `path`, in order."""

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of a file, to its end without `length`; FileNotFoundError if there is none."""

    def write(self, path: str, content: bytes) -> None:
        """Make `content` the whole file; nobody sees a part of it."""

    def move(self, path: str, to: str) -> None:
        """Give a file another path."""


def folder(uri: str) -> Folder:
    """The folder at a path, `file://…`, `s3a://…` or `s3://…`."""
    place = Place.parse(uri)
    return (
        StoreFolder(uri, place.bucket, place.key) if place.path is None else DiskFolder(place.path)
    )


@dataclass(frozen=True)
class DiskFolder:
    """A folder on disk."""

    root: Path

    @property
    def uri(self) -> str:
        """As `Folder` says."""
        return str(self.root)

    def files(self) -> list[Stored]:
        """As `Folder` says."""
        found: list[Stored] = []
        with reading(str(self.root)):
            self._collect(str(self.root), "", found)
        return found

    def _collect(self, place: str, below: str, found: list[Stored]) -> None:
        try:
            entries = list(os.scandir(place))
        except FileNotFoundError:
            return  # there never was one, or a writer has just removed it
        for entry in entries:
            if entry.is_dir():
                self._collect(entry.path, f"{below}{entry.name}/", found)
                continue
            try:
                seen = entry.stat()
            except FileNotFoundError:
                continue
            found.append(Stored(f"{below}{entry.name}", seen.st_size, seen.st_mtime))

    def folders(self, path: str) -> list[str]:
        """As `Folder` says."""
        place = self.root / path
        with reading(str(place)):
            return (
                sorted(entry.name for entry in place.iterdir() if entry.is_dir())
                if place.is_dir()
                else []
            )

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        """As `Folder` says."""
        with reading(str(self.root / path)), (self.root / path).open("rb") as file:
            file.seek(start)
            return file.read() if length is None else file.read(length)

    def write(self, path: str, content: bytes) -> None:
        """As `Folder` says."""
        place = self.root / path
        partial = place.with_name(f".{place.name}.{os.getpid()}")
        with reading(str(place)):
            place.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(place)

    def move(self, path: str, to: str) -> None:
        """As `Folder` says."""
        with reading(str(self.root / path)):
            (self.root / path).rename(self.root / to)


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Errors of the disk become ours, but for a missing file, which says something of the table."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise EngineUnavailable("lake", where, error.strerror or str(error)) from error


@dataclass(frozen=True)
class StoreFolder:
    """A prefix of a bucket."""

    uri: str
    bucket: str
    prefix: str

    @cached_property
    def client(self) -> Any:
        """One client for all threads; making one takes longer than most requests."""
        import boto3  # heavy: a lake on disk does without
        from botocore.config import Config

        style = Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": 5},
            max_pool_connections=READERS,
        )
        region = os.environ.get("AWS_REGION")  # boto3 itself reads another variable
        # A session of its own: boto3's default one keeps the first keys that it ever saw.
        return boto3.Session().client("s3", config=style, region_name=region)

    def key(self, path: str) -> str:
        """The key of a file."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def files(self) -> list[Stored]:
        """As `Folder` says."""
        return [
            Stored(
                entry["Key"].removeprefix(self.key("")),
                entry["Size"],
                entry["LastModified"].timestamp(),
            )
            for page in self._pages(Prefix=self.key(""))
            for entry in page.get("Contents", ())
            if not entry["Key"].endswith("/")  # stands for a folder
        ]

    def folders(self, path: str) -> list[str]:
        """As `Folder` says."""
        prefix = self.key(f"{path}/") if path else self.key("")
        return sorted(
            entry["Prefix"].removeprefix(prefix).rstrip("/")
            for page in self._pages(Prefix=prefix, Delimiter="/")
            for entry in page.get("CommonPrefixes", ())
        )

    def _pages(self, **options: str) -> Iterator[dict[str, Any]]:
        with self._answering():
            yield from self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, **options
            )

    def read(self, path: str, start: int = 0, length: int | None = None) -> bytes:
        """As `Folder` says."""
        options: dict[str, str] = {}
        if start or length is not None:
            options["Range"] = f"bytes={start}-{'' if length is None else start + length - 1}"
        with self._answering():
            response = self.client.get_object(Bucket=self.bucket, Key=self.key(path), **options)
            content: bytes = response["Body"].read()
            return content

    def write(self, path: str, content: bytes) -> None:
        """As `Folder` says."""
        with self._answering():
            self.client.put_object(Bucket=self.bucket, Key=self.key(path), Body=content)

    def move(self, path: str, to: str) -> None:
        """As `Folder` says; a store can only copy and remove."""
        source = {"Bucket": self.bucket, "Key": self.key(path)}
        with self._answering():
            self.client.copy_object(Bucket=self.bucket, Key=self.key(to), CopySource=source)
            self.client.delete_object(Bucket=self.bucket, Key=self.key(path))

    @contextmanager
    def _answering(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError  # heavy

        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                raise FileNotFoundError(str(error)) from error
            raise EngineUnavailable("object store", self.uri, str(error)) from error
        except BotoCoreError as error:
            raise EngineUnavailable("object store", self.uri, str(error)) from error
