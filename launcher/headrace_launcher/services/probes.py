"""Asks services whether they work.

UNKNOWN means that the question could not be put, which says nothing about the service: Airflow's
scheduler is asked through the api-server, and must not be restarted because that one is down.
"""

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from headrace_launcher.services.ports import LOOPBACK

ANSWER_SECONDS = 10.0

_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HTTP2_SETTINGS = 4
_HTTP2_EMPTY_SETTINGS = bytes((0, 0, 0, _HTTP2_SETTINGS, 0, 0, 0, 0, 0))
_HTTP2_FRAME_HEAD_BYTES = 9


class Health(StrEnum):
    """What a probe found."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


class HealthProbe(Protocol):
    """Asks one service how it is."""

    def __call__(self, started_at: datetime, /) -> Health:
        """The health of the process that was started at this time."""
        ...


@dataclass(frozen=True)
class Http2Probe:
    """Up when a gRPC server greets; a hung one still accepts: the kernel does that for it."""

    port: int

    def __call__(self, _: datetime) -> Health:
        """Send HTTP/2's opening words and read the first frame, which has to be the settings."""
        try:
            with socket.create_connection((LOOPBACK, self.port), ANSWER_SECONDS) as client:
                client.sendall(_HTTP2_PREFACE + _HTTP2_EMPTY_SETTINGS)
                head = client.recv(_HTTP2_FRAME_HEAD_BYTES, socket.MSG_WAITALL)
        except OSError:
            return Health.DOWN
        is_settings = len(head) == _HTTP2_FRAME_HEAD_BYTES and head[3] == _HTTP2_SETTINGS
        return Health.UP if is_settings else Health.DOWN


@dataclass(frozen=True)
class JobHostProbe:
    """Up when the job host answers on its Unix socket."""

    path: Path

    def __call__(self, _: datetime) -> Health:
        """Send a line that asks for no job; whatever comes back, somebody reads."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(ANSWER_SECONDS)
            try:
                client.connect(str(self.path))
                client.sendall(b'{"ping": true}\n')
                answer = client.recv(1)
            except OSError:
                return Health.DOWN
        return Health.UP if answer else Health.DOWN


@dataclass(frozen=True)
class HttpProbe:
    """Up when a URL answers with success."""

    url: str

    def __call__(self, _: datetime) -> Health:
        """Get the URL."""
        return Health.DOWN if get(self.url) is None else Health.UP


@dataclass
class AirflowHealth:
    """What Airflow's health page says of its components; one answer serves several questions."""

    url: str
    fresh_seconds: float = 1.0
    _answer: dict[str, dict[str, str | None]] | None = None
    _asked_at: float = -1e9
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def component(self, name: str) -> dict[str, str | None] | None:
        """Status and latest heartbeat of a component; None when the page does not answer."""
        with self._lock:
            if time.monotonic() - self._asked_at > self.fresh_seconds:
                self._answer = self._ask()
                self._asked_at = time.monotonic()
            return None if self._answer is None else self._answer.get(name)

    def _ask(self) -> dict[str, dict[str, str | None]] | None:
        body = get(self.url)
        if body is None:
            return None
        try:
            components: dict[str, dict[str, str | None]] = json.loads(body)
        except ValueError:
            return None
        return components


@dataclass(frozen=True)
class AirflowProbe:
    """Up when Airflow's health page has a recent heartbeat of a component's present process."""

    health: AirflowHealth
    component: str

    def __call__(self, started_at: datetime) -> Health:
        """Read the health page; a heartbeat from before the start is a predecessor's."""
        said = self.health.component(self.component)
        if said is None:
            return Health.UNKNOWN
        heartbeat = said.get(f"latest_{self.component}_heartbeat")
        if heartbeat is None or datetime.fromisoformat(heartbeat) < started_at:
            return Health.DOWN
        return Health.UP if said["status"] == "healthy" else Health.DOWN


def get(url: str) -> bytes | None:
    """The body at a loopback URL, past any proxy; None without an answer or with a bad one."""
    # http.client, not httpx: this runs every few seconds for as long as the services do.
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return body if answer.status == HTTPStatus.OK else None
