"""Ports are free, different, and the same again where they can be."""

import socket
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from headrace_launcher.errors import FolderTaken
from headrace_launcher.services.ports import LOOPBACK, HeldPorts, choose, is_free


@pytest.fixture
def held(tmp_path: Path) -> Iterator[HeldPorts]:
    ports = HeldPorts(tmp_path)
    yield ports
    ports.close()


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


def test_previous_port_is_kept_when_it_is_free(held: HeldPorts):
    with listening() as server:
        port = server.getsockname()[1]
    assert choose({"airflow": port}, held).airflow == port


def test_another_port_is_chosen_when_the_previous_is_taken(held: HeldPorts):
    with listening() as server:
        port = server.getsockname()[1]
        chosen = choose({"execution": port}, held)
        assert chosen.execution != port
        assert is_free(chosen.execution)


def test_ports_differ_when_the_previous_ones_were_equal(held: HeldPorts):
    with listening() as server:
        port = server.getsockname()[1]
    chosen = choose({"airflow": port, "execution": port, "connect": port}, held)
    assert len(set(asdict(chosen).values())) == 3


def test_folder_of_locks_is_refused_when_it_leads_elsewhere(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "locks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FolderTaken):
        HeldPorts(tmp_path / "locks").hold(8080)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_projects_get_different_ports_when_none_listens_yet(held: HeldPorts, tmp_path: Path):
    first = set(asdict(choose({}, held)).values())
    other = HeldPorts(tmp_path)
    assert not first & set(asdict(choose({}, other)).values())
    held.close()
    assert all(other.hold(port) for port in first)
    other.close()
