"""Probes tell a service that works from one that only accepts connections."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from headrace_launcher.services import probes
from headrace_launcher.services.probes import (
    AirflowHealth,
    AirflowProbe,
    Health,
    Http2Probe,
    HttpProbe,
    JobHostProbe,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Page(BaseHTTPRequestHandler):
    """Answers with what the server holds."""

    def do_GET(self) -> None:
        status, body = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Page) as running:
        running.answer = (200, {})
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def url(server: HTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/health"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(("status", "health"), [(200, Health.UP), (500, Health.DOWN)])
def test_http_probe_goes_by_the_status(server: HTTPServer, status: int, health: Health):
    server.answer = (status, {})
    assert HttpProbe(url(server))(NOW) is health


def test_http_probe_is_down_when_nothing_listens():
    assert HttpProbe(f"http://127.0.0.1:{closed_port()}/")(NOW) is Health.DOWN


def heartbeat(at: datetime, status: str = "healthy") -> dict:
    return {"scheduler": {"status": status, "latest_scheduler_heartbeat": at.isoformat()}}


@pytest.mark.parametrize(
    ("answer", "health"),
    [
        ((200, heartbeat(NOW + timedelta(seconds=1))), Health.UP),
        ((200, heartbeat(NOW + timedelta(seconds=1), "unhealthy")), Health.DOWN),
        ((200, heartbeat(NOW - timedelta(seconds=1))), Health.DOWN),  # its predecessor's
        ((200, {"scheduler": {"status": None, "latest_scheduler_heartbeat": None}}), Health.DOWN),
        ((200, {}), Health.UNKNOWN),
        ((500, {}), Health.UNKNOWN),
    ],
)
def test_airflow_component_is_judged_by_its_own_heartbeat(server, answer, health):
    server.answer = answer
    probe = AirflowProbe(AirflowHealth(url(server)), "scheduler")
    assert probe(NOW) is health


def test_airflow_component_is_unknown_when_the_api_server_is_down():
    page = AirflowHealth(f"http://127.0.0.1:{closed_port()}/")
    assert AirflowProbe(page, "scheduler")(NOW) is Health.UNKNOWN


def test_http2_probe_is_down_when_a_hung_server_only_accepts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probes, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert Http2Probe(server.getsockname()[1])(NOW) is Health.DOWN


@contextmanager
def answering(server: socket.socket, answer: bytes) -> Iterator[None]:
    """Answers one client of a listening socket."""

    def greet() -> None:
        client, _ = server.accept()
        with client:
            client.recv(100)
            client.sendall(answer)

    thread = threading.Thread(target=greet)
    thread.start()
    yield
    thread.join()


def test_http2_probe_is_up_when_the_server_greets():
    settings_frame = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
    with socket.create_server(("127.0.0.1", 0)) as server, answering(server, settings_frame):
        assert Http2Probe(server.getsockname()[1])(NOW) is Health.UP


def test_job_host_probe_is_up_only_when_the_host_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        with answering(server, b'{"error": "no job"}\n'):
            assert JobHostProbe(path)(NOW) is Health.UP
        monkeypatch.setattr(probes, "ANSWER_SECONDS", 0.2)
        assert JobHostProbe(path)(NOW) is Health.DOWN  # accepted by the kernel, read by nobody
    assert path.exists()
    assert JobHostProbe(path)(NOW) is Health.DOWN
