"""MLflow's own pages over the registry: to look at, by those who have a password.

MLflow finds this application by its entry point `mlflow.app`. Whoever may write to MLflow may name
any folder of the machine as a place for files; so nothing passes here that writes, and nothing that
a page of another origin sends.
"""

import json
import os
import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, MutableMapping
from hmac import compare_digest
from pathlib import Path
from typing import Any

from mlflow.server.fastapi_app import app as pages

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOGIN, HOSTS = "HEADRACE_PAGES_LOGIN", "HEADRACE_PAGES_HOSTS"
"""A JSON file of users and their passwords; and `host:port`, separated by commas, as browsers ask."""

READING = ("GET", "HEAD")
QUESTIONS = re.compile(r"/ajax-api/[0-9.]+/mlflow/[a-z-]+/(search|get-history-bulk-interval)")
"""What the pages ask by POST."""

FRAMES = "frame-ancestors 'none'"


class LookOnly:
    """An application of which only answers to questions are seen, and only by those who log in.

    Attributes:
        passwords: Of each user.
        hosts: Names under which it is asked for; anything else is somebody else's page.
    """

    def __init__(
        self, application: Application, passwords: dict[str, str], hosts: frozenset[str]
    ) -> None:
        self.application = application
        self.passwords = passwords
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say why not."""
        if scope["type"] == "lifespan":
            await self.application(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif (refusal := self.refusal(scope)) is not None:
            await refuse(send, *refusal)
        else:
            await self.application(scope, receive, framed_by_none(send))

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason, unless the question is one that may be asked."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        if headers.get("host") not in self.hosts:
            return 403, "Unknown host."
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] not in self.hosts:
            return 403, "Asked by a page of another origin."
        if not self.is_known(headers.get("authorization", "")):
            return 401, "Log in as for Airflow."
        is_question = scope["method"] == "POST" and QUESTIONS.fullmatch(scope["path"])
        if scope["method"] not in READING and not is_question:
            return 405, "The registry is shown here and changed by jobs alone."
        return None

    def is_known(self, authorization: str) -> bool:
        """Whether the header names a user and the password of theirs."""
        kind, _, encoded = authorization.partition(" ")
        if kind.lower() != "basic":
            return False
        try:
            user, _, password = b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return False
        expected = self.passwords.get(user, "")
        return bool(expected) and compare_digest(password.encode(), expected.encode())


async def refuse(send: Send, status: int, reason: str) -> None:
    """Say no."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="Headrace", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})


def framed_by_none(send: Send) -> Send:
    """The same answers; no page of others may show them within itself."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = (b"content-security-policy", FRAMES.encode())
            message = {**message, "headers": [*message.get("headers", ()), own]}
        await send(message)

    return sent


def guarded() -> LookOnly:
    """MLflow's pages with the login and the hosts of the environment."""
    passwords: dict[str, str] = json.loads(Path(os.environ[LOGIN]).read_text())
    return LookOnly(pages, passwords, frozenset(os.environ[HOSTS].split(",")))
