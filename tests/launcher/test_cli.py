"""What a user sees of the command `headrace`."""

import json
import os
import subprocess
import sys

from headrace_launcher.services.secrets import Secrets
from headrace_launcher.services.settings import Settings
from tests.launcher.tiny_stack import TinyStack


def headrace(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "headrace_launcher", *arguments],
        env={**os.environ, "HEADRACE_HOME": str(settings.home), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_status_fails_when_nothing_was_started(settings: Settings):
    answer = headrace(settings, "status")
    assert answer.returncode == 1
    assert "headrace up" in answer.stdout


def test_status_shows_services_and_succeeds_when_all_are_well(tiny: TinyStack):
    state = tiny.up("web", "once")
    shown = headrace(tiny.settings, "status")
    assert shown.returncode == 0
    assert str(tiny.pid("web")) in shown.stdout
    assert str(tiny.settings.secrets) in shown.stdout
    for_programs = json.loads(headrace(tiny.settings, "status", "--json").stdout)
    assert for_programs["ports"] == state.ports


def test_status_fails_when_stopped(tiny: TinyStack):
    tiny.up("web")
    headrace(tiny.settings, "down")
    answer = headrace(tiny.settings, "status")
    assert answer.returncode == 1
    assert "stopped" in answer.stdout


def test_password_is_printed_by_login_only(tiny: TinyStack):
    tiny.up("web")
    password = Secrets(tiny.settings.secrets).password()
    assert password in headrace(tiny.settings, "login").stdout
    for command in (["status"], ["status", "--json"], ["logs", "web"], ["down"]):
        answer = headrace(tiny.settings, *command)
        assert password not in answer.stdout + answer.stderr


def test_logs_show_the_end_of_a_service_s_log(tiny: TinyStack):
    tiny.up("tree")  # it writes nothing itself
    (tiny.settings.logs / "tree.log").write_text("first\nlast\n")
    assert headrace(tiny.settings, "logs", "tree", "-n", "1").stdout == "last\n"


def test_error_names_the_known_services_when_one_is_unknown(tiny: TinyStack):
    tiny.up("web", "once")
    answer = headrace(tiny.settings, "logs", "wbe")
    assert answer.returncode == 1
    assert "Services: web, once" in answer.stderr
    assert "Traceback" not in answer.stderr
