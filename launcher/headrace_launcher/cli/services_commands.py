"""The commands that start, stop and show the services of this machine."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from headrace_launcher.cli.display import addresses, problems, table
from headrace_launcher.cli.output import AsJson, answer, console, progress_of, settings_here
from headrace_launcher.services import stack
from headrace_launcher.services.compose import FOLDER, ensure_env
from headrace_launcher.services.secrets import USER, Secrets
from headrace_launcher.services.services import Stack, declare
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.setup import set_up
from headrace_launcher.services.state import StackState, read_state
from headrace_launcher.spark.java import ensure_java
from headrace_launcher.spark.settings import write_configuration

commands = typer.Typer()


@commands.command()
def setup(as_json: AsJson = False) -> None:
    """Make ready what the services need: Java, jars and the state directory."""
    settings = settings_here()
    progress = progress_of(as_json)
    with progress.shown():
        java = set_up(settings, os.environ, progress.doing)
    document = {"java": {"version": java.version, "home": java.home}, "home": settings.home}
    said = f"Java {java.version} in {java.home}; jars and state in {settings.home}"
    answer(as_json, document, [said])


@commands.command()
def up(as_json: AsJson = False) -> None:
    """Start all services in the background; returns when they are ready."""
    settings = settings_here()
    state = started(settings, as_json)
    answer(as_json, state.model_dump(mode="json"), addresses(settings, state))


def started(settings: Settings, as_json: bool) -> StackState:
    """Start all services, with progress; what they are like when they are ready."""
    progress = progress_of(as_json)
    with progress.shown():
        set_up(settings, os.environ, progress.doing)
        return stack.bring_up(settings, progress.starting)


@commands.command()
def down(as_json: AsJson = False) -> None:
    """Stop all services, and every job that runs."""
    leftovers = stopped(settings_here(), as_json)
    lines = ["All services are stopped."]
    if leftovers:
        lines.insert(0, f"{leftovers} processes without a supervisor were ended.")
    answer(as_json, {"leftovers": leftovers}, lines)


def stopped(settings: Settings, as_json: bool) -> int:
    """Stop all services, with progress; how many processes were left over and ended, too."""
    progress = progress_of(as_json)
    with progress.shown():
        return stack.bring_down(settings, progress.stopping)


@commands.command()
def status(as_json: AsJson = False) -> None:
    """Show all services, tables and models. The exit code is 1 when a service is not well."""
    from headrace_launcher.cli.standing import standing  # heavy: readers of the lake

    settings = settings_here()
    state = read_state(settings.state_file)
    is_supervised = stack.running(settings) is not None
    is_well = state is not None and is_supervised and state.is_ready
    shown = standing(settings)
    services = state.model_dump(mode="json") if state else {"services": []}
    document = {"is_well": is_well, **services, **shown.as_json()}
    answer(as_json, document, [*services_shown(settings, state, is_supervised), *shown.parts()])
    if not is_well:
        raise typer.Exit(1)


def services_shown(
    settings: Settings, state: StackState | None, is_supervised: bool
) -> Iterator[RenderableType]:
    """The services for people."""
    if state is None:
        yield f"Nothing runs for {settings.home}. Start it: headrace up"
        return
    yield table(state, is_supervised)
    yield from problems(state)
    yield from addresses(settings, state) if is_supervised else ()


@commands.command()
def logs(
    service: Annotated[str, typer.Argument(help="As `headrace status` names it, or `supervisor`.")],
    lines: Annotated[int, typer.Option("-n", help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("-f", help="Go on as lines are written.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the log of a service."""
    if follow and as_json:
        raise typer.BadParameter("one document has an end: leave -f or --json out")
    settings = settings_here()
    log = settings.logs / "supervisor.log"
    if service != "supervisor":
        log = Path(stack.service_named(settings, service).log)
    found = stack.last_lines(log, lines)
    if as_json:
        answer(as_json, {"log": log, "lines": found})
    for line in () if as_json else found:
        sys.stdout.write(f"{line}\n")
    for line in lines_to_come(log) if follow else ():
        sys.stdout.write(line)
        sys.stdout.flush()


def lines_to_come(log: Path) -> Iterator[str]:
    """Every line that is written from now on, without end."""
    with log.open(errors="replace") as file:
        file.seek(0, os.SEEK_END)
        while True:
            if line := file.readline():
                yield line
            else:
                time.sleep(0.5)


@commands.command()
def login(as_json: AsJson = False) -> None:
    """Print the login of Airflow's web page."""
    password = Secrets(settings_here().secrets).password()
    answer(as_json, {"user": USER, "password": password}, [f"{USER} {password}"])


@commands.command()
def mlflow() -> None:
    """Show MLflow's pages of the model registry, to look at, until Ctrl-C."""
    from headrace_launcher.services.registry_pages import show

    if code := show(settings_here(), lambda line: console.print(line, markup=False)):
        raise typer.Exit(code)


@commands.command()
def env(as_json: AsJson = False) -> None:
    """Write the settings and secrets that docker-compose.yml needs; what is there stays."""
    file = settings_here().project.root / ".env"
    written = ensure_env(file)
    folder = file.with_name(FOLDER)
    lines = [f"{folder}: {', '.join(written.made)} made" if written.made else f"{folder}: complete"]
    if written.moved:
        lines.append(f"{file}: moved to {folder}: {', '.join(written.moved)}")
    if written.unread:
        lines.append(
            f"{file}: nobody reads {', '.join(written.unread)}: {folder} has another value. Change "
            "the file there, and remove the line."
        )
    document = {
        "folder": folder,
        "made": list(written.made),
        "moved": list(written.moved),
        "unread": list(written.unread),
    }
    answer(as_json, document, lines)


@commands.command(hidden=True)
def supervise() -> None:
    """Be the supervisor; `headrace up` starts it in the background."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    settings = settings_here()
    java = ensure_java(os.environ)
    write_configuration(settings)
    stack.supervise(settings, lambda ports: declare(Stack(settings, ports, java)))
