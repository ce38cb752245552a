"""Headrace's own notifiers, by Airflow's: a line in the task's log, a mail, a post to a webhook."""

import html
import logging

from headrace_airflow.engine.connections import connection_of_type
from headrace_schemas.errors import ConnectionInvalid
from headrace_schemas.notifications import Event

log = logging.getLogger(__name__)

MAIL = "headrace_mail"
"""Connection of type `smtp`: its extra has `from_email`, and `to`, an address or a list of them."""

WEBHOOK = "headrace_webhook"
"""Connection of type `http`: its host is the address that is posted to, its extra the headers."""

TIMEOUT_SECONDS = 10
"""How long a webhook may take to answer; the task waits for it."""


def log_event(event: Event) -> None:
    """Say it in the task's log."""
    log.warning("%s of %s %s: %s", event.kind, event.subject, event.batch, event.message)


def mail(event: Event) -> None:
    """Send a mail.

    Raises:
        ConnectionInvalid: There is no such connection, or it names nobody to write to.
    """
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier  # late, only who asks for it

    advice = 'Define it with a host, and in its extra "from_email" and "to".'
    connection = connection_of_type(MAIL, "smtp", advice)
    if not (to := connection.extra_dejson.get("to")):
        raise ConnectionInvalid(MAIL, "names nobody in its extra `to`", advice)
    facts = {**event.model_dump(mode="json"), "kind": event.kind.replace("_", " ")}
    rows = (
        f"<tr><th align=left>{name}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    subject = f"{event.subject} {event.batch}: {facts['kind']}"
    # `notify`, not the notifier's call: that takes all of this for a template.
    SmtpNotifier(
        to=to,
        subject=" ".join(subject.split()),
        html_content=f"<table>{''.join(rows)}</table>",
        smtp_conn_id=MAIL,
    ).notify({})


def webhook(event: Event) -> None:
    """Post the event as JSON.

    Raises:
        ConnectionInvalid: There is no such connection.
        AirflowException: The answer was no 2xx or 3xx.
    """
    from airflow.providers.http.notifications import HttpNotifier  # late, only who asks for it

    connection_of_type(WEBHOOK, "http", "Define it with the address as its host.")
    HttpNotifier(
        http_conn_id=WEBHOOK,
        json=event.model_dump(mode="json"),
        extra_options={"timeout": TIMEOUT_SECONDS},
    ).notify({})
