"""What is checked of a delivered file before Spark reads it, in one pass and bounded memory."""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any

import pandas as pd
import pyarrow
from pyarrow import parquet
from pyspark.sql import SparkSession

from headrace_jobs import files
from headrace_jobs.csv_form import read_form
from headrace_schemas.errors import HeadraceError, SourceInvalid, SourceMissing
from headrace_schemas.source import Source

CHUNK = 1024 * 1024

SMALL_EXPANSION = 64 * 1024 * 1024
MOST_EXPANSION = 100
"""A compressed file may grow to 64 MiB or a hundred times its size; text grows tenfold."""


SPREAD_BYTES = 256 * 1024 * 1024
"""A larger batch of several files is checked by Spark's workers. Below, starting theirs would cost
as much as it saves."""


@dataclass(frozen=True)
class Delivery:
    """One file that passed.

    Attributes:
        name: Path below the landing root, as rows name their source.
        columns: In the file's order.
    """

    uri: str
    name: str
    size: int
    columns: tuple[str, ...]
    rows: int


def inspect_all(
    spark: SparkSession, table: str, source: Source, uris: Sequence[str]
) -> list[Delivery]:
    """Check all files of a batch, large ones side by side.

    Raises:
        SourceMissing, SourceInvalid: About the first file that is not there, or damaged.
    """
    is_large = len(uris) > 1 and sum(files.size(uri) or 0 for uri in uris) > SPREAD_BYTES
    passed = inspect_spread(spark, table, source, uris) if is_large else {}
    return [passed.get(uri) or inspect(table, source, uri) for uri in uris]


def inspect_spread(
    spark: SparkSession, table: str, source: Source, uris: Sequence[str]
) -> dict[str, Delivery]:
    """Those files that pass, each checked by a task of Spark; the workers need this package."""

    def check(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for place in batch["id"]:
                try:
                    one = inspect(table, source, uris[place])
                except HeadraceError:
                    continue  # an error loses its fields on its way: the driver meets it again
                yield pd.DataFrame({"found": [json.dumps(asdict(one))]})

    tasks = spark.range(0, len(uris), 1, len(uris))
    rows = tasks.mapInPandas(check, "found STRING").collect()
    found = [json.loads(row["found"]) for row in rows]
    return {one["uri"]: Delivery(**{**one, "columns": tuple(one["columns"])}) for one in found}


def inspect(table: str, source: Source, uri: str) -> Delivery:
    """Check one delivered file: manifest, bytes, encoding, form.

    Raises:
        SourceMissing: There is no such file.
        SourceInvalid: It is damaged; the message names file and line.
    """
    name = landed_name(source, uri)
    size = files.size(uri)
    if size is None:
        raise SourceMissing(table, name)
    manifest = read_manifest(uri, name)
    if manifest.get("bytes", size) != size:
        problem = f"has {size} bytes, its manifest says {manifest['bytes']}"
        raise SourceInvalid(name, problem, "Deliver the file again.")
    inspected = inspect_parquet if source.format == "parquet" else inspect_csv
    columns, rows, digest = inspected(uri, name, size, "sha256" in manifest)
    if "sha256" in manifest and str(manifest["sha256"]).lower() != digest:
        raise SourceInvalid(
            name, "its bytes are not those of the manifest's sha256", "Deliver the file again."
        )
    if manifest.get("rows", rows) != rows:
        problem = f"has {rows} rows, its manifest says {manifest['rows']}"
        raise SourceInvalid(name, problem, "Deliver the file again.")
    return Delivery(uri=uri, name=name, size=size, columns=columns, rows=rows)


def landed_name(source: Source, uri: str) -> str:
    """The file's path below the landing root: as many steps as the source's pattern has."""
    steps = source.files.count("/") + 1
    return "/".join(uri.split("/")[-steps:])


def read_manifest(uri: str, name: str) -> dict[str, Any]:
    """The sidecar `<file>.manifest.json`: what the deliverer says of the file; empty if none."""
    sidecar = f"{uri}.manifest.json"
    if files.size(sidecar) is None:
        return {}
    try:
        manifest = json.loads(files.read_text(sidecar))
    except ValueError as error:
        raise SourceInvalid(f"{name}.manifest.json", "is not JSON", "Deliver it again.") from error
    if not isinstance(manifest, dict):
        raise SourceInvalid(f"{name}.manifest.json", "is not a JSON object", "Deliver it again.")
    return manifest


def inspect_csv(
    uri: str, name: str, size: int, with_digest: bool
) -> tuple[tuple[str, ...], int, str]:
    """Header, rows and sha256 of a CSV file, compressed or not."""
    del with_digest  # all bytes are read anyway
    with files.open_bytes(uri) as raw:
        metered = Metered(raw, name)
        stream: IO[bytes] = io.BufferedReader(metered, CHUNK)
        if uri.endswith(".gz"):
            limit = max(SMALL_EXPANSION, MOST_EXPANSION * size)
            unpacked = Metered(gzip.GzipFile(fileobj=stream), name, limit)
            form = read_form(io.BufferedReader(unpacked, CHUNK), name)
        else:
            form = read_form(stream, name)
        while metered.read(CHUNK):
            pass
    return form.header, form.rows, metered.digest.hexdigest()


def inspect_parquet(
    uri: str, name: str, size: int, with_digest: bool
) -> tuple[tuple[str, ...], int, str]:
    """Columns, rows and, where a manifest asks for it, sha256 of a Parquet file."""
    if size == 0:
        raise SourceInvalid(name, "is empty", "Deliver the file again.")
    try:
        path = files.local_path(uri)
        system, inner = (None, str(path)) if path is not None else files.store(uri)
        footer = parquet.ParquetFile(inner, filesystem=system)
        columns, rows = tuple(footer.schema_arrow.names), footer.metadata.num_rows
    except pyarrow.ArrowException as error:
        raise SourceInvalid(
            name, "is not a Parquet file, or was cut", "Deliver the file again."
        ) from error
    digest = ""
    if with_digest:
        with files.open_bytes(uri) as raw:
            metered = Metered(raw, name)
            while metered.read(CHUNK):
                pass
            digest = metered.digest.hexdigest()
    return columns, rows, digest


class Metered(io.RawIOBase):
    """A stream that is hashed and bounded while it is read."""

    def __init__(
        self, stream: IO[bytes] | gzip.GzipFile, name: str, limit: int | None = None
    ) -> None:
        super().__init__()
        self.stream = stream
        self.name = name
        self.limit = limit
        self.count = 0
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
                self.name, f"unpacks to more than {self.limit} bytes",
                "Check the file; deliver large batches as several files.",
            )  # fmt: skip
        self.digest.update(data)
        buffer[: len(data)] = data
        return len(data)
