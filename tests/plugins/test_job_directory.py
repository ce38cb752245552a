"""The directory in which the two runtimes meet."""

import os
import subprocess
from pathlib import Path

import pytest

from headrace_airflow.engine.job_directory import LONGEST_LINE, JobDirectory, LogFollower
from headrace_airflow.engine.job_starters import submit


@pytest.fixture
def directory(tmp_path: Path) -> JobDirectory:
    return JobDirectory.create(tmp_path / "job", '{"job": "train"}')


def test_job_is_lost_when_it_never_started(directory: JobDirectory) -> None:
    assert directory.pid() is None
    assert directory.status() == "LOST"
    directory.kill()


def test_job_is_lost_when_its_number_belongs_to_another_group(directory: JobDirectory) -> None:
    directory.note_pid(subprocess.Popen(["true"]).pid)  # shares the group of the tests
    assert directory.status() == "LOST"


def test_job_is_lost_when_it_was_killed_from_outside(directory: JobDirectory) -> None:
    submit(directory, ["sleep", "60"])
    assert directory.status() == "RUNNING"
    pid = directory.pid()
    assert pid is not None
    os.killpg(pid, 9)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # ended, and not reaped: looks alive
    assert directory.status() == "LOST"


def test_job_leaves_nothing_behind_when_it_ignores_the_first_signal(
    directory: JobDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace_airflow.engine.job_directory.KILL_SECONDS", 0.0)
    submit(directory, ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 60; done"])
    while not directory.log.exists() or "ready" not in directory.log.read_text():
        assert directory.status() == "RUNNING"
    directory.kill()
    assert directory.status() == "LOST"


def test_directory_is_for_its_owner_only_when_made(directory: JobDirectory) -> None:
    assert directory.path.stat().st_mode & 0o777 == 0o700


def test_lines_come_whole_when_a_log_grows(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    follower = LogFollower(log)
    assert list(follower.lines()) == []
    log.write_bytes(b"one\r\ntw")
    assert list(follower.lines()) == ["one"]
    with log.open("ab") as more:
        more.write("o\nthr\N{LATIN SMALL LETTER E WITH ACUTE}".encode()[:-1])
    assert list(follower.lines()) == ["two"]
    assert list(follower.last()) == ["thr\N{REPLACEMENT CHARACTER}"]
    assert list(follower.last()) == []


def test_line_is_cut_when_it_is_endless(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_text("x" * (LONGEST_LINE + 1) + "\n")
    assert [len(line) for line in LogFollower(log).lines()] == [LONGEST_LINE]
