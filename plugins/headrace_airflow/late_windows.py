"""Windows that are not decided on in time: Airflow's own deadline of a run, told by the notifiers."""

import asyncio
from datetime import timedelta
from typing import Any

from airflow.sdk import (  # type: ignore[attr-defined]  # its stub leaves these out
    AsyncCallback,
    DeadlineAlert,
    DeadlineReference,
)

from headrace_airflow.notifications import send
from headrace_schemas.declarations.model import Model
from headrace_schemas.notifications import Event, EventKind

GRACE = timedelta(days=1)
"""How long after its labels a window may take: several tries of its jobs, each with its time limit."""


def decision_deadline(model: Model) -> list[DeadlineAlert]:
    """When somebody is to know that a run of `monitor.<model>` has not ended; never without a notifier.

    A run begins when its partition is scored, and waits for labels first.
    """
    if not model.notify:
        return []
    days = model.label_delay_days + GRACE / timedelta(days=1)
    told = {"model": model.name, "notify": list(model.notify), "days": days}
    return [
        DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(days=days),
            callback=AsyncCallback(notify_late, kwargs=told),
            name=f"{model.name} is not decided on",
        )
    ]


async def notify_late(model: str, notify: list[str], days: float, context: dict[str, Any]) -> None:
    """Notify of a run that has not ended; in the triggerer.

    Args:
        days: Since it was queued.
        context: What Airflow says of the run.
    """
    run = context["dag_run"]
    event = Event(
        kind=EventKind.LATE,
        subject=model,
        batch=run.get("partition_key") or run["dag_run_id"],
        verdict="",
        message=f"nothing is decided {days:g} days after the run of {run['dag_id']} was queued",
        dag_id=run["dag_id"],
        run_id=run["dag_run_id"],
    )
    for name in notify:
        await asyncio.to_thread(send, name, event)
