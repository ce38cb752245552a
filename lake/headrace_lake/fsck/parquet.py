"""Parquet files, as far as it takes to see that they are whole: footer, pages, checksums of pages.

No value is decoded, so that a file is looked through as fast as it is read.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from headrace_lake.fsck.thrift import ThriftReader

MAGIC = b"PAR1"
TAIL = 64 * 1024
"""Bytes of the end that are read at first; most footers are within."""

DATA_PAGE, DATA_PAGE_V2 = 0, 3

ReadRange = Callable[[int, int], bytes]
"""Bytes of a file, by where they begin and how many they are."""


class NotWhole(ValueError):
    """What is wrong with a Parquet file, as a clause."""


@dataclass(frozen=True)
class Leaf:
    """A column without columns below it.

    Attributes:
        path: Its name, after those of the columns around it.
        element: Its entry in the footer's schema.
        is_repeated: Whether it is part of an array or a map.
    """

    path: tuple[str, ...]
    element: dict[int, Any]
    is_repeated: bool


@dataclass(frozen=True)
class Chunk:
    """The pages of one column in one row group.

    Attributes:
        start: Where the first page begins.
        values: How many values they hold, NULL included.
        statistics: As the footer has them.
    """

    leaf: Leaf
    start: int
    length: int
    values: int
    statistics: dict[int, Any]


@dataclass(frozen=True)
class Footer:
    """What a file says of itself.

    Attributes:
        start: Where the footer begins: the pages end there at the latest.
    """

    rows: int
    leaves: tuple[Leaf, ...]
    chunks: tuple[Chunk, ...]
    start: int


def read_footer(read: ReadRange, size: int) -> Footer:
    """The footer of a file of `size` bytes.

    Raises:
        NotWhole: There is none.
    """
    if size < 12:
        raise NotWhole(f"{size} bytes are no Parquet file")
    tail = read(max(0, size - TAIL), min(size, TAIL))
    if tail[-4:] != MAGIC:
        raise NotWhole("it has no end: it was cut off or overwritten")
    length = int.from_bytes(tail[-8:-4], "little")
    if length > size - 12:
        raise NotWhole("its footer is longer than the file")
    if length + 8 > len(tail):
        tail = read(size - length - 8, length + 8)
    try:
        return footer_of(ThriftReader(tail[-length - 8 : -8]).struct(), size - length - 8)
    except (LookupError, TypeError, ValueError) as error:
        raise NotWhole(f"its footer cannot be read ({error})") from error


def footer_of(fields: dict[int, Any], start: int) -> Footer:
    """A footer from Thrift's fields.

    Raises:
        LookupError, TypeError, ValueError: They are not those of a footer.
    """
    elements: Iterator[dict[int, Any]] = iter(fields[2])
    root = next(elements)
    leaves = tuple(
        leaf for _ in range(root.get(5, 0)) for leaf in leaves_of(elements, (), is_repeated=False)
    )
    chunks: list[Chunk] = []
    for group in fields[4]:
        for leaf, column in zip(leaves, group[1], strict=True):
            known = column[3]
            if not known[7]:
                continue  # no rows and no pages, which then begin nowhere
            first = min(place for place in (known.get(11), known[9]) if place)
            if not 4 <= first <= first + known[7] <= start:
                raise ValueError(f"the pages of {'.'.join(leaf.path)} lie outside of it")
            chunks.append(Chunk(leaf, first, known[7], known[5], known.get(12, {})))
    if sum(group[3] for group in fields[4]) != fields[3]:
        raise ValueError("its row groups have not as many rows as it says")
    return Footer(fields[3], leaves, tuple(sorted(chunks, key=lambda chunk: chunk.start)), start)


def leaves_of(
    elements: Iterator[dict[int, Any]], above: tuple[str, ...], is_repeated: bool
) -> Iterator[Leaf]:
    """The leaves of the next column: those below follow it, depth first."""
    element = next(elements, None)
    if element is None:
        raise ValueError("its schema ends in the middle")
    path = (*above, element[4].decode())
    is_repeated = is_repeated or element.get(3) == 2
    if children := element.get(5, 0):
        for _ in range(children):
            yield from leaves_of(elements, path, is_repeated)
    else:
        yield Leaf(path, element, is_repeated)


def check_pages(chunk: Chunk, content: bytes) -> None:
    """Compare each page of a column with its checksum, and count their values.

    Raises:
        NotWhole: They are not as they were written.
    """
    name, view, at, values = ".".join(chunk.leaf.path), memoryview(content), 0, 0
    while at < len(content):
        page = ThriftReader(view, at)
        try:
            head = page.struct()
            kind, length = head[1], head[3]
            if kind in (DATA_PAGE, DATA_PAGE_V2):
                values += head[5 if kind == DATA_PAGE else 8][1]
        except (LookupError, TypeError, ValueError) as error:
            raise NotWhole(f"a page of column {name} cannot be read") from error
        at = page.at + length
        if length < 0 or at > len(content):
            raise NotWhole(f"a page of column {name} is longer than it can be")
        if 4 in head and zlib.crc32(view[page.at : at]) != head[4] & 0xFFFFFFFF:
            raise NotWhole(f"a page of column {name} is not what its checksum says")
    if values != chunk.values:
        raise NotWhole(f"column {name} has {values:,} values, its footer says {chunk.values:,}")


def whole_file(read: ReadRange, size: int, seen: Callable[[bytes], None]) -> Footer:
    """Read a file from its first byte to its last, and compare its pages with their checksums.

    Args:
        seen: Is given all of the bytes, in order and a part at a time.

    Raises:
        NotWhole: It is not as it was written.
    """
    footer = read_footer(read, size)
    at = 0
    for chunk in footer.chunks:
        if chunk.start < at:
            raise NotWhole("its columns overlap")
        if chunk.start > at:
            seen(read(at, chunk.start - at))
        content = read(chunk.start, chunk.length)
        seen(content)
        check_pages(chunk, content)
        at = chunk.start + chunk.length
    seen(read(at, size - at))
    return footer
