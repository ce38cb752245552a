"""Parquet files that Spark has written, as a Delta table's log describes them: rows, types, bounds.

All of it stands in a file's footer, so that no row is read. What the log's statistics are:
https://github.com/delta-io/delta/blob/master/PROTOCOL.md#per-file-statistics
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from pyarrow import parquet

from headrace_jobs.lake import files

SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"
"""Where Spark leaves a file's columns, in the form in which a Delta table's log has them."""

INDEXED = 32
"""Of how many leaves of the columns Delta keeps statistics, unless a table says otherwise."""

KEPT_CHARACTERS = 32
"""Of a text, in a bound."""

LAST_ASCII, LAST_CHARACTER = "\x7f", "\U0010ffff"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Fields = Sequence[Mapping[str, Any]]
"""Columns as Spark's JSON has them: each with a `name` and a `type`."""


@dataclass(frozen=True)
class DataFile:
    """A file that can be put into a table.

    Attributes:
        path: Below the folder that it lies in.
        size: Its bytes.
        rows: Its rows.
        types: Its columns' types in the form of Delta's schemas, by name.
        statistics: Its columns' bounds and NULLs as JSON, in the form of a log's `stats`.
    """

    path: str
    size: int
    rows: int
    types: Mapping[str, Any]
    statistics: str


def read(folder: str, path: str, columns: Sequence[str]) -> DataFile:
    """A file by its footer.

    Args:
        columns: Those that a table has, in its order; others have no statistics.
    """
    with files.open_anywhere(f"{folder.rstrip('/')}/{path}") as stream:
        footer, size = parquet.read_metadata(stream), stream.size()
    fields = json.loads(footer.metadata[SPARK_SCHEMA])["fields"]
    by_name = {field["name"]: field for field in fields}
    kept = [by_name[name] for name in columns if name in by_name]
    types = {name: field["type"] for name, field in by_name.items()}
    return DataFile(path, size, footer.num_rows, types, json_text(statistics(footer, kept)))


def statistics(footer: Any, fields: Fields) -> dict[str, Any]:
    """The bounds and NULLs of the columns' first leaves.

    What a footer does not say is left out, which to a reader is any value: the NULLs of arrays and
    maps, bounds of floats beside NaN, and of texts that are too long for it.
    """
    leaves = list(leaves_of(fields))[:INDEXED]
    chunks = chunks_by_path(footer)
    found: dict[str, Any] = {"minValues": {}, "maxValues": {}, "nullCount": {}}
    for path, type in leaves:
        of_leaf = chunks.get(".".join(path), [])
        if not is_counted(type) or not of_leaf or not all(one.has_null_count for one in of_leaf):
            continue
        put(found["nullCount"], path, sum(one.null_count for one in of_leaf))
        bound = bound_of(type)
        bounded = [one for one in of_leaf if one.num_values]
        if bound is None or not bounded or not all(one.has_min_max for one in bounded):
            continue
        for key, side in (("minValues", "min"), ("maxValues", "max")):
            if (value := bound(bounded, side)) is not None:
                put(found[key], path, value)
    return {"numRecords": footer.num_rows} | {key: tree for key, tree in found.items() if tree}


def leaves_of(fields: Fields, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The path and type of each column that is no struct; an array or a map is one."""
    for field in fields:
        path, type = (*above, field["name"]), field["type"]
        if isinstance(type, Mapping) and type["type"] == "struct":
            yield from leaves_of(type["fields"], path)
        else:
            yield path, type


def is_counted(type: Any) -> bool:
    """Whether a footer's NULLs are rows': of an array or a map it counts elements."""
    return not isinstance(type, Mapping)


def chunks_by_path(footer: Any) -> dict[str, list[Any]]:
    """The statistics of each column, a row group each; none of a column that lacks some."""
    found: dict[str, list[Any]] = {}
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for chunk in map(group.column, range(group.num_columns)):
            if chunk.statistics is not None:
                found.setdefault(chunk.path_in_schema, []).append(chunk.statistics)
    return {path: some for path, some in found.items() if len(some) == footer.num_row_groups}


def put(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value under a path of nested objects."""
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
    tree[path[-1]] = value


Bound = Callable[[Sequence[Any], str], Any]
"""The `min` or `max` of some chunks' statistics as the log has it; None where it can have none."""

Saying = Callable[[Any, str], Any]
"""A value as Parquet has it, which is the `min` or the `max` of a chunk, as the log has it."""


def bound_of(type: str) -> Bound | None:
    """How the bounds of a type are said; None for types that have none."""
    if type in ("byte", "short", "integer", "long"):
        return partial(ordered, number)
    if type in ("float", "double"):
        return partial(ordered, finite)
    if type.startswith("decimal"):
        return partial(ordered, partial(decimal, scale=scale_of(type)))
    simple: dict[str, Saying] = {
        "date": day,
        "timestamp": instant,
        "timestamp_ntz": local,
        "string": text,
    }
    return partial(ordered, simple[type]) if type in simple else None


def ordered(said: Saying, chunks: Sequence[Any], side: str) -> Any:
    """The outermost bound of the chunks; None where one of them cannot be said."""
    found = [said(getattr(chunk, f"{side}_raw"), side) for chunk in chunks]
    if any(value is None for value in found):
        return None
    return min(found) if side == "min" else max(found)


def number(raw: int, _: str) -> int:
    """A whole number."""
    return raw


def finite(raw: float, _: str) -> float | None:
    """A float that JSON has a form for."""
    return raw if math.isfinite(raw) else None


def scale_of(type: str) -> int:
    """The digits behind the point of a `decimal(10,2)`."""
    return int(type.rstrip(")").partition(",")[2])


def decimal(raw: int | bytes, _: str, scale: int) -> Decimal:
    """A number of fixed digits, which Parquet has as an integer, or as one's bytes."""
    whole = raw if isinstance(raw, int) else int.from_bytes(raw, "big", signed=True)
    sign, digits = int(whole < 0), tuple(map(int, str(abs(whole))))
    return Decimal((sign, digits, -scale))  # not by arithmetic, which would round


def day(raw: int, _: str) -> str | None:
    """A date, from its days since 1970; None outside of the years 1 to 9999."""
    try:
        return (date(1970, 1, 1) + timedelta(days=raw)).isoformat()
    except OverflowError:
        return None


def local(raw: int, _: str) -> str | None:
    """A time without a zone, from its microseconds, cut to milliseconds as Spark's writer does.

    None outside of the years 1 to 9999.
    """
    try:
        found = EPOCH + timedelta(milliseconds=raw // 1000)
    except OverflowError:
        return None
    return found.replace(tzinfo=None).isoformat(timespec="milliseconds")


def instant(raw: int, side: str) -> str | None:
    """A point in time: as `local`, in UTC."""
    found = local(raw, side)
    return None if found is None else f"{found}Z"


def text(raw: bytes, side: str) -> str | None:
    """The first characters of a text; after those of a largest one, a character that no other is above.

    None for bytes that are no text.
    """
    try:
        whole = raw.decode()
    except UnicodeDecodeError:
        return None
    end = KEPT_CHARACTERS
    if side == "min" or len(whole) <= end:
        return whole[:end]
    while end < len(whole) and whole[end] == LAST_CHARACTER:
        end += 1
    if end == len(whole):
        return whole
    return whole[:end] + (LAST_ASCII if whole[end] < LAST_ASCII else LAST_CHARACTER)


def json_text(value: Any) -> str:
    """JSON in which a decimal is a number with all of its digits, which Python's own has no form for."""
    if isinstance(value, dict):
        inner = (f"{json.dumps(key)}:{json_text(item)}" for key, item in value.items())
        return f"{{{','.join(inner)}}}"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)
