"""gold.flight_features: one row per departure, with what was known an hour before it."""

from datetime import datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from flights.instants import hour_number, plus_minutes
from flights.punctuality import (
    FLIGHT,
    LATE_MINUTES,
    Happening,
    Topic,
    punctuality,
)

LEAD_HOURS = 1
"""From the prediction to the scheduled departure.

An hour is the last moment at which a prediction still helps: a gate can be changed, a connection held, a
passenger told before leaving for the airport. Whole hours keep the hourly counts exact.
"""

LABEL_DAYS = 1
"""From the arrival to the day the arrival delay counts as known.

Airlines correct arrival reports for a day. So training may use a label, and the features may count an arrival,
only from then on. A departure needs no report: the board shows it when the aircraft has gone.
"""

OLDEST_WEATHER_HOURS = 6
"""An observation older than this says nothing about the departure; then the weather is unknown, NULL."""

HOUR = "_hour"
"""Column that holds the hour of the prediction, as `hour_number` counts."""

WEATHER = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)

DUE = Happening("departs_at")
GONE = Happening("departed_at", weight=-1)
DEPARTURE = Happening("departed_at", "dep_delay")
ARRIVAL = Happening("label_known_at", "arr_delay")

# The longest span, the label's day and a flight must fit into February, the shortest lookback: 28 days.
TOPICS = (
    # Due and not gone: waiting or cancelled. Before departure nobody can tell, and neither does this.
    Topic("origin_waiting", ("origin",), 6, "6h", (DUE, GONE), ("flights",)),
    Topic("origin_departure", ("origin",), 3, "3h", (DEPARTURE,), ("flights", "late", "delay")),
    Topic("origin_departure", ("origin",), 24, "24h", (DEPARTURE,)),
    Topic("origin_carrier_departure", ("origin", "carrier"), 6, "6h", (DEPARTURE,)),
    Topic("carrier_departure", ("carrier",), 24, "24h", (DEPARTURE,)),
    Topic("dest_departure", ("dest",), 24, "24h", (DEPARTURE,)),
    Topic("carrier_arrival", ("carrier",), 7 * 24, "7d", (ARRIVAL,)),
    Topic("route_arrival", ("origin", "dest"), 21 * 24, "21d", (ARRIVAL,)),
    Topic("flight_arrival", ("carrier", "flight"), 21 * 24, "21d", (ARRIVAL,)),
)


def flight_features(
    flights: DataFrame, weather: DataFrame, planes: DataFrame, *, start: datetime, end: datetime
) -> DataFrame:
    """Describe every flight that left and was due in [start, end).

    How it works: `predicted_at` is the scheduled departure less `LEAD_HOURS`. Every feature is the schedule,
    the aircraft's registration, or something that was known before the hour of `predicted_at` began.

    What it does not do: use anything of the flight's own course (delay, air time, clock times), or that its
    tail number is missing, which only cancelled flights' are.

    Args:
        flights: silver.flights of the partition and the one before, for history.
        weather: silver.weather of the same two.
        planes: silver.planes.
        start: First scheduled departure.
        end: First scheduled departure that is no longer wanted.
    """
    timed = flights.withColumns(
        {
            "predicted_at": plus_minutes(F.col("departs_at"), F.lit(-60 * LEAD_HOURS)),
            "label_known_at": plus_minutes(F.col("arrived_by"), F.lit(24 * 60 * LABEL_DAYS)),
        }
    )
    departs_at = F.col("departs_at")
    asked = timed.where(
        ~F.col("is_cancelled") & (departs_at >= F.lit(start)) & (departs_at < F.lit(end))
    ).withColumn(HOUR, hour_number(F.col("predicted_at")))
    lately = punctuality(asked, timed, TOPICS, start - timedelta(hours=LEAD_HOURS))
    described = (
        asked.join(lately, list(FLIGHT), "left")
        .join(latest_weather(weather), ["origin", HOUR], "left")
        .join(F.broadcast(airframes(planes)), "tailnum", "left")
    )
    return described.select(
        "carrier",
        "flight",
        "departs_at",
        "predicted_at",
        "origin",
        "dest",
        F.col("sched_dep_minute").alias("departure_minute"),
        F.weekday("local_date").alias("weekday"),
        "sched_minutes",
        "distance",
        (F.year("local_date") - F.col("built_year")).alias("plane_age_years"),
        "seats",
        "manufacturer",
        *WEATHER,
        "weather_age_hours",
        "precip_6h",
        "lowest_visib_6h",
        "pressure_change_6h",
        *[name for topic in TOPICS for name in topic.columns],
        (F.col("arr_delay") > LATE_MINUTES).alias("is_late"),
        "label_known_at",
        "_source_file",
        "_source_row",
    )


def latest_weather(weather: DataFrame) -> DataFrame:
    """By origin and hour, the newest observation that was known when the hour began, and the hours before it.

    Each observation is handed to the hours in which it may be asked for; each hour keeps the newest.
    """
    aged = weather.withColumn(
        "age", F.explode(F.sequence(F.lit(0), F.lit(OLDEST_WEATHER_HOURS - 1)))
    ).withColumn(HOUR, hour_number(F.col("known_at")) + F.col("age"))
    newest = aged.groupBy("origin", HOUR).agg(
        F.min_by(F.struct(*WEATHER, "time_hour"), "age").alias("newest"),
        F.sum("precip").alias("precip_6h"),
        F.min("visib").alias("lowest_visib_6h"),
        F.max_by("pressure", F.when(F.col("pressure").isNotNull(), F.col("age"))).alias("earlier"),
    )
    age = F.col(HOUR) - hour_number(F.col("newest.time_hour"))
    return newest.select(
        "origin",
        HOUR,
        *[f"newest.{name}" for name in WEATHER],
        age.cast("int").alias("weather_age_hours"),
        "precip_6h",
        "lowest_visib_6h",
        (F.col("newest.pressure") - F.col("earlier")).alias("pressure_change_6h"),
    )


def airframes(planes: DataFrame) -> DataFrame:
    """What a tail number says about the aircraft."""
    return planes.select("tailnum", "built_year", "seats", "manufacturer")
