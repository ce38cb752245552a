"""The sketches of a window's columns: made in one pass over its rows, kept in the lake and read again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from headrace_jobs.learning.features import raw_value
from headrace_jobs.learning.manifest import Feature
from headrace_jobs.statistics.sketches import ColumnSketch, empty, merged, sketch
from headrace_lake.commits import replace_partition
from headrace_lake.ledger import sketches
from headrace_schemas.decisions.sketch_row import SketchRow
from headrace_schemas.declarations.pipeline import HISTORY_DAYS
from headrace_schemas.rules.rule import quoted

EVENT = "_event"
"""Micros of a row's event, within the pass."""


def sketches_of_rows(
    features: Sequence[Feature], columns: Mapping[str, pd.Series]
) -> dict[str, ColumnSketch]:
    """The sketch of each feature of rows that are here already.

    Args:
        columns: By feature, in the order of events: categories by name, else what the booster sees.
    """
    return {feature.name: sketch(feature.kind, columns[feature.name]) for feature in features}


def sketches_of_table(
    frame: DataFrame, features: Sequence[Feature], event_time: str
) -> dict[str, ColumnSketch]:
    """The sketch of each feature of all rows of a frame, in one pass: each task sends its own back.

    A longest run is the longest within one task's rows.
    """
    kinds = [feature.kind for feature in features]

    def sketched(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        parts = list(batches)
        if not parts:
            return
        rows = pd.concat(parts, ignore_index=True).sort_values(EVENT, kind="stable")
        for index, kind in enumerate(kinds):
            text = sketch(kind, rows[f"_{index}"]).as_text()
            yield pd.DataFrame({"feature": [index], "sketch": [text]})

    columns = [raw_value(feature).alias(f"_{index}") for index, feature in enumerate(features)]
    event = F.col(quoted(event_time)).cast("timestamp")
    selected = frame.select(F.unix_micros(event).alias(EVENT), *columns)
    found = selected.mapInPandas(sketched, "feature INT, sketch STRING").collect()
    texts: dict[int, list[str]] = {index: [] for index in range(len(features))}
    for row in found:
        texts[row["feature"]].append(row["sketch"])
    return {
        feature.name: merged(map(ColumnSketch.from_text, sorted(texts[index])))
        if texts[index]
        else empty(feature.kind, 0, 0)
        for index, feature in enumerate(features)
    }


def keep_sketches(
    model: str,
    uri: str,
    window: str,
    found: Mapping[str, ColumnSketch],
    note: str,
    history_days: int = HISTORY_DAYS,
) -> int:
    """Make a window's sketches those of its partition; the version of the table at which they are.

    Args:
        found: By column, at least one.
        note: What the commit says of itself.

    Raises:
        WriteConflict: Others committed first, each time.
        EngineUnavailable: The lake cannot be read or written.
    """
    rows = [
        SketchRow(
            window=window,
            column=column,
            kind=each.kind.value,
            rows=each.rows,
            missing=each.missing,
            sketch=each.as_text(),
        )
        for column, each in found.items()
    ]
    return replace_partition(sketches(model), uri, rows, note, history_days)


def kept_sketches(
    model: str, uri: str, windows: Iterable[str] | None = None
) -> dict[str, dict[str, ColumnSketch]]:
    """The sketches that are kept: by window, in order, and by column; without a table none.

    Args:
        windows: Keys of those that are asked for; None for all. What is older than all of them is not read.

    Raises:
        EngineUnavailable: The lake cannot be read.
        RowUnreadable: A row is none that this version of Headrace knows.
    """
    wanted = None if windows is None else set(windows)
    found: dict[str, dict[str, ColumnSketch]] = {}
    for row in sketches(model).read(uri, since=min(wanted, default=None) if wanted else None):
        if wanted is None or row.window in wanted:
            found.setdefault(row.window, {})[row.column] = ColumnSketch.from_text(row.sketch)
    return found
