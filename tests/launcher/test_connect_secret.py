"""A Connect server's token is worth something only while its own process holds the port."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace_launcher.spark.connect_secret import ConnectSecret
from headrace_schemas.wire.spark_settings import CONNECT_PROOF

LISTENS = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def listener(port: int = 0) -> Iterator[tuple[int, int]]:
    """A process in a session of its own that listens; its process id and its port."""
    command = [sys.executable, "-c", LISTENS, str(port)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.stdin.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made"


def secret(folder: Path, port: int) -> ConnectSecret:
    folder.mkdir(exist_ok=True)
    return ConnectSecret(folder / "told", folder / "conf" / "spark.conf", "a 1\n", port)


def test_clients_are_told_when_the_server_holds_its_port(folder: Path) -> None:
    with listener() as (pid, port):
        made = secret(folder, port)
        token = made.make()["SPARK_CONNECT_AUTHENTICATE_TOKEN"]
        assert not made.file.exists()
        assert made.tell(pid)
    told, proof = made.file.read_text().split()
    assert told == token != proof
    assert made.configuration.read_text() == f"a 1\n{CONNECT_PROOF} {proof}\n"
    for file in (made.file, made.configuration):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_nobody_is_told_when_another_process_holds_the_port(folder: Path) -> None:
    with listener() as (_, port), listener() as (server, _):
        made = secret(folder, port)
        made.make()
        assert not made.tell(server)
        assert not made.file.exists()


def test_token_and_proof_are_others_when_the_server_starts_again(folder: Path) -> None:
    with listener() as (pid, port):
        made = secret(folder, port)
        made.make()
        assert made.tell(pid)
        before = made.file.read_text()
        made.make()
        assert not made.file.exists()
        assert made.tell(pid)
    assert not set(before.split()) & set(made.file.read_text().split())
    assert before.split()[1] not in made.configuration.read_text()
    made.forget()
    assert not made.file.exists()
