"""Every setting that comes from the environment: what it means, where it is read, what holds without it.

The reference page is made of this table, and a test looks that no other name is read anywhere.
"""

from enum import StrEnum
from typing import NamedTuple


class SettingReader(StrEnum):
    """Who reads a setting, as a title of the page."""

    PLACES = "Where things are"
    MACHINE = "One machine"
    STORE = "Object store"
    COMPOSE = "The compose file"
    PROCESS = "Single processes"
    IMAGES = "Images"


READ_BY = {
    SettingReader.PLACES: "By the command `headrace`, Airflow's services and jobs, in every deployment.",
    SettingReader.MACHINE: "By the command `headrace`, where it runs all services on one machine.",
    SettingReader.STORE: "By `headrace provision`, `headrace doctor`, and whatever starts a job.",
    SettingReader.COMPOSE: "From `.env`, by Docker Compose. Memory and processors are limits of containers unless "
    "something else is said.",
    SettingReader.PROCESS: "The command `headrace`, the compose file and the images set them. They are for those who "
    "start the processes otherwise.",
    SettingReader.IMAGES: "By `deploy/local-images.sh`, and by the build of images.",
}
"""Which programs that are."""


class Setting(NamedTuple):
    """One environment variable.

    Attributes:
        name: Its name.
        reader: Who reads it.
        meaning: What it says, without a full stop.
        default: What holds without it, as one would write it; empty where nothing does.
        is_secret: Whether it may also stand in the file that the variable `<name>_FILE` names.
    """

    name: str
    reader: SettingReader
    meaning: str
    default: str = ""
    is_secret: bool = False


def container(service: str, default: str) -> Setting:
    """The memory of a container of the compose file, which is called after its service."""
    name = f"HEADRACE_{service.upper()}_MEMORY"
    return Setting(name, SettingReader.COMPOSE, f"memory of `{service}`", default)


PLACES = (
    Setting(
        "HEADRACE_PROJECT",
        SettingReader.PLACES,
        "folder of the project, whose `pyproject.toml` has a table `[tool.headrace]`",
        "the nearest one from the working folder upwards",
    ),
    Setting(
        "HEADRACE_HOME",
        SettingReader.PLACES,
        "folder of everything that runs: jobs, logs, secrets, and the lake unless it lies elsewhere",
        "`home` of the project",
    ),
    Setting(
        "HEADRACE_LAKE",
        SettingReader.PLACES,
        "path or `s3a://bucket/prefix` of tables, models and logs",
        "`lake` of the project, else `lake` in the home",
    ),
    Setting(
        "HEADRACE_LANDING",
        SettingReader.PLACES,
        "path or `s3a://bucket/prefix` below which files are delivered",
        "`landing` of the project, else `landing` in the home",
    ),
)

MACHINE = (
    Setting("HEADRACE_SPARK_CORES", SettingReader.MACHINE, "cores that Spark uses", "2"),
    Setting("HEADRACE_SPARK_MEMORY", SettingReader.MACHINE, "heap of Spark", "2g"),
    Setting(
        "HEADRACE_SPARK_JAVA_OPTIONS",
        SettingReader.MACHINE,
        "options of Spark's Java",
        "for small batches on few cores",
    ),
    Setting(
        "HEADRACE_IVY_SETTINGS",
        SettingReader.MACHINE,
        "Ivy's settings file, which names the mirror that jars are fetched from",
        "Maven Central",
    ),
    Setting(
        "HEADRACE_AIRFLOW__SECTION__KEY",
        SettingReader.MACHINE,
        "any setting of Airflow: it reaches Airflow as `AIRFLOW__SECTION__KEY`",
    ),
)

STORE = (
    Setting(
        "HEADRACE_S3_ACCOUNTS",
        SettingReader.STORE,
        "folder with the keys of the accounts, a file `s3_<account>` each in the form of AWS's "
        "credentials file",
        "one account does everything",
    ),
    Setting(
        "HEADRACE_S3_ROOT_USER",
        SettingReader.STORE,
        "root's name on a MinIO server, for `headrace provision`; empty for every other store",
        is_secret=True,
    ),
    Setting(
        "HEADRACE_S3_ROOT_PASSWORD", SettingReader.STORE, "root's password there", is_secret=True
    ),
)

COMPOSE = (
    Setting(
        "HEADRACE_SECRETS",
        SettingReader.COMPOSE,
        "folder of the secrets, made by `headrace env`",
        "./.secrets",
    ),
    Setting(
        "HEADRACE_LOGS",
        SettingReader.COMPOSE,
        "where logs of tasks are kept",
        "s3://headrace/lake/logs",
    ),
    Setting(
        "HEADRACE_STORE_INTERNAL",
        SettingReader.COMPOSE,
        "`false` where the object store lies outside of the host: then its network leads out",
        "true",
    ),
    Setting(
        "HEADRACE_AIRFLOW_PORT",
        SettingReader.COMPOSE,
        "port of Airflow's pages on loopback",
        "8080",
    ),
    Setting(
        "HEADRACE_AIRFLOW_URL",
        SettingReader.COMPOSE,
        "address under which people reach them",
        "http://localhost:8080",
    ),
    Setting(
        "HEADRACE_BEHIND_PROXY",
        SettingReader.COMPOSE,
        "`True` behind a reverse proxy, whose headers are believed then",
        "False",
    ),
    Setting(
        "HEADRACE_COOKIE_SECURE",
        SettingReader.COMPOSE,
        "`True` where the pages are reached by https only",
        "False",
    ),
    Setting(
        "HEADRACE_HISTORY_PORT",
        SettingReader.COMPOSE,
        "port of Spark's history on loopback",
        "18080",
    ),
    Setting("HEADRACE_PARALLEL_TASKS", SettingReader.COMPOSE, "Airflow tasks at once", "4"),
    Setting(
        "HEADRACE_CPUS", SettingReader.COMPOSE, "processors of every container but workers", "2"
    ),
    Setting("HEADRACE_SPARK_WORKERS", SettingReader.COMPOSE, "worker containers", "2"),
    Setting("HEADRACE_WORKER_CORES", SettingReader.COMPOSE, "cores that a worker offers", "3"),
    Setting("HEADRACE_WORKER_HEAP", SettingReader.COMPOSE, "memory that a worker offers", "4g"),
    Setting("HEADRACE_WORKER_CPUS", SettingReader.COMPOSE, "processors of a worker", "2"),
    container("worker", "6g"),
    Setting(
        "HEADRACE_CONNECT_CORES",
        SettingReader.COMPOSE,
        "cores that the Connect server of load and gate holds all the time",
        "2",
    ),
    Setting(
        "HEADRACE_PUBLISH_CORES",
        SettingReader.COMPOSE,
        "cores that the other Connect server holds",
        "1",
    ),
    Setting(
        "HEADRACE_CONNECT_DRIVER_MEMORY",
        SettingReader.COMPOSE,
        "heap of each Connect server's driver",
        "2g",
    ),
    Setting(
        "HEADRACE_TRAINING_CORES",
        SettingReader.COMPOSE,
        "cores of a training: as many workers train together",
        "2",
    ),
    Setting(
        "HEADRACE_TRAINING_DRIVER_MEMORY",
        SettingReader.COMPOSE,
        "heap of a submitted job's driver",
        "2g",
    ),
    Setting(
        "HEADRACE_EXECUTOR_MEMORY",
        SettingReader.COMPOSE,
        "heap of an executor; each has one core",
        "1g",
    ),
    Setting(
        "HEADRACE_SHUFFLE_PARTITIONS",
        SettingReader.COMPOSE,
        "pieces of a shuffle: about twice the cores of Connect, more for large batches",
        "2",
    ),
    Setting(
        "HEADRACE_SNAPSHOT_PARTITIONS",
        SettingReader.COMPOSE,
        "pieces in which Delta reads a table's log",
        "2",
    ),
    Setting(
        "HEADRACE_JAVA_OPTIONS", SettingReader.COMPOSE, "options of every Java process of Spark"
    ),
    container("connect", "4g"),
    container("scheduler", "8g"),
    container("api", "2g"),
    container("postgres", "512m"),
    container("minio", "2g"),
    Setting(
        "HEADRACE_AIRFLOW_IMAGE",
        SettingReader.COMPOSE,
        "image of Airflow's services",
        "headrace/airflow:0.1.0",
    ),
    Setting(
        "HEADRACE_SPARK_IMAGE", SettingReader.COMPOSE, "image of Spark's", "headrace/spark:0.1.0"
    ),
    Setting(
        "HEADRACE_POSTGRES_IMAGE",
        SettingReader.COMPOSE,
        "image of the database",
        "postgres:17.11-bookworm",
    ),
    Setting(
        "HEADRACE_MINIO_IMAGE",
        SettingReader.COMPOSE,
        "image of the object store",
        "pgsty/silo:RELEASE.2026-09-16T00-00-00Z",
    ),
    Setting(
        "HEADRACE_BASE_IMAGE",
        SettingReader.COMPOSE,
        "image with a Python that Headrace's own are built on",
        "python:3.12.14-slim-bookworm",
    ),
    Setting(
        "HEADRACE_ADMIN_PASSWORD_RESET",
        SettingReader.COMPOSE,
        "`1`: the next start sets the password of `admin` again",
    ),
)

PROCESS = (
    Setting(
        "HEADRACE_ADMIN_PASSWORD",
        SettingReader.PROCESS,
        "password of the first user, `admin`, when there is none yet",
        is_secret=True,
    ),
    Setting(
        "HEADRACE_MODELS",
        SettingReader.PROCESS,
        "where the files of models are kept; needed unless the registry is a server",
    ),
    Setting(
        "HEADRACE_REGISTRY_PASSWORD",
        SettingReader.PROCESS,
        "password of the registry's database in PostgreSQL",
        is_secret=True,
    ),
    Setting(
        "HEADRACE_JARS",
        SettingReader.PROCESS,
        "folder of the locked jars; for Airflow's services only where Spark has not got them",
        "`jars` in the home",
    ),
    Setting(
        "HEADRACE_JOB_HOST",
        SettingReader.PROCESS,
        "socket of the warm job host",
        "every job is submitted",
    ),
    Setting(
        "HEADRACE_JOB_HOST_START",
        SettingReader.PROCESS,
        "`on-demand`: the first task that wants the job host starts it",
        "a service does",
    ),
    Setting(
        "HEADRACE_CONNECT_TOKEN",
        SettingReader.PROCESS,
        "token of the Spark Connect server",
        is_secret=True,
    ),
    Setting(
        "HEADRACE_CONNECT_SECRET",
        SettingReader.PROCESS,
        "file with the token that a Connect server on the same machine takes, and the proof that it "
        "shows; it is waited for",
    ),
    Setting(
        "HEADRACE_PUBLISH_REMOTE",
        SettingReader.PROCESS,
        "a second Spark Connect server, for all jobs but load and gate",
        "`SPARK_REMOTE`",
    ),
    Setting("HEADRACE_PUBLISH_TOKEN", SettingReader.PROCESS, "its token", is_secret=True),
    Setting(
        "HEADRACE_PAGES_LOGIN",
        SettingReader.PROCESS,
        "JSON file of users and passwords for the pages of the registry",
    ),
    Setting(
        "HEADRACE_PAGES_HOSTS",
        SettingReader.PROCESS,
        "`host:port`, separated by commas, under which these pages are asked for",
    ),
    Setting(
        "HEADRACE_SUPERVISED",
        SettingReader.PROCESS,
        "mark of every process of a running stack: its home. Nobody sets it by hand",
    ),
)

IMAGES = (
    Setting(
        "HEADRACE_VERSION",
        SettingReader.IMAGES,
        "argument of the Dockerfile that `headrace deploy compose` writes: what its images install",
        "the version that wrote it",
    ),
    Setting(
        "HEADRACE_LOCAL_PYTHON",
        SettingReader.IMAGES,
        "an interpreter in a folder of its own, as pyenv and uv make them",
        ".venv/bin/python",
    ),
    Setting(
        "HEADRACE_LOCAL_MINIO",
        SettingReader.IMAGES,
        "MinIO's program",
        "the one on `PATH`, or `.tools/bin/minio`",
    ),
    Setting(
        "HEADRACE_DEBIAN_MIRROR",
        SettingReader.IMAGES,
        "where Debian's packages come from",
        "debootstrap's own choice",
    ),
)

SETTINGS = (*PLACES, *MACHINE, *STORE, *COMPOSE, *PROCESS, *IMAGES)
"""All of them, in the order of the page."""
