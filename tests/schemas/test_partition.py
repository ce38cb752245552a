"""Partitions and their keys."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_schemas.partition import (
    KEY_PATTERNS,
    Partition,
    PartitionUnit,
    end_of,
    partitions_between,
)

LENGTHS = {
    PartitionUnit.YEAR: {timedelta(days=days) for days in (365, 366)},
    PartitionUnit.QUARTER: {timedelta(days=days) for days in (90, 91, 92)},
    PartitionUnit.MONTH: {timedelta(days=days) for days in (28, 29, 30, 31)},
    PartitionUnit.WEEK: {timedelta(days=7)},
    PartitionUnit.DAY: {timedelta(days=1)},
    PartitionUnit.HOUR: {timedelta(hours=1)},
}


@pytest.mark.parametrize(
    ("unit", "key", "end"),
    [
        (PartitionUnit.YEAR, "2012", datetime(2013, 1, 1, tzinfo=UTC)),
        (PartitionUnit.QUARTER, "2013-Q3", datetime(2013, 10, 1, tzinfo=UTC)),
        (PartitionUnit.QUARTER, "2013-Q4", datetime(2014, 1, 1, tzinfo=UTC)),
        (PartitionUnit.MONTH, "2013-12", datetime(2014, 1, 1, tzinfo=UTC)),
        (PartitionUnit.WEEK, "2013-W01", datetime(2013, 1, 7, tzinfo=UTC)),
        (PartitionUnit.WEEK, "2020-W53", datetime(2021, 1, 4, tzinfo=UTC)),
        (PartitionUnit.DAY, "2016-02-29", datetime(2016, 3, 1, tzinfo=UTC)),
        (PartitionUnit.HOUR, "2013-12-31T23", datetime(2014, 1, 1, tzinfo=UTC)),
    ],
)
def test_partition_ends_where_the_next_begins_when_parsed(unit, key, end):
    partition = Partition.parse(unit, key)
    assert (partition.key, partition.end) == (key, end)
    assert partition.after().start == end
    assert partition.after().before() == partition


@pytest.mark.parametrize(
    ("unit", "form", "keys"),
    [
        (PartitionUnit.YEAR, "year like 2013", ["2013-01", "13", "2013-Q1"]),
        (PartitionUnit.QUARTER, "quarter like 2013-Q2", ["2013-Q0", "2013-Q5", "2013-Q12", "2013"]),
        (
            PartitionUnit.MONTH,
            "month like 2013-04",
            ["2013", "2013-13", "2013-00", "2013-04-01", "2013-Q1", "x; rm -rf", ""],
        ),
        (
            PartitionUnit.WEEK,
            "week like 2013-W14",
            ["2013-W00", "2013-W54", "2013-14", "2013-W14-1", "2013"],
        ),
    ],
)
def test_key_is_refused_when_not_in_the_units_form(unit, form, keys):
    for key in keys:
        with pytest.raises(ValueError, match=f"is not a {form}$"):
            Partition.parse(unit, key)


def test_week_53_is_refused_when_the_year_has_52():
    with pytest.raises(ValueError, match="'2013-W53' is not a week"):
        Partition.parse(PartitionUnit.WEEK, "2013-W53")


@pytest.mark.parametrize(
    ("unit", "key", "right"),
    [
        (PartitionUnit.MONTH, "2013-4", "2013-04"),
        (PartitionUnit.MONTH, " 2013-04", "2013-04"),
        (PartitionUnit.MONTH, "2013-04\n", "2013-04"),
        (PartitionUnit.MONTH, "２０１３-04", "2013-04"),  # noqa: RUF001 - wide digits are the case
        (PartitionUnit.YEAR, " 2013", "2013"),
        (PartitionUnit.QUARTER, "2013-q2", "2013-Q2"),
        (PartitionUnit.QUARTER, "2013-Q02", "2013-Q2"),
        (PartitionUnit.WEEK, "2013-w5", "2013-W05"),
        (PartitionUnit.DAY, "2013-4-1", "2013-04-01"),
        (PartitionUnit.HOUR, "2013-04-01T5", "2013-04-01T05"),
    ],
)
def test_key_is_refused_with_the_right_spelling_when_it_is_written_otherwise(unit, key, right):
    with pytest.raises(ValueError, match=f"write {right}$"):
        Partition.parse(unit, key)


@pytest.mark.parametrize(
    ("unit", "last_but_one", "last"),
    [
        (PartitionUnit.YEAR, "9998", "9999"),
        (PartitionUnit.QUARTER, "9999-Q3", "9999-Q4"),
        (PartitionUnit.MONTH, "9999-11", "9999-12"),
        (PartitionUnit.WEEK, "9999-W51", "9999-W52"),
        (PartitionUnit.DAY, "9999-12-30", "9999-12-31"),
        (PartitionUnit.HOUR, "9999-12-31T22", "9999-12-31T23"),
    ],
)
def test_key_is_refused_when_its_end_is_no_time(unit, last_but_one, last):
    with pytest.raises(ValueError, match=f"{last} ends after the year 9999"):
        Partition.parse(unit, last)
    before_last = Partition.parse(unit, last_but_one)
    with pytest.raises(ValueError, match=f"{last} ends after the year 9999"):
        before_last.after()


@pytest.mark.parametrize(
    ("unit", "first"),
    [
        (PartitionUnit.YEAR, "0001"),
        (PartitionUnit.QUARTER, "0001-Q1"),
        (PartitionUnit.MONTH, "0001-01"),
        (PartitionUnit.WEEK, "0001-W01"),
        (PartitionUnit.DAY, "0001-01-01"),
        (PartitionUnit.HOUR, "0001-01-01T00"),
    ],
)
def test_first_partition_has_none_before_it(unit, first):
    partition = Partition.parse(unit, first)
    assert partition.key == first
    with pytest.raises(ValueError, match=f"no {unit.value} before {first}"):
        partition.before()


@given(
    st.sampled_from(PartitionUnit),
    st.text() | st.from_regex(r"\s?[+\d]{1,5}(-[QqWw]?\d{1,3}(-\d\d?)?(T\d\d?)?)?\s?"),
)
def test_key_is_the_text_itself_when_the_text_is_a_key(unit, text):
    try:
        partition = Partition.parse(unit, text)
    except ValueError:
        return
    assert partition.key == text
    assert Partition.of(unit, partition.start) == partition


@given(
    st.sampled_from(PartitionUnit),
    st.datetimes(max_value=datetime(9998, 12, 31), timezones=st.just(UTC)),
)
def test_every_partition_is_found_by_its_key(unit, instant):
    partition = Partition.of(unit, instant)
    assert Partition.parse(unit, partition.key) == partition
    assert partition.start <= instant < partition.end
    of_units = [one for one in PartitionUnit if re.search(KEY_PATTERNS[one], partition.key)]
    assert of_units == [unit]


@given(
    st.sampled_from(PartitionUnit),
    st.datetimes(max_value=datetime(9997, 12, 31), timezones=st.just(UTC)),
)
def test_partitions_follow_each_other_without_gap_when_stepped_through(unit, instant):
    partition = Partition.of(unit, instant)
    after = partition.after()
    assert after.start == partition.end
    assert after.before() == partition
    assert partition.end - partition.start in LENGTHS[unit]


@given(
    st.sampled_from(PartitionUnit),
    *[st.datetimes(max_value=datetime(9998, 12, 31), timezones=st.just(UTC))] * 2,
)
def test_keys_sort_as_the_times_do(unit, one, other):
    first, second = Partition.of(unit, one), Partition.of(unit, other)
    assert (first.key < second.key) == (first.start < second.start)


@given(
    st.sampled_from(PartitionUnit),
    st.datetimes(max_value=datetime(8000, 12, 31), timezones=st.just(UTC)),
    st.integers(1, 30),
)
def test_end_of_several_partitions_is_that_of_the_last(unit, instant, count):
    first = last = Partition.of(unit, instant)
    for _ in range(count - 1):
        last = last.after()
    assert end_of(unit, first.start, count) == last.end


@given(st.dates(max_value=date(9998, 12, 31)))
def test_week_is_that_of_iso_8601(day):
    instant = datetime.combine(day, time(23, 59), tzinfo=UTC)
    year, week, _ = day.isocalendar()
    partition = Partition.of(PartitionUnit.WEEK, instant)
    assert partition.key == f"{year:04}-W{week:02}"
    assert partition.start.isoweekday() == 1


def test_partition_is_refused_when_key_and_times_differ():
    april = Partition.parse(PartitionUnit.MONTH, "2013-04").model_dump()
    for wrong in ({"key": "2013-4"}, {"key": "2013-05"}, {"end": april["end"].replace(day=2)}):
        with pytest.raises(ValueError, match="is not the month that begins 2013-04-01"):
            Partition.model_validate({**april, **wrong})


def test_lookback_stops_when_the_data_begins():
    march = Partition.parse(PartitionUnit.MONTH, "2013-03")
    begin = datetime(2013, 2, 1, tzinfo=UTC)
    assert march.lookback(1, begin) == ("2013-02", "2013-03")
    assert march.lookback(5, begin) == ("2013-02", "2013-03")
    assert march.lookback(0, begin) == ("2013-03",)


def test_partitions_cover_the_stretch_when_listed():
    start, end = datetime(2013, 11, 1, tzinfo=UTC), datetime(2014, 2, 1, tzinfo=UTC)
    keys = [one.key for one in partitions_between(PartitionUnit.MONTH, start, end)]
    assert keys == ["2013-11", "2013-12", "2014-01"]
    weeks = [one.key for one in partitions_between(PartitionUnit.WEEK, start, end)]
    assert (weeks[0], weeks[9], weeks[-1]) == ("2013-W44", "2014-W01", "2014-W05")
