"""An object store behind a bad network: what passes is waited for, what stays is said so."""

from collections.abc import Callable

import pytest

from headrace_lake.fsck.check import check_lake
from headrace_lake.fsck.depth import Depth
from headrace_schemas.wire.report import JobError, JobReport
from tests.fault_proxy import (
    Exchange,
    Fault,
    FaultProxy,
    lose_answer,
    lose_request,
    pass_on,
    slow_down,
    slow_line,
)
from tests.faults.engine import FIRST, SECOND, WAIT_SECONDS, StoredBatch, meters_of
from tests.jobs.batches import text

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

TRIES = 40
"""Of a copy that Arrow asks the store for: it was seen to ask 31 times, in 40 s."""

Apply = Callable[[FaultProxy, str], None]


def twice(fault: Fault) -> Apply:
    """A fault that passes by itself."""

    def apply(proxy: FaultProxy, request: str) -> None:
        proxy.on(request, fault, times=2)

    return apply


def stalled(proxy: FaultProxy, request: str) -> None:
    """A request that is kept back until who asked has given up and asked again; then it goes on."""

    def late(exchange: Exchange) -> None:
        proxy.wait_for(again, 1, WAIT_SECONDS)
        exchange.pass_on()

    proxy.on(request, late, times=1)
    again = proxy.on(request, pass_on)


def on_a_slow_line(proxy: FaultProxy, request: str) -> None:
    """Ten kilobytes a second, there and back, for as long as it takes."""
    proxy.on(request, slow_line(10_000))


@pytest.mark.parametrize("where", ["data", "commit"])
@pytest.mark.parametrize(
    "apply",
    [twice(slow_down), twice(lose_request), stalled, on_a_slow_line],
    ids=["busy", "reset", "stalled", "slow"],
)
def test_rows_are_there_once_when_the_network_recovers(
    batch: StoredBatch, apply: Apply, where: str
) -> None:
    version = batch.seen().version + 1
    apply(batch.engine.proxy, request(batch, where, version))

    report = batch.engine.run(batch.publish_spec())

    assert report.table is not None
    assert report.table.version == version
    seen = batch.seen()
    assert (seen.version, seen.meters) == (version, meters_of(SECOND))
    assert check_lake(batch.place, Depth.FULL).damages == ()


def request(batch: StoredBatch, where: str, version: int) -> str:
    """Matches what a publish sends: the rows, or the commit that makes a version of them."""
    place = batch.path(batch.table)
    if where == "data":
        return rf"^PUT {place}/_partition.*\.parquet$"
    return rf"^PUT {place}/_delta_log/{version:020}\.json$"


@pytest.mark.parametrize("fault", [slow_down, lose_request], ids=["busy", "reset"])
def test_publish_names_endpoint_and_key_when_the_store_stays_away(
    batch: StoredBatch, fault: Fault
) -> None:
    before = batch.seen()
    asked = batch.engine.proxy.on(request(batch, "data", 0), fault)

    error = batch.engine.run(batch.publish_spec()).error

    check_error(batch, error, f"{batch.key}/tables/bronze/readings/_partition")
    assert asked.seen <= TRIES
    after = batch.seen()
    assert (after.version, after.meters) == (before.version, meters_of(FIRST))

    batch.engine.proxy.forget()
    assert batch.engine.run(batch.publish_spec()).error is None
    assert batch.seen().meters == meters_of(SECOND)


def test_publish_can_be_tried_again_when_nobody_knows_whether_its_commit_was_made(
    batch: StoredBatch,
) -> None:
    version = batch.seen().version + 1
    commit = f"{batch.path(batch.table)}/_delta_log/{version:020}.json"
    batch.engine.proxy.on(rf"^PUT {commit}$", lose_answer, times=1)
    batch.engine.proxy.on(commit, slow_down)

    error = batch.engine.run(batch.publish_spec()).error

    check_error(batch, error, f"commit outcome unknown: s3a:/{commit}")
    batch.engine.proxy.forget()
    before = batch.seen()
    assert (before.version, before.meters) == (version, meters_of(SECOND))
    table = batch.engine.run(batch.publish_spec()).table
    assert table is not None
    assert table.version == version
    assert batch.seen().objects == before.objects


def test_batch_is_not_blamed_when_the_store_stays_away_while_it_is_checked(
    batch: StoredBatch,
) -> None:
    staged = rf"^GET {batch.path(batch.staged)}/.*\.parquet$"
    batch.engine.proxy.on(staged, slow_down)
    report = batch.engine.run(batch.gate_spec())
    assert type(report) is JobReport  # no verdict
    check_error(batch, report.error, f"{batch.key}/staging/")


def test_delivery_is_not_blamed_when_the_store_stays_away_while_it_is_read(
    batch: StoredBatch,
) -> None:
    batch.engine.proxy.on(rf"^(GET|HEAD) {batch.path(batch.staged)}_delivered/", slow_down)
    error = batch.engine.run(batch.load_spec(batch.deliver(text(*SECOND)))).error
    check_error(batch, error, f"{batch.key}/staging/")


def check_error(batch: StoredBatch, error: JobError | None, said: str) -> None:
    """It is the store's, can be tried again, and names endpoint and object, and no stack."""
    assert error is not None
    assert (error.type, error.retryable) == ("EngineUnavailable", True), error
    assert error.message.startswith(f"object store at {batch.engine.proxy.endpoint}: ")
    assert said in error.message
    assert len(error.message.splitlines()) == 1
