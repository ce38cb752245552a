"""What a supervisor tells about its services, in a file that others read at any time."""

import os
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from headrace_launcher.services import processes
from headrace_launcher.services.probes import Health


class Status(StrEnum):
    """Where a service is in its life."""

    WAITING = "waiting"  # for services that it needs
    STARTING = "starting"
    READY = "ready"
    BACKOFF = "backoff"  # it ended; it is started again after a pause
    DONE = "done"  # it had one thing to do and did it
    STOPPED = "stopped"


class Phase(StrEnum):
    """Where a stack is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


class ServiceState(BaseModel):
    """One service, as its supervisor last saw it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    status: Status
    health: Health
    log: str
    url: str | None = None
    port: int | None = None
    pid: int | None = None
    created_at: float | None = None  # the process's, with which an id used again is told apart
    started_at: datetime | None = None
    ready_at: datetime | None = None
    restarts: int = 0
    failures: int = 0  # without having been ready in between
    problem: str | None = None  # why it was last started again

    @property
    def is_fine(self) -> bool:
        """Whether nothing needs to be done about it."""
        return self.status is Status.DONE or (
            self.status is Status.READY and self.health is not Health.DOWN
        )


class StackState(BaseModel):
    """All services of a home and who supervises them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    phase: Phase
    supervisor_pid: int
    supervisor_created_at: float
    started_at: datetime
    ports: dict[str, int]
    services: tuple[ServiceState, ...]

    @property
    def is_ready(self) -> bool:
        """Whether all services are up."""
        return self.phase is Phase.RUNNING and all(service.is_fine for service in self.services)

    def when_stopped(self) -> "StackState":
        """The same stack when nothing of it runs any more; it keeps its ports."""
        services = tuple(
            service.model_copy(
                update={"status": Status.STOPPED, "health": Health.UNKNOWN, "pid": None}
            )
            for service in self.services
        )
        return self.model_copy(update={"phase": Phase.STOPPED, "services": services})

    def supervisor(self) -> psutil.Process | None:
        """The supervisor's process while it lives."""
        return processes.find(self.supervisor_pid, self.supervisor_created_at)


def read_state(path: Path) -> StackState | None:
    """What was last written; None when there is nothing that this version understands."""
    try:
        return StackState.model_validate_json(path.read_text())
    except (FileNotFoundError, ValidationError):
        return None


def write_state(path: Path, state: StackState) -> None:
    """Replace the file in one step: a reader sees the old or the new one, never a part."""
    partial = path.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(state.model_dump_json(indent=2))
    partial.replace(path)
