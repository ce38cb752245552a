"""Ports are free, different, and the same again where they can be."""

import socket
from dataclasses import asdict

from headrace_launcher.services.ports import LOOPBACK, choose, is_free


def listening() -> socket.socket:
    return socket.create_server((LOOPBACK, 0))


def test_port_is_not_free_when_a_server_listens():
    with listening() as server:
        port = server.getsockname()[1]
        assert not is_free(port)
    assert is_free(port)


def test_port_is_not_free_when_a_server_listens_on_all_addresses():
    with socket.create_server(("", 0)) as server:
        assert not is_free(server.getsockname()[1])


def test_previous_port_is_kept_when_it_is_free():
    with listening() as server:
        port = server.getsockname()[1]
    assert choose({"airflow": port}).airflow == port


def test_another_port_is_chosen_when_the_previous_is_taken():
    with listening() as server:
        port = server.getsockname()[1]
        chosen = choose({"execution": port})
        assert chosen.execution != port
        assert is_free(chosen.execution)


def test_ports_differ_when_the_previous_ones_were_equal():
    with listening() as server:
        port = server.getsockname()[1]
    chosen = choose({"airflow": port, "execution": port, "connect": port})
    assert len(set(asdict(chosen).values())) == 3
