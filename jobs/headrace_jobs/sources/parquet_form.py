"""The form of a Parquet file, read from its footer.

What Spark would fail on without saying where, or cut without a word, is refused by file and column.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute as pc
from pyarrow import parquet

from headrace_jobs.lake import files
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.errors import SourceInvalid

SMALL_UNPACKED = 1024 * 1024 * 1024
MOST_UNPACKED = 1000
"""A file may unpack to 1 GiB or a thousand times its size. Ten million rows of constants stay below
the first, sorted columns of few values below the second."""

BATCH_ROWS = 1 << 20
BATCH_BYTES = 64 * 1024 * 1024
"""What is unpacked at once where values are counted."""

MARK, ENCRYPTED, GZIP = b"PAR1", b"PARE", b"\x1f\x8b"

CODECS = frozenset({"UNCOMPRESSED", "SNAPPY", "GZIP", "ZSTD", "LZ4", "UNKNOWN"})
"""What Spark unpacks, in Arrow's words, to whom the older form of LZ4 is unknown."""

SPLIT = "BYTE_STREAM_SPLIT"

VERBATIM = frozenset({"PLAIN", "RLE", "BIT_PACKED", "DELTA_LENGTH_BYTE_ARRAY"})
"""Encodings that write each text out; others say a long text that comes again in a few bytes."""

WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}

MOST_COLUMNS = 10_000

MOST_DIGITS = 38

NOT_READ = {
    "Float16": "FLOAT",
    "Time": "a text or a number",
    "UUID": "a text",
    "Interval": "a number",
    "Variant": "a text of JSON",
    "Geometry": "a text",
    "Geography": "a text",
}
"""Logical types that Spark does not read, and what to deliver instead."""


class Nanoseconds(Frozen):
    """How a column of nanoseconds is to be read.

    Attributes:
        is_utc: Whether its values are instants (TIMESTAMP), or wall clocks (TIMESTAMP_NTZ).
        is_whole: Whether all of them are whole microseconds.
    """

    is_utc: bool
    is_whole: bool


class ParquetForm(Frozen):
    """What a sound Parquet file holds.

    Attributes:
        columns: In the file's order.
        types: Text of the physical schema: files in which it is equal are read together.
        nanoseconds: Columns that hold them.
        empty: Paths of what has no type, as pandas writes columns and lists that hold nothing.
    """

    columns: tuple[str, ...]
    rows: int
    types: str
    nanoseconds: dict[str, Nanoseconds]
    empty: tuple[str, ...]


def read_parquet_form(uri: str, name: str) -> ParquetForm:
    """Read the footer, and as little more as the verdict needs.

    How far a file unpacks is estimated from the footer: number times width of numbers, bytes
    before compression of texts that are written out; texts that a dictionary or a common beginning
    shortens are at most their number times the bytes that hold them all. Where that exceeds the
    bound they are counted instead, batch by batch. The footer is believed: a file whose pages say
    something else is one that Spark fails on.

    Args:
        uri: The copy that Spark will read.
        name: The file, for messages.

    Raises:
        SourceInvalid: Naming file and column.
    """
    with reading(name), files.open_anywhere(uri) as stream:
        check_marks(stream, name)
        with parquet.ParquetFile(stream) as file:
            check_width(name, len(file.schema))
            columns = tuple(file.schema_arrow.names)
            leaves = [file.schema.column(place) for place in range(len(file.schema))]
            check_names(name, columns, [leaf.path for leaf in leaves])
            groups = row_groups(file, name)
            chunks = [[group.column(place) for group in groups] for place in range(len(leaves))]
            for leaf, leaf_chunks in zip(leaves, chunks, strict=True):
                check_type(name, leaf)
                check_chunks(name, leaf, leaf_chunks)
            check_unpacked(uri, name, stream.size(), list(zip(leaves, chunks, strict=True)))
            return ParquetForm(
                columns=columns,
                rows=file.metadata.num_rows,
                types=str(file.schema).partition("\n")[2],
                nanoseconds=nanoseconds(uri, name, leaves, columns),
                empty=tuple(leaf.path for leaf in leaves if kind(leaf)["Type"] == "Null"),
            )


@contextmanager
def reading(name: str) -> Iterator[None]:
    """What Arrow says of a damaged file becomes the error that names it."""
    try:
        yield
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        if "AWS Error" in str(error):
            raise  # the store does not answer: nothing is said of the file
        raise cut(name) from error


def cut(name: str) -> SourceInvalid:
    """The error of what is not Parquet at all."""
    return SourceInvalid(name, "is not a Parquet file, or was cut", "Deliver the file again.")


def check_marks(stream: Any, name: str) -> None:
    """Refuse what is not Parquet, and an encrypted file: Arrow would end this process over it."""
    size = stream.size()
    if size == 0:
        raise SourceInvalid(name, "is empty", "Deliver the file again.")
    if size < 12:
        raise cut(name)
    first, last = stream.read_at(4, 0), stream.read_at(8, size - 8)
    length = int.from_bytes(last[:4], "little")
    if first.startswith(GZIP):
        raise SourceInvalid(name, "is packed with gzip", "Deliver Parquet as it is.")
    if first not in (MARK, ENCRYPTED) or last[4:] != first or length > size - 12:
        raise cut(name)
    # The footer of a file with encrypted columns is signed behind its end.
    if first == ENCRYPTED or parquet.read_metadata(stream).serialized_size != length:
        raise SourceInvalid(name, "is encrypted", "Deliver the file without encryption.")


def check_width(name: str, columns: int) -> None:
    """Refuse what no table has, before each column is looked at."""
    if columns > MOST_COLUMNS:
        problem = f"has {columns} columns, more than {MOST_COLUMNS}"
        raise SourceInvalid(name, problem, "Deliver what the contract asks for.")


def check_names(name: str, columns: Sequence[str], paths: Sequence[str]) -> None:
    """Refuse names that Spark cannot tell apart, or cannot say."""
    if not columns or "" in columns:
        problem = "has a column without a name" if columns else "has no columns"
        raise SourceInvalid(name, problem, "Name each column.")
    spelled: dict[str, str] = {}
    for path, times in Counter(paths).items():
        if times > 1:
            raise SourceInvalid(name, f"has column {path} twice", "Name each column once.")
        steps = path.split(".")
        for end in range(1, len(steps) + 1):
            begun = ".".join(steps[:end])
            if (other := spelled.setdefault(begun.lower(), begun)) != begun:
                raise SourceInvalid(
                    name,
                    f"columns {other} and {begun} differ by case only",
                    "Name each column once.",
                )


def row_groups(file: parquet.ParquetFile, name: str) -> list[Any]:
    """What the footer says of each row group."""
    footer = file.metadata
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    if sum(group.num_rows for group in groups) != footer.num_rows:
        raise SourceInvalid(name, "its footer contradicts itself about rows", "Deliver it again.")
    return groups


def kind(leaf: Any) -> dict[str, Any]:
    """The logical type of a column that holds values; those of a struct or list have a path."""
    found: dict[str, Any] = json.loads(leaf.logical_type.to_json())
    return found


def check_type(name: str, leaf: Any) -> None:
    """Refuse a type that Spark does not read."""
    logical = kind(leaf)
    type = "Interval" if leaf.converted_type == "INTERVAL" else logical["Type"]
    is_long = type == "Decimal" and logical["precision"] > MOST_DIGITS
    if type in NOT_READ or is_long:
        spelled = f"Decimal of {logical['precision']} digits" if is_long else type
        raise SourceInvalid(
            name,
            f"column {leaf.path} has the Parquet type {spelled}, which Spark does not read",
            f"Deliver it as {NOT_READ.get(type, f'one of {MOST_DIGITS} digits, or a text')}.",
        )


def check_chunks(name: str, leaf: Any, chunks: Sequence[Any]) -> None:
    """Refuse what Spark cannot unpack, or what lies in another file."""
    for chunk in chunks:
        if chunk.compression not in CODECS:
            raise SourceInvalid(
                name,
                f"column {leaf.path} is compressed with {chunk.compression}",
                "Use snappy, zstd, gzip or none.",
            )
        if SPLIT in chunk.encodings:
            raise SourceInvalid(
                name, f"column {leaf.path} is encoded with {SPLIT}", "Use another encoding."
            )
        if chunk.file_path:
            raise SourceInvalid(
                name,
                f"column {leaf.path} has its values in another file",
                "Deliver that file.",
            )


def check_unpacked(
    uri: str, name: str, size: int, columns: Sequence[tuple[Any, Sequence[Any]]]
) -> None:
    """Refuse a file that unpacks without measure; see `read_parquet_form`."""
    limit = max(SMALL_UNPACKED, MOST_UNPACKED * size)
    least, most, shortened = 0, 0, []
    for leaf, chunks in columns:
        stored = sum(chunk.total_uncompressed_size for chunk in chunks)
        if leaf.physical_type != "BYTE_ARRAY":
            width = WIDTHS.get(leaf.physical_type) or leaf.length
            stored = max(stored, width * sum(chunk.num_values for chunk in chunks))
        elif not all(VERBATIM.issuperset(chunk.encodings) for chunk in chunks):
            shortened.append((leaf, chunks))
            most += sum(chunk.num_values * chunk.total_uncompressed_size for chunk in chunks)
        least += stored
    for count in (at_most, exactly):
        if least <= limit < least + most:
            arrays = (array for leaf, chunks in shortened for array in texts(uri, leaf, chunks))
            most = up_to(limit - least, map(count, arrays))
    if least + most > limit:
        raise SourceInvalid(
            name,
            f"unpacks to more than {limit} bytes",
            f"A file of {size} bytes may not; deliver large batches as several files.",
        )


def up_to(limit: int, counts: Iterable[int]) -> int:
    """The sum, or one beyond the limit if it goes there."""
    total = 0
    for count in counts:
        total += count
        if total > limit:
            break
    return total


def texts(uri: str, leaf: Any, chunks: Sequence[Any]) -> Iterator[Any]:
    """A column's texts, batch by batch; those of a dictionary are unpacked once."""
    rows, dictionaries = BATCH_ROWS, [leaf.path]
    if any("DELTA_BYTE_ARRAY" in chunk.encodings for chunk in chunks):
        longest = max(chunk.total_uncompressed_size for chunk in chunks)
        rows, dictionaries = max(1, min(rows, BATCH_BYTES // longest)), []
    with files.open_anywhere(uri) as stream:
        file = parquet.ParquetFile(stream, read_dictionary=dictionaries)
        for batch in file.iter_batches(rows, columns=[leaf.path]):
            yield from values(batch.column(0))


def at_most(array: Any) -> int:
    """No more bytes than these are in a batch of texts."""
    if not isinstance(array, pyarrow.DictionaryArray):
        return exactly(array)
    return len(array) * (pc.max(pc.binary_length(array.dictionary)).as_py() or 0)


def exactly(array: Any) -> int:
    """Bytes of a batch of texts."""
    if isinstance(array, pyarrow.DictionaryArray):
        lengths = pc.cast(pc.binary_length(array.dictionary), "int64")
        return pc.sum(lengths.take(array.indices)).as_py() or 0
    return pc.sum(pc.binary_length(array)).as_py() or 0


def values(array: Any) -> Iterator[Any]:
    """The arrays of values within structs and lists."""
    if pyarrow.types.is_struct(array.type):
        for place in range(array.type.num_fields):
            yield from values(array.field(place))
    elif pyarrow.types.is_map(array.type):
        yield from values(array.keys)
        yield from values(array.items)
    elif pyarrow.types.is_nested(array.type):
        yield from values(array.flatten())
    else:
        yield array


def nanoseconds(
    uri: str, name: str, leaves: Sequence[Any], columns: Sequence[str]
) -> dict[str, Nanoseconds]:
    """The columns of nanoseconds, which Spark reads as numbers.

    Raises:
        SourceInvalid: Spark would cut them: within a struct or list, or of the old type INT96.
    """
    found = {}
    for leaf in leaves:
        logical = kind(leaf)
        is_old = leaf.physical_type == "INT96"
        if logical.get("timeUnit") != "nanoseconds" and not is_old:
            continue
        is_whole = not any(np.any(rest) for rest in below_microseconds(uri, leaf.path, is_old))
        if is_old:
            if not is_whole:
                raise cuts(name, leaf.path, "has nanoseconds in the old type INT96")
            continue
        if leaf.path not in columns:
            raise cuts(name, leaf.path, "has nanoseconds within a struct or list")
        found[leaf.path] = Nanoseconds(is_utc=logical["isAdjustedToUTC"], is_whole=is_whole)
    return found


def cuts(name: str, path: str, problem: str) -> SourceInvalid:
    """The error of a timestamp that Spark would shorten."""
    return SourceInvalid(
        name, f"column {path} {problem}, which Spark does not read", "Deliver microseconds."
    )


def below_microseconds(uri: str, path: str, is_old: bool) -> Iterator[Any]:
    """What values have beyond whole microseconds, batch by batch."""
    with files.open_anywhere(uri) as stream:
        file = parquet.ParquetFile(stream)
        if not is_old:
            for batch in file.iter_batches(columns=[path]):
                for array in values(batch.column(0)):
                    yield integers(array) % 1000
            return
        # INT96 reaches further than Arrow's nanoseconds, which wrap around; so does this difference.
        with files.open_anywhere(uri) as second:
            other = parquet.ParquetFile(second, coerce_int96_timestamp_unit="us")
            pairs = zip(
                file.iter_batches(columns=[path]), other.iter_batches(columns=[path]), strict=True
            )
            for fine, coarse in pairs:
                for fine_array, coarse_array in zip(
                    values(fine.column(0)), values(coarse.column(0)), strict=True
                ):
                    yield integers(fine_array) - integers(coarse_array) * 1000


def integers(array: Any) -> Any:
    """Timestamps as numbers of their unit; 0 where there is none."""
    return array.view("int64").fill_null(0).to_numpy(zero_copy_only=False)
