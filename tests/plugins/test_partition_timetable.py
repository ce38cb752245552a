"""The calendar of delivered tables: which partition a tick, a backfill or a person means."""

from datetime import UTC, datetime

import pendulum
import pytest
from airflow.exceptions import InvalidPartitionKeyError
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables.base import TimeRestriction

from headrace_airflow.builders.partition_timetable import PartitionTimetable
from headrace_schemas.partition import PartitionUnit


def scheduled(timetable: PartitionTimetable, start: datetime, count: int) -> list[tuple[str, str]]:
    """Day and hour of the first ticks from `start` on, and the partition that each is for."""
    restriction = TimeRestriction(pendulum.instance(start), None, catchup=True)
    found, last = [], None
    for _ in range(count):
        last = timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        assert last is not None
        assert timetable.resolve_partition_date(last.partition_key) == last.partition_date
        found.append((last.run_after.format("YYYY-MM-DDTHH"), last.partition_key))
    return found


@pytest.mark.parametrize(
    ("unit", "cron", "due"),
    [
        ("year", "0 6 2 1 *", [("2014-01-02T06", "2013"), ("2015-01-02T06", "2014")]),
        (
            "quarter",
            "0 6 1 1,4,7,10 *",
            [("2014-01-01T06", "2013-Q4"), ("2014-04-01T06", "2014-Q1")],
        ),
        ("month", "0 6 2 * *", [("2014-01-02T06", "2013-12"), ("2014-02-02T06", "2014-01")]),
        ("week", "0 6 * * 1", [("2014-01-06T06", "2014-W01"), ("2014-01-13T06", "2014-W02")]),
        ("week", "0 6 * * 0", [("2014-01-05T06", "2013-W52"), ("2014-01-12T06", "2014-W01")]),
        ("day", "0 2 * * *", [("2014-01-01T02", "2013-12-31"), ("2014-01-02T02", "2014-01-01")]),
        (
            "hour",
            "10 * * * *",
            [("2014-01-01T00", "2013-12-31T23"), ("2014-01-01T01", "2014-01-01T00")],
        ),
    ],
)
def test_tick_is_for_the_partition_that_has_ended_last(
    unit: str, cron: str, due: list[tuple[str, str]]
) -> None:
    timetable = PartitionTimetable(cron, PartitionUnit(unit))
    assert scheduled(timetable, datetime(2014, 1, 1, tzinfo=UTC), 2) == due


def test_no_partition_is_asked_for_before_its_end_when_the_schedule_ticks_more_often() -> None:
    daily = PartitionTimetable("0 6 * * *", PartitionUnit.WEEK)
    found = scheduled(daily, datetime(2014, 1, 10, tzinfo=UTC), 5)
    assert [key for _, key in found] == [*["2014-W01"] * 3, *["2014-W02"] * 2]


@pytest.mark.parametrize("unit", PartitionUnit)
def test_timetable_is_the_same_when_airflow_has_kept_it(unit: PartitionUnit) -> None:
    kept = decode_timetable(encode_timetable(PartitionTimetable("0 6 2 * *", unit)))
    assert isinstance(kept, PartitionTimetable)
    assert (kept.summary, kept.unit) == ("0 6 2 * *", unit)


@pytest.mark.parametrize(
    ("unit", "first", "last", "keys"),
    [
        ("quarter", "2013-02-01", "2013-02-03", ["2013-Q1"]),
        ("month", "2013-02-01", "2013-02-28", ["2013-02"]),
        ("month", "2013-02-28", "2013-03-01", ["2013-02", "2013-03"]),
        ("week", "2013-12-29", "2013-12-30", ["2013-W52", "2014-W01"]),
        ("day", "2013-02-28", "2013-03-01", ["2013-02-28", "2013-03-01"]),
    ],
)
def test_backfill_runs_every_partition_that_its_range_touches(
    unit: str, first: str, last: str, keys: list[str]
) -> None:
    timetable = PartitionTimetable("0 6 2 * *", PartitionUnit(unit))
    bounds = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (first, last)]
    infos = list(timetable.iter_partition_dagrun_infos(earliest=bounds[0], latest=bounds[1]))
    assert [one.partition_key for one in infos] == keys
    for one in infos:
        assert timetable.resolve_partition_date(one.partition_key) == one.partition_date


def test_key_is_refused_with_the_right_spelling_when_a_person_writes_it_otherwise() -> None:
    timetable = PartitionTimetable("0 6 * * 1", PartitionUnit.WEEK)
    with pytest.raises(InvalidPartitionKeyError, match="write 2013-W05"):
        timetable.resolve_partition_date("2013-W5")
