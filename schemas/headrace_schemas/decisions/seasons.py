"""Windows that differ from others by the calendar alone: weekends, nights, Decembers.

What comes back with the calendar is no incident. A season is **special** once so many of its windows in
a row had the same sign; from then on its windows are compared with each other, and the others without
them: so neither is a Sunday held for having few rows, nor are a Monday's few rows ordinary for Sundays'.
"""

from collections.abc import Collection, Sequence

from headrace_schemas.partition import Partition, PartitionUnit, unit_of

WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def seasons(window: str) -> tuple[str, ...]:
    """What a window is one of, the narrowest first; empty where its unit has no seasons.

    Args:
        window: Partition key, such as `2024-05-04`, of `day 04 of a month` and the `Saturdays`.
    """
    unit = unit_of(window)
    if unit is PartitionUnit.DAY:
        return (day_of_month(window), weekday_of(unit, window))
    if unit is PartitionUnit.HOUR:
        hour = f"{window[-2:]}:00"
        return (f"{weekday_of(unit, window)} {hour}", hour)
    if unit in (PartitionUnit.WEEK, PartitionUnit.MONTH, PartitionUnit.QUARTER):
        return (f"{unit.value} {window.partition('-')[2]}",)
    return ()


def day_of_month(window: str) -> str:
    """Which day of its month a day is: bills come on the first ones or the last one."""
    is_last = Partition.parse(PartitionUnit.DAY, window).end.day == 1
    return "last day of a month" if is_last else f"day {window[-2:]} of a month"


def weekday_of(unit: PartitionUnit, window: str) -> str:
    """The weekday of a window that is no longer than a day."""
    return WEEKDAYS[Partition.parse(unit, window).start.weekday()]


def season_of(window: str, special: Collection[str]) -> str | None:
    """The narrowest special season that a window is of, if any."""
    return next((season for season in seasons(window) if season in special), None)


def comparable(window: str, others: Sequence[str], special: Collection[str]) -> list[str]:
    """Which other windows it is compared with: those of its own special season, or of none."""
    own = season_of(window, special)
    return [other for other in others if season_of(other, special) == own]
