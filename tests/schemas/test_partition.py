"""Partitions and their keys."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_schemas.partition import Partition, PartitionUnit, partitions_between


@pytest.mark.parametrize(
    ("unit", "key", "end"),
    [
        (PartitionUnit.MONTH, "2013-12", datetime(2014, 1, 1, tzinfo=UTC)),
        (PartitionUnit.DAY, "2016-02-29", datetime(2016, 3, 1, tzinfo=UTC)),
        (PartitionUnit.HOUR, "2013-12-31T23", datetime(2014, 1, 1, tzinfo=UTC)),
    ],
)
def test_partition_ends_where_the_next_begins_when_parsed(unit, key, end):
    partition = Partition.parse(unit, key)
    assert (partition.key, partition.end) == (key, end)
    assert partition.after().start == end
    assert partition.after().before() == partition


@pytest.mark.parametrize("key", ["2013", "2013-13", "2013-00", "2013-04-01", "x; rm -rf", ""])
def test_key_is_refused_when_not_in_the_units_form(key):
    with pytest.raises(ValueError, match="is not a month like 2013-04"):
        Partition.parse(PartitionUnit.MONTH, key)


@pytest.mark.parametrize(
    ("unit", "key", "right"),
    [
        (PartitionUnit.MONTH, "2013-4", "2013-04"),
        (PartitionUnit.MONTH, " 2013-04", "2013-04"),
        (PartitionUnit.MONTH, "2013-04\n", "2013-04"),
        (PartitionUnit.MONTH, "２０１３-04", "2013-04"),  # noqa: RUF001 - wide digits are the case
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
        (PartitionUnit.MONTH, "9999-11", "9999-12"),
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
        (PartitionUnit.MONTH, "0001-01"),
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
    st.text() | st.from_regex(r"\s?[+\d]{1,5}-\d{1,3}(-\d\d?)?(T\d\d?)?\s?"),
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
    st.datetimes(max_value=datetime(9999, 11, 30), timezones=st.just(UTC)),
)
def test_every_partition_is_found_by_its_key(unit, instant):
    partition = Partition.of(unit, instant)
    assert Partition.parse(unit, partition.key) == partition
    assert partition.start <= instant < partition.end


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
