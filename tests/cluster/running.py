"""One process of a service of the compose file."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.compose_file import Declared


@dataclass
class Running:
    """One process of a service."""

    service: Declared
    address: str
    folder: Path
    command: list[str]
    environment: dict[str, str]
    healthcheck: list[str]
    user: str | None = None
    process: subprocess.Popen[bytes] | None = None
    stopped: bool = False
    starts: int = 0

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=self.user,
            )
        self.starts += 1

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_healthy(self) -> bool:
        if not self.is_running():
            return False
        done = subprocess.run(self.healthcheck, env=self.environment, capture_output=True)
        return done.returncode == 0

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.stopped = True
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])
