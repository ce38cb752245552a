"""What is checked of a delivered file before Spark reads it, in one pass and bounded memory.

The check keeps a copy of exactly the bytes that it saw, and Spark reads the copies alone: what
happens to the landed file meanwhile changes nothing, and no name of a file is a pattern to Spark.
"""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Sequence
from typing import IO, Any
from uuid import uuid4

from pyspark.sql import SparkSession

from headrace_jobs.lake import files
from headrace_jobs.sources.csv_form import CsvForm, read_form
from headrace_jobs.sources.delivered_text import as_utf8
from headrace_jobs.sources.landed import LandedFile, landed_name
from headrace_jobs.sources.parquet_form import ParquetForm, check_width, read_parquet_form
from headrace_jobs.sources.sidecar import read_sidecar
from headrace_jobs.sources.spread import is_large, spread
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import HeadraceError, SourceInvalid
from headrace_schemas.places import Place

CHUNK = 1024 * 1024

SMALL_EXPANSION = 64 * 1024 * 1024
MOST_EXPANSION = 100
"""A compressed file may grow to 64 MiB or a hundred times its size; text grows tenfold."""

ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}$")

GZIP = b"\x1f\x8b"
OTHERS = {
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"\xfd7zXZ\0": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"PAR1": "a Parquet file",
}
"""First bytes of what is delivered as CSV by mistake."""


class Intake(Frozen):
    """A batch of files that is taken in.

    Attributes:
        landing: The root that no file may lie outside of; None if the asker named none.
        copies: Folder that copies are kept in until the batch is staged.
    """

    table: str
    source: Source
    landing: str | None
    copies: str

    def landed(self, uri: str) -> LandedFile:
        """The file at a path or URI."""
        return LandedFile(self.table, uri, landed_name(self.source, uri), self.landing)


class Delivery(Frozen):
    """One file that passed.

    Attributes:
        name: Path below the landing root, as rows name their source.
        size: Bytes as delivered.
        columns: In the file's order; none where an extension reads them.
        rows: Where an extension reads them, as the manifest says; None if it says nothing.
        copy_uri: The bytes that were checked: UTF-8 text of a CSV, a Parquet file as it is.
        csv: What else is known of a CSV file.
        parquet: What else is known of a Parquet file.
    """

    uri: str
    name: str
    size: int
    columns: tuple[str, ...]
    rows: int | None
    copy_uri: str
    csv: CsvForm | None = None
    parquet: ParquetForm | None = None


def inspect_all(spark: SparkSession, intake: Intake, uris: Sequence[str]) -> list[Delivery]:
    """Check and copy all files of a batch, large ones side by side.

    Raises:
        SourceMissing, SourceChanged, SourceInvalid: About the first file that is not there, or
            damaged, or is another one under a second name.
    """
    once = list(dict.fromkeys(uris))
    refuse_second_names(intake, once)
    is_spread = is_large([files.size(uri) or 0 for uri in once])
    passed = inspect_spread(spark, intake, once) if is_spread else {}
    return [passed.get(uri) or inspect(intake, uri, place) for place, uri in enumerate(once)]


def refuse_second_names(intake: Intake, uris: Sequence[str]) -> None:
    """Refuse a link to another file of the batch, whose rows would be loaded twice.

    Raises:
        SourceInvalid: Naming both.
    """
    known: dict[str, str] = {}
    for uri in uris:
        path = Place.parse(uri).path
        try:
            place = uri if path is None else str(path.resolve())
        except (OSError, RuntimeError):
            continue  # opening it says more
        if place in known:
            first, second = (
                landed_name(intake.source, landed_uri) for landed_uri in (known[place], uri)
            )
            raise SourceInvalid(
                second, f"is the same file as {first}", "Deliver each file under one name."
            )
        known[place] = uri


def inspect_spread(spark: SparkSession, intake: Intake, uris: Sequence[str]) -> dict[str, Delivery]:
    """Those files that pass, each checked by a task of Spark."""

    def work(place: int) -> str | None:
        try:
            return inspect(intake, uris[place], place).model_dump_json()
        except HeadraceError:
            return None  # an error loses its fields on its way: the driver meets it again

    found = map(Delivery.model_validate_json, spread(spark, work, len(uris)).values())
    return {delivery.uri: delivery for delivery in found}


def inspect(intake: Intake, uri: str, place: int) -> Delivery:
    """Check and copy one delivered file: manifest, bytes, encoding, form.

    Args:
        place: Its number in the batch, by which rows know their file.

    Raises:
        SourceMissing: There is no such file.
        SourceChanged: Somebody writes to it.
        SourceInvalid: It is damaged; the message names file and line.
    """
    landed, source = intake.landed(uri), intake.source
    sidecar = read_sidecar(intake.landed(f"{uri}.manifest.json"))
    # Spark may start a task twice: each check has a copy of its own.
    copy_uri = f"{intake.copies}/{place:06d}-{uuid4().hex[:8]}.{source.format}"
    if source.format not in ("csv", "parquet") and (ending := ENDING.search(uri)):
        copy_uri += ending.group()  # by which Spark's readers know that it is packed
    with landed.opened() as (raw, size):
        sidecar.check(landed.name, "bytes", size)
        metered = Metered(raw, landed.name, with_digest=sidecar.sha256 is not None)
        form: CsvForm | ParquetForm | None = None
        if sidecar.bytes is not None or sidecar.sha256 is not None:
            source = source.model_copy(update={"last_line": "any"})  # its manifest vouches for it
        if source.format == "csv":
            form = keep_csv(landed, source, metered, size, copy_uri)
        elif source.format == "parquet":
            form = keep_parquet(landed, metered, copy_uri)
        else:
            keep_bytes(landed, metered, copy_uri)
    if sidecar.sha256 is not None:
        sidecar.check(landed.name, "sha256", metered.digest.hexdigest())
    columns: tuple[str, ...] = ()
    if form is not None:
        sidecar.check(landed.name, "rows", form.rows)
        columns = form.header if isinstance(form, CsvForm) else form.columns
        check_width(landed.name, len(columns))
    return Delivery(
        uri=uri,
        name=landed.name,
        size=size,
        columns=columns,
        rows=sidecar.rows if form is None else form.rows,
        copy_uri=copy_uri,
        csv=form if isinstance(form, CsvForm) else None,
        parquet=form if isinstance(form, ParquetForm) else None,
    )


def keep_csv(
    landed: LandedFile, source: Source, metered: "Metered", size: int, copy_uri: str
) -> CsvForm:
    """Header and rows of a CSV file, packed with gzip or not; its text is kept.

    Args:
        metered: Its bytes, of which there are `size`.
    """
    stream = io.BufferedReader(metered, CHUNK)
    first = stream.peek(max(map(len, OTHERS)))
    for mark, what in OTHERS.items():
        if first.startswith(mark):
            raise landed.refused(f"is {what}", "Deliver it as text, or packed with gzip.")
    if first.startswith(GZIP) or landed.uri.lower().endswith(".gz"):
        limit = max(SMALL_EXPANSION, MOST_EXPANSION * size)
        unpacked = Metered(gzip.GzipFile(fileobj=stream), landed.name, limit)
        text = as_utf8(io.BufferedReader(unpacked, CHUNK), source, landed.name)
    else:
        text = as_utf8(stream, source, landed.name)
    with files.create(copy_uri) as kept:
        form = read_form(io.BufferedReader(CopyingStream(text, kept), CHUNK), landed.name, source)
    while metered.read(CHUNK):
        pass
    return form


def keep_parquet(landed: LandedFile, metered: "Metered", copy_uri: str) -> ParquetForm:
    """Columns, rows and types of a Parquet file; its bytes are kept."""
    keep_bytes(landed, metered, copy_uri)
    return read_parquet_form(copy_uri, landed.name)


def keep_bytes(landed: LandedFile, metered: "Metered", copy_uri: str) -> None:
    """A file as it is."""
    if metered.with_digest or not files.copied_by_store(landed.uri, copy_uri):
        with files.create(copy_uri) as kept:
            while data := metered.read(CHUNK):
                kept.write(data)


class CopyingStream(io.RawIOBase):
    """A stream that is written to a copy while it is read."""

    def __init__(self, stream: IO[bytes], copy: IO[bytes]) -> None:
        super().__init__()
        self.stream = stream
        self.copy = copy

    def readable(self) -> bool:
        """It is read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`."""
        data = self.stream.read(len(buffer))
        self.copy.write(data)
        buffer[: len(data)] = data
        return len(data)


class Metered(io.RawIOBase):
    """A stream that is bounded, and hashed where one asks for it, while it is read."""

    def __init__(
        self,
        stream: IO[bytes] | gzip.GzipFile,
        name: str,
        limit: int | None = None,
        with_digest: bool = False,
    ) -> None:
        super().__init__()
        self.stream = stream
        self.name = name
        self.limit = limit
        self.count = 0
        self.with_digest = with_digest
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        """It is read, never written."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`.

        Raises:
            SourceInvalid: The stream is not what its name says, or grows beyond its limit.
        """
        try:
            data = self.stream.read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceInvalid(
                self.name, "is not a complete gzip file", "Deliver the file again."
            ) from error
        self.count += len(data)
        if self.limit is not None and self.count > self.limit:
            raise SourceInvalid(
                self.name,
                f"unpacks to more than {self.limit} bytes",
                "Check the file; deliver large batches as several files.",
            )
        if self.with_digest:
            self.digest.update(data)
        buffer[: len(data)] = data
        return len(data)
