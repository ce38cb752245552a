"""The process that keeps a home's services running, from `headrace up` until `headrace down`.

It starts each service when those before it are ready, writes down how all are, starts again what
died or hangs, and on SIGTERM stops everything in reverse order, jobs included. One supervisor runs
per home; what a killed one left behind is cleared away by the next.
"""

import fcntl
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TextIO

import psutil

from headrace_launcher.services import processes
from headrace_launcher.services.keeper import Keeper, RestartPolicy
from headrace_launcher.services.ports import Ports
from headrace_launcher.services.services import Service
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.state import Phase, StackState, Status, read_state, write_state

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2


class Supervisor:
    """Runs services until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        services: Sequence[Service],
        ports: Ports,
        policy: RestartPolicy | None = None,
    ) -> None:
        self._settings = settings
        self._ports = ports
        self._executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="probe")
        self._keepers = [
            Keeper(service, settings.logs, policy or RestartPolicy(), self._executor)
            for service in services
        ]
        self._phase = Phase.STARTING
        self._started_at = datetime.now(UTC)
        self._created_at = psutil.Process().create_time()
        self._written: StackState | None = None
        self._stop = threading.Event()

    def run(self) -> None:
        """Start the services and keep them running; returns when all of them are stopped."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            while not self._stop.wait(TICK_SECONDS):
                self._tick()
                self._publish()
        finally:
            self._shut_down()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        log.info("signal %d: stopping", number)
        self._stop.set()

    def _tick(self) -> None:
        status = {keeper.service.name: keeper.status for keeper in self._keepers}
        for keeper in self._keepers:
            keeper.tick(time.monotonic(), status)
        if self._phase is Phase.STARTING and all(
            keeper.status in (Status.READY, Status.DONE) for keeper in self._keepers
        ):
            self._phase = Phase.RUNNING
            log.info("all services are ready")

    def _publish(self) -> None:
        state = StackState(
            phase=self._phase,
            supervisor_pid=os.getpid(),
            supervisor_created_at=self._created_at,
            started_at=self._started_at,
            ports=asdict(self._ports),
            services=tuple(keeper.state() for keeper in self._keepers),
        )
        if state == self._written:
            return
        try:
            write_state(self._settings.state_file, state)
        except OSError:  # a full disk is no reason to stop the services
            log.exception("the state could not be written")
            return
        self._written = state

    def _shut_down(self) -> None:
        self._phase = Phase.STOPPING
        self._publish()
        scheduler, *others = reversed(self._keepers)
        scheduler.stop()
        # Its jobs lead sessions of their own and outlive it. They end before the engines that they
        # use, or they would report failures that are none.
        self._kill_strays()
        for keeper in others:
            keeper.ask_to_end()
        for keeper in others:
            keeper.stop()
            self._publish()
        self._kill_strays()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._phase = Phase.STOPPED
        self._publish()
        log.info("all services are stopped")

    def _kill_strays(self) -> None:
        """End what belongs to the home and to no service that still runs."""
        sessions = {keeper.pid for keeper in self._keepers if keeper.pid is not None}
        processes.kill(
            process
            for process in processes.marked(self._settings.home)
            if processes.session_of(process) not in sessions
        )


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Waits until nobody else is within, by a lock that ends with its process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hold_lock(path: Path) -> TextIO | None:
    """The lock of a home's only supervisor, held while the file is open; None when taken."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def clear_leftovers(settings: Settings) -> int:
    """End every process of a home that no supervisor watches; returns how many there were."""
    left = {process.pid: process for process in processes.marked(settings.home)}
    state = read_state(settings.state_file)
    for service in state.services if state else ():
        if service.pid is None or service.created_at is None:
            continue
        for process in _session_of(service.pid, service.created_at):
            left[process.pid] = process
    processes.kill(left.values())
    return len(left)


def _session_of(leader: int, created_at: float) -> list[psutil.Process]:
    """The processes of a service's session, unless the number leads another session by now."""
    try:
        if abs(psutil.Process(leader).create_time() - created_at) > 1.0:
            return []
    except psutil.NoSuchProcess:
        pass  # the number is not given away while the session has members
    return processes.in_session(leader)
