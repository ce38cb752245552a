"""Jobs without Airflow: one process on the jobs' side that does one after the other."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from headrace_launcher.services import stack
from headrace_launcher.services.ports import LOOPBACK
from headrace_launcher.services.secrets import Secrets
from headrace_launcher.services.services import JOBS, engine_environment
from headrace_launcher.services.settings import Settings
from headrace_launcher.spark.java import Java
from headrace_launcher.spark.settings import write_configuration
from headrace_schemas.errors import JobCrashed
from headrace_schemas.wire.jobs import read_report
from headrace_schemas.wire.spec import JobSpec


def series_environment(
    settings: Settings, java: Java, environ: Mapping[str, str]
) -> dict[str, str]:
    """What the process inherits: Spark Connect of this home where it runs, else Spark's settings."""
    own = engine_environment(settings, java, environ)
    state = stack.running(settings)
    port = state.ports.get("connect") if state and state.is_ready else None
    if port is None:
        if state is None:  # else its supervisor has written them
            write_configuration(settings)
        return own
    secret = str(Secrets(settings.secrets).connect)
    return {
        **own,
        "SPARK_REMOTE": f"sc://{LOOPBACK}:{port}",
        "HEADRACE_CONNECT_SECRET": secret,
    }


class JobSeries:
    """Runs jobs in one Spark session of a process of their own, which ends with the block.

    Each job has a folder in `jobs`, as Airflow's have: what looks after the lake sees what it uses.
    """

    def __init__(self, jobs: Path, log: Path, environment: Mapping[str, str]) -> None:
        self.jobs = jobs
        self.log = log
        self.environment = dict(environment)
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Start the process; Spark starts with the first job."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*JOBS, "series"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=self.environment,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it: after its last job, or at once where the block was cut off."""
        if self.process is None or self.process.stdin is None:
            return
        if kind is not None:
            self.process.terminate()
        else:
            self.process.stdin.close()
        self.process.wait()

    def run(self, spec: JobSpec) -> Any:
        """Do a job; its report, of the job's own class unless it failed before it had one.

        Raises:
            JobCrashed: The process ended without one.
        """
        folder = self.jobs / spec.job_id
        folder.mkdir(parents=True, mode=0o700)
        (folder / "spec.json").write_text(spec.model_dump_json(), encoding="utf-8")
        report = folder / "report.json"
        if not (self.asked(folder) and report.exists()):
            raise JobCrashed(spec.job, str(folder))
        return read_report(report.read_text(encoding="utf-8"))

    def asked(self, folder: Path) -> bool:
        """Name the folder and wait for the answer; False if the process is gone."""
        process = self.process
        if process is None or process.stdin is None or process.stdout is None:
            return False
        try:
            process.stdin.write(f"{folder}\n")
            process.stdin.flush()
        except BrokenPipeError:
            return False
        return bool(process.stdout.readline())
