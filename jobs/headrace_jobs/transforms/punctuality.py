"""How punctual flights have been of late, counting only what was known at the time."""

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

LATE_MINUTES = 15
"""A flight is late when it is more than this many minutes behind its schedule."""

LONGEST_COUNTED_MINUTES = 180
"""A longer delay counts as this: one flight of the next morning must not drown an hour of punctual ones."""


def events(flights: DataFrame, by: Sequence[str], known_at: str, delay: str) -> DataFrame:
    """What each hour made known about each group: how many flights, how many late, their delay in minutes."""
    minutes = F.col(delay)
    return (
        flights.where(F.col(known_at).isNotNull() & minutes.isNotNull())
        .groupBy(*by, hour_number(F.col(known_at)).alias("hour"))
        .agg(
            F.count(F.lit(1)).alias("flights"),
            F.count_if(minutes > LATE_MINUTES).alias("late"),
            F.sum(F.least(minutes, F.lit(LONGEST_COUNTED_MINUTES))).alias("minutes"),
        )
    )
