"""kill -9 of whoever publishes to an object store: before the commit, and right after it.

What is there is told by others: by the list of objects, by delta-rs, and by DuckDB.
"""

import os
import signal
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as installed
from threading import Event

import pytest

from headrace_jobs.lake import files
from headrace_jobs.lake.delta_log import DeltaLog
from headrace_jobs.lake.removal import remove_needless
from headrace_lake.fsck.check import check_lake
from headrace_lake.fsck.depth import Depth
from headrace_schemas.wire.maintenance_jobs import MaintainedTable, MaintainReport, MaintainSpec
from tests.fault_proxy import Exchange
from tests.faults.engine import FIRST, SECOND, WAIT_SECONDS, StoredBatch, killed, meters_of

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

HISTORY_DAYS = 30


def test_table_is_as_it_was_when_its_driver_is_killed_after_its_first_data_file(
    batch: StoredBatch,
) -> None:
    engine, spec = batch.engine, batch.publish_spec()
    before = batch.seen()

    killed(engine, spec, rf"^PUT {batch.path(batch.table)}/_partition.*\.parquet$")

    after = batch.seen()
    assert (after.version, after.meters) == (before.version, meters_of(FIRST))
    (orphan,) = after.orphans
    assert set(after.objects) - set(before.objects) == {orphan}
    assert check_lake(batch.place, Depth.FULL).damages == ()

    report = engine.run(batch.publish_spec())
    assert report.table is not None
    now = batch.seen()
    assert (now.version, now.meters) == (report.table.version, meters_of(SECOND))
    assert now.version == before.version + 1
    assert now.orphans == {orphan}
    assert check_lake(batch.place, Depth.FULL).damages == ()

    assert maintained(batch).metrics["data_files_removed"] == 0  # of a commit that may still come
    assert batch.seen().orphans == {orphan}
    assert cleaned(batch) == [orphan]
    assert (batch.seen().orphans, batch.seen().meters) == (set(), meters_of(SECOND))


def maintained(batch: StoredBatch) -> MaintainReport:
    """What maintenance does on the day itself."""
    spec = MaintainSpec(
        job_id="maintain-1",
        run_id="test",
        headrace_version=installed("headrace"),
        tables=(kept(batch),),
        staging_uri=batch.place.at("staging", batch.contract.name),
        time_limit_minutes=60,
    )
    report: MaintainReport = batch.engine.run(spec)
    return report


def cleaned(batch: StoredBatch) -> list[str]:
    """What is removed when all files are too old to belong to a commit that is still to come."""
    now = datetime.now(tz=UTC)
    listed, log = files.below(batch.table), DeltaLog.at(batch.table)
    assert log is not None
    _, data, _ = remove_needless(kept(batch), log, listed, now, now + timedelta(days=2))
    return [one.path for one in data]


def kept(batch: StoredBatch) -> MaintainedTable:
    return MaintainedTable(name=batch.contract.name, uri=batch.table, history_days=HISTORY_DAYS)


def test_publish_does_nothing_when_its_driver_was_killed_right_after_its_commit(
    batch: StoredBatch,
) -> None:
    engine, spec = batch.engine, batch.publish_spec()
    version = batch.seen().version + 1

    killed(engine, spec, rf"^PUT {batch.path(batch.table)}/_delta_log/{version:020}\.json$")

    before = batch.seen()
    assert (before.version, before.meters) == (version, meters_of(SECOND))
    assert check_lake(batch.place, Depth.FULL).damages == ()

    report = engine.run(batch.publish_spec())

    assert report.table is not None
    assert report.table.version == version
    assert report.counts is not None
    assert (report.counts.rows_in, report.counts.rows_out) == (len(SECOND), len(SECOND))
    assert batch.seen().objects == before.objects


def test_rows_are_there_once_when_a_job_is_killed_and_its_commit_arrives_later(
    batch: StoredBatch,
) -> None:
    engine, version = batch.engine, batch.seen().version + 1
    released = Event()

    def hold(exchange: Exchange) -> None:
        assert released.wait(WAIT_SECONDS)
        with suppress(OSError):  # nobody waits for the answer
            exchange.pass_on()
        finished.set()

    finished = Event()
    commit = rf"^PUT {batch.path(batch.table)}/_delta_log/{version:020}\.json$"
    held = engine.proxy.on(commit, hold, times=1)
    directory = engine.start(batch.publish_spec())
    engine.proxy.wait_for(held, 1, WAIT_SECONDS)
    os.killpg(int((directory / "pid").read_text()), signal.SIGKILL)
    report = engine.run(batch.publish_spec())
    assert report.table is not None
    assert report.table.version == version
    released.set()
    assert finished.wait(WAIT_SECONDS)

    now = batch.seen()
    assert now.meters == meters_of(SECOND)
    assert check_lake(batch.place, Depth.FULL).damages == ()
