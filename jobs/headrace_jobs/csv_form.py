"""The form of a CSV file, read as a stream: what Spark would take silently is refused here."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from headrace_schemas.errors import SourceInvalid

RECORD_BYTES = 16 * 1024 * 1024
"""Longest record that is read; also what is held in memory at most."""

FIELD_CHARACTERS = 1_000_000
"""Longest value that is read."""

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


def read_form(stream: IO[bytes], name: str) -> CsvForm:
    """Read a whole CSV file and check its form.

    Each line must be UTF-8 without NUL bytes and end like the first one; quotes must be closed.

    Raises:
        SourceInvalid: Naming file and line of the first thing that is wrong.
    """
    lines = checked_lines(stream, name)
    first = next(lines, None)
    if first is None:
        raise SourceInvalid(name, "is empty, without even a header", "Deliver the file again.")
    header_line = first[1].removeprefix(BOM)
    ending = b"\r\n" if header_line.endswith(b"\r\n") else b"\n"
    rows = 0
    for number, record in records([(1, header_line)], name):
        header = tuple(next(csv.reader([record.decode().rstrip("\r\n")], strict=True)))
        check_ending(record, ending, name, number)
    for number, record in records(lines, name):
        check_ending(record, ending, name, number)
        check_fields(record, name, number)
        rows += record != ending  # Spark passes blank lines over
    return CsvForm(header=header, rows=rows)


def checked_lines(stream: IO[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    """Numbered lines, each complete and decodable."""
    number = 0
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
