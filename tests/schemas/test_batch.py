"""Batches and what they are called."""

from datetime import UTC, datetime

import pytest

from headrace_schemas.batch import Batch
from headrace_schemas.partition import PartitionUnit


@pytest.mark.parametrize(
    ("unit", "key", "end"),
    [
        (PartitionUnit.MONTH, "2013-04", datetime(2013, 5, 1, tzinfo=UTC)),
        (PartitionUnit.WEEK, "2013-W05", datetime(2013, 2, 4, tzinfo=UTC)),
        (None, "all", None),
    ],
)
def test_batch_is_called_by_its_partition_or_as_a_whole_when_parsed(
    unit: PartitionUnit | None, key: str, end: datetime | None
) -> None:
    batch = Batch.parse("bronze.trips", unit, key)
    assert (batch.key, batch.label, batch.end) == (key, f"bronze.trips/{key}", end)


@pytest.mark.parametrize(
    ("unit", "key", "says"),
    [
        (None, "2013-04", "bronze.trips has no partitions: its only batch is called all"),
        (PartitionUnit.MONTH, "all", "'all' is not a month like 2013-04"),
    ],
)
def test_batch_is_refused_when_the_table_has_none_of_that_name(
    unit: PartitionUnit | None, key: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Batch.parse("bronze.trips", unit, key)
