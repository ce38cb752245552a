"""Waiting for what happens by itself: until it is so, not for a time."""

from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any

WAIT_SECONDS = 300.0


def wait_until(is_true: Callable[[], Any], what: str, seconds: float = WAIT_SECONDS) -> Any:
    """Ask again and again until the answer is true; the answer."""
    pause, deadline = Event(), monotonic() + seconds
    while not (answer := is_true()):
        assert monotonic() < deadline, f"after {seconds:.0f} s still not: {what}"
        pause.wait(0.3)
    return answer
