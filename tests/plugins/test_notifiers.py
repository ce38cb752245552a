"""Headrace's own notifiers reach people: real servers on the other side."""

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

import tests.own_airflow  # noqa: F401 - before Airflow
from headrace_airflow import notifiers
from headrace_schemas.errors import ConnectionInvalid
from headrace_schemas.notifications import Event, EventKind

EVENT = Event(
    kind=EventKind.INCIDENT,
    subject="delay",
    batch="2013-04",
    verdict="hold",
    message="nulls of {{ 6 * 7 }} <b>rose</b>",
    dag_id="monitor.delay",
    run_id="run",
)


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[int]:
    """Serve in a thread; the port."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to hand over a mail."""

    received: list[bytes]

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.received.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


def test_mail_has_event_as_it_is_when_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[bytes] = []
    handler = type("Own", (Mailbox,), {"received": received})
    with serving(socketserver.TCPServer(("127.0.0.1", 0), handler)) as port:
        connection = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": port,
            "extra": {
                "disable_ssl": True,
                "disable_tls": True,
                "from_email": "headrace@example.org",
                "to": ["team@example.org"],
            },
        }
        monkeypatch.setenv("AIRFLOW_CONN_HEADRACE_MAIL", json.dumps(connection))
        notifiers.mail(EVENT)

    (mail,) = map(email.message_from_bytes, received)
    assert mail["To"] == "team@example.org"
    assert mail["Subject"] == "delay 2013-04: incident"
    (part,) = [part for part in mail.walk() if part.get_content_type() == "text/html"]
    assert "nulls of {{ 6 * 7 }} &lt;b&gt;rose&lt;/b&gt;" in str(
        part.get_payload(decode=True), "utf-8"
    )


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        (None, "is not defined"),
        ({"conn_type": "smtp", "host": "127.0.0.1"}, "names nobody in its extra `to`"),
    ],
)
def test_mail_says_what_to_define_when_nobody_can_be_reached(
    monkeypatch: pytest.MonkeyPatch, connection: Any, says: str
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_HEADRACE_MAIL", raising=False)
    if connection is not None:
        monkeypatch.setenv("AIRFLOW_CONN_HEADRACE_MAIL", json.dumps(connection))
    with pytest.raises(ConnectionInvalid, match=says):
        notifiers.mail(EVENT)


def test_webhook_gets_event_and_headers_when_posted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[tuple[str, str | None, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, self.headers["X-Key"], json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    with serving(HTTPServer(("127.0.0.1", 0), Hook)) as port:
        connection = {
            "conn_type": "http",
            "host": f"http://127.0.0.1:{port}/hooks/a",
            "extra": {"X-Key": "s"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_HEADRACE_WEBHOOK", json.dumps(connection))
        notifiers.webhook(EVENT)

    ((path, key, body),) = received
    assert (path, key) == ("/hooks/a", "s")
    assert body == EVENT.model_dump(mode="json")


def test_log_has_event_when_it_is_the_notifier(caplog: pytest.LogCaptureFixture) -> None:
    notifiers.log_event(EVENT)
    assert "incident of delay 2013-04: nulls of" in caplog.text
