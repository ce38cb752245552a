"""Two ways to start a job: a warm job host forks one, or spark-submit runs a cold one.

Either way the job is in a process group of its own and outlives the Airflow worker that asked.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from headrace_airflow.engine.connections import connection_of_type, is_defined
from headrace_airflow.engine.job_directory import JobDirectory
from headrace_airflow.engine.job_host import ask_host
from headrace_airflow.settings import DeploymentSettings, job_environment
from headrace_schemas.accounts import job_account
from headrace_schemas.errors import ConnectionInvalid, EngineUnavailable
from headrace_schemas.wire import spark_settings
from headrace_schemas.wire.jobs import JOBS
from headrace_schemas.wire.secret_files import secret

Engine = Literal["warm", "submit", "cluster"]
"""`cluster`: submitted where `headrace_spark` names a cluster, whose cores are more than those of the
warm Spark; else warm."""

SPARK_CONNECTION = "headrace_spark"

SPARK_SECRET = "_SPARK_AUTH_SECRET"  # noqa: S105 - the variable's name

DETACHED = """
dir=$1; shift
"$@" > "$dir/job.log" 2>&1
echo $? > "$dir/rc.new"
mv "$dir/rc.new" "$dir/rc"
"""
"""Runs its arguments as a command and keeps log and exit code; nothing is pasted into it."""

DELTA = {
    **spark_settings.DELTA,
    **spark_settings.S3,
    "spark.ui.showConsoleProgress": "false",
}

SECRET = re.compile(r"secret|password|token|access\.?key|credential", re.IGNORECASE)
NAMES_A_SECRET = re.compile(r"spark\.kubernetes\.(driver|executor)\.secret(s|KeyRef)\.")
"""Settings by which Kubernetes hands a Secret over; their values are its name."""


def start_job(
    engine: Engine, directory: JobDirectory, settings: DeploymentSettings, conf: Mapping[str, str]
) -> None:
    """Start the job whose spec lies in `directory`; warm only where a job host is configured.

    A warm job takes the settings of the Spark that runs already, not `conf`.

    Raises:
        EngineUnavailable: The job host or Spark cannot be reached.
        ConnectionInvalid: The Airflow connection to Spark does not say how.
    """
    is_warm = engine == "warm" or (engine == "cluster" and not has_cluster())
    if is_warm and settings.job_host is not None:
        ask_host(directory, settings)
    else:
        submit(directory, submit_command(directory, settings, conf))


def submit(directory: JobDirectory, command: list[str]) -> None:
    """Run spark-submit detached; the shell around it writes the exit code."""
    wrapper = ["/bin/sh", "-c", DETACHED, "headrace-job", str(directory.path), *command]
    process = subprocess.Popen(
        wrapper,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=submitted_environment(directory),
        start_new_session=True,
    )
    directory.note_pid(process.pid)
    process.returncode = 0  # not waited for here: JobDirectory reaps it


def submitted_environment(directory: JobDirectory) -> dict[str, str]:
    """What a submitted job's process inherits, its account's keys among it.

    The secret that Spark's processes know each other by, too: Spark reads it there alone.

    Raises:
        SecretUnreadable: One of them cannot be read.
    """
    environment = job_environment()
    job = JOBS.named(json.loads(directory.spec_json())["job"])
    environment |= job_account(job.account, environment)
    if known := secret(SPARK_SECRET, environment):
        environment[SPARK_SECRET] = known
    return environment


def submit_command(
    directory: JobDirectory, settings: DeploymentSettings, conf: Mapping[str, str]
) -> list[str]:
    """The spark-submit command of one job: the driver always lives beside this process.

    The connection's extra `has-jars` says that Spark has the locked jars on its class path: handing
    them over again takes seconds.
    """
    master, extra = spark_connection()
    own = spark_settings.AUTHENTICATED if master.startswith("local") else {}
    asked = {**DELTA, **own, **dict(extra.get("conf") or {}), **conf}
    refuse_secrets(asked)
    command = [spark_submit(), "--master", master, "--deploy-mode", "client"]
    command += ["--name", directory.path.name]
    if queue := extra.get("queue"):
        command += ["--queue", str(queue)]
    if not extra.get("has-jars") and (jars := locked_jars(settings.jars)):
        command += ["--jars", ",".join(jars)]
    for key, value in asked.items():
        command += ["--conf", f"{key}={value}"]
    return [*command, str(settings.job_main), "run", "--job-dir", str(directory.path)]


def has_cluster() -> bool:
    """Whether there is a Spark to submit to that is more than this machine.

    Raises:
        ConnectionInvalid: The Airflow connection to Spark does not say how.
    """
    return is_defined(SPARK_CONNECTION) and not spark_connection()[0].startswith("local")


def spark_connection() -> tuple[str, dict[str, Any]]:
    """Spark's master, and the extra settings of the connection."""
    advice = (
        "Define it with type spark and the master as host: local[2], spark://host with port 7077, "
        "k8s://https://host or yarn."
    )
    connection = connection_of_type(SPARK_CONNECTION, "spark", advice)
    host, port = str(connection.host), connection.port
    extra: dict[str, Any] = connection.extra_dejson
    if str(extra.get("deploy-mode", "client")) != "client":
        problem = "asks for deploy-mode cluster, where the job's report would lie elsewhere"
        raise ConnectionInvalid(SPARK_CONNECTION, problem, "Remove deploy-mode.")
    if not port:
        return host, extra
    return (f"{host}:{port}" if "://" in host else f"spark://{host}:{port}"), extra


def refuse_secrets(conf: Mapping[str, str]) -> None:
    """A command line can be read by every user of the machine."""
    if named := [key for key in conf if SECRET.search(key) and not NAMES_A_SECRET.match(key)]:
        raise ConnectionInvalid(
            SPARK_CONNECTION,
            f"conf would put {', '.join(named)} on the command line",
            "Put it into spark-defaults.conf in SPARK_CONF_DIR, or into the environment.",
        )


def locked_jars(directory: Path | None) -> list[str]:
    """The locked jars, if this deployment has a directory of them."""
    if directory is None:
        return []
    jars = sorted(str(jar) for jar in directory.glob("*.jar"))
    if not jars:
        raise EngineUnavailable("Spark", str(directory), "the directory holds no jars")
    return jars


def spark_submit() -> str:
    """spark-submit of this Python's environment, else of the PATH."""
    own = Path(sys.executable).with_name("spark-submit")
    found = str(own) if own.exists() else shutil.which("spark-submit")
    if found is None:
        raise EngineUnavailable("Spark", "PATH", "there is no spark-submit")
    return found
