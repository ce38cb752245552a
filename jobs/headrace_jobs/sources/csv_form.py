"""The form of a CSV file, read as a stream: what Spark would take silently is refused here.

A stream is UTF-8 here already: `delivered_text.as_utf8` makes it so.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from headrace_jobs.sources.delivered_text import BOM
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SourceInvalid

RECORD_BYTES = 16 * 1024 * 1024
"""Longest record that is read; also what is held in memory at most."""

FIELD_CHARACTERS = 1_000_000
"""Longest value that is read; also the most values of a record."""

BLOCK_BYTES = 512 * 1024
"""What is looked at as a whole first. No value within is too long then."""

NARROW_BYTES = 20_480
"""As many values as Spark's reader has room for if no option says: a shorter line has fewer."""

CR_ALONE = "lines end with CR alone"
ADVICE_ON_ENDINGS = "End all lines with LF, or all with CRLF."
CR_IN_VALUE = "a CR stands outside of quotes, and some readers end a line there"
ADVICE_ON_RETURN = "Put the value in quotes, or take the CR out."

PLAIN = Source(files="*")
"""How a file is written if nothing is declared."""


@dataclass(frozen=True)
class CsvForm:
    """What a well-formed CSV file holds.

    Attributes:
        header: Names of the columns; of a source without header, the first row's values.
        rows: Records that follow the header, or all.
        ending: What its lines end with.
        is_wide: Whether a record may have more than `NARROW_BYTES` values.
    """

    header: tuple[str, ...]
    rows: int
    ending: str = "\n"
    is_wide: bool = False


class StrayText(ValueError):
    """Text between a closing quote and the next delimiter."""


def read_form(stream: IO[bytes], name: str, source: Source = PLAIN) -> CsvForm:
    """Read a whole CSV file and check its form.

    Each line must be UTF-8 without NUL bytes and end like the first one; quotes must be closed.

    Raises:
        SourceInvalid: Naming file and line of the first thing that is wrong.
    """
    return CsvFormReader(name, source).read(stream)


class CsvFormReader:
    """Reads one file of a source."""

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self.source = source
        self.delimiter = source.delimiter.encode()
        self.quote = source.quote.encode() if source.is_quoted else b""
        self.comment = source.comment.encode()
        self.lines = source.skip_lines
        self.ending = b""
        self.is_crlf: bool | None = None  # until the first record tells
        self.is_wide = False
        self.has_bare_return = False

    def read(self, stream: IO[bytes]) -> CsvForm:
        """The form of the whole file."""
        header, rows = self.read_first(stream)
        first = self.lines
        while block := stream.read(BLOCK_BYTES):
            if not block.endswith(b"\n"):
                block += stream.readline(RECORD_BYTES + 1)
            if (plain := self.plain_rows(block)) is not None:
                rows, self.lines = rows + plain, self.lines + plain
                continue
            begun = BlockFirst(block, stream)
            for _ in self.records(self.checked_lines(begun)):
                rows += 1
                if begun.is_over():
                    break
        if self.has_bare_return and self.lines == first:
            raise self.invalid(CR_ALONE, ADVICE_ON_ENDINGS, first)
        if self.has_bare_return:
            raise self.invalid(CR_IN_VALUE, ADVICE_ON_RETURN, self.source.skip_lines + 1)
        return CsvForm(header, rows, self.ending.decode() or "\n", self.is_wide)

    def read_first(self, stream: IO[bytes]) -> tuple[tuple[str, ...], int]:
        """The first record: names or values of the columns, and how many rows it is."""
        lines = self.checked_lines(stream)
        first = next(lines, None)
        if first is None:
            raise self.invalid("is empty, without even a header", "Deliver the file again.", None)
        number, line = first[0], first[1].removeprefix(BOM)
        if line in (b"\n", b"\r\n") and self.source.header:
            raise self.invalid(
                "begins with a blank line",
                "Declare how many lines stand before the header, as `skip_lines`.",
                number,
            )
        self.has_bare_return = b"\r" in line.rstrip(b"\r\n").split(self.quote or b"\n")[0]
        first_record = next(self.records(chain_one((number, line), lines)), None)
        if first_record is None:
            if self.source.header:
                raise self.invalid("has no header", "Deliver the file again.", None)
            return (), 0
        values = self.values(first_record[1][: -len(self.ending)])
        header = tuple(value.decode() for value in values)
        if self.source.header:
            return tuple(map(str.strip, header)) if self.source.trim_header else header, 0
        return header, 1

    def plain_rows(self, block: bytes) -> int | None:
        """Rows of some lines in which nothing can be wrong; None if each must be looked at."""
        ending, ends = self.ending, block.count(b"\n")
        is_plain = (
            not (self.quote and self.quote in block)
            and not (self.comment and self.comment in block)
            and b"\0" not in block
            and block.endswith(ending)
            and block.count(b"\r\n") == (ends if ending == b"\r\n" else 0)
            and block.count(b"\r") == (ends if ending == b"\r\n" else 0)
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
        self.is_wide = self.is_wide or may_be_wide(block)
        return ends

    def checked_lines(self, stream: "IO[bytes] | BlockFirst") -> Iterator[tuple[int, bytes]]:
        """Numbered lines, each complete and decodable."""
        readline, most = stream.readline, RECORD_BYTES + 1
        while line := readline(most):
            self.lines = number = self.lines + 1
            if len(line) > RECORD_BYTES:
                raise self.invalid(
                    f"a line is longer than {RECORD_BYTES} bytes",
                    "Check that it is a CSV file.",
                    number,
                )
            if b"\0" in line:
                raise self.invalid(
                    "holds a NUL byte",
                    "Deliver the file as UTF-8 text, or declare its `encoding`.",
                    number,
                )
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise self.invalid(
                    f"byte {error.start + 1} of the line is not UTF-8",
                    "Deliver the file as UTF-8 text, or declare its `encoding`.",
                    number,
                ) from error
            if not line.endswith(b"\n"):
                raise self.unended(line, number)
            yield number, line

    def unended(self, line: bytes, number: int) -> SourceInvalid:
        """What is said of a last line without line end."""
        if number == self.source.skip_lines + 1 and b"\r" in line:
            return self.invalid(CR_ALONE, ADVICE_ON_ENDINGS, number)
        return self.invalid(
            "the last line does not end: the file was cut",
            "Deliver it again; if its last line "
            "never ends, declare `last_line: any`, or deliver a manifest.",
            number,
        )

    def records(self, lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
        """Records with the number of their first line: a quoted value may hold line ends.

        Blank lines and comments are none; Spark passes them over.
        """
        parts = bytearray()  # short lines take many times their bytes in a list
        begun = 0
        quote, delimiter, comment = self.quote, self.delimiter, self.comment
        for number, line in lines:
            if comment and not parts and line.startswith(comment):
                self.check_ending(line, number)
                continue
            is_open = False
            if quote and (parts or quote in line):
                try:
                    is_open = open_after(line, bool(parts), quote, delimiter)
                except StrayText as error:
                    raise self.invalid(
                        "a closing quote is followed by text", self.quote_advice, number
                    ) from error
            record = line
            if parts or is_open:
                begun = begun if parts else number
                parts += line
                if len(parts) > RECORD_BYTES:
                    break
                if is_open:
                    continue
                record, number = bytes(parts), begun
                parts.clear()
            if record.endswith(b"\r\n") is not self.is_crlf:
                self.check_ending(record, number)
            if b"\r" in record[: -len(self.ending)]:
                self.check_returns(record, number)
            if len(record) > NARROW_BYTES:
                self.check_values(record, number)
            if record != self.ending:
                yield number, record
        if parts:
            raise self.invalid("a quote is opened and not closed", self.quote_advice, begun)

    @property
    def quote_advice(self) -> str:
        """How a quote is written that is meant as one."""
        quote = self.source.quote
        return (
            f"Write a quote in a value as {quote * 2}; if values are never quoted, declare "
            "`quote: none`."
        )

    def values(self, record: bytes) -> Iterator[bytes]:
        """The values of a well-formed record without its line end."""
        for value, _ in self.fields(record):
            yield value

    def fields(self, record: bytes) -> Iterator[tuple[bytes, bool]]:
        """The same, each with whether it is quoted."""
        position = 0
        while True:
            if self.quote and record.startswith(self.quote, position):
                start = position + len(self.quote)
                closing = record.index(self.quote, start)
                while record.startswith(self.quote, closing + len(self.quote)):
                    closing = record.index(self.quote, closing + 2 * len(self.quote))
                yield record[start:closing].replace(self.quote * 2, self.quote), True
                position = closing + len(self.quote)
            else:
                end = record.find(self.delimiter, position)
                end = len(record) if end < 0 else end
                yield record[position:end], False
                position = end
            if position >= len(record):
                return
            position += len(self.delimiter)

    def check_ending(self, record: bytes, number: int) -> None:
        """Refuse a second kind of line end: Spark would take it into the last column's value."""
        is_crlf = record.endswith(b"\r\n")
        if self.is_crlf is None:
            self.is_crlf, self.ending = is_crlf, b"\r\n" if is_crlf else b"\n"
        if is_crlf is not self.is_crlf:
            raise self.invalid("lines end in two ways", ADVICE_ON_ENDINGS, number)

    def check_returns(self, record: bytes, number: int) -> None:
        """Refuse a CR outside of quotes: to other readers it ends the line."""
        if number == self.source.skip_lines + 1:
            return  # of a header it is said when the whole file is known
        fields = self.fields(record[: -len(self.ending)])
        if any(b"\r" in value for value, is_quoted in fields if not is_quoted):
            raise self.invalid(CR_IN_VALUE, ADVICE_ON_RETURN, number)

    def check_values(self, record: bytes, number: int) -> None:
        """Refuse values that Spark would fail on without saying where."""
        self.is_wide = self.is_wide or record.count(self.delimiter) >= NARROW_BYTES
        if len(record) <= FIELD_CHARACTERS:
            return
        for count, value in enumerate(self.values(record[: -len(self.ending)]), start=1):
            if len(value) > FIELD_CHARACTERS and len(value.decode()) > FIELD_CHARACTERS:
                raise self.invalid(
                    f"a value is longer than {FIELD_CHARACTERS} characters",
                    "Check that its quotes are closed.",
                    number,
                )
            if count > FIELD_CHARACTERS:
                raise self.invalid(
                    f"a line has more than {FIELD_CHARACTERS} values",
                    "Check that it is a CSV file.",
                    number,
                )

    def invalid(self, problem: str, advice: str, line: int | None) -> SourceInvalid:
        """What is wrong with this file."""
        return SourceInvalid(self.name, problem, advice, line)


class BlockFirst:
    """Lines of a block that was read already, then those that follow it."""

    def __init__(self, block: bytes, stream: IO[bytes]) -> None:
        self.block = io.BytesIO(block)
        self.bytes = len(block)
        self.stream = stream

    def readline(self, size: int) -> bytes:
        """The next line, `size` bytes of it at most."""
        return self.block.readline(size) or self.stream.readline(size)

    def is_over(self) -> bool:
        """Whether the next line is not the block's."""
        return self.block.tell() == self.bytes


def chain_one(
    first: tuple[int, bytes], rest: Iterator[tuple[int, bytes]]
) -> Iterator[tuple[int, bytes]]:
    """The lines with one before them."""
    yield first
    yield from rest


def may_be_wide(block: bytes) -> bool:
    """Whether a line may be longer than `NARROW_BYTES`, found without looking at each."""
    half = NARROW_BYTES // 2
    return any(block.find(b"\n", at, at + half) < 0 for at in range(0, len(block) - half, half))


def open_after(line: bytes, is_open: bool, quote: bytes, delimiter: bytes) -> bool:
    """Whether a quoted value goes on behind `line`.

    Args:
        is_open: Whether one goes on from the line before.

    Raises:
        StrayText: A closing quote is followed by neither a delimiter nor the line's end.
    """
    position, width = 0, len(quote)
    while True:
        if not is_open and line.startswith(quote, position):
            is_open, position = True, position + width
        if is_open:
            closing = line.find(quote, position)
            if closing < 0:
                return True
            position = closing + width
            if line.startswith(quote, position):
                position += width
                continue
            is_open = False
            if line.startswith(delimiter, position):
                position += len(delimiter)
                continue
            if line[position:] not in (b"\n", b"\r\n"):
                raise StrayText
            return False
        found = line.find(delimiter, position)
        if found < 0:
            return False
        position = found + len(delimiter)
