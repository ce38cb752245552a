"""Partitions: a stretch of time [start, end) that a table is built by, and its key."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from headrace_schemas.declarations.declaration import Frozen

SHOWN_CHARACTERS = 40
"""How much of a refused key a message repeats."""


class PartitionUnit(StrEnum):
    """How long one partition is."""

    MONTH = "month"
    DAY = "day"
    HOUR = "hour"

    @property
    def key_format(self) -> str:
        """The strftime form of a key, the same in Airflow and in the lake."""
        return {"month": "%Y-%m", "day": "%Y-%m-%d", "hour": "%Y-%m-%dT%H"}[self.value]

    @property
    def key_length(self) -> int:
        """Characters of a key: so much of an ISO 8601 date-time, every digit written."""
        return {"month": 7, "day": 10, "hour": 13}[self.value]


class Partition(Frozen):
    """One stretch of time of a table.

    Attributes:
        unit: Its length.
        key: What it is called, for example `2013-04`.
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
            instant = instant.astimezone(UTC)
        except OverflowError as error:
            raise ValueError(f"{instant} lies outside the years 1 to 9999 in UTC") from error
        start = instant.replace(minute=0, second=0, microsecond=0)
        if unit is PartitionUnit.DAY:
            start = start.replace(hour=0)
        elif unit is PartitionUnit.MONTH:
            start = start.replace(day=1, hour=0)
        return cls(unit=unit, key=key_of(unit, start), start=start, end=end_of(unit, start))

    @classmethod
    def parse(cls, unit: PartitionUnit, key: str) -> "Partition":
        """The partition called `key`: each has one spelling, and no other text is one.

        Raises:
            ValueError: `key` is not in the unit's form; the message says the right spelling, where
                one can be meant.
        """
        try:
            # Takes far more than we write: `2013-4`, blanks, digits of other scripts.
            instant = datetime.strptime(key.strip(), unit.key_format).replace(tzinfo=UTC)
        except ValueError as error:
            example = key_of(unit, datetime(2013, 4, 1, tzinfo=UTC))
            raise ValueError(
                f"partition key {key[:SHOWN_CHARACTERS]!r} is not a {unit.value} like {example}"
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


def key_of(unit: PartitionUnit, start: datetime) -> str:
    """What the partition that begins at `start` is called."""
    return start.isoformat()[: unit.key_length]  # strftime writes the year 13 as "13"


def end_of(unit: PartitionUnit, start: datetime) -> datetime:
    """The first instant after the partition that begins at `start`.

    Raises:
        ValueError: It would lie after the year 9999.
    """
    try:
        if unit is PartitionUnit.MONTH:
            return (start + timedelta(days=32)).replace(day=1)
        return start + timedelta(**{f"{unit.value}s": 1})
    except OverflowError as error:
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
