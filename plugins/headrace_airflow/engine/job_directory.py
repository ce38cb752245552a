"""The directory in which the two runtimes meet: what is asked, what runs, what came back.

`spec.json` is written here before the job starts; the job's side writes `pid`, `job.log`, and last
of all, in one rename, `report.json`. `rc` is the exit code of a job that spark-submit ran.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from headrace_schemas.wire.jobs import read_report
from headrace_schemas.wire.report import JobReport

Status = Literal["RUNNING", "SUCCEEDED", "FAILED", "LOST"]

LONGEST_LINE = 4000
"""Characters of one log line that reach the task log."""

KILL_SECONDS = 3.0
"""How long a job may take to end by itself; Airflow kills the asking task after 5 s."""


@dataclass(frozen=True)
class JobDirectory:
    """One attempt at one job.

    Known limit: pid and files are local, so whoever asks and whoever runs share a machine.
    """

    path: Path

    @classmethod
    def create(cls, path: Path, spec_json: str) -> "JobDirectory":
        """Make the directory and say what is asked."""
        path.mkdir(parents=True, mode=0o700)
        (path / "spec.json").write_text(spec_json, encoding="utf-8")
        return cls(path)

    @property
    def log(self) -> Path:
        """What the job prints."""
        return self.path / "job.log"

    def spec_json(self) -> str:
        """What was asked."""
        return (self.path / "spec.json").read_text(encoding="utf-8")

    def report(self) -> JobReport | None:
        """What came back, of the job's own class; None as long as nothing did.

        Raises:
            ValidationError: It is not what the job reports: another release wrote it.
        """
        try:
            text = (self.path / "report.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        report: JobReport = read_report(text)
        return report

    def note_pid(self, pid: int) -> None:
        """Write the job's process down, at once: nobody may read half a number."""
        partial = self.path / "pid.new"
        partial.write_text(str(pid))
        partial.replace(self.path / "pid")

    def pid(self) -> int | None:
        """Leader of the job's process group; None before it starts."""
        try:
            return int((self.path / "pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def is_alive(self) -> bool:
        """Whether the job's process exists and has not ended."""
        pid = self.pid()
        if pid is None or (self.path / "rc").exists():
            return False
        reap(pid)
        try:
            # The leader of its own group: a pid that another program got since is hardly one.
            return os.getpgid(pid) == pid
        except ProcessLookupError:
            return False

    def status(self) -> Status:
        """How the job stands."""
        alive = self.is_alive()  # before the report: a job that ends in between has written one
        try:
            report = self.report()
        except ValidationError:
            return "LOST"  # another release wrote it
        if report is not None:
            return "SUCCEEDED" if report.status == "succeeded" else "FAILED"
        return "RUNNING" if alive else "LOST"

    def age_seconds(self) -> float:
        """How long ago the job was asked for, by whichever try."""
        return time.time() - (self.path / "spec.json").stat().st_mtime

    def end_overtime(self) -> None:
        """End a job that ran too long, and leave a note of it for the next try."""
        (self.path / "overtime").touch()
        self.kill()

    def was_overtime(self) -> bool:
        """Whether the job was ended because it ran too long."""
        return (self.path / "overtime").exists()

    def kill(self) -> None:
        """End the job and whatever it started."""
        pid = self.pid()
        if pid is None:
            return
        signal_group(pid, signal.SIGTERM)
        self.await_end(KILL_SECONDS)
        signal_group(pid, signal.SIGKILL)  # what the leader left behind, too
        self.await_end(1.0)

    def await_end(self, seconds: float) -> None:
        """Wait until the job's process is gone, but not for ever."""
        deadline = time.monotonic() + seconds
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)


def reap(pid: int) -> None:
    """Let a child of this process that has ended go; it would look alive for ever."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # another process started it


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process group that may be gone already."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


class LogFollower:
    """Reads what was added to a log file since the last look, whole lines only."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.position = 0
        self.rest = b""

    def lines(self) -> Iterator[str]:
        """New whole lines."""
        try:
            with self.file.open("rb") as log:
                log.seek(self.position)
                added = log.read()
        except FileNotFoundError:
            return
        self.position += len(added)
        *whole, self.rest = (self.rest + added).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace").rstrip("\r")[:LONGEST_LINE]

    def last(self) -> Iterator[str]:
        """New lines, and what stands behind the last line end."""
        yield from self.lines()
        if self.rest:
            yield self.rest.decode("utf-8", "replace")[:LONGEST_LINE]
            self.rest = b""
