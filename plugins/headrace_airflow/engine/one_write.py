"""One change at a time through Airflow's pages and API, where its database is SQLite.

Airflow writes its audit log on the event loop. Where a second change does so while the first one
holds SQLite's lock, the loop stands still until SQLite gives up, for half a minute: the first one
needs the loop to commit. PostgreSQL locks rows, and has no need of this.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

READING = frozenset({"GET", "HEAD", "OPTIONS"})


class OneWriteAtATime:
    """ASGI middleware: requests that may change something wait for each other.

    A request's body is read before it waits: a client that sends slowly keeps nobody else waiting.
    """

    def __init__(self, app: Application) -> None:
        self.app = app
        self.turn = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] in READING:
            await self.app(scope, receive, send)
            return
        body = await whole_body(receive)
        async with self.turn:
            await self.app(scope, replayed(body, receive), send)


async def whole_body(receive: Receive) -> list[Message]:
    """All messages of a request's body, or those until its client went away."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def replayed(messages: list[Message], receive: Receive) -> Receive:
    """Gives messages that were received already, then what comes."""
    waiting = iter(messages)

    async def give() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return give
