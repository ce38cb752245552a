"""What people are notified of, and the notifiers that do so."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.extensions import Extensions


class EventKind(StrEnum):
    """What happened."""

    DECIDED = "decided"
    GATE_FAILED = "gate_failed"
    TRAINING_REFUSED = "training_refused"
    APPROVAL_WANTED = "approval_wanted"
    INCIDENT = "incident"
    RECOVERED = "recovered"
    LATE = "late"


class Event(Frozen):
    """Something that a person wants to know.

    Attributes:
        subject: Table or model that it is about.
        batch: Partition, or time of a training.
        verdict: What was decided or judged; empty where nothing was.
        message: What happened and why, in words, without values of rows.
        dag_id: The Dag in which it did.
        run_id: Its run.
    """

    kind: EventKind
    subject: str
    batch: str
    verdict: str
    message: str
    dag_id: str
    run_id: str


@dataclass(frozen=True)
class Notifier:
    """What there is to know of a notifier without telling anyone.

    Attributes:
        name: As declarations have it.
        notify: `module:function` of `notify(event)`, imported in Airflow's tasks only. What it raises
            is logged, and changes nothing.
    """

    name: str
    notify: str


OWN = "headrace_airflow.notifiers"

NOTIFIERS: Extensions[Notifier] = Extensions(
    "headrace.notifiers",
    Notifier,
    (
        Notifier("log", f"{OWN}:log_event"),
        Notifier("mail", f"{OWN}:mail"),
        Notifier("webhook", f"{OWN}:webhook"),
    ),
)


def is_notifier(name: str) -> str:
    """The name of an installed notifier."""
    return NOTIFIERS.named(name).name


NotifierName = Annotated[str, AfterValidator(is_notifier)]
