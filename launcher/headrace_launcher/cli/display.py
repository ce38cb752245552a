"""How the state of a stack is shown: a line per service as it gets ready, and a table."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from headrace_launcher.services import processes
from headrace_launcher.services.probes import Health
from headrace_launcher.services.secrets import Secrets
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.state import Phase, ServiceState, StackState, Status

COLOURS = {"ready": "green", "done": "green", "backoff": "red", "stopped": "dim"}


class ConsoleProgress:
    """Tells what happens to the services; each piece of news once, and what is awaited now."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed: set[tuple[str, Status, int]] = set()
        self._began = datetime.now(UTC)
        self._waiting = console.status("")

    @contextmanager
    def shown(self) -> Iterator["ConsoleProgress"]:
        """Show what is awaited, on a terminal, while the block runs."""
        with self._waiting:
            yield self

    def doing(self, what: str) -> None:
        """Something that is not a service's."""
        self._waiting.update(f"{what} ({self._elapsed()})")

    def starting(self, state: StackState) -> None:
        """The services as they are now, on their way up."""
        for service in state.services:
            if line := _news_of_start(service):
                self._once(service, line)
        if awaited := [service.name for service in state.services if not service.is_fine]:
            self.doing(f"waiting for {', '.join(awaited)}")

    def stopping(self, state: StackState) -> None:
        """The services as they are now, on their way down."""
        if state.phase not in (Phase.STOPPING, Phase.STOPPED):
            return
        for service in state.services:
            if service.status is Status.STOPPED:
                self._once(service, f"  {service.name:<14} stopped")
        ended = (Status.STOPPED, Status.DONE)
        if left := [service.name for service in state.services if service.status not in ended]:
            self.doing(f"stopping {', '.join(left)}")

    def _once(self, service: ServiceState, line: str) -> None:
        news = (service.name, service.status, service.restarts)
        if news not in self._printed:
            self._printed.add(news)
            self._console.print(line)

    def _elapsed(self) -> str:
        return f"{(datetime.now(UTC) - self._began).total_seconds():.0f} s"


def _news_of_start(service: ServiceState) -> str | None:
    """One line about what has just happened to a service."""
    where = f"  {service.url}" if service.url else ""
    if service.status in (Status.READY, Status.DONE):
        took = ""
        if service.ready_at and service.started_at:
            took = f" after {(service.ready_at - service.started_at).total_seconds():.1f} s"
        return f"  {service.name:<14} [green]{service.status}[/]{took}{where}"
    if service.status is Status.BACKOFF:
        return f"  {service.name:<14} [red]{service.problem}[/]; it is started again"
    return None


def table(state: StackState, is_supervised: bool) -> Table:
    """All services in a table."""
    title = str(state.phase)
    if is_supervised:
        title += f", supervisor {state.supervisor_pid}"
    elif state.phase is not Phase.STOPPED:
        title += ", [red]its supervisor is gone: headrace up, or headrace down"
    shown = Table(title=title, title_justify="left")
    for column in ("service", "status", "health", "pid", "up for", "restarts", "port"):
        shown.add_column(
            column, justify="right" if column in ("pid", "restarts", "port") else "left"
        )
    for service in state.services:
        status = service.status if is_supervised else _unwatched(service)
        shown.add_row(
            service.name,
            f"[{COLOURS.get(status, 'yellow')}]{status}",
            _health(service) if is_supervised else "",
            str(service.pid or ""),
            _up_for(service) if is_supervised else "",
            str(service.restarts or ""),
            str(service.port or ""),
        )
    return shown


def _unwatched(service: ServiceState) -> str:
    """What a service is whose supervisor is gone."""
    if service.pid is None or service.created_at is None:
        return Status.STOPPED
    return "unwatched" if processes.find(service.pid, service.created_at) else Status.STOPPED


def _health(service: ServiceState) -> str:
    return "[red]down" if service.health is Health.DOWN else service.health


def problems(state: StackState) -> list[str]:
    """Why services were started again, the last reason of each."""
    return [
        f"{service.name} {service.problem}. Its log: headrace logs {service.name}"
        for service in state.services
        if service.problem
    ]


def addresses(settings: Settings, state: StackState) -> list[str]:
    """Where the pages are and where the login stands."""
    names = {"api-server": "Airflow"}
    lines = [
        f"{names.get(service.name, service.name):<8} {service.url}"
        for service in state.services
        if service.url
    ]
    passwords = Secrets(settings.secrets).passwords
    return [*lines, f"{'Login':<8} admin, password in {passwords} (or: headrace login)"]


def _up_for(service: ServiceState) -> str:
    if service.ready_at is None or service.status is not Status.READY:
        return ""
    age = datetime.now(UTC) - service.ready_at
    return str(timedelta(seconds=int(age.total_seconds())))
