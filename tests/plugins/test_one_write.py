"""Changes wait for each other, and for nobody who sends slowly."""

import asyncio
from typing import Any

from headrace_airflow.engine.one_write import OneWriteAtATime

HTTP = {"type": "http"}


class App:
    """Says who is in it, and lets them out when told."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self.most = 0
        self.bodies: list[bytes] = []
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside.append(scope["name"])
        self.most = max(self.most, len(self.inside))
        body, more = b"", scope["method"] != "GET"
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        self.bodies.append(body)
        await self.go.wait()
        self.inside.remove(scope["name"])


class Client:
    """Sends a body in parts."""

    def __init__(self, *parts: bytes) -> None:
        self.messages: asyncio.Queue[Any] = asyncio.Queue()
        for number, part in enumerate(parts, 1):
            more = number < len(parts)
            self.messages.put_nowait({"type": "http.request", "body": part, "more_body": more})

    async def receive(self) -> Any:
        return await self.messages.get()


async def sent(_: Any) -> None:
    pass


async def settled() -> None:
    """All tasks have come as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


def request(name: str, method: str = "POST") -> dict[str, Any]:
    return {**HTTP, "method": method, "name": name}


def test_second_change_waits_until_the_first_is_answered() -> None:
    async def both() -> App:
        app = App()
        guarded = OneWriteAtATime(app)
        tasks = [
            asyncio.create_task(guarded(request(name), Client(b"a", b"b").receive, sent))
            for name in ("first", "second")
        ]
        await settled()
        assert app.inside == ["first"]
        app.go.set()
        await asyncio.gather(*tasks)
        return app

    app = asyncio.run(both())
    assert (app.most, app.bodies) == (1, [b"ab", b"ab"])


def test_reading_and_slow_senders_keep_nobody_waiting() -> None:
    async def all_three() -> None:
        app = App()
        guarded = OneWriteAtATime(app)
        slow = Client()
        tasks = [
            asyncio.create_task(guarded(request("slow"), slow.receive, sent)),
            asyncio.create_task(guarded(request("quick"), Client(b"q").receive, sent)),
            asyncio.create_task(guarded(request("reader", "GET"), Client().receive, sent)),
        ]
        await settled()
        assert sorted(app.inside) == ["quick", "reader"]
        app.go.set()
        await asyncio.gather(*tasks[1:])
        slow.messages.put_nowait({"type": "http.request", "body": b"s"})
        await tasks[0]
        assert app.bodies[-1] == b"s"

    asyncio.run(all_three())


def test_change_is_answered_after_another_failed() -> None:
    async def both() -> list[Any]:
        async def fails(scope: Any, receive: Any, send: Any) -> None:
            raise RuntimeError(scope["name"])

        guarded = OneWriteAtATime(fails)
        calls = [guarded(request(name), Client(b"").receive, sent) for name in ("one", "two")]
        return await asyncio.gather(*calls, return_exceptions=True)

    assert [str(error) for error in asyncio.run(both())] == ["one", "two"]
