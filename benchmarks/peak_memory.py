"""The most memory that a stack's processes take together."""

import threading
from pathlib import Path

import psutil

SECONDS_BETWEEN = 3.0


def taken(home: Path) -> int:
    """Bytes of all processes that were started for `home`; shared pages are counted once (PSS)."""
    total = 0
    for process in psutil.process_iter():
        try:
            if process.environ().get("HEADRACE_HOME") == str(home):
                total += process.memory_full_info().pss
        except psutil.Error:
            continue  # it has just ended
    return total


class PeakMemory:
    """Watches a block from a thread of its own.

    Attributes:
        bytes: The most that was seen.
    """

    def __init__(self, home: Path) -> None:
        self.home, self.bytes, self.is_over = home, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        """Look again and again until the block ends."""
        while not self.is_over.is_set():
            self.bytes = max(self.bytes, taken(self.home))
            self.is_over.wait(SECONDS_BETWEEN)

    def __enter__(self) -> "PeakMemory":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()
