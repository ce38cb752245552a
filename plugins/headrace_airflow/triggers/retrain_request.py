"""Waiting for monitoring to ask for a training: for one task, and for an asset."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from headrace_airflow.retrain_requests import Request, RequestWatch
from headrace_schemas.errors import HeadraceError

FIRED = "headrace_fired"
"""Key in the asset's state store: the request that was announced last, and when."""


class RetrainRequestTrigger(BaseTrigger):
    """The asynchronous half of RetrainRequestSensor: fires once, when a request is open."""

    def __init__(self, *, model: str, poke_interval: float = 30.0) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's triggers are untyped
        self.model = model
        self.poke_interval = poke_interval
        self.requests = RequestWatch(model)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class and arguments, to build it again in the triggerer."""
        return class_path(self), {"model": self.model, "poke_interval": self.poke_interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is a request."""
        while (found := await look(self)) is None:
            await asyncio.sleep(self.poke_interval)
        yield TriggerEvent(found)  # type: ignore[no-untyped-call]  # as above


class RetrainRequestWatchTrigger(BaseEventTrigger):
    """Announces open requests to an asset, for as long as they stay open.

    How it works: level-triggered. While the ledger's newest decision to train is unanswered, it
    fires, and fires again after `cooldown_seconds`; so a lost event costs a delay only, and a
    doubled one costs a run that finds the request answered. What it announced last is kept in the
    asset's state store and outlives the triggerer.

    What it does not do: decide. The run that it starts reads the ledger again.
    """

    def __init__(
        self, *, model: str, poke_interval: float = 5.0, cooldown_seconds: float = 900.0
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's triggers are untyped
        self.model = model
        self.poke_interval = poke_interval
        self.cooldown_seconds = cooldown_seconds
        self.requests = RequestWatch(model)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class and arguments: also what tells one watcher from another."""
        return class_path(self), {
            "model": self.model,
            "poke_interval": self.poke_interval,
            "cooldown_seconds": self.cooldown_seconds,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look for ever."""
        if self.asset_state_store is not None:
            # The triggerer loads its way to the store at the first call, which takes seconds: now,
            # rather than when a request is waiting.
            await self.asset_state_store.aget(FIRED)
        while True:
            if found := await self.due():
                yield TriggerEvent(found)  # type: ignore[no-untyped-call]  # as above
            await asyncio.sleep(self.poke_interval)

    async def due(self) -> Request | None:
        """The open request, unless it was announced within the cooldown."""
        found = await look(self)
        store = self.asset_state_store
        if found is None or store is None:
            return found
        now = time.time()
        last: Any = await store.aget(FIRED)
        if (
            last
            and last["decision"] == found["decision"]
            and now < last["at"] + self.cooldown_seconds
        ):
            return None
        await store.aset(FIRED, {"decision": found["decision"], "at": now})
        return found


async def look(trigger: RetrainRequestTrigger | RetrainRequestWatchTrigger) -> Request | None:
    """Read what is new in the ledger, out of the event loop.

    An unreadable ledger is logged and asked again: Airflow would start a watcher that raises anew
    every 2 s for ever, and a soft-failing sensor would call it "nothing to do".
    """
    try:
        return await asyncio.to_thread(trigger.requests.look)
    except HeadraceError:
        trigger.log.exception("%s: the ledger could not be read", trigger.model)
        return None


def class_path(trigger: BaseTrigger) -> str:
    """How Airflow finds a trigger's class again."""
    return f"{type(trigger).__module__}.{type(trigger).__qualname__}"
