"""Where this deployment keeps things, read from the environment at the moment it is needed."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.places import Lake
from headrace_schemas.project import Project

AIRFLOW_OWN = ("AIRFLOW", "_AIRFLOW")
"""Variables that hold Airflow's own keys and database: a job has no business with them."""


@dataclass(frozen=True)
class DeploymentSettings:
    """Places that operators and triggers need.

    Attributes:
        project: The team's project.
        home: State directory; jobs get a directory each below it.
        lake: Layout of the lake.
        landing: Root under which source files are delivered, a path or a URI.
        job_host: Unix socket of the warm job host; None when there is none.
        starts_job_host: Whether the first task that wants the host starts it; else a service does.
        job_main: The program that spark-submit runs a job by.
        jars: Directory of the locked jars; None when Spark already has them.
    """

    project: Project
    home: Path
    lake: Lake
    landing: str
    job_host: Path | None
    starts_job_host: bool
    job_main: Path
    jars: Path | None

    @classmethod
    def current(cls, environ: Mapping[str, str] = os.environ) -> "DeploymentSettings":
        """Settings as the `HEADRACE_*` variables say now."""
        project = Project.current(environ)
        host, jars = environ.get("HEADRACE_JOB_HOST"), environ.get("HEADRACE_JARS")
        return cls(
            project=project,
            home=project.home,
            lake=Lake(root=project.lake),
            landing=project.landing,
            job_host=Path(host) if host else None,
            starts_job_host=environ.get("HEADRACE_JOB_HOST_START") == "on-demand",
            job_main=submitted_program(),
            jars=Path(jars) if jars else None,
        )

    @property
    def jobs(self) -> Path:
        """Where every job has its directory."""
        return self.home / "jobs"


def submitted_program() -> Path:
    """The file that spark-submit is given; found without importing anything of the jobs' side."""
    found = find_spec("headrace_jobs")
    if found is None or found.origin is None:
        raise EngineUnavailable("Spark", "headrace_jobs", "the package is not installed here")
    return Path(found.origin).parent / "submitted" / "job.py"


def job_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a job's process inherits: Python and its path named, Airflow's secrets left out.

    Spark's Python workers take `python3` from the PATH unless they are told, and import nothing.
    """
    inherited = {key: value for key, value in environ.items() if not key.startswith(AIRFLOW_OWN)}
    inherited |= Project.current(environ).environment(environ)
    inherited.pop("SPARK_REMOTE", None)  # spark-submit brings a session of its own
    inherited.setdefault("PYSPARK_PYTHON", sys.executable)
    inherited.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    return inherited
