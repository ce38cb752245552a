"""Chooses free loopback ports, the same as last time where they still are free.

A service listens seconds after its port was chosen. So a port is held by a lock for as long as its
supervisor lives: two projects of one user that start at once choose different ones.
"""

import fcntl
import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from headrace_launcher.errors import FolderTaken

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """The ports of one stack."""

    airflow: int
    execution: int
    connect: int


PREFERRED = Ports(airflow=8080, execution=8081, connect=15002)
"""What people expect; another free port is taken where one of these is in use."""


class HeldPorts:
    """Ports that no other supervisor of this user takes, until this is closed or its process ends."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"headrace-{os.getuid()}-ports"
        self._locks: list[IO[str]] = []

    def hold(self, port: int) -> bool:
        """Take a port unless another holds it; whether it is this one's now.

        Raises:
            FolderTaken: Another user has made the folder of locks.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if self._folder.is_symlink() or self._folder.stat().st_uid != os.getuid():
            raise FolderTaken(str(self._folder))
        lock = (self._folder / str(port)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._locks.append(lock)
        return True

    def close(self) -> None:
        """Let go of all of them."""
        while self._locks:
            self._locks.pop().close()


def choose(previous: Mapping[str, int], held: HeldPorts) -> Ports:
    """A free port for each service: last time's, else the usual one, else any."""
    chosen: dict[str, int] = {}
    for name, usual in asdict(PREFERRED).items():
        candidates = (previous.get(name), usual)
        free = (
            port
            for port in candidates
            if port and port not in chosen.values() and is_free(port) and held.hold(port)
        )
        chosen[name] = next(free, None) or _any_held(set(chosen.values()), held)
    return Ports(**chosen)


def _any_held(taken: set[int], held: HeldPorts) -> int:
    while True:
        port = _any_free(taken)
        if held.hold(port):
            return port


def free_port(usual: int) -> int:
    """The usual port, if it is free; else any."""
    return usual if is_free(usual) else _any_free(set())


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a predecessor that are still closing are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _any_free(taken: set[int]) -> int:
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port
