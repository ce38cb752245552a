"""What a user sees of the command `headrace`."""

import json
import os
import subprocess
import sys

import typer

from headrace_launcher.cli.app import app
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


def named(command: typer.core.TyperCommand, name: str = "headrace") -> dict[str, set[str]]:
    """Every command below one, with its options."""
    options = {option for one in command.params for option in one.opts}
    below = getattr(command, "commands", {})
    does_something = not below or command.invoke_without_command
    own = {name: options} if does_something else {}
    for word, one in below.items():
        own |= named(one, f"{name} {word}")
    return own


def test_every_command_takes_json_when_it_prints_something_that_ends():
    without = {
        name
        for name, options in named(typer.main.get_command(app)).items()
        if "--json" not in options
    }
    assert without == {
        "headrace mlflow",  # runs until Ctrl-C
        "headrace supervise",  # for `headrace up` alone
        "headrace sbom",  # is JSON
    }


def test_error_is_one_document_when_json_is_asked_for(tiny: TinyStack):
    tiny.up("web")
    answer = headrace(tiny.settings, "logs", "wbe", "--json")
    assert answer.returncode == 1
    error = json.loads(answer.stdout)["error"]
    assert error["type"] == "UnknownService"
    assert error["fields"] == {"name": "wbe", "known": ["web"]}
    assert answer.stderr == ""


def test_document_is_all_of_stdout_when_json_is_asked_for(tiny: TinyStack):
    tiny.up("tree")
    (tiny.settings.logs / "tree.log").write_text("first\nlast\n")
    shown = headrace(tiny.settings, "logs", "tree", "-n", "1", "--json")
    assert json.loads(shown.stdout)["lines"] == ["last"]
    stopped = headrace(tiny.settings, "down", "--json")
    assert json.loads(stopped.stdout) == {"leftovers": 0}
    assert "tree" in stopped.stderr


def test_report_says_so_when_nothing_is_built_yet(settings: Settings):
    answer = headrace(settings, "report", "delay")
    assert answer.returncode == 0, answer.stderr
    assert "flights: delay: nothing is built yet" in answer.stdout
    assert json.loads(headrace(settings, "report", "--json").stdout) == {"stories": []}


def test_known_names_are_listed_when_a_report_is_asked_of_none_of_them(settings: Settings):
    answer = headrace(settings, "report", "dely")
    assert answer.returncode == 1
    assert "Declared: delay, flights" in answer.stderr


def test_replay_is_refused_when_nothing_runs(settings: Settings):
    answer = headrace(settings, "replay", "flights")
    assert answer.returncode == 1
    assert "headrace up" in answer.stderr
