"""Chooses free loopback ports, the same as last time where they still are free."""

import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """The ports of one stack."""

    airflow: int
    execution: int
    connect: int


PREFERRED = Ports(airflow=8080, execution=8081, connect=15002)
"""What people expect; another free port is taken where one of these is in use."""


def choose(previous: Mapping[str, int]) -> Ports:
    """A free port for each service: last time's, else the usual one, else any."""
    chosen: dict[str, int] = {}
    for name, usual in asdict(PREFERRED).items():
        candidates = (previous.get(name), usual)
        free = [
            port for port in candidates if port and port not in chosen.values() and is_free(port)
        ]
        chosen[name] = free[0] if free else _any_free(set(chosen.values()))
    return Ports(**chosen)


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
