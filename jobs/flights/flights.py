"""silver.flights: one row per scheduled departure, its clock times turned into instants."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from flights.instants import (
    local_instant,
    minute_of_day,
    minutes_between,
    plus_minutes,
)

LONGEST_TAXI_MINUTES = 6 * 60
"""More than any flight spends on the ground between pushing back and reaching the gate.

The longest of 2013 is 235 minutes; US rules make airlines let passengers off after three hours on the tarmac.
"""


def silver_flights(
    flights: DataFrame, airlines: DataFrame, airports: DataFrame, planes: DataFrame
) -> DataFrame:
    """Turn local clock times into UTC instants and look the flight's carrier, destination and aircraft up.

    How it works: `departs_at` (scheduled) is `time_hour` plus the minute. `departed_at` is that plus the
    departure delay, not the clock time, which says neither the day nor, in autumn, which of two equal hours.
    `arrives_at` (scheduled) is the first instant after `departs_at` at which clocks at the destination show
    the scheduled arrival. `arrived_by` is `arrives_at` plus the arrival delay.

    What it does not do: guess the time zone of a destination that silver.airports does not know (Puerto Rico
    and the Virgin Islands, 2 % of the flights). There `arrives_at` is NULL and `arrived_by` is an instant by
    which the flight had certainly arrived: take-off delay, time in the air and the longest taxi together.
    So `arrived_by` is never earlier than the arrival. It is NULL for cancelled and diverted flights.
    """
    known = referenced(flights, airlines, airports, planes)
    local = known.withColumns(
        {
            "local_date": F.make_date("year", "month", "day"),
            "sched_dep_minute": minute_of_day(F.col("sched_dep_time")),
            "sched_arr_minute": minute_of_day(F.col("sched_arr_time")),
            "dep_minute": minute_of_day(F.col("dep_time")),
            "arr_minute": minute_of_day(F.col("arr_time")),
            "departs_at": plus_minutes(F.col("time_hour"), F.col("minute")),
        }
    )
    timed = local.withColumns(
        {
            "departed_at": plus_minutes(F.col("departs_at"), F.col("dep_delay")),
            "arrives_at": scheduled_arrival(),
        }
    )
    return timed.select(
        "carrier",
        "flight",
        "departs_at",
        "origin",
        "dest",
        "tailnum",
        "local_date",
        "sched_dep_minute",
        "sched_arr_minute",
        "arrives_at",
        minutes_between(F.col("departs_at"), F.col("arrives_at")).alias("sched_minutes"),
        "distance",
        "dep_minute",
        "dep_delay",
        "departed_at",
        "arr_minute",
        "arr_delay",
        "air_time",
        arrived_by().alias("arrived_by"),
        F.col("dep_time").isNull().alias("is_cancelled"),
        (F.col("dep_time").isNotNull() & F.col("arr_delay").isNull()).alias("is_diverted"),
        "carrier_known",
        "dest_known",
        "plane_known",
        "_source_file",
        "_source_row",
    )


def referenced(
    flights: DataFrame, airlines: DataFrame, airports: DataFrame, planes: DataFrame
) -> DataFrame:
    """The flights, whether each reference is known, and the destination's time zone."""
    carriers = airlines.select("carrier", F.lit(True).alias("carrier_found"))
    destinations = airports.select(
        F.col("faa").alias("dest"), "time_zone", F.lit(True).alias("dest_found")
    )
    tails = planes.select("tailnum", F.lit(True).alias("plane_found"))
    joined = (
        flights.join(F.broadcast(carriers), "carrier", "left")
        .join(F.broadcast(destinations), "dest", "left")
        .join(F.broadcast(tails), "tailnum", "left")
    )
    return joined.withColumns(
        {
            "carrier_known": F.col("carrier_found").isNotNull(),
            "dest_known": F.col("dest_found").isNotNull(),
            "plane_known": F.when(F.col("tailnum").isNotNull(), F.col("plane_found").isNotNull()),
        }
    )


def scheduled_arrival() -> Column:
    """The first instant after `departs_at` at which the destination's clocks show the scheduled arrival."""
    minute, zone = F.col("sched_arr_minute"), F.col("time_zone")
    same_day = local_instant(F.col("local_date"), minute, zone)
    next_day = local_instant(F.date_add("local_date", 1), minute, zone)
    return F.when(same_day > F.col("departs_at"), same_day).otherwise(next_day)


def arrived_by() -> Column:
    """An instant by which the flight had arrived; exact where the destination's time zone is known."""
    landed = plus_minutes(F.col("departed_at"), F.col("air_time"))
    exact = plus_minutes(F.col("arrives_at"), F.col("arr_delay"))
    latest = plus_minutes(landed, F.lit(LONGEST_TAXI_MINUTES))
    return (
        F.when(F.col("arr_delay").isNull(), None)
        .when(exact.isNull(), latest)  # first: greatest() passes NULLs over
        .otherwise(F.greatest(exact, landed))
    )
