"""A delivered text as UTF-8, whatever it is written in."""

import codecs
import io
import re
from collections.abc import Iterator
from typing import IO, Any

from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SourceInvalid

CHUNK = 1024 * 1024

BOM = codecs.BOM_UTF8

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""What a text may begin with to say its encoding; the longest first."""

WESTERN = frozenset({"cp1252", "iso8859-1", "iso8859-15"})
"""Encodings in which UTF-8 can be read, as other words: José becomes JosÃ©."""

CONTROLS = re.compile("[\x80-\x9f]")
"""What ISO 8859 has in the place of windows-1252's quotes, dashes and euro."""


def as_utf8(stream: IO[bytes], source: Source, name: str) -> IO[bytes]:
    """The text as UTF-8, without byte order mark and without the lines before the header.

    Where the source says that its last line need not end, it ends here. Otherwise nothing is
    changed, and line ends neither.

    Raises:
        SourceInvalid: While it is read: its bytes are not of the declared encoding.
    """
    encoding = codecs.lookup(source.encoding).name
    is_utf8 = encoding in ("utf-8", "utf-8-sig")  # judged line by line when the form is read
    is_whole = not source.skip_lines and source.last_line == "complete"
    if is_utf8 and is_whole and isinstance(stream, io.BufferedReader):
        if stream.peek(len(BOM)).startswith(BOM):
            stream.read(len(BOM))
        return stream  # as it is: a copy in memory is felt with large files
    raw = pieces(stream)
    chunks = without_mark(raw) if is_utf8 else Decoder(name, source.encoding).utf8(raw)
    if source.skip_lines:
        chunks = without_lines(chunks, source.skip_lines)
    if source.last_line == "any":
        chunks = ended(chunks)
    return io.BufferedReader(Chunks(chunks), CHUNK)


def pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """All bytes; a mark lies in the first piece as a whole."""
    yield stream.read(max(CHUNK, max(map(len, MARKS))))
    yield from iter(lambda: stream.read(CHUNK), b"")


class Chunks(io.RawIOBase):
    """Pieces of bytes as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self.chunks = chunks
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        """It is read, never written."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` with the next bytes."""
        while not self.rest:
            chunk = next(self.chunks, None)
            if chunk is None:
                return 0
            self.rest = memoryview(chunk)
        count = min(len(buffer), len(self.rest))
        buffer[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count


def without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """UTF-8 without its mark."""
    yield next(chunks, b"").removeprefix(BOM)
    yield from chunks


def without_lines(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """What follows the first lines."""
    for chunk in chunks:
        start = 0
        while count and (end := chunk.find(b"\n", start)) >= 0:
            count, start = count - 1, end + 1
        if not count:
            yield chunk[start:]
            break
    yield from chunks


def ended(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same with a line end at its end, of the kind that the first line has."""
    ending, last, is_first = b"\n", b"", True
    for chunk in chunks:
        if is_first and b"\n" in chunk:
            is_first = False
            before = last + chunk[: chunk.index(b"\n")]
            ending = b"\r\n" if before.endswith(b"\r") else b"\n"
        last = (last + chunk[-2:])[-2:]
        yield chunk
    if last and not last.endswith(b"\n"):
        yield ending.removeprefix(b"\r") if last.endswith(b"\r") else ending


class Decoder:
    """Makes UTF-8 of another encoding, strictly."""

    def __init__(self, name: str, encoding: str) -> None:
        self.name = name
        self.said = encoding
        self.encoding = codecs.lookup(encoding).name
        self.lines = 0

    def utf8(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The text piece by piece."""
        first = next(chunks, b"")
        first = first[self.mark_bytes(first) :]
        decoder = codecs.getincrementaldecoder(self.encoding)()
        doubt = Utf8Doubt() if self.encoding in WESTERN else None
        for chunk in join_one(first, chunks):
            if doubt:
                doubt.look(chunk)
            yield self.decoded(decoder, chunk, is_last=False)
        yield self.decoded(decoder, b"", is_last=True)
        if doubt and doubt.is_utf8():
            raise SourceInvalid(
                self.name, f"is UTF-8, not {self.said}", "Declare `encoding: utf-8`."
            )

    def mark_bytes(self, first: bytes) -> int:
        """Length of the mark with which the text begins; it settles which UTF-16 it is."""
        for mark, encoding in MARKS.items():
            if not first.startswith(mark):
                continue
            if encoding.startswith(self.encoding):
                self.encoding = encoding
                return len(mark)
            if mark not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or self.is_one_byte():
                raise SourceInvalid(
                    self.name,
                    f"begins with the mark of {encoding}, not of {self.said}",
                    f"Declare `encoding: {encoding.removesuffix('-le').removesuffix('-be')}`.",
                )
        if self.encoding in ("utf-16", "utf-32") and first:
            raise SourceInvalid(
                self.name,
                f"begins without the mark that {self.said} has",
                f"Declare `encoding: {self.encoding}-le`, or {self.encoding}-be.",
            )
        return 0

    def is_one_byte(self) -> bool:
        """Whether each byte is a character."""
        return self.encoding.startswith(("iso8859", "cp125", "koi8", "mac"))

    def decoded(self, decoder: codecs.IncrementalDecoder, chunk: bytes, is_last: bool) -> bytes:
        """One piece as UTF-8."""
        try:
            text = decoder.decode(chunk, is_last)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self.encoding, "ignore")
            raise SourceInvalid(
                self.name,
                f"holds bytes that are not {self.said}",
                "Check the source's `encoding`.",
                self.lines + before.count("\n") + 1,
            ) from error
        if self.encoding in ("iso8859-1", "iso8859-15") and (found := CONTROLS.search(text)):
            raise SourceInvalid(
                self.name,
                f"holds control characters where windows-1252 has letters, not {self.said}",
                "Declare `encoding: windows-1252`.",
                self.lines + text.count("\n", 0, found.start()) + 1,
            )
        self.lines += text.count("\n")
        try:
            return text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise SourceInvalid(
                self.name,
                f"holds bytes that are not {self.said}",
                "Check the source's `encoding`.",
            ) from error


def join_one(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces with one before them."""
    yield first
    yield from rest


class Utf8Doubt:
    """Whether bytes that are said to be of one-byte characters are UTF-8 throughout.

    By chance they never are: a letter with an accent would always be followed by a sign.
    """

    def __init__(self) -> None:
        self.decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
        self.has_more_than_ascii = False

    def look(self, chunk: bytes) -> None:
        """Go on with the next bytes."""
        if self.decoder is None:
            return
        try:
            self.decoder.decode(chunk)
        except UnicodeDecodeError:
            self.decoder = None
        self.has_more_than_ascii = self.has_more_than_ascii or not chunk.isascii()

    def is_utf8(self) -> bool:
        """Whether they are, with at least one character that is not ASCII."""
        if self.decoder is None or not self.has_more_than_ascii:
            return False
        return not self.decoder.getstate()[0]
