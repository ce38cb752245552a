"""How punctual flights have been of late, by what was known at the time.

Both what happened and what is asked are counted by the hour: a flight that is asked about in hour `h` sees
what became known in the hours before `h`, and nothing of hour `h` itself. That is coarser than the clock
allows, never finer, and one pass over an hourly grid answers all flights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from headrace_jobs.transforms.instants import hour_number

LATE_MINUTES = 15
"""A flight is late when it is more than this many minutes behind its schedule."""

LONGEST_COUNTED_MINUTES = 180
"""A longer delay counts as this: one flight of the day before must not drown an hour of punctual ones."""

HOUR = "_hour"
"""Column that holds the hour in which a flight is asked about, as `hour_number` counts."""


@dataclass(frozen=True)
class Happening:
    """Something that becomes known about flights.

    Attributes:
        name: Part of the columns' names.
        known_at: Column with the instant from which it is known; NULL if it never is.
        delay: Column with the minutes behind schedule.
    """

    name: str
    known_at: str
    delay: str


@dataclass(frozen=True)
class Span:
    """A happening over the last hours: gives a late share and a mean delay.

    Attributes:
        label: End of the columns' names, such as `24h`.
    """

    happening: Happening
    hours: int
    label: str


@dataclass(frozen=True)
class Group:
    """Flights that share the values of `by`, and the spans that are asked about them."""

    name: str
    by: tuple[str, ...]
    spans: tuple[Span, ...]


def punctuality(asked: DataFrame, flights: DataFrame, group: Group) -> DataFrame:
    """By the group and `HOUR`: `<group>_<happening>_late_<label>` and `..._delay_<label>` for each span.

    Args:
        asked: Flights that are asked about, with `HOUR`.
        flights: Flights that may have happened before, those of `asked` among them.
    """
    keys = (*group.by, HOUR)
    happenings = dict.fromkeys(span.happening for span in group.spans)
    counts = [hourly(flights, group.by, one) for one in happenings]
    grid = on_one_grid([asked.select(*keys).distinct(), *counts], keys)
    answers = [one for span in group.spans for one in span_columns(group, span)]
    return grid.select(*keys, *answers)


def hourly(flights: DataFrame, by: Sequence[str], happening: Happening) -> DataFrame:
    """What each hour made known: flights, late ones among them, and their minutes of delay."""
    known_at, delay = F.col(happening.known_at), F.col(happening.delay)
    minutes = F.least(delay, F.lit(LONGEST_COUNTED_MINUTES))
    return (
        flights.where(known_at.isNotNull() & delay.isNotNull())
        .groupBy(*by, hour_number(known_at).alias(HOUR))
        .agg(
            F.count("*").alias(f"{happening.name}_flights"),
            F.count_if(delay > LATE_MINUTES).alias(f"{happening.name}_late"),
            F.sum(minutes).alias(f"{happening.name}_minutes"),
        )
    )


def on_one_grid(frames: Sequence[DataFrame], keys: Sequence[str]) -> DataFrame:
    """One row per key of any of the frames, with the counts of all of them."""
    together = frames[0]
    for frame in frames[1:]:
        together = together.unionByName(frame, allowMissingColumns=True)
    counts = [name for frame in frames for name in frame.columns if name not in keys]
    return together.groupBy(*keys).agg(*[F.sum(name).alias(name) for name in counts])


def span_columns(group: Group, span: Span) -> list[Column]:
    """Late share and mean delay over a span; NULL when nothing became known in it."""
    name, last = span.happening.name, last_hours(group.by, span.hours)
    flights = F.nullif(F.sum(f"{name}_flights").over(last), F.lit(0))
    late = F.sum(f"{name}_late").over(last) / flights
    minutes = F.sum(f"{name}_minutes").over(last) / flights
    return [
        late.alias(f"{group.name}_{name}_late_{span.label}"),
        minutes.alias(f"{group.name}_{name}_delay_{span.label}"),
    ]


def last_hours(by: Sequence[str], hours: int) -> WindowSpec:
    """The `hours` hours before an hour, that hour itself left out."""
    return Window.partitionBy(*by).orderBy(HOUR).rangeBetween(-hours, -1)
