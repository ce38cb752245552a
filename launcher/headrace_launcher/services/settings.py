"""Where everything is: the project, the state directory, and what lies in them."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace_launcher.errors import FolderTaken
from headrace_launcher.services import ownership
from headrace_schemas.project import Project
from headrace_schemas.wire import spark_settings

OVERRIDE = "HEADRACE_"
"""`HEADRACE_AIRFLOW__SECTION__KEY` reaches Airflow as `AIRFLOW__SECTION__KEY`."""

SOCKET_PATH_LIMIT = 100
"""The kernel takes 108 bytes on Linux and 104 on macOS."""


@dataclass(frozen=True)
class Settings:
    """Places and sizes of one embedded Headrace; everything it writes lies under `home`."""

    project: Project
    cache: Path
    spark_cores: int = 2
    spark_memory: str = "2g"
    spark_java_options: str = spark_settings.SMALL_JAVA
    ivy_settings: Path | None = None
    airflow_overrides: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], project: Project | None = None
    ) -> "Settings":
        """Settings as the `HEADRACE_*` variables say, of the project of this process.

        Raises:
            ProjectMissing: There is none.
            ProjectInvalid: Its table cannot be read.
            ProjectVersionUnfit: It is for other versions of Headrace.
        """
        cache = Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "headrace"
        ivy = environ.get("HEADRACE_IVY_SETTINGS")
        return cls(
            project=project or Project.current(environ),
            spark_cores=int(environ.get("HEADRACE_SPARK_CORES") or 2),
            spark_memory=environ.get("HEADRACE_SPARK_MEMORY") or "2g",
            spark_java_options=environ.get("HEADRACE_SPARK_JAVA_OPTIONS")
            or spark_settings.SMALL_JAVA,
            ivy_settings=Path(ivy).absolute() if ivy else None,
            cache=cache.absolute(),
            airflow_overrides={
                name.removeprefix(OVERRIDE): value
                for name, value in environ.items()
                if name.startswith(f"{OVERRIDE}AIRFLOW__")
            },
        )

    @property
    def home(self) -> Path:
        """The state directory."""
        return self.project.home

    @property
    def lake(self) -> str:
        """Root of the lake, a path or a URI."""
        return self.project.lake

    @property
    def landing(self) -> str:
        """Root of the landing area, a path or a URI."""
        return self.project.landing

    @property
    def schemas(self) -> Path:
        """Folder of declarations."""
        return self.project.schemas

    @property
    def airflow(self) -> Path:
        """Airflow's home: its database and the logs of tasks."""
        return self.home / "airflow"

    @property
    def mlflow(self) -> Path:
        """MLflow's database and the bytes of models."""
        return self.home / "mlflow"

    @property
    def registry(self) -> str:
        """MLflow's database, as MLflow names it."""
        return f"sqlite:///{self.mlflow / 'mlflow.db'}"

    @property
    def spark(self) -> Path:
        """Spark's configuration and scratch space."""
        return self.home / "spark"

    @property
    def jobs(self) -> Path:
        """One directory per job: spec, log and report."""
        return self.home / "jobs"

    @property
    def logs(self) -> Path:
        """One log file per service."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """State of what runs now."""
        return self.home / "run"

    @property
    def secrets(self) -> Path:
        """Generated passwords and keys."""
        return self.home / "secrets"

    @property
    def jars(self) -> Path:
        """The locked jars, as Spark loads them."""
        return self.home / "jars"

    @property
    def state_file(self) -> Path:
        """What the supervisor last wrote about its services."""
        return self.run / "state.json"

    @property
    def job_host_socket(self) -> Path:
        """Where the job host listens; elsewhere when the home's path is too long for a socket."""
        path = self.run / "job-host.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"headrace-{os.getuid()}-{digest}" / "job-host.sock"

    @property
    def removable(self) -> tuple[Path, ...]:
        """What runs have made below the home; a lake elsewhere is not among it."""
        own = self.home / "lake"
        lake = (own,) if self.lake == str(own) else ()
        return self.airflow, self.mlflow, self.jobs, *lake

    def mark_all(self) -> None:
        """Mark a home that Headrace made, and what it holds."""
        for directory in (self.home, *self.removable):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            ownership.mark(directory)

    def create_directories(self) -> None:
        """Make the state directory, for the owner's eyes only.

        Raises:
            FolderForeign: There is a folder already, with something in it that is not Headrace's.
        """
        if (self.secrets / "airflow_fernet_key").is_file() and not ownership.is_own(self.home):
            self.mark_all()  # made before there were marks
        ownership.claim(self.home)
        for directory in self.removable:
            ownership.claim(directory)
        for directory in (self.spark, self.logs, self.run, self.secrets):
            directory.mkdir(mode=0o700, exist_ok=True)
        socket_directory = self.job_host_socket.parent
        socket_directory.mkdir(mode=0o700, exist_ok=True)
        if socket_directory.stat().st_uid != os.getuid():
            raise FolderTaken(str(socket_directory))
        socket_directory.chmod(0o700)
