"""Instants from local clock times, without asking the session for its time zone."""

from pyspark.sql import Column
from pyspark.sql import functions as F

SECONDS_PER_HOUR = 3600


def minute_of_day(clock: Column) -> Column:
    """Minutes since midnight of a clock time written as the number HHMM; 2400 is midnight, 0."""
    return F.pmod(F.floor(clock / 100) * 60 + clock % 100, F.lit(1440)).cast("int")


def plus_minutes(instant: Column, minutes: Column) -> Column:
    """`instant` moved by `minutes`; NULL when either is."""
    return F.timestamp_seconds(F.unix_seconds(instant) + minutes * 60)


def minutes_between(earlier: Column, later: Column) -> Column:
    """Whole minutes from `earlier` to `later`."""
    return F.floor((F.unix_seconds(later) - F.unix_seconds(earlier)) / 60).cast("int")


def local_instant(date: Column, minute: Column, time_zone: Column) -> Column:
    """The instant at which clocks in `time_zone` show `minute` of `date`; NULL without a time zone.

    In the hour that clocks show twice in autumn this is the earlier of the two instants.
    """
    as_if_utc = F.timestamp_seconds(F.unix_date(date).cast("long") * 86400 + minute * 60)
    return F.to_utc_timestamp(as_if_utc, time_zone)


def hour_number(instant: Column) -> Column:
    """Number of the hour since 1970 that `instant` lies in."""
    return F.floor(F.unix_seconds(instant) / SECONDS_PER_HOUR)
