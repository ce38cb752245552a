"""Hearing that monitoring asks for a training: sensor, its trigger, and the asset's watcher."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from headrace_airflow.retrain_requests import RequestWatch, look_for_request
from headrace_airflow.sensors.retrain_request import RetrainRequestSensor
from headrace_airflow.triggers import retrain_request
from headrace_airflow.triggers.retrain_request import (
    FIRED,
    RetrainRequestTrigger,
    RetrainRequestWatchTrigger,
)
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.errors import EngineUnavailable
from tests.plugins.conftest import StateStore
from tests.plugins.ledger import FEBRUARY, decision, write_ledger

ASKED = decision(Verdict.TRAIN)
REQUEST = {
    "decision": ASKED.id,
    "window": "2013-02",
    "as_of": "2013-03-03T00:00:00Z",
    "reason": "inputs moved",
}

Context = Callable[..., Any]


async def events(trigger: BaseTrigger, looks: int) -> list[Any]:
    """What a trigger fires within so many looks at the ledger; its pauses take no time."""
    heard: list[Any] = []
    pauses = 0

    async def pause(_: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses >= looks:
            raise asyncio.CancelledError

    real, asyncio.sleep = asyncio.sleep, pause  # type: ignore[assignment]
    try:
        async for event in trigger.run():
            heard.append(event.payload)
    except asyncio.CancelledError:
        pass
    finally:
        asyncio.sleep = real
    return heard


def listen(trigger: BaseTrigger, looks: int = 3) -> list[Any]:
    return asyncio.run(events(trigger, looks))


@pytest.mark.parametrize(
    "trigger",
    [
        RetrainRequestTrigger(model="long_trip", poke_interval=2),
        RetrainRequestWatchTrigger(model="long_trip", poke_interval=2, cooldown_seconds=5),
    ],
)
def test_trigger_is_the_same_when_built_again_from_its_serial_form(trigger: BaseTrigger) -> None:
    path, arguments = trigger.serialize()
    again = getattr(retrain_request, path.rpartition(".")[2])(**arguments)
    assert path.startswith("headrace_airflow.triggers.retrain_request.")
    assert again.serialize() == (path, arguments)


def test_watcher_has_one_identity_when_built_twice() -> None:
    first, second = (RetrainRequestWatchTrigger(model="long_trip").serialize() for _ in range(2))
    assert BaseEventTrigger.hash(*first) == BaseEventTrigger.hash(*second)


def test_trigger_fires_once_when_a_request_is_open(home: Path) -> None:
    write_ledger(home, [ASKED])
    assert listen(RetrainRequestTrigger(model="long_trip")) == [REQUEST]


def test_trigger_waits_when_there_is_no_ledger() -> None:
    assert listen(RetrainRequestTrigger(model="long_trip")) == []


def watcher(cooldown: float = 900.0) -> RetrainRequestWatchTrigger:
    trigger = RetrainRequestWatchTrigger(model="long_trip", cooldown_seconds=cooldown)
    trigger.asset_state_store = StateStore()  # type: ignore[assignment]
    return trigger


def test_watcher_fires_once_when_the_cooldown_runs(home: Path) -> None:
    write_ledger(home, [ASKED])
    assert listen(watcher(), looks=4) == [REQUEST]


def test_watcher_stays_quiet_when_it_is_started_again_within_the_cooldown(home: Path) -> None:
    write_ledger(home, [ASKED])
    first, second = watcher(), watcher()
    second.asset_state_store = first.asset_state_store
    assert listen(first) == [REQUEST]
    assert listen(second) == []


def test_watcher_fires_again_when_the_cooldown_is_over(home: Path) -> None:
    write_ledger(home, [ASKED])
    trigger = watcher()
    trigger.asset_state_store.set(FIRED, {"decision": ASKED.id, "at": 0})  # type: ignore[union-attr]
    assert listen(trigger) == [REQUEST]


def test_watcher_fires_at_once_when_another_request_follows(home: Path) -> None:
    write_ledger(home, [ASKED])
    trigger = watcher()
    assert listen(trigger) == [REQUEST]
    later = decision(Verdict.TRAIN, as_of=FEBRUARY + timedelta(days=31))
    write_ledger(home, [later])
    assert [one["decision"] for one in listen(trigger)] == [later.id]


def test_watcher_stops_when_the_request_is_answered(home: Path) -> None:
    write_ledger(home, [ASKED])
    trigger = watcher(cooldown=0)
    assert listen(trigger, looks=2) == [REQUEST, REQUEST]
    write_ledger(home, [decision(Verdict.REFUSE, request_id=ASKED.id)])
    assert listen(trigger) == []


def test_watcher_looks_again_when_the_ledger_cannot_be_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ledger(home, [ASKED])
    looks, trigger = iter([True, False]), watcher()
    steady = trigger.requests.look

    def unsteady() -> dict[str, str] | None:
        if next(looks):
            raise EngineUnavailable("lake", "somewhere", "it is away")
        return steady()

    monkeypatch.setattr(trigger.requests, "look", unsteady)
    assert listen(trigger, looks=2) == [REQUEST]


def test_rows_are_read_only_when_a_commit_has_come(home: Path) -> None:
    write_ledger(home, [ASKED])
    watch = RequestWatch("long_trip")
    assert watch.look() == REQUEST
    rows = list((home / "lake" / "ledger" / "decisions").glob("model=*/*.parquet"))
    for file in rows:
        file.rename(file.with_suffix(".away"))
    assert watch.look() == REQUEST
    write_ledger(home, [decision(Verdict.KEEP, model="another")])
    with pytest.raises(EngineUnavailable):
        watch.look()
    for file in rows:
        file.with_suffix(".away").rename(file)
    write_ledger(home, [decision(Verdict.REFUSE, request_id=ASKED.id)])
    assert watch.look() is None


def test_decisions_on_other_models_are_not_read(home: Path) -> None:
    write_ledger(home, [ASKED, decision(Verdict.TRAIN, model="another")])
    for file in (home / "lake" / "ledger" / "decisions" / "model=another").iterdir():
        file.unlink()
    assert look_for_request("long_trip") == REQUEST
    assert RequestWatch("long_trip").look() == REQUEST


def test_sensor_is_done_at_once_when_a_request_is_open(home: Path, run_context: Context) -> None:
    write_ledger(home, [ASKED])
    assert RetrainRequestSensor(task_id="wait", model="long_trip").execute(run_context()) == REQUEST


def test_sensor_defers_when_nothing_is_asked(run_context: Context) -> None:
    sensor = RetrainRequestSensor(task_id="wait", model="long_trip", poke_interval=7, timeout=60)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(run_context())
    assert deferred.value.trigger.serialize() == (
        "headrace_airflow.triggers.retrain_request.RetrainRequestTrigger",
        {"model": "long_trip", "poke_interval": 7.0},
    )
    assert deferred.value.timeout == timedelta(seconds=60)
    event = TriggerEvent(REQUEST)  # type: ignore[no-untyped-call]
    method = getattr(sensor, deferred.value.method_name)
    assert method(run_context(), event.payload) == REQUEST


def test_sensor_pokes_when_it_may_not_defer(home: Path, run_context: Context) -> None:
    sensor = RetrainRequestSensor(task_id="wait", model="long_trip", deferrable=False)
    assert not sensor.poke(run_context())
    write_ledger(home, [ASKED])
    assert sensor.poke(run_context()).xcom_value == REQUEST
    assert sensor.execute(run_context()) == REQUEST
