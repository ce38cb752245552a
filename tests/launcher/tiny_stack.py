"""Tiny real services under a real supervisor, and how tests look at them."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from headrace_launcher.services import stack
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.state import ServiceState, StackState, read_state

SUPERVISOR = Path(__file__).with_name("tiny_supervisor.py")


def until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait until a condition holds, looking again and again; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        pause.wait(0.05)


class TinyStack:
    """Brings services of `tiny_supervisor.py` up and looks at them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.told: list[StackState] = []

    def up(self, *services: str) -> StackState:
        command = (sys.executable, str(SUPERVISOR), *services)
        return stack.bring_up(self.settings, self.told.append, command)

    def down(self) -> int:
        return stack.bring_down(self.settings, self.told.append)

    def state(self) -> StackState:
        state = read_state(self.settings.state_file)
        assert state is not None
        return state

    def service(self, name: str) -> ServiceState:
        return next(service for service in self.state().services if service.name == name)

    def pid(self, name: str) -> int:
        pid = self.service(name).pid
        assert pid is not None
        return pid

    def is_back(self, name: str, restarts: int = 1) -> bool:
        service = self.service(name)
        return service.is_fine and service.restarts >= restarts

    def noted_pid(self, file_name: str) -> int:
        """A process id that a service wrote into the home."""
        return int((self.settings.home / file_name).read_text())
