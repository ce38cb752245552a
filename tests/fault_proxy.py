"""A proxy before an HTTP service that does to chosen requests what a bad network does.

    with FaultProxy(store.endpoint) as proxy:
        proxy.on(r"PUT .*/_delta_log/0{19}7\\.json", lose_answer, times=1)

It runs in threads of the test's own process. A request is taken whole before anything is done with
it, so what a fault does never depends on how a client splits it.
"""

import os
import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, BrokenBarrierError, Condition, Event, Thread
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

RESET = struct.pack("ii", 1, 0)
"""As SO_LINGER: closing sends RST, and whatever was not sent yet is thrown away."""

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"

HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
"""Headers of one connection, which the proxy writes itself."""

UPSTREAM_SECONDS = 60

LINE_BYTES = 1024
"""What a slow line takes at once."""


class Exchange:
    """One request, and what can be done with it: forward, answer, reset."""

    def __init__(self, handler: "_Handler", body: bytes) -> None:
        self.method = handler.command
        self.path = handler.path
        self.headers = handler.headers
        self.body = body
        self._handler = handler
        self._answer: tuple[HTTPResponse, bytes] | None = None
        self._speed: int | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def forward(self) -> int:
        """Have the service do what is asked; its answer is kept back. Returns the status."""
        address = self._handler.server.proxy.upstream
        connection = HTTPConnection(address[0], address[1], timeout=UPSTREAM_SECONDS)
        try:
            connection.putrequest(self.method, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP and name.lower() != "expect":
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(self.body)))
            connection.endheaders(self.body)
            response = connection.getresponse()
            self._answer = (response, response.read())
        finally:
            connection.close()
        return response.status

    def pass_on(self) -> None:
        """Give the client the service's answer, asking for it first where nobody has."""
        if self._answer is None:
            self.forward()
        assert self._answer is not None
        response, body = self._answer
        headers = [
            (name, value) for name, value in response.getheaders() if name.lower() not in HOP
        ]
        # of a HEAD: how long the body would be
        length = response.getheader("Content-Length") if self.method == "HEAD" else str(len(body))
        self._send(response.status, headers, length, body)

    def pass_on_slowly(self, bytes_per_second: int) -> None:
        """Let request and answer take the time that they need on a line of this speed."""
        Event().wait(len(self.body) / bytes_per_second)
        self._speed = bytes_per_second
        self.pass_on()

    def answer(self, status: int, body: bytes = b"") -> None:
        """Give the client another answer."""
        self._send(status, [("Content-Type", "application/xml")], str(len(body)), body)

    def reset(self) -> None:
        """Break the connection off, as a router that loses its state does."""
        handler = self._handler
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        os.close(handler.connection.detach())  # at once, whoever else holds the socket
        handler.close_connection = True

    def _send(
        self, status: int, headers: list[tuple[str, str]], length: str | None, body: bytes
    ) -> None:
        handler = self._handler
        handler.send_response_only(status)
        for name, value in headers:
            handler.send_header(name, value)
        if length is not None:
            handler.send_header("Content-Length", length)
        handler.end_headers()
        if self.method == "HEAD":
            return
        if self._speed is None:
            handler.wfile.write(body)
            return
        for start in range(0, len(body), LINE_BYTES):
            Event().wait(LINE_BYTES / self._speed)
            handler.wfile.write(body[start : start + LINE_BYTES])


Fault = Callable[[Exchange], None]
"""What is done with a request instead of passing it on."""


def pass_on(exchange: Exchange) -> None:
    """No fault: for rules that only count."""
    exchange.pass_on()


def slow_down(exchange: Exchange) -> None:
    """Answer 503 without asking the service."""
    exchange.answer(503, SLOW_DOWN)


def lose_request(exchange: Exchange) -> None:
    """Break off before the service has heard of it."""
    exchange.reset()


def lose_answer(exchange: Exchange) -> None:
    """Have it done, and break off."""
    exchange.forward()
    exchange.reset()


def slow_line(bytes_per_second: int) -> Fault:
    """Pass on at the speed of a bad line."""
    return lambda exchange: exchange.pass_on_slowly(bytes_per_second)


class Gate:
    """Keeps requests back until so many have come, then passes all of them on at once.

    Attributes:
        met: How often that happened; a request that waited in vain is passed on alone.
    """

    def __init__(self, parties: int, seconds: float) -> None:
        self.met = 0
        self._barrier = Barrier(parties, self._count)
        self._seconds = seconds

    def __call__(self, exchange: Exchange) -> None:
        with suppress(BrokenBarrierError):
            self._barrier.wait(self._seconds)
        exchange.pass_on()

    def _count(self) -> None:
        self.met += 1


@dataclass
class Rule:
    """What is done with requests whose `METHOD path` matches.

    Attributes:
        times: How often; None for always.
        seen: How many requests it was applied to.
    """

    pattern: re.Pattern[str]
    fault: Fault
    times: int | None = None
    seen: int = 0

    def takes(self, request: str) -> bool:
        """Whether the rule is for this request."""
        is_left = self.times is None or self.seen < self.times
        return is_left and self.pattern.search(request) is not None


@dataclass(frozen=True)
class Request:
    """A request as it came in."""

    text: str
    is_conditional: bool


@dataclass
class FaultProxy:
    """Passes requests on to `upstream` (a URL), except for those that a rule takes."""

    upstream_url: str
    requests: list[Request] = field(default_factory=list)
    _rules: list[Rule] = field(default_factory=list)
    _change: Condition = field(default_factory=Condition)

    def __post_init__(self) -> None:
        parts = urlsplit(self.upstream_url)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        """The URL of the proxy."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(self, pattern: str, fault: Fault, times: int | None = None) -> Rule:
        """Apply a fault to requests whose `METHOD path` matches; the first rule that takes wins."""
        rule = Rule(re.compile(pattern), fault, times)
        with self._change:
            self._rules.append(rule)
        return rule

    def forget(self) -> None:
        """Drop all rules and all requests that were seen."""
        with self._change:
            self._rules.clear()
            self.requests.clear()

    def wait_for(self, rule: Rule, count: int, seconds: float) -> None:
        """Wait until a rule was applied to so many requests."""
        with self._change:
            if not self._change.wait_for(lambda: rule.seen >= count, seconds):
                raise TimeoutError(f"{rule.seen} of {count} requests {rule.pattern.pattern}")

    def seen(self, pattern: str) -> list[Request]:
        """The requests that matched, in the order in which they came."""
        with self._change:
            return [one for one in self.requests if re.search(pattern, one.text)]

    def take(self, exchange: Exchange) -> None:
        """Do with a request what the rules say."""
        text = str(exchange)
        with self._change:
            self.requests.append(Request(text, exchange.headers.get("If-None-Match") == "*"))
            rule = next((one for one in self._rules if one.takes(text)), None)
            if rule is not None:
                rule.seen += 1
                self._change.notify_all()
        try:
            (rule.fault if rule else pass_on)(exchange)
        except (OSError, HTTPException):
            exchange.reset()  # the service is gone, or the client


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # clients keep connections open for as long as they live
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for an acknowledgement
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass

    def exchange(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b"".join(iter(self.chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.proxy.take(Exchange(self, body))

    def chunk(self) -> bytes:
        """The next part of a body whose length is not told before; empty at its end."""
        size = int(self.rfile.readline().partition(b";")[0], 16)
        content = self.rfile.read(size)
        self.rfile.readline()
        return content

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = exchange  # noqa: N815 - http.server's names
