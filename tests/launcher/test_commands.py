"""Commands as a user gives them in a project's folder: a process of its own, its output and its exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.projects import make_project
from tests.schemas.declarations import change, write
from tests.schemas.wrong_declarations import PIPELINE


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with small declarations, its transform among them."""
    folder = make_project(tmp_path / "shop", Path("schemas"), [Path("jobs")])
    write(folder / "schemas")
    (folder / "jobs").mkdir()
    (folder / "jobs" / "meter_transforms.py").write_text("def gold_readings(readings): ...\n")
    return folder


def headrace(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HEADRACE_")}
    return subprocess.run(
        [sys.executable, "-m", "headrace_launcher", *arguments],
        cwd=project,
        env=kept | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_declarations_of_the_working_folder_are_checked_when_none_are_named(project):
    answer = headrace(project, "validate")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.startswith("2 contracts with ")


def test_validate_fails_and_names_the_line_when_a_declaration_is_wrong(project):
    change(project / "schemas" / PIPELINE, "partition: day", "partition: decade")
    answer = headrace(project, "validate", "schemas")
    assert (answer.returncode, answer.stdout) == (1, "")
    first, last = answer.stderr.splitlines()
    assert first.startswith(f"schemas/{PIPELINE}:5: partition: must be")
    assert last == "1 thing is wrong in 1 file."


def test_env_writes_settings_and_secrets_once_when_it_is_asked_twice(project):
    first = headrace(project, "env")
    secrets = {file.name: file.read_text() for file in (project / ".secrets").iterdir()}
    again = headrace(project, "env")
    assert (first.returncode, again.returncode) == (0, 0)
    assert "admin_password" in first.stdout
    assert "complete" in again.stdout
    assert {file.name: file.read_text() for file in (project / ".secrets").iterdir()} == secrets
    assert (project / ".env").is_file()
    assert not [one for one in secrets.values() if one in first.stdout + again.stdout]


def test_replay_says_what_to_start_when_nothing_runs(project):
    answer = headrace(project, "replay")
    assert answer.returncode == 1
    assert answer.stderr.startswith("NotRunning: ")
    assert "headrace up" in answer.stderr


def test_command_names_the_variable_when_the_folder_is_no_project(tmp_path):
    answer = headrace(tmp_path, "env")
    assert answer.returncode == 1
    assert "HEADRACE_PROJECT" in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_report_says_what_to_do_when_nothing_is_built_and_nothing_runs(project):
    answer = headrace(project, "report")
    assert answer.returncode == 0
    assert "nothing is built yet" in answer.stdout
    assert "headrace replay meters --from FOLDER" in answer.stdout
