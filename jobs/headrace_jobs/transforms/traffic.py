"""How busy an origin is: flights due, flights gone, flights that wait."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from headrace_jobs.transforms.instants import hour_number
from headrace_jobs.transforms.punctuality import HOUR, last_hours, on_one_grid

ORIGIN = ("origin",)


def traffic(asked: DataFrame, flights: DataFrame, lead_hours: int) -> DataFrame:
    """By origin and `HOUR`: how many flights are due, gone and waiting.

    The schedule is known long before; that a flight has left is known when it has. A flight that was due and
    has not left waits, or is cancelled: before departure nobody can tell, and neither does this.

    Args:
        asked: Flights that are asked about, with `HOUR`.
        flights: All flights, cancelled ones too.
        lead_hours: From the hour that is asked in to the hour of departure.
    """
    keys = (*ORIGIN, HOUR)
    due = flights.groupBy(*ORIGIN, hour_number(F.col("departs_at")).alias(HOUR))
    gone = flights.where(F.col("departed_at").isNotNull()).groupBy(
        *ORIGIN, hour_number(F.col("departed_at")).alias(HOUR)
    )
    grid = on_one_grid(
        [
            asked.select(*keys).distinct(),
            due.agg(F.count("*").alias("due")),
            gone.agg(F.count("*").alias("gone")),
        ],
        keys,
    )
    same_hour = Window.partitionBy(*ORIGIN).orderBy(HOUR).rangeBetween(lead_hours, lead_hours)
    return grid.select(
        *keys,
        F.sum("due").over(same_hour).alias("origin_due_same_hour"),
        counted("gone", 3).alias("origin_gone_3h"),
        (counted("due", 3) - counted("gone", 3)).alias("origin_waiting_3h"),
        (counted("due", 6) - counted("gone", 6)).alias("origin_waiting_6h"),
    )

def counted(name: str, hours: int) -> Column:
    """The sum over the last hours; 0 when there was nothing."""
    return F.coalesce(F.sum(name).over(last_hours(ORIGIN, hours)), F.lit(0))
