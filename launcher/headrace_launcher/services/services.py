"""The services of the embedded default: what runs, its settings, and how to see that it works."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from headrace_launcher.services.airflow import (
    airflow_database,
    airflow_environment,
    base_url,
    execution_url,
    health_url,
)
from headrace_launcher.services.ports import LOOPBACK, Ports
from headrace_launcher.services.probes import (
    AirflowHealth,
    AirflowProbe,
    HealthProbe,
    Http2Probe,
    HttpProbe,
    JobHostProbe,
)
from headrace_launcher.services.processes import MARK
from headrace_launcher.services.secrets import Secrets
from headrace_launcher.services.settings import Settings
from headrace_launcher.spark.connect_secret import ConnectSecret
from headrace_launcher.spark.java import Java
from headrace_launcher.spark.settings import (
    DEFAULTS,
    configuration_folder,
    connect_folder,
    defaults,
    spark_home,
)
from headrace_schemas.wire import spark_settings

JOBS = (sys.executable, "-m", "headrace_jobs")
"""The jobs' side, loaded by none of this."""

NOT_INHERITED = ("AIRFLOW__", "AIRFLOW_HOME", "_AIRFLOW", "SPARK_", "PYSPARK_", "MLFLOW_")
"""Settings of another installation in the user's shell would change this one."""


@dataclass(frozen=True)
class Database:
    """An SQLite file that a service makes on its first start."""

    path: Path
    version: str  # of what makes it: another one has other tables

    def is_complete(self) -> bool:
        """Whether this version has once finished making it, or brought it up to date."""
        return (
            self._mark.is_file() and self.path.is_file() and self._mark.read_text() == self.version
        )

    def is_broken(self) -> bool:
        """Whether its making was cut off: its tables are half there."""
        return self.path.exists() and not self._mark.exists()

    def mark_complete(self) -> None:
        """Remember that this version has finished."""
        self._mark.write_text(self.version)

    def put_aside(self) -> None:
        """Make room for a new one."""
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.replace(path.with_name(f"unfinished-{path.name}"))

    @property
    def _mark(self) -> Path:
        return self.path.with_name(f".{self.path.name}.complete")


@dataclass(frozen=True)
class Service:
    """One process to keep running; without a probe, one that has one thing to do."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    directory: Path
    probe: HealthProbe | None
    after: tuple[str, ...] = ()
    port: int | None = None
    url: str | None = None
    start_seconds: float = 180.0  # a busy machine takes three times what an idle one does
    hung_seconds: float = 60.0
    stop_seconds: float = 5.0
    database: Database | None = None
    secret: ConnectSecret | None = None


@dataclass(frozen=True)
class Stack:
    """What the declarations are made from."""

    settings: Settings
    ports: Ports
    java: Java
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def secrets(self) -> Secrets:
        """The secret files of the home."""
        return Secrets(self.settings.secrets)


def declare(stack: Stack) -> tuple[Service, ...]:
    """All services; they are stopped from the last to the first, so the scheduler is last."""
    return (*_engines(stack), *_airflow(stack))


def _airflow(stack: Stack) -> tuple[Service, ...]:
    settings, ports = stack.settings, stack.ports
    environment = {
        **_environment(stack),
        **airflow_environment(settings, ports, stack.secrets),
        **_own_connections(stack.environ),
    }
    health = AirflowHealth(health_url(ports))

    def component(name: str, probe: HealthProbe, *arguments: str) -> Service:
        return Service(
            name=name,
            command=(_script("airflow"), name, *arguments),
            environment=environment,
            directory=settings.airflow,
            probe=probe,
            after=("database",),
        )

    api_server = component("api-server", HttpProbe(health_url(ports)), "--apps", "core")
    # A process of its own. Airflow writes its audit log on the event loop: in one process, a click
    # that meets a task's report would wait for the lock on SQLite that only the loop can release.
    execution = replace(
        component(
            "api-server",
            HttpProbe(f"{execution_url(ports)}health"),
            "--apps",
            "execution",
            "--port",
            str(ports.execution),
        ),
        name="execution-api",
        port=ports.execution,
    )
    return (
        Service(
            name="database",
            command=(_script("airflow"), "db", "migrate"),
            environment=environment,
            directory=settings.airflow,
            probe=None,
            database=Database(airflow_database(settings), version("apache-airflow-core")),
        ),
        replace(api_server, port=ports.airflow, url=base_url(ports)),
        execution,
        component("dag-processor", AirflowProbe(health, "dag_processor")),
        # Logs are read from the shared disk: without a log server, which would listen everywhere.
        # It takes its time to end, for nothing: what it watches is watched again.
        replace(
            component("triggerer", AirflowProbe(health, "triggerer"), "--skip-serve-logs"),
            stop_seconds=1.0,
        ),
        component("scheduler", AirflowProbe(health, "scheduler"), "--skip-serve-logs"),
    )


def _engines(stack: Stack) -> tuple[Service, ...]:
    settings, ports = stack.settings, stack.ports
    environment = _environment(stack)
    return (
        Service(
            name="connect",
            command=(
                str(spark_home() / "bin" / "spark-submit"),
                "--class",
                "org.apache.spark.sql.connect.service.SparkConnectServer",
                "--name",
                "headrace-connect",
                "--conf",
                f"spark.connect.grpc.binding.address={LOOPBACK}",
                "--conf",
                f"spark.connect.grpc.binding.port={ports.connect}",
                # What a killed job has left running keeps its task slots for so long, by default 5 minutes.
                "--conf",
                "spark.connect.execute.manager.detachedTimeout=1m",
                *[
                    word
                    for key, value in spark_settings.AUTHENTICATED.items()
                    for word in ("--conf", f"{key}={value}")
                ],
            ),
            environment={**environment, "SPARK_CONF_DIR": str(connect_folder(settings))},
            directory=settings.spark,
            probe=Http2Probe(ports.connect),
            port=ports.connect,
            secret=ConnectSecret(
                stack.secrets.connect,
                connect_folder(settings) / DEFAULTS,
                defaults(settings),
                ports.connect,
            ),
        ),
        # Jobs open the registry's database themselves: there is no server that others could ask.
        Service(
            name="registry",
            command=(*JOBS, "registry"),
            environment=environment,
            directory=settings.mlflow,
            probe=None,
            database=Database(settings.mlflow / "mlflow.db", version("mlflow")),
        ),
        Service(
            name="job-host",
            command=(
                *JOBS,
                "host",
                "--socket",
                str(settings.job_host_socket),
            ),
            environment={
                **environment,
                "HEADRACE_CONNECT_SECRET": str(stack.secrets.connect),
                "SPARK_REMOTE": f"sc://{LOOPBACK}:{ports.connect}",
            },
            directory=settings.jobs,
            probe=JobHostProbe(settings.job_host_socket),
            after=("registry",),
        ),
    )


def _environment(stack: Stack) -> dict[str, str]:
    """What every service inherits; jobs inherit it from the service that starts them."""
    own = engine_environment(stack.settings, stack.java, stack.environ)
    return {**own, MARK: str(stack.settings.home)}


def engine_environment(
    settings: Settings, java: Java, environ: Mapping[str, str]
) -> dict[str, str]:
    """What a process needs that runs jobs, or starts those that do."""
    inherited = {
        name: value for name, value in environ.items() if not name.startswith(NOT_INHERITED)
    }
    return {
        **inherited,
        **settings.project.environment(environ),
        "HEADRACE_JARS": str(settings.jars),
        "HEADRACE_JOB_HOST": str(settings.job_host_socket),
        "MLFLOW_TRACKING_URI": settings.registry,
        "HEADRACE_MODELS": str(settings.mlflow / "artifacts"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}",
        "JAVA_HOME": str(java.home),
        "SPARK_HOME": str(spark_home()),
        "SPARK_CONF_DIR": str(configuration_folder(settings)),
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_LOCAL_DIRS": str(settings.spark / "scratch"),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONUNBUFFERED": "1",
        "TZ": "UTC",
        # glibc gives each thread an arena of its own: hundreds of MB in a JVM.
        "MALLOC_ARENA_MAX": "2",
        # A process that renames itself would write over the environment in which it is marked.
        "SPT_NOENV": "1",
    }


def _own_connections(environ: Mapping[str, str]) -> dict[str, str]:
    """Connections from the user's environment win: another Spark master is one of them."""
    return {name: value for name, value in environ.items() if name.startswith("AIRFLOW_CONN_")}


def _script(name: str) -> str:
    """A command of this environment, whatever PATH says."""
    return str(Path(sys.executable).parent / name)
