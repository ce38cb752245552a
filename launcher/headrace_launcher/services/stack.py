"""Brings a home's services up and down and tells how they are, for the commands and the demo."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from headrace_launcher.errors import ServiceFailed, UnknownService
from headrace_launcher.services import processes
from headrace_launcher.services.keeper import RestartPolicy
from headrace_launcher.services.ports import HeldPorts, Ports, choose
from headrace_launcher.services.services import Service
from headrace_launcher.services.settings import Settings
from headrace_launcher.services.state import (
    Phase,
    ServiceState,
    StackState,
    read_state,
    write_state,
)
from headrace_launcher.services.supervisor import Supervisor, alone, clear_leftovers, hold_lock

UP_SECONDS = 600.0
DOWN_SECONDS = 90.0
LOOK_EVERY_SECONDS = 0.2
GIVE_UP_AFTER_FAILURES = 3
SHOWN_LINES = 15

SUPERVISOR = (sys.executable, "-m", "headrace_launcher", "supervise")

OnState = Callable[[StackState], None]


def running(settings: Settings) -> StackState | None:
    """What a living supervisor says; None when there is none."""
    state = read_state(settings.state_file)
    return state if state and state.phase is not Phase.STOPPED and state.supervisor() else None


def bring_up(
    settings: Settings,
    on_state: OnState = lambda _: None,
    supervisor: Sequence[str] = SUPERVISOR,
) -> StackState:
    """Start what does not run yet and wait until all services are ready.

    One at a time: of two that saw nothing run, the second would stop what the first has started.
    """
    with alone(settings.run / "up.lock"):
        return _bring_up(settings, on_state, supervisor)


def _bring_up(settings: Settings, on_state: OnState, supervisor: Sequence[str]) -> StackState:
    state = running(settings)
    launched = None
    if state is None or state.phase is Phase.STOPPING:
        bring_down(settings)
        launched = _launch(settings, supervisor)
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline:
        state = running(settings)
        if state is None:
            if launched is None or launched.poll() is not None:
                log = settings.logs / "supervisor.log"
                raise ServiceFailed("supervisor", "ended", str(log), last_lines(log))
        else:
            on_state(state)
            if state.is_ready:
                return state
            _give_up_on_failures(settings, state)
        time.sleep(LOOK_EVERY_SECONDS)
    bring_down(settings)
    late = [service for service in state.services if not service.is_fine] if state else []
    name, log = (late[0].name, Path(late[0].log)) if late else ("supervisor", settings.logs)
    raise ServiceFailed(name, f"not ready after {UP_SECONDS:.0f} s", str(log), last_lines(log))


def bring_down(settings: Settings, on_state: OnState = lambda _: None) -> int:
    """Stop all services and whatever else of this home runs; returns how many were left over."""
    state = read_state(settings.state_file)
    supervisor = state.supervisor() if state else None
    if supervisor is not None:
        with suppress(ProcessLookupError):
            os.kill(supervisor.pid, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_SECONDS
        alive = True
        while alive and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_SECONDS)
            alive = processes.is_alive(supervisor)
            if now := read_state(settings.state_file):  # also once after its end
                on_state(now)
        processes.kill([supervisor])
    leftovers = clear_leftovers(settings)
    last = read_state(settings.state_file)
    if last is not None and last.phase is not Phase.STOPPED:
        write_state(settings.state_file, last.when_stopped())
    return leftovers


def supervise(
    settings: Settings,
    declared: Callable[[Ports], Sequence[Service]],
    policy: RestartPolicy | None = None,
) -> None:
    """Be the supervisor of this home until a signal says stop; another one's home is left to it."""
    lock = hold_lock(settings.run / "supervisor.lock")
    if lock is None:
        return
    with lock:
        clear_leftovers(settings)
        before = read_state(settings.state_file)
        with closing(HeldPorts()) as held:
            ports = choose(before.ports if before else {}, held)
            Supervisor(settings, declared(ports), ports, policy).run()


def service_named(settings: Settings, name: str) -> ServiceState:
    """What was last written about a service."""
    state = read_state(settings.state_file)
    services = {service.name: service for service in state.services} if state else {}
    if name not in services:
        raise UnknownService(name, list(services))
    return services[name]


def last_lines(log: Path, count: int = SHOWN_LINES) -> list[str]:
    """The end of a log; empty when there is none."""
    if not log.is_file():
        return []
    with log.open(errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=count)]


def _launch(settings: Settings, supervisor: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the supervisor in the background: it outlives this process and its terminal."""
    environment = {name: value for name, value in os.environ.items() if name != processes.MARK}
    return processes.start(
        supervisor,
        {**environment, **settings.project.environment()},
        settings.home,
        settings.logs / "supervisor.log",
    )


def _give_up_on_failures(settings: Settings, state: StackState) -> None:
    """Stop everything when a service that was never ready fails again and again."""
    if state.phase is not Phase.STARTING:
        return
    for service in state.services:
        if service.failures >= GIVE_UP_AFTER_FAILURES:
            log = Path(service.log)
            bring_down(settings)
            raise ServiceFailed(
                service.name,
                f"{service.problem}, {service.failures} times in a row",
                service.log,
                last_lines(log),
            )
