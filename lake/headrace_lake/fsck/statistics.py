"""What the log says of a file's rows, beside what the file says itself.

Rounding is not a difference: Delta keeps 32 characters of a text and milliseconds of an instant.
"""

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from headrace_lake.fsck.parquet import Chunk, Footer, Leaf

INT32, INT64, FLOAT, DOUBLE, BYTES, FIXED_BYTES = 1, 2, 4, 5, 6, 7
"""How Parquet stores a value."""

UTF8, DECIMAL, DATE, MILLIS, MICROS = 0, 5, 6, 9, 10
"""What a stored value means, as writers have always said it."""

LOGICAL_STRING, LOGICAL_DECIMAL, LOGICAL_DATE, LOGICAL_TIMESTAMP = 1, 5, 6, 8
"""What it means, as newer ones say it too."""

KEPT_CHARACTERS = 32
"""Of a text, in the log of the writer that keeps fewest."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Decode = Callable[[bytes], Any]


def differences(logged: Mapping[str, Any], footer: Footer) -> Iterator[str]:
    """Each thing that the log says otherwise than the file, as a clause.

    What only one of them knows is no difference, but for a column with values that the file lacks.
    """
    rows = logged.get("numRecords")
    if rows is not None and rows != footer.rows:
        yield f"it has {footer.rows:,} rows, the log says {rows:,}"
    names = {leaf.path[0] for leaf in footer.leaves}
    nulls = (logged.get("nullCount") or {}).items()
    lacking = (name for name, count in nulls if name not in names and has_values(count, rows))
    if columns := ", ".join(sorted(lacking)):
        yield f"it has no column {columns}"
    for leaf in footer.leaves:
        chunks = [chunk for chunk in footer.chunks if chunk.leaf is leaf]
        if chunks and not leaf.is_repeated:
            yield from column_differences(logged, leaf, chunks)


def has_values(nulls: Any, rows: int | None) -> bool:
    """Whether a column is NULL in fewer rows than there are, by how often it and its fields are.

    A writer may leave a column out that is NULL everywhere, and the log says so.
    """
    if isinstance(nulls, Mapping):
        return any(has_values(inner, rows) for inner in nulls.values())
    return nulls is not None and rows is not None and nulls != rows


def column_differences(logged: Mapping[str, Any], leaf: Leaf, chunks: list[Chunk]) -> Iterator[str]:
    """The same for one column."""
    name = ".".join(leaf.path)
    logged_value = within(logged.get("nullCount"), leaf.path)
    if isinstance(logged_value, int) and all(3 in chunk.statistics for chunk in chunks):
        nulls = sum(chunk.statistics[3] for chunk in chunks)
        if nulls != logged_value:
            yield f"column {name} is NULL in {nulls:,} rows, the log says {logged_value:,}"
    if (decode := decoder(leaf)) is None:
        return
    for key, field, choose in (("minValues", 6, min), ("maxValues", 5, max)):
        logged_value = within(logged.get(key), leaf.path)
        ends = [chunk.statistics[field] for chunk in chunks if field in chunk.statistics]
        full = [chunk for chunk in chunks if chunk.statistics.get(3) != chunk.values]
        if logged_value is None or not ends or len(ends) != len(full):
            continue
        try:
            found = choose(decode(end) for end in ends)
            is_same = agree(logged_value, found)
        except (ArithmeticError, ValueError, struct.error):  # a value that Python has no form for
            continue
        if not is_same:
            word = "smallest" if choose is min else "largest"
            yield f"the {word} {name} is not what the log says"


def within(tree: Any, path: tuple[str, ...]) -> Any:
    """What stands in nested objects under a path; None if nothing does."""
    for step in path:
        if not isinstance(tree, Mapping):
            return None
        tree = tree.get(step)
    return tree


def decoder(leaf: Leaf) -> Decode | None:
    """How a bound of a column is read; None for types whose bounds are not compared."""
    element = leaf.element
    stored, meant, logical = element.get(1), element.get(6), element.get(10) or {}
    if meant == DECIMAL or LOGICAL_DECIMAL in logical:
        scale = logical.get(LOGICAL_DECIMAL, {}).get(1, element.get(7, 0))
        order = "little" if stored in (INT32, INT64) else "big"
        return lambda raw: Decimal(int.from_bytes(raw, order, signed=True)).scaleb(-scale)  # type: ignore[arg-type] # one of two words
    if meant == DATE or LOGICAL_DATE in logical:
        return lambda raw: date(1970, 1, 1) + timedelta(days=struct.unpack("<i", raw)[0])
    if (micros := micros_each(meant, logical)) is not None:
        return lambda raw: EPOCH + timedelta(microseconds=struct.unpack("<q", raw)[0] * micros)
    if meant == UTF8 or LOGICAL_STRING in logical:
        return lambda raw: raw.decode(errors="replace")
    if meant is not None or logical:
        return plain_integer(stored) if meant in (15, 16, 17, 18) else None
    if stored in (FLOAT, DOUBLE):
        form = "<f" if stored == FLOAT else "<d"
        return lambda raw: float(struct.unpack(form, raw)[0])
    return plain_integer(stored)


def plain_integer(stored: int | None) -> Decode | None:
    """How an integer is read."""
    if stored not in (INT32, INT64):
        return None
    return lambda raw: int.from_bytes(raw, "little", signed=True)


def micros_each(meant: int | None, logical: Mapping[int, Any]) -> int | None:
    """Microseconds of a stored instant's unit; None for no instant, or one of nanoseconds."""
    unit = logical.get(LOGICAL_TIMESTAMP, {}).get(2, {})
    if meant == MILLIS or 1 in unit:
        return 1000
    return 1 if meant == MICROS or 2 in unit else None


def agree(logged_value: Any, found: Any) -> bool:
    """Whether the log's value stands for the file's.

    Raises:
        ArithmeticError, ValueError: The log's value is of another kind.
    """
    if isinstance(found, str):
        kept = min(len(found), KEPT_CHARACTERS)
        return str(logged_value)[:kept] == found[:kept]
    if isinstance(found, datetime):
        instant = (
            logged_value
            if isinstance(logged_value, datetime)
            else datetime.fromisoformat(str(logged_value))
        )
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        return in_millis(instant) == in_millis(found)
    if isinstance(found, date):
        return (
            logged_value
            if isinstance(logged_value, date)
            else date.fromisoformat(str(logged_value))
        ) == found
    if isinstance(found, float):
        if math.isnan(found) or math.isnan(float(logged_value)):
            return True  # the largest number to some writers, and no number to others
        return (
            struct.pack("<f", float(logged_value)) == struct.pack("<f", found)
            or float(logged_value) == found
        )
    return bool(Decimal(str(logged_value)) == found)


def in_millis(instant: datetime) -> int:
    """Milliseconds since 1970, the rest cut off."""
    return (instant - EPOCH) // timedelta(milliseconds=1)
