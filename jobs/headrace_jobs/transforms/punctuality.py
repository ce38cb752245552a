"""How punctual flights have been of late, by what was known at the time.

Both what happened and what is asked are counted by the hour: a flight that is asked about in hour `h` sees
what became known in the hours before `h`, and nothing of hour `h` itself. That is coarser than the clock
allows, never finer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
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

    def column(self, span: Span, measure: str) -> str:
        """Name of what a span gives: `late` (share) or `delay` (mean minutes)."""
        return f"{self.name}_{span.happening.name}_{measure}_{span.label}"


def punctuality(asked: DataFrame, flights: DataFrame, group: Group) -> DataFrame:
    """By the group and `HOUR`: late share and mean delay of each span, NULL when nothing became known in it.

    Args:
        asked: Flights that are asked about, with `HOUR`.
        flights: Flights that may have happened before, those of `asked` among them.
    """
    frames = [asked.select(*group.by, HOUR).distinct()]
    for span in group.spans:
        counts = {"flights": F.lit(1), "late": is_late(span), "minutes": counted_minutes(span)}
        named = {f"{name}_{span.label}": value for name, value in counts.items()}
        known = flights.where(F.col(span.happening.delay).isNotNull())
        frames.append(appearing(known, group.by, span.happening.known_at, span.hours, named))
    standing = standing_counts(frames, group.by)
    measures = [one for span in group.spans for one in span_measures(group, span)]
    return standing.select(*group.by, HOUR, *measures)


def is_late(span: Span) -> Column:
    """1 for a late flight, else 0."""
    return (F.col(span.happening.delay) > LATE_MINUTES).cast("int")


def counted_minutes(span: Span) -> Column:
    """The minutes of delay that count."""
    return F.least(F.col(span.happening.delay), F.lit(LONGEST_COUNTED_MINUTES))


def span_measures(group: Group, span: Span) -> list[Column]:
    """Late share and mean delay from a span's counts."""
    flights = F.nullif(F.col(f"flights_{span.label}"), F.lit(0))
    return [
        (F.col(f"late_{span.label}") / flights).alias(group.column(span, "late")),
        (F.col(f"minutes_{span.label}") / flights).alias(group.column(span, "delay")),
    ]


def appearing(
    flights: DataFrame, by: Sequence[str], known_at: str, hours: int, counts: dict[str, Column]
) -> DataFrame:
    """By group and `HOUR`, by how much each count changes when it covers the last `hours` hours.

    A flight enters the hour after it became known and leaves `hours` hours later. So a running sum over
    the changes is the count, at one step a row; a sliding window would add up its whole length for each row.
    """
    entered = hour_number(F.col(known_at)) + 1
    change = F.explode(F.array(F.lit(1), F.lit(-1)))
    moved = flights.where(F.col(known_at).isNotNull()).select(
        *by, entered.alias("entered"), change.alias("change"), *[value.alias(name) for name, value in counts.items()]
    )
    hour = F.col("entered") + F.when(F.col("change") < 0, hours).otherwise(0)
    return moved.groupBy(*by, hour.alias(HOUR)).agg(
        *[F.sum(F.col(name) * F.col("change")).alias(name) for name in counts]
    )


def standing_counts(frames: Sequence[DataFrame], by: Sequence[str]) -> DataFrame:
    """By group and `HOUR`, the counts that stand in that hour, from frames that say how they change."""
    together = frames[0]
    for frame in frames[1:]:
        together = together.unionByName(frame, allowMissingColumns=True)
    names = [name for name in together.columns if name not in (*by, HOUR)]
    changes = together.groupBy(*by, HOUR).agg(*[F.sum(name).alias(name) for name in names])
    until_now = Window.partitionBy(*by).orderBy(HOUR).rowsBetween(Window.unboundedPreceding, 0)
    standing = [F.coalesce(F.sum(name).over(until_now), F.lit(0)).alias(name) for name in names]
    return changes.select(*by, HOUR, *standing)
