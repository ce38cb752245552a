"""When a delivered partition is due, and what it is called: the calendar of a table's Dag.

Airflow's own timetable writes and reads keys by `strftime`, which knows no quarters and reads no weeks.
It takes a partition for the tick of a schedule: where that ticks more often than a partition lasts, as
for a table of weeks in a pipeline that runs daily, it would ask for weeks that have not ended.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pendulum
from airflow.exceptions import InvalidPartitionKeyError
from airflow.timetables.base import DagRunInfo
from airflow.timetables.trigger import CronPartitionTimetable

from headrace_schemas.partition import Partition, PartitionUnit, partitions_between


class PartitionTimetable(CronPartitionTimetable):
    """Each tick of a cron expression, UTC, is for the newest partition that has ended by then."""

    def __init__(self, cron: str, unit: PartitionUnit) -> None:
        super().__init__(cron, timezone="UTC")
        self.unit = unit

    def at(self, moment: datetime) -> Partition:
        """The partition that holds `moment`."""
        # Airflow hands over Pendulum's moments, whose sums with a duration differ from Python's.
        return Partition.of(self.unit, datetime.fromisoformat(moment.isoformat()))

    def serialize(self) -> dict[str, Any]:
        """What Airflow keeps of it."""
        return {"expression": self._expression, "unit": self.unit.value}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> "PartitionTimetable":
        """As it was serialized."""
        return cls(data["expression"], PartitionUnit(data["unit"]))

    def iter_partition_dagrun_infos(
        self, *, earliest: datetime, latest: datetime
    ) -> Iterator[DagRunInfo]:
        """What a backfill runs: every partition of which a part lies in [earliest, latest]."""
        first = self.at(self.localize_partition_datetime(earliest))
        last = self.localize_partition_datetime(latest)
        for partition in partitions_between(self.unit, first.start, last + datetime.resolution):
            start = pendulum.instance(partition.start)
            yield DagRunInfo(
                run_after=start,
                data_interval=None,
                partition_date=start,
                partition_key=partition.key,
            )

    # Airflow knows a partition by its date, too: a tick's, a backfill's and a person's must be one.
    def _get_partition_date(self, *, run_date: datetime) -> pendulum.DateTime:
        return pendulum.instance(self.at(run_date).before().start)

    def _format_key(self, partition_date: datetime) -> str:
        return self.at(partition_date).key

    def _decode_partition_date(self, partition_key: str) -> datetime:
        try:
            return Partition.parse(self.unit, partition_key).start
        except ValueError as error:
            raise InvalidPartitionKeyError(str(error)) from error
