"""Telling people what happened, by the notifiers that a declaration names."""

import logging
from collections.abc import Sequence

from airflow.sdk import Context

from headrace_schemas.notifications import NOTIFIERS, Event, EventKind

log = logging.getLogger(__name__)


def tell(
    names: Sequence[str],
    context: Context,
    kind: EventKind,
    subject: str,
    verdict: str,
    message: str,
) -> None:
    """Tell each notifier; one that fails is logged, and the task goes on."""
    if not names:
        return
    run = context["dag_run"]
    event = Event(
        kind=kind,
        subject=subject,
        batch=run.partition_key or str(run.run_id),
        verdict=verdict,
        message=message,
        dag_id=context["ti"].dag_id,
        run_id=str(run.run_id),
    )
    for name in names:
        send(name, event)


def send(name: str, event: Event) -> None:
    """Tell one notifier."""
    try:
        notifier = NOTIFIERS.named(name)
        NOTIFIERS.code(notifier, notifier.notify)(event)
    except Exception:  # code of others: whatever it raises, the work itself is done
        log.exception("notifier %s: %s of %s was not told", name, event.kind, event.subject)
