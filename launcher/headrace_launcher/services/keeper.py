"""Keeps one service running: starts it, asks how it is, starts it again when it died or hangs."""

import logging
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen, TimeoutExpired

import psutil

from headrace_launcher.services import processes
from headrace_launcher.services.probes import Health
from headrace_launcher.services.services import Service
from headrace_launcher.services.state import ServiceState, Status

log = logging.getLogger(__name__)

FINISHED = (Status.READY, Status.DONE)
"""What a service has to be for those that come after it."""


@dataclass(frozen=True)
class RestartPolicy:
    """When a service is looked at and started again, and how long its log may get."""

    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 30.0
    settled_seconds: float = 60.0  # ready for so long: earlier failures are forgotten
    probe_seconds: float = 5.0
    starting_probe_seconds: float = 0.5
    log_limit_bytes: int = 20_000_000

    def pause_seconds(self, failures: int) -> float:
        """The pause after so many failures in a row: twice as long each time."""
        return min(self.longest_pause_seconds, self.first_pause_seconds * 2.0 ** (failures - 1))


class Keeper:
    """One service's life. `tick` is called every moment and never waits for the service."""

    def __init__(
        self, service: Service, log_folder: Path, policy: RestartPolicy, executor: Executor
    ) -> None:
        self.service = service
        self.status = Status.WAITING
        self._health = Health.UNKNOWN
        self._policy = policy
        self._executor = executor
        self._log_file = log_folder / f"{service.name}.log"
        self._process: Popen[bytes] | None = None
        self._created_at: float | None = None
        self._started_at: datetime | None = None
        self._ready_at: datetime | None = None
        self._restarts = 0
        self._failures = 0
        self._problem: str | None = None
        self._asked: Future[Health] | None = None
        self._asked_at = 0.0
        self._since = 0.0  # when it was started, became ready or began its pause
        self._down_since: float | None = None

    @property
    def pid(self) -> int | None:
        """Its process, which leads its session, while it runs."""
        return self._process.pid if self._process else None

    def state(self) -> ServiceState:
        """What others may know of it."""
        return ServiceState(
            name=self.service.name,
            status=self.status,
            health=self._health,
            log=str(self._log_file),
            url=self.service.url,
            port=self.service.port,
            pid=self.pid,
            created_at=self._created_at,
            started_at=self._started_at,
            ready_at=self._ready_at,
            restarts=self._restarts,
            failures=self._failures,
            problem=self._problem,
        )

    def tick(self, now: float, others: Mapping[str, Status]) -> None:
        """Look once; `now` is a monotonic time, `others` the status of each service."""
        if self.status is Status.WAITING:
            if all(others[name] in FINISHED for name in self.service.after):
                self._start(now)
        elif self.status is Status.BACKOFF:
            if now - self._since >= self._policy.pause_seconds(self._failures):
                self._restarts += 1
                self._start(now)
        elif self.status in (Status.STARTING, Status.READY):
            self._watch(now)

    def ask_to_end(self) -> None:
        """Tell it to end, without waiting for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, grace_seconds: float | None = None) -> None:
        """End it and everything in its session."""
        grace = self.service.stop_seconds if grace_seconds is None else grace_seconds
        if self.status is Status.DONE:
            return
        if self._process is not None:
            self._end_session(grace)
            log.info("%s stopped", self.service.name)
        self._process = None
        self.status = Status.STOPPED
        self._health = Health.UNKNOWN

    def _start(self, now: float) -> None:
        database = self.service.database
        if database is not None and database.is_complete() and self.service.probe is None:
            self._finish(Status.DONE)
            return
        try:
            if database is not None and database.is_broken():
                log.warning("%s: %s was not finished: put aside", self.service.name, database.path)
                database.put_aside()
            secret = self.service.secret
            self._process = processes.start(
                self.service.command,
                {**self.service.environment, **(secret.make() if secret else {})},
                self.service.directory,
                self._log_file,
            )
        except OSError as error:  # the program is gone, the disk is full, no more processes
            self._fail(now, f"could not be started: {error}")
            return
        self._created_at = psutil.Process(self._process.pid).create_time()
        self._started_at = datetime.now(UTC)
        self._ready_at = None
        self._asked = None
        self._down_since = None
        self._health = Health.UNKNOWN
        self.status = Status.STARTING
        self._since = now
        log.info("%s started, process %d", self.service.name, self._process.pid)

    def _watch(self, now: float) -> None:
        code = self._process.poll() if self._process else None
        if code is not None:
            if self.service.probe is None and code == 0:
                self._finish(Status.DONE)
            else:
                self._fail(now, _ending(code))
            return
        self._ask(now)
        starting = self.status is Status.STARTING
        if starting and now - self._since > self.service.start_seconds:
            self._fail(now, f"was not ready after {self.service.start_seconds:.0f} s")
        elif self._down_since and now - self._down_since > self.service.hung_seconds:
            self._fail(now, f"did not answer for {self.service.hung_seconds:.0f} s")
        elif not starting and now - self._since > self._policy.settled_seconds:
            self._failures = 0

    def _ask(self, now: float) -> None:
        """Take the last probe's answer, and put the question again when it is time to."""
        if self.service.probe is None or self._started_at is None:
            return
        if self._asked is not None:
            if not self._asked.done():
                return
            self._take(self._asked.result(), now)
            self._asked = None
            return
        starting = self.status is Status.STARTING
        every = self._policy.starting_probe_seconds if starting else self._policy.probe_seconds
        if now - self._asked_at >= every:
            self._asked_at = now
            self._asked = self._executor.submit(self.service.probe, self._started_at)

    def _take(self, health: Health, now: float) -> None:
        self._health = health
        self._bound_log()
        if self.status is Status.STARTING:
            if health is Health.UP and self._is_it():
                self._finish(Status.READY)
                self._since = now
            return
        if health is Health.DOWN:
            self._down_since = self._down_since or now
        else:
            self._down_since = None

    def _is_it(self) -> bool:
        """Whether it was the service's own process that answered, where that can be told."""
        secret = self.service.secret
        return secret is None or (self.pid is not None and secret.tell(self.pid))

    def _bound_log(self) -> None:
        """Keep the log and one before it, so that a long run does not fill the disk."""
        try:
            if self._log_file.stat().st_size > self._policy.log_limit_bytes:
                # The service appends to the open file: copied and cut, it goes on at the start.
                shutil.copyfile(self._log_file, self._log_file.with_suffix(".log.1"))
                os.truncate(self._log_file, 0)
        except OSError as error:  # removed, or the disk is full: no reason to stop watching
            log.warning("%s: its log could not be cut: %s", self.service.name, error)

    def _finish(self, status: Status) -> None:
        self.status = status
        self._ready_at = datetime.now(UTC)
        log.info("%s %s", self.service.name, status)
        if self.service.database is not None:
            self.service.database.mark_complete()

    def _fail(self, now: float, problem: str) -> None:
        """Clear away what is left of the process and take a pause before the next."""
        # By force: what is left of a dead scheduler are its tasks, which would go on beside their
        # second try.
        self._end_session(grace_seconds=0)
        self._process = None
        self._asked = None
        self._down_since = None
        self._problem = problem
        self._failures += 1
        self._health = Health.DOWN
        self.status = Status.BACKOFF
        self._since = now
        pause = self._policy.pause_seconds(self._failures)
        log.warning("%s %s; starting it again in %.0f s", self.service.name, problem, pause)

    def _end_session(self, grace_seconds: float) -> None:
        """End the leader in its own way, then all that is left by force."""
        if self.service.secret is not None:
            self.service.secret.forget()
        if self._process is None:
            return
        if grace_seconds and self._process.poll() is None:
            # Only the leader: a scheduler's tasks must not report a failure that is none. Killed
            # with it, they are simply run again.
            processes.end([psutil.Process(self._process.pid)], grace_seconds)
        processes.kill(processes.in_session(self._process.pid))
        try:
            self._process.wait(processes.KILL_SECONDS)
        except TimeoutExpired:  # in the kernel, waiting for a disk
            log.warning("%s: process %d does not end", self.service.name, self._process.pid)


def _ending(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
