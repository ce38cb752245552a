"""Services of an embedded Headrace that are away for a while."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event

import psutil

from tests.embedded import Embedded
from tests.waiting import wait_until


@contextmanager
def away(stack: Embedded, *names: str, seconds: float = 0.0) -> Iterator[None]:
    """Services are ended by kill -9 and started again no sooner than after so many seconds.

    The supervisor stands still meanwhile. On leaving, they are there again.
    """
    supervisor = stack.state().supervisor()
    assert supervisor is not None
    supervisor.suspend()
    try:
        before = {name: kill(stack, name) for name in names}
        yield
        pass_time(seconds)
    finally:
        supervisor.resume()
    for name, pid in before.items():
        wait_until(lambda name=name, pid=pid: is_back(stack, name, pid), f"{name} is back")


def kill(stack: Embedded, name: str) -> int:
    """End a service's process as the kernel does when memory runs out; its process id."""
    service = next(one for one in stack.state().services if one.name == name)
    assert service.pid is not None
    psutil.Process(service.pid).kill()
    return service.pid


def is_back(stack: Embedded, name: str, old: int) -> bool:
    """Whether another process of a service answers."""
    service = next(one for one in stack.state().services if one.name == name)
    return service.is_fine and service.pid not in (None, old)


def pass_time(seconds: float) -> None:
    """How long an outage lasts is the fault itself; nothing else waits for a time."""
    Event().wait(seconds)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process, this one, holds an SQLite database for itself."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


def has_ended(process: psutil.Process) -> bool:
    """Whether a process is gone; one that only the machine or the test has to collect is."""
    with suppress(psutil.NoSuchProcess):
        is_zombie = process.status() == psutil.STATUS_ZOMBIE
        return not process.is_running() or (is_zombie and process.ppid() in (1, os.getpid()))
    return True
