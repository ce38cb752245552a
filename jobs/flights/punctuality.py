"""How punctual flights have been of late, by what was known at the time.

Both what happened and what is asked are counted by the hour: a flight that is asked about in hour `h` sees
what became known in the hours before `h`, and nothing of hour `h` itself. That is coarser than the clock
allows, never finer.

How it works: a happening enters a topic's count in the hour after it became known and leaves it when the
topic's span is over. So the count at any hour is the running sum of what entered and left, one step a row;
and all topics run through one shuffle, as rows of (series, hour).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from flights.instants import SECONDS_PER_HOUR, hour_number

LATE_MINUTES = 15
"""A flight is late when it is more than this many minutes behind its schedule."""

LONGEST_COUNTED_MINUTES = 180
"""A longer delay counts as this: one flight of the day before must not drown an hour of punctual ones."""

FLIGHT = ("carrier", "flight", "departs_at")
"""What names a flight."""

Measure = Literal["flights", "late", "delay"]
"""How many flights, the share of late ones, their mean delay in minutes."""


@dataclass(frozen=True)
class Happening:
    """Something that becomes known about a flight.

    Attributes:
        known_at: Column with the instant from which it is known; NULL if it never is.
        delay: Column with the minutes behind schedule, if it has any.
        weight: What it adds to the number of flights.
    """

    known_at: str
    delay: str | None = None
    weight: int = 1


@dataclass(frozen=True)
class Topic:
    """What happened in the last hours to the flights that share the values of `by`.

    Attributes:
        name: Of the columns it gives: `<name>_<measure>_<span>`.
        span: `hours` as people say it, such as `7d`.
    """

    name: str
    by: tuple[str, ...]
    hours: int
    span: str
    happenings: tuple[Happening, ...]
    measures: tuple[Measure, ...] = ("late", "delay")

    def column(self, measure: Measure) -> str:
        """The column that holds a measure."""
        return f"{self.name}_{measure}_{self.span}"

    @property
    def columns(self) -> list[str]:
        """The columns that it gives."""
        return [self.column(measure) for measure in self.measures]

    @property
    def series(self) -> Column:
        """What a flight's row is about: the topic and the values of `by`, as one number.

        Numbers are grouped and sorted several times faster than texts. That two of a month's 10,000 series
        share a number has a chance of one in 10^11.
        """
        return F.xxhash64(F.lit(f"{self.name}_{self.span}"), *self.by)


def punctuality(
    asked: DataFrame, flights: DataFrame, topics: Sequence[Topic], since: datetime
) -> DataFrame:
    """By `FLIGHT`, every column of every topic; shares and means are NULL when nothing happened.

    Args:
        asked: Flights that are asked about, with `predicted_at`.
        flights: Flights that may have happened before, those of `asked` among them.
        since: No flight is asked about before; what left every count by then is passed over.
    """
    together = changes(flights, topics, since).unionByName(
        questions(asked, topics), allowMissingColumns=True
    )
    until_now = (
        Window.partitionBy("series")
        .orderBy("hour")
        .rangeBetween(Window.unboundedPreceding, Window.currentRow)
    )
    standing = together.select(
        "topic",
        *FLIGHT,
        *[F.sum(name).over(until_now).alias(name) for name in ("flights", "late", "minutes")],
    )
    answers = [
        F.max(F.when(F.col("topic") == index, measured(measure))).alias(topic.column(measure))
        for index, topic in enumerate(topics)
        for measure in topic.measures
    ]
    return standing.where(F.col(FLIGHT[0]).isNotNull()).groupBy(*FLIGHT).agg(*answers)


def measured(measure: Measure) -> Column:
    """A measure from the counts that stand."""
    flights = F.coalesce("flights", F.lit(0))
    if measure == "flights":
        return flights
    return F.col({"late": "late", "delay": "minutes"}[measure]) / F.nullif(flights, F.lit(0))


def changes(flights: DataFrame, topics: Sequence[Topic], since: datetime) -> DataFrame:
    """By series and hour, by how much the counts change: what enters, and what leaves when its span is over."""
    happened = [
        happening_of(topic, happening) for topic in topics for happening in topic.happenings
    ]
    counts = ("flights", "late", "minutes")
    first_hour = int(since.timestamp()) // SECONDS_PER_HOUR
    hourly = (
        flights.select(F.inline(F.array(*happened)))
        .where(F.col("hour") + F.col("hours") >= F.lit(first_hour - 1))  # NULL: never known
        .groupBy("series", "hours", "hour")
        .agg(*[F.sum(name).alias(name) for name in counts])
    )
    entered = F.col("hour") + 1
    moves = [
        F.struct(hour.alias("hour"), *[(F.col(name) * sign).alias(name) for name in counts])
        for hour, sign in ((entered, 1), (entered + F.col("hours"), -1))
    ]
    return hourly.select("series", F.inline(F.array(*moves)))


def happening_of(topic: Topic, happening: Happening) -> Column:
    """What one flight adds to a topic in the hour in which it became known; the hour is NULL if it never did."""
    hour = hour_number(F.col(happening.known_at))
    late, minutes = F.lit(0), F.lit(0)
    if happening.delay is not None:
        delay = F.col(happening.delay)
        hour = F.when(delay.isNotNull(), hour)
        late = (delay > LATE_MINUTES).cast("int")
        minutes = F.least(delay, F.lit(LONGEST_COUNTED_MINUTES))
    return F.struct(
        topic.series.alias("series"),
        F.lit(topic.hours).alias("hours"),
        hour.alias("hour"),
        F.lit(happening.weight).alias("flights"),
        late.alias("late"),
        minutes.alias("minutes"),
    )


def questions(asked: DataFrame, topics: Sequence[Topic]) -> DataFrame:
    """By flight and topic, the hour that is asked about."""
    hour = hour_number(F.col("predicted_at"))
    asks = [
        F.struct(F.lit(index).alias("topic"), topic.series.alias("series"))
        for index, topic in enumerate(topics)
    ]
    return asked.select(*FLIGHT, hour.alias("hour"), F.inline(F.array(*asks)))
