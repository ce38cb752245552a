"""Partitions and their keys."""

from datetime import UTC, datetime

import pytest

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


@pytest.mark.parametrize("key", ["2013", "2013-13", "2013-04-01", "x; rm -rf", ""])
def test_key_is_refused_when_not_in_the_units_form(key):
    with pytest.raises(ValueError, match="is not a month like 2013-04"):
        Partition.parse(PartitionUnit.MONTH, key)


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
