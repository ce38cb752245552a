"""The job host: real forks, real sockets, jobs that end in any way."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import pytest

ROOT = Path(__file__).parents[2]


class Running:
    """A host in a forked process of its own; what jobs do is decided by the test."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(self, line: bytes) -> dict:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.path))
            client.sendall(line + b"\n")
            return json.loads(client.makefile().readline())

    def is_there(self) -> bool:
        with suppress(OSError):
            return "pid" in self.ask(b'{"ping": true}')
        return False

    def start(self, directory: Path) -> int:
        (directory / "spec.json").write_text("{}")
        return self.ask(json.dumps({"job_dir": str(directory)}).encode())["pid"]


@pytest.fixture
def running(tmp_path) -> Iterator[Running]:
    """The loop itself, in a process that nothing else is in."""
    path = tmp_path / "host.sock"
    command = [sys.executable, "-m", "tests.jobs.host_loop", str(path)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        loop = Running(path)
        until(lambda: process.poll() is None and loop.is_there())
        yield loop
        process.terminate()
    assert process.returncode == 0


def until(is_true, seconds: float = 20.0) -> None:
    pause, deadline = Event(), monotonic() + seconds
    while not is_true():
        assert monotonic() < deadline
        pause.wait(0.05)


def job(tmp_path: Path, what: str) -> Path:
    directory = tmp_path / what
    directory.mkdir()
    (directory / "what").write_text(what)
    return directory


@pytest.mark.parametrize(("what", "code"), [("succeed", "0"), ("fail", "1"), ("crash", "-9")])
def test_exit_code_is_written_when_a_job_ends(running, tmp_path, what, code):
    directory = job(tmp_path, what)
    pid = running.start(directory)
    until((directory / "rc").exists)
    assert (directory / "rc").read_text() == code
    assert (directory / "pid").read_text() == str(pid)
    assert "working" in (directory / "job.log").read_text()


def test_job_leads_its_group_when_it_is_answered(running, tmp_path):
    directory = job(tmp_path, "wait")
    pid = running.start(directory)
    assert os.getpgid(pid) == pid
    os.killpg(pid, signal.SIGTERM)
    until((directory / "rc").exists)
    assert (directory / "rc").read_text() == "-15"


@pytest.mark.parametrize("line", [b"", b"[]", b"{", b'{"job_dir": 3}', b'{"job_dir": "/none"}'])
def test_request_is_refused_when_it_names_no_job(running, line):
    assert "error" in running.ask(line)
    assert "pid" in running.ask(b'{"ping": true}')


def test_socket_is_its_owners_when_it_listens(running):
    assert running.path.stat().st_mode & 0o077 == 0


def test_host_answers_many_when_they_ask_at_once(running, tmp_path):
    directories = [job(tmp_path, "succeed").rename(tmp_path / f"job{n}") for n in range(8)]
    threads = [Thread(target=running.start, args=[one]) for one in directories]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    for one in directories:
        until((one / "rc").exists)
        assert (one / "rc").read_text() == "0"
