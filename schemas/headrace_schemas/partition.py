"""Partitions: a stretch of time [start, end) that a table is built by, and its key."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from headrace_schemas.declaration import Frozen


class PartitionUnit(StrEnum):
    """How long one partition is."""

    MONTH = "month"
    DAY = "day"
    HOUR = "hour"

    @property
    def key_format(self) -> str:
        """The strftime form of a key, the same in Airflow and in the lake."""
        return {"month": "%Y-%m", "day": "%Y-%m-%d", "hour": "%Y-%m-%dT%H"}[self.value]


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

    @classmethod
    def of(cls, unit: PartitionUnit, instant: datetime) -> "Partition":
        """The partition that holds `instant`."""
        instant = instant.astimezone(UTC)
        start = instant.replace(minute=0, second=0, microsecond=0)
        if unit is PartitionUnit.HOUR:
            end = start + timedelta(hours=1)
        elif unit is PartitionUnit.DAY:
            start = start.replace(hour=0)
            end = start + timedelta(days=1)
        else:
            start = start.replace(day=1, hour=0)
            end = (start + timedelta(days=32)).replace(day=1)
        return cls(unit=unit, key=start.strftime(unit.key_format), start=start, end=end)

    @classmethod
    def parse(cls, unit: PartitionUnit, key: str) -> "Partition":
        """The partition called `key`.

        Raises:
            ValueError: `key` is not in the unit's form.
        """
        try:
            instant = datetime.strptime(key, unit.key_format).replace(tzinfo=UTC)
        except ValueError as error:
            raise ValueError(
                f"partition key {key!r} is not a {unit.value} like "
                f"{datetime(2013, 4, 1, tzinfo=UTC).strftime(unit.key_format)}"
            ) from error
        return cls.of(unit, instant)

    def before(self) -> "Partition":
        """The partition just before this one."""
        return Partition.of(self.unit, self.start - timedelta(microseconds=1))

    def after(self) -> "Partition":
        """The partition just after this one."""
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


def partitions_between(unit: PartitionUnit, start: datetime, end: datetime) -> Iterator[Partition]:
    """Every partition that begins in [start, end), in order."""
    current = Partition.of(unit, start)
    while current.start < end:
        yield current
        current = current.after()
