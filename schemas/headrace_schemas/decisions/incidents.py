"""Data incidents of a window, told from drift by what its history allows."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from headrace_schemas.decisions.bounds import history_bounds, share_error
from headrace_schemas.decisions.column_incidents import (
    LEAST,
    ColumnHistory,
    column_histories,
    span,
)
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.label_incidents import label_incidents
from headrace_schemas.decisions.profile import WindowProfile

COUNT_MATTERS = 1.5
"""Factor from which another number of rows matters."""


def find_incidents(
    now: WindowProfile,
    before: Sequence[WindowProfile],
    importances: Mapping[str, float],
    inputs_moved: bool,
    upstream: Mapping[str, str] | None = None,
) -> tuple[Incident, ...]:
    """Signs that a window's data is broken rather than the world changed.

    Args:
        before: Windows that are neither held nor younger, oldest first. Nothing is said
            without any; with few, bounds are wide.
        importances: Column -> share of the champion's gain, 0 to 1.
        inputs_moved: Whether the inputs drifted.
        upstream: Column -> table or file that it comes from, where that is known.
    """
    if not before:
        return ()
    histories = column_histories(now, before, importances)
    return (
        *row_incidents(now, before),
        *of_columns(histories, upstream or {}),
        *label_incidents(now, before, inputs_moved),
    )


def row_incidents(now: WindowProfile, before: Sequence[WindowProfile]) -> Iterator[Incident]:
    """Rows, delivered or kept, and the share in quarantine."""
    yield from of_count("delivered rows", now.delivered, [each.delivered for each in before])
    yield from of_count("rows", now.rows, [each.rows for each in before])
    shares = [each.quarantined for each in before if each.quarantined is not None]
    if now.quarantined is None or not shares:
        return
    seen = now.rows if now.delivered is None else now.delivered
    high = history_bounds(shares, share_error(median(shares), seen), LEAST).high
    if now.quarantined > high:
        yield of_rows("quarantined share", now.quarantined, None, high)


def of_count(sign: str, now: int | None, before: Sequence[int | None]) -> Iterator[Incident]:
    """A count beyond the bounds of its logarithm; the error of sampling is Poisson's, 1 / sqrt(n)."""
    counts = [max(count, 0) + 0.5 for count in before if count is not None]
    if now is None or not counts:
        return
    bounds = history_bounds(
        list(map(math.log, counts)), 1 / math.sqrt(median(counts)), math.log(COUNT_MATTERS)
    )
    low, high = math.exp(bounds.low), math.exp(min(bounds.high, 700.0))
    if not low <= now + 0.5 <= high:
        yield of_rows(sign, now, low, high)


def of_rows(sign: str, value: float, low: float | None, high: float | None) -> Incident:
    """An incident of a whole window."""
    return Incident(
        scope=Scope.ROWS,
        subject="",
        sign=sign,
        value=value,
        low=low,
        high=high,
        text=f"{sign}: {value:.6g}, {span(low, high)} by their history",
    )


def of_columns(
    histories: Sequence[ColumnHistory], upstream: Mapping[str, str]
) -> Iterator[Incident]:
    """Incidents of columns, as one where all that moved comes from one upstream table or file.

    Such columns, at least two and most of what comes from there, need no sign of their own: the world
    seldom changes where a delivery does, and stands still beside it.
    """
    moved = [each for each in histories if each.is_moved]
    sources = {upstream.get(each.now.column) for each in moved}
    source = sources.pop() if len(sources) == 1 else None
    from_there = [each for each in histories if upstream.get(each.now.column) == source]
    is_one = (
        len(moved) > 1 and 2 * len(moved) > len(from_there) and len(from_there) < len(histories)
    )
    if source is None or not is_one:
        for each in histories:
            yield from each.incidents()
        return
    names = ", ".join(each.now.column for each in moved)
    yield Incident(
        scope=Scope.COLUMN,
        subject=source,
        sign="upstream",
        value=len(moved),
        weight=min(sum(each.weight for each in moved), 1.0),
        text=f"only columns from {source} moved: {names}",
    )
