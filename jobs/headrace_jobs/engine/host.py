"""The job host: a process that has imported everything and forks a child for each job.

Purpose: a job's imports cost seconds, its work often one. How it works: one JSON line
`{"job_dir": ...}` on a Unix socket, one back with the child's process id, once the child leads a
process group of its own. The child attaches to Spark Connect, does the job and ends, so that no
job finds anything another one left. What it does not do: wait, queue or judge; who asks reads the
job's directory.

Known limit: gRPC does not survive a fork once a channel is open or a thread runs. So this process
opens none: everything that talks to a server happens in the children.
"""

import gc
import json
import logging
import os
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from headrace_schemas.errors import HeadraceError
from headrace_schemas.wire.jobs import JOBS

LOG = logging.getLogger(__name__)

LIBRARIES = (
    "pyspark.sql.connect.session",
    "pyspark.sql.functions",
    "pandas",
    "pyarrow.parquet",
    "arro3.core",
    "deltalake",
    "great_expectations",
    "mlflow",
    "xgboost",
    "sklearn.metrics",
    "headrace_jobs.engine.runner",
)
"""What jobs import, beside their own modules."""

REAP_SECONDS = 0.2
REQUEST_SECONDS = 5.0
END_SECONDS = 5.0
LONGEST_REQUEST = 65_536


def serve(path: Path) -> int:
    """Answer on the socket at `path` until SIGTERM; then end all children."""
    preload()
    gc.collect()
    gc.freeze()  # shared pages stay shared: a child's collector does not touch them
    host = Host(listen(path))
    signal.signal(signal.SIGTERM, host.stop)
    signal.signal(signal.SIGINT, host.stop)
    LOG.info("job host %s: ready on %s", os.getpid(), path)
    try:
        host.run()
    finally:
        path.unlink(missing_ok=True)
    return 0


def preload() -> None:
    """Import what jobs import; what cannot be is left to the job's own report."""
    for module in LIBRARIES:
        import_module(module)
    try:
        for job in map(JOBS.named, JOBS.names()):
            JOBS.code(job, job.run)
    except HeadraceError as error:
        LOG.warning("not every job is warm: %s", error)


def listen(path: Path) -> socket.socket:
    """A socket that only its owner can reach; one that a dead host left is replaced."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(64)
    listener.settimeout(REQUEST_SECONDS)
    return listener


class Host:
    """Accepts requests and keeps account of the children."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.children: dict[int, Path] = {}
        self.is_stopping = False

    def stop(self, *_: object) -> None:
        """Take no further job."""
        self.is_stopping = True

    def run(self) -> None:
        """Accept and reap until asked to stop."""
        with selectors.DefaultSelector() as selector, self.listener:
            selector.register(self.listener, selectors.EVENT_READ)
            while not self.is_stopping:
                if selector.select(REAP_SECONDS):
                    self.accept()
                self.reap()
        self.end_children()

    def end_children(self) -> None:
        """Ask the jobs that still run to end, then make them."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.children:
                with suppress(ProcessLookupError):
                    os.killpg(pid, number)
            deadline = time.monotonic() + END_SECONDS
            while self.children and time.monotonic() < deadline:
                time.sleep(0.05)
                self.reap()

    def accept(self) -> None:
        """Answer one request; a bad one is answered with what is wrong with it."""
        try:
            connection, _ = self.listener.accept()
        except TimeoutError:
            return
        with connection:
            connection.settimeout(REQUEST_SECONDS)
            try:
                answer = self.answer(request(connection))
            except (OSError, ValueError) as error:
                LOG.warning("refused a request: %s", error)
                answer = {"error": str(error)}
            with suppress(OSError):  # who asked has gone; the job's directory tells the rest
                connection.sendall(json.dumps(answer).encode() + b"\n")

    def answer(self, line: bytes) -> dict[str, Any]:
        """Start the job that a request names; a ping is only answered.

        Raises:
            ValueError: The request cannot be read, or there is no such job.
        """
        content = json.loads(line or b"{}")
        if content == {"ping": True}:
            return {"pid": os.getpid()}
        return {"pid": self.start(job_dir(content))}

    def start(self, directory: Path) -> int:
        """Fork a child for the job of `directory`; its process id, once it leads its group."""
        ready, child_ready = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            self.listener.close()
            be_the_job(directory, child_ready)
        os.close(child_ready)
        with os.fdopen(ready, "rb") as pipe:
            pipe.read(1)
        self.children[pid] = directory
        LOG.info("job %s: process %s", directory.name, pid)
        return pid

    def reap(self) -> None:
        """Write down how children ended, so that nobody waits for them."""
        for pid in list(self.children):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                directory = self.children.pop(pid)
                code = os.waitstatus_to_exitcode(status)
                LOG.info("job %s: ended with %s", directory.name, code)
                try:
                    replace_text(directory / "rc", str(code))
                except OSError as error:  # cleaned away while it ran, or the disk is full
                    LOG.warning("job %s: %s", directory.name, error)


def request(connection: socket.socket) -> bytes:
    """One line."""
    with connection.makefile("rb") as stream:
        return stream.readline(LONGEST_REQUEST)


def job_dir(content: object) -> Path:
    """The directory that a request names.

    Raises:
        ValueError: It names none, or there is no such job.
    """
    named = content.get("job_dir") if isinstance(content, dict) else None
    if not named:
        raise ValueError('a request is one line: {"job_dir": "<directory with spec.json>"}')
    directory = Path(str(named))
    if not (directory / "spec.json").is_file():
        raise ValueError(f"{directory}: there is no spec.json")
    return directory


def be_the_job(directory: Path, ready: int) -> NoReturn:
    """In the child: lead a process group, log into the directory, do the job, end."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        log = os.open(directory / "job.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        replace_text(directory / "pid", str(os.getpid()))
        os.close(ready)
        from headrace_jobs.engine.runner import run_job

        code = run_job(directory)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # not sys.exit: the parent's exit handlers are not the child's


def replace_text(file: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or the one before."""
    draft = file.with_name(f"{file.name}.new")
    draft.write_text(text)
    draft.replace(file)
