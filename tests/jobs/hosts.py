"""A job host as it is run: a process and a socket."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic

import headrace_jobs
from tests.projects import CHECKOUT

SUBMITTED = Path(headrace_jobs.__file__).parent / "submitted" / "job.py"
"""What spark-submit is given."""


def until(is_true: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for something while a process lives."""
    pause, deadline = Event(), monotonic() + 180
    while not is_true():
        assert monotonic() < deadline
        assert process.poll() is None
        pause.wait(0.05)


@contextmanager
def job_host(
    connect_url: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A host whose jobs attach to a Spark Connect server; its process and its socket."""
    path = folder / "host.sock"
    given = {
        **os.environ,
        "HEADRACE_PROJECT": str(CHECKOUT),
        "SPARK_REMOTE": connect_url,
        "HOME": str(folder),
        **(environment or {}),
    }
    given.pop("SPARK_CONNECT_MODE_ENABLED", None)
    with (folder / "host.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "headrace_jobs", "host", "--socket", path],
            env=given,
            stderr=log,
            stdout=log,
            cwd=folder,
            start_new_session=True,
        )
    try:
        until(path.exists, process)
        yield process, path
    finally:
        process.kill()
        process.wait()
