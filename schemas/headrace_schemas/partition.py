"""Partitions: a stretch of time [start, end) that a table is built by, and its key."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from headrace_schemas.declarations.declaration import Frozen

SHOWN_CHARACTERS = 40
"""How much of a refused key a message repeats."""


class PartitionUnit(StrEnum):
    """How long one partition is: whole hours, days and so on of UTC."""

    YEAR = "year"
    QUARTER = "quarter"
    MONTH = "month"
    WEEK = "week"
    DAY = "day"
    HOUR = "hour"

    @property
    def example(self) -> str:
        """A key, for people to see its form."""
        return key_of(self, start_of(self, datetime(2013, 4, 1, tzinfo=UTC)))


MONTHS = {PartitionUnit.YEAR: 12, PartitionUnit.QUARTER: 3, PartitionUnit.MONTH: 1}
"""Units of whole months, which differ in days; the others are always equally long."""

LENGTHS = {
    PartitionUnit.WEEK: timedelta(weeks=1),
    PartitionUnit.DAY: timedelta(days=1),
    PartitionUnit.HOUR: timedelta(hours=1),
}

KEY_LENGTHS = {
    PartitionUnit.YEAR: 4,
    PartitionUnit.MONTH: 7,
    PartitionUnit.DAY: 10,
    PartitionUnit.HOUR: 13,
}
"""Characters of the keys that are so much of an ISO 8601 date-time, every digit written."""

KEY_PATTERNS = {
    PartitionUnit.YEAR: "^[0-9]{4}$",
    PartitionUnit.QUARTER: "^[0-9]{4}-Q[1-4]$",
    PartitionUnit.MONTH: "^[0-9]{4}-[0-9]{2}$",
    PartitionUnit.WEEK: "^[0-9]{4}-W[0-9]{2}$",
    PartitionUnit.DAY: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    PartitionUnit.HOUR: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}$",
}
"""A regular expression for each unit's keys, and no other's: a key says which unit it is of."""

READ_AS = {
    PartitionUnit.YEAR: "%Y",
    PartitionUnit.QUARTER: "%Y-Q%m",
    PartitionUnit.MONTH: "%Y-%m",
    PartitionUnit.WEEK: "%G-W%V-%u",
    PartitionUnit.DAY: "%Y-%m-%d",
    PartitionUnit.HOUR: "%Y-%m-%dT%H",
}
"""What a key is read by. `strptime` knows no quarters, so theirs is read where a month's number
stands; and it reads a week only with a day of it."""


def unit_of(key: str) -> PartitionUnit | None:
    """The unit that a key's form says it is of; None for what is no key."""
    return next((unit for unit in PartitionUnit if re.match(KEY_PATTERNS[unit], key)), None)


class Partition(Frozen):
    """One stretch of time of a table.

    Attributes:
        unit: Its length.
        key: What it is called, for example `2013-04`, `2013-Q2` or, by ISO 8601, `2013-W14`. Keys
            of one unit sort as the times do.
        start: First instant, UTC, inclusive.
        end: Last instant, UTC, exclusive.
    """

    unit: PartitionUnit
    key: str
    start: datetime
    end: datetime

    @model_validator(mode="after")
    def agrees(self) -> Self:
        """A key names one stretch of time, and a stretch has one key."""
        start = self.start.astimezone(UTC)
        if (self.key, self.end) != (key_of(self.unit, start), end_of(self.unit, start)):
            raise ValueError(f"{self.key!r} is not the {self.unit.value} that begins {self.start}")
        return self

    @classmethod
    def of(cls, unit: PartitionUnit, instant: datetime) -> "Partition":
        """The partition that holds `instant`.

        Raises:
            ValueError: It would end after the year 9999, or begin before the year 1.
        """
        try:
            start = start_of(unit, instant.astimezone(UTC))
        except OverflowError as error:
            raise ValueError(f"{instant} lies outside the years 1 to 9999 in UTC") from error
        return cls(unit=unit, key=key_of(unit, start), start=start, end=end_of(unit, start))

    @classmethod
    def parse(cls, unit: PartitionUnit, key: str) -> "Partition":
        """The partition called `key`: each has one spelling, and no other text is one.

        Raises:
            ValueError: `key` is not in the unit's form; the message says the right spelling, where
                one can be meant.
        """
        try:
            instant = read_key(unit, key.strip())
        except ValueError as error:
            raise ValueError(
                f"partition key {key[:SHOWN_CHARACTERS]!r} is not a {unit.value} like {unit.example}"
            ) from error
        found = cls.of(unit, instant)
        if found.key != key:
            raise ValueError(
                f"partition key {key[:SHOWN_CHARACTERS]!r} is not a {unit.value} as it is written "
                f"here: write {found.key}"
            )
        return found

    def before(self) -> "Partition":
        """The partition just before this one.

        Raises:
            ValueError: There is none in the year 1.
        """
        try:
            return Partition.of(self.unit, self.start - timedelta(microseconds=1))
        except OverflowError as error:
            raise ValueError(f"there is no {self.unit.value} before {self.key}") from error

    def after(self) -> "Partition":
        """The partition just after this one.

        Raises:
            ValueError: It would end after the year 9999.
        """
        return Partition.of(self.unit, self.end)

    def lookback(self, count: int, first: datetime) -> tuple[str, ...]:
        """Its own key after those of up to `count` partitions before it, none before `first`."""
        keys, current = [self.key], self
        for _ in range(count):
            if current.start <= first:
                break
            current = current.before()
            keys.append(current.key)
        return tuple(reversed(keys))


def partition_of(key: str) -> Partition:
    """The partition that a key names, whose form says the unit.

    Raises:
        ValueError: It is no key of any unit.
    """
    unit = unit_of(key)
    if unit is None:
        raise ValueError(f"{key[:SHOWN_CHARACTERS]!r} is no partition key")
    return Partition.parse(unit, key)


def read_key(unit: PartitionUnit, text: str) -> datetime:
    """An instant of the partition that `text` may be meant to name.

    It takes far more than we write: `2013-4`, small letters, digits of other scripts.

    Raises:
        ValueError: `text` looks like none of the unit's keys.
    """
    day = "-1" if unit is PartitionUnit.WEEK else ""
    read = datetime.strptime(text + day, READ_AS[unit]).replace(tzinfo=UTC)
    return read.replace(month=3 * read.month) if unit is PartitionUnit.QUARTER else read


def start_of(unit: PartitionUnit, instant: datetime) -> datetime:
    """The first instant of the partition that holds `instant`, which is in UTC."""
    start = instant.replace(minute=0, second=0, microsecond=0)
    if unit is PartitionUnit.HOUR:
        return start
    start = start.replace(hour=0)
    if unit is PartitionUnit.WEEK:
        return start - timedelta(days=start.weekday())  # the year 1 begins with a Monday
    if unit in MONTHS:
        return start.replace(day=1, month=start.month - (start.month - 1) % MONTHS[unit])
    return start


def key_of(unit: PartitionUnit, start: datetime) -> str:
    """What the partition that begins at `start` is called."""
    if unit is PartitionUnit.QUARTER:
        return f"{start.year:04}-Q{(start.month + 2) // 3}"
    if unit is PartitionUnit.WEEK:
        year, week, _ = start.isocalendar()  # the year that most of the week lies in
        return f"{year:04}-W{week:02}"
    return start.isoformat()[: KEY_LENGTHS[unit]]  # strftime writes the year 13 as "13"


def end_of(unit: PartitionUnit, start: datetime, count: int = 1) -> datetime:
    """The first instant after the `count` partitions of which the first begins at `start`.

    Raises:
        ValueError: It would lie after the year 9999.
    """
    try:
        if unit not in MONTHS:
            return start + count * LENGTHS[unit]
        months = start.year * 12 + start.month - 1 + count * MONTHS[unit]
        return start.replace(year=months // 12, month=months % 12 + 1)
    except (OverflowError, ValueError) as error:
        raise ValueError(
            f"the {unit.value} {key_of(unit, start)} ends after the year 9999, which no time here "
            "can hold"
        ) from error


def partitions_between(unit: PartitionUnit, start: datetime, end: datetime) -> Iterator[Partition]:
    """Every partition that begins in [start, end), in order."""
    current = Partition.of(unit, start)
    while current.start < end:
        yield current
        current = current.after()
