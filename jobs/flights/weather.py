"""silver.weather: hourly observations at the three origins, by UTC hour."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from flights.instants import plus_minutes

KNOWN_AFTER_MINUTES = 60
"""The row of an hour is known when the hour is over: the reading may have been taken in its last minute."""


def silver_weather(weather: DataFrame) -> DataFrame:
    """Drop the local date and hour, which two hours share on the day clocks go back, and say when a row is known."""
    return weather.select(
        "origin",
        "time_hour",
        plus_minutes(F.col("time_hour"), F.lit(KNOWN_AFTER_MINUTES)).alias("known_at"),
        "temp",
        "dewp",
        "humid",
        "wind_dir",
        "wind_speed",
        "wind_gust",
        "precip",
        "pressure",
        "visib",
        "_source_file",
        "_source_row",
    )
