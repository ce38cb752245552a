"""Starts processes in sessions of their own and ends them with all that they started.

A service leads a session, so its descendants are found by it even after the leader died. Every
process of a stack also carries a mark in its environment: jobs leave their service's session on
purpose, and the mark finds them.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import psutil

MARK = "HEADRACE_SUPERVISED"
"""Environment variable that every process of a stack inherits; its value is the stack's home."""

KILL_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.05


def start(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start a command as leader of a new session, writing to a log."""
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that ended and was not collected yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def find(pid: int, created_at: float) -> psutil.Process | None:
    """The live process with this id that was created then; ids are used again."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created_at) < 1.0
    except psutil.NoSuchProcess:
        return None
    return process if same and is_alive(process) else None


def in_session(leader: int) -> list[psutil.Process]:
    """The live processes of the session that a process leads or led."""
    return [
        process
        for process in psutil.process_iter()
        if session_of(process) == leader and is_alive(process)
    ]


def session_of(process: psutil.Process) -> int | None:
    """The session a process is in; None when it has ended or may not be asked."""
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def marked(home: Path) -> list[psutil.Process]:
    """The live processes that belong to the stack of a home."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(home) and is_alive(process):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
    return found


def end(processes: Iterable[psutil.Process], grace_seconds: float) -> None:
    """Ask processes to end; end those by force that have not done so in time."""
    alive = [process for process in processes if _signal(process, psutil.Process.terminate)]
    alive = wait_gone(alive, grace_seconds)
    for process in alive:
        _signal(process, psutil.Process.kill)
    wait_gone(alive, KILL_SECONDS)


def kill(processes: Iterable[psutil.Process]) -> None:
    """End processes by force and wait until they are gone."""
    alive = [process for process in processes if _signal(process, psutil.Process.kill)]
    wait_gone(alive, KILL_SECONDS)


def wait_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until processes have ended; returns those that have not."""
    # psutil.wait_procs takes an ended process of another parent for alive until it is collected.
    deadline = time.monotonic() + seconds
    alive = [process for process in processes if is_alive(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_SECONDS)
        alive = [process for process in alive if is_alive(process)]
    return alive


def _signal(process: psutil.Process, send: Callable[[psutil.Process], None]) -> bool:
    try:
        send(process)
    except psutil.NoSuchProcess:
        return False
    return True
