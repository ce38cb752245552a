"""The form of a CSV file, read as a stream: what Spark would take silently is refused here."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from headrace_schemas.errors import SourceInvalid
from headrace_schemas.pipeline import Source

RECORD_BYTES = 16 * 1024 * 1024
"""Longest record that is read; also what is held in memory at most."""

FIELD_CHARACTERS = 1_000_000
"""Longest value that is read."""

BLOCK_BYTES = 512 * 1024
"""What is looked at as a whole first. No value within is too long then."""

BOM = b"\xef\xbb\xbf"
DELIMITER = b","
QUOTE = b'"'


@dataclass(frozen=True)
class CsvForm:
    """What a well-formed CSV file holds: its header and how many records follow."""

    header: tuple[str, ...]
    rows: int


class StrayText(ValueError):
    """Text between a closing quote and the next delimiter."""


def as_utf8(stream: "io.BufferedReader[Any]", source: Source, name: str) -> IO[bytes]:
    """A delivered file's bytes, unpacked, as the UTF-8 text that is checked, kept and read.

    Args:
        source: Says what the bytes are.
        name: The file, for messages.
    """
    del source, name  # all sources deliver UTF-8
    if stream.peek(len(BOM)).startswith(BOM):
        stream.read(len(BOM))
    return stream


def read_form(stream: IO[bytes], name: str) -> CsvForm:
    """Read a whole CSV file and check its form.

    Each line must be UTF-8 without NUL bytes and end like the first one; quotes must be closed.

    Raises:
        SourceInvalid: Naming file and line of the first thing that is wrong.
    """
    first = next(checked_lines(stream, name), None)
    if first is None:
        raise SourceInvalid(name, "is empty, without even a header", "Deliver the file again.")
    header_line = first[1].removeprefix(BOM)
    ending = b"\r\n" if header_line.endswith(b"\r\n") else b"\n"
    for number, record in records([(1, header_line)], name):
        header = tuple(next(csv.reader([record.decode().rstrip("\r\n")], strict=True)))
        check_ending(record, ending, name, number)
    rows, lines = 0, 1
    while block := stream.read(BLOCK_BYTES):
        if not block.endswith(b"\n"):
            block += stream.readline(RECORD_BYTES + 1)
        if (plain := plain_rows(block, ending)) is not None:
            rows, lines = rows + plain, lines + plain
            continue
        begun = BlockFirst(block, stream)
        for number, record in records(checked_lines(begun, name, lines), name):
            check_ending(record, ending, name, number)
            check_fields(record, name, number)
            rows += record != ending  # Spark passes blank lines over
            if begun.is_over():
                break
        lines += begun.lines
    return CsvForm(header=header, rows=rows)


def plain_rows(block: bytes, ending: bytes) -> int | None:
    """Rows of some lines in which nothing can be wrong; None if each must be looked at."""
    ends = block.count(b"\n")
    is_plain = (
        QUOTE not in block
        and b"\0" not in block
        and block.endswith(ending)
        and block.count(b"\r\n") == (ends if ending == b"\r\n" else 0)
        and not block.startswith(ending)  # a blank line is no row
        and b"\n" + ending not in block
        and len(block) <= FIELD_CHARACTERS
    )
    if not is_plain:
        return None
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return ends


class BlockFirst:
    """Lines of a block that was read already, then those that follow it."""

    def __init__(self, block: bytes, stream: IO[bytes]) -> None:
        self.block = io.BytesIO(block)
        self.bytes = len(block)
        self.stream = stream
        self.lines = 0

    def readline(self, size: int) -> bytes:
        """The next line, `size` bytes of it at most."""
        self.lines += 1
        return self.block.readline(size) or self.stream.readline(size)

    def is_over(self) -> bool:
        """Whether the next line is not the block's."""
        return self.block.tell() == self.bytes


def checked_lines(
    stream: IO[bytes] | BlockFirst, name: str, number: int = 0
) -> Iterator[tuple[int, bytes]]:
    """Numbered lines, each complete and decodable.

    Args:
        number: Lines that were read before.
    """
    while line := stream.readline(RECORD_BYTES + 1):
        number += 1
        if len(line) > RECORD_BYTES:
            raise SourceInvalid(
                name, f"a line is longer than {RECORD_BYTES} bytes",
                "Check that it is a CSV file.", number,
            )  # fmt: skip
        if b"\0" in line:
            raise SourceInvalid(name, "holds a NUL byte", "Deliver the file as UTF-8 text.", number)
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise SourceInvalid(
                name, f"byte {error.start + 1} of the line is not UTF-8",
                "Deliver the file as UTF-8 text.", number,
            ) from error  # fmt: skip
        if not line.endswith(b"\n"):
            raise SourceInvalid(
                name, "the last line does not end: the file was cut", "Deliver it again.", number
            )
        yield number, line


def records(
    lines: Iterator[tuple[int, bytes]] | list[tuple[int, bytes]], name: str
) -> Iterator[tuple[int, bytes]]:
    """Records with the number of their first line: a quoted value may hold line ends."""
    parts: list[bytes] = []
    begun, held = 0, 0
    for number, line in lines:
        try:
            is_open = open_after(line, bool(parts))
        except StrayText as error:
            raise SourceInvalid(
                name, "a closing quote is followed by text", 'Write a quote in a value as "".',
                number,
            ) from error  # fmt: skip
        if not parts and not is_open:
            yield number, line
            continue
        begun = begun if parts else number
        parts.append(line)
        held += len(line)
        if held > RECORD_BYTES:
            break
        if not is_open:
            yield begun, b"".join(parts)
            parts, held = [], 0
    if parts:
        raise SourceInvalid(
            name, "a quote is opened and not closed", 'Write a quote in a value as "".', begun
        )


def open_after(line: bytes, is_open: bool) -> bool:
    """Whether a quoted value goes on behind `line`.

    Args:
        is_open: Whether one goes on from the line before.

    Raises:
        StrayText: A closing quote is followed by neither a delimiter nor the line's end.
    """
    if not is_open and QUOTE not in line:
        return False
    position = 0
    while True:
        if not is_open and line[position : position + 1] == QUOTE:
            is_open, position = True, position + 1
        if is_open:
            closing = line.find(QUOTE, position)
            if closing < 0:
                return True
            if line[closing + 1 : closing + 2] == QUOTE:
                position = closing + 2
                continue
            is_open, position = False, closing + 1
            if line[position : position + 1] not in (DELIMITER, b"\n", b"\r"):
                raise StrayText
        delimiter = line.find(DELIMITER, position)
        if delimiter < 0:
            return False
        position = delimiter + 1


def check_ending(record: bytes, ending: bytes, name: str, number: int) -> None:
    """Refuse a second kind of line end: Spark would take it into the last column's value."""
    if record.endswith(b"\r\n") != (ending == b"\r\n"):
        raise SourceInvalid(
            name, "lines end in two ways", "End all lines with LF, or all with CRLF.", number
        )


def check_fields(record: bytes, name: str, number: int) -> None:
    """Refuse a value that Spark would fail on without saying where."""
    if len(record) <= FIELD_CHARACTERS:
        return
    csv.field_size_limit(RECORD_BYTES)
    for fields in csv.reader(record.decode().splitlines(keepends=True)):
        if max(map(len, fields), default=0) > FIELD_CHARACTERS:
            raise SourceInvalid(
                name, f"a value is longer than {FIELD_CHARACTERS} characters",
                "Check that its quotes are closed.", number,
            )  # fmt: skip
