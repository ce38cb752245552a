"""Maintenance and a publish at once: nothing that was acknowledged is lost, and no file that counts is gone."""

from importlib.metadata import version as installed
from threading import Event

import pyarrow
import pytest
from deltalake import write_deltalake

from headrace_lake.fsck.check import check_lake
from headrace_lake.fsck.depth import Depth
from headrace_schemas.wire.maintenance_jobs import MaintainedTable, MaintainSpec
from tests.fault_proxy import Exchange
from tests.faults.engine import SECOND, WAIT_SECONDS, StoredBatch, ended, meters_of

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

SMALL_FILES = 9


def crowd(batch: StoredBatch, partition: str) -> list[str]:
    """Add a row in a file of its own, many times, as no job of ours does; the rows' meters."""
    meters = [f"m{number:02}" for number in range(SMALL_FILES)]
    for meter in meters:
        row = pyarrow.table(
            {
                "meter": pyarrow.array([meter]),
                "_partition": pyarrow.array([partition]),
            }
        )
        write_deltalake(batch.table, row, mode="append", schema_mode="merge")
    return meters


def maintenance(batch: StoredBatch) -> MaintainSpec:
    """A run that knows nothing of the publish: the table counts as one that nobody writes."""
    kept = MaintainedTable(name=batch.contract.name, uri=batch.table, history_days=30)
    return MaintainSpec(
        job_id="maintain-1",
        run_id="test",
        headrace_version=installed("headrace"),
        tables=(kept,),
        staging_uri=batch.place.at("staging", batch.contract.name),
        time_limit_minutes=60,
    )


@pytest.mark.parametrize("partition", ["2024-05", "2024-06"], ids=["same", "other"])
@pytest.mark.parametrize("slow", ["publish", "maintain"])
def test_rows_are_all_there_when_maintenance_and_a_publish_meet(
    batch: StoredBatch, slow: str, partition: str
) -> None:
    engine, added = batch.engine, crowd(batch, partition)
    released, version = Event(), batch.seen().version + 1

    def hold(exchange: Exchange) -> None:
        assert released.wait(WAIT_SECONDS)
        exchange.pass_on()

    specs = [batch.publish_spec(), maintenance(batch)]
    first, second = specs if slow == "publish" else reversed(specs)
    held = engine.proxy.on(
        rf"^PUT {batch.path(batch.table)}/_delta_log/{version:020}\.json$", hold, times=1
    )
    directory = engine.start(first)
    engine.proxy.wait_for(held, 1, WAIT_SECONDS)
    assert engine.run(second).error is None
    released.set()
    error = ended(directory).error

    if error is not None:
        assert (error.type, error.retryable) == ("WriteConflict", True)
        assert partition == "2024-05"
        assert engine.run(first).error is None
    assert batch.seen().meters == sorted(
        meters_of(SECOND) + (added if partition == "2024-06" else [])
    )
    assert check_lake(batch.place, Depth.FULL).damages == ()
