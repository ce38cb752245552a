"""Airflow's settings for the embedded default, as environment variables.

Everything that differs from Airflow's own default stands here with its reason. A user changes one
by `HEADRACE_AIRFLOW__SECTION__KEY=value headrace up`.
"""

import json
import shlex
from pathlib import Path

from headrace_launcher.services.ports import LOOPBACK, Ports
from headrace_launcher.services.secrets import USER, Secrets
from headrace_launcher.services.settings import Settings

CONNECT_CONNECTION = "AIRFLOW_CONN_HEADRACE_CONNECT"
SPARK_CONNECTION = "AIRFLOW_CONN_HEADRACE_SPARK"


def airflow_database(settings: Settings) -> Path:
    """The file of Airflow's database."""
    return settings.airflow / "airflow.db"


def base_url(ports: Ports) -> str:
    """Where a person opens Airflow."""
    return f"http://localhost:{ports.airflow}"


def health_url(ports: Ports) -> str:
    """The page that tells the health of Airflow's components."""
    return f"http://{LOOPBACK}:{ports.airflow}/api/v2/monitor/health"


def execution_url(ports: Ports) -> str:
    """Where tasks report to Airflow."""
    return f"http://{LOOPBACK}:{ports.execution}/execution/"


def airflow_environment(settings: Settings, ports: Ports, secrets: Secrets) -> dict[str, str]:
    """The variables that all Airflow services share."""
    options = {
        **_places(settings),
        **_network(ports),
        **_secrets(secrets),
        **_pace(),
        **_endurance(),
    }
    return {
        "AIRFLOW_HOME": str(settings.airflow),
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
        **_connections(settings, ports),
        **settings.airflow_overrides,
    }


def _places(settings: Settings) -> dict[str, str]:
    return {
        "CORE__DAGS_FOLDER": str(settings.project.dags),
        "CORE__PLUGINS_FOLDER": str(settings.project.plugins),
        "CORE__EXECUTOR": "headrace_airflow.engine.executor.LocalExecutor",
        "CORE__ASSET_MANAGER_CLASS": "headrace_airflow.engine.asset_manager.AssetManager",
        "CORE__LOAD_EXAMPLES": "False",
        # A declared pipeline runs; who wants to look first pauses it in the UI.
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # SQLite lets one write at a time: wait for the other service, not 5 s but 30 s.
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_database(settings)}?timeout=30",
    }


def _network(ports: Ports) -> dict[str, str]:
    return {
        "API__HOST": LOOPBACK,
        "API__PORT": str(ports.airflow),
        "API__BASE_URL": base_url(ports),
        "CORE__EXECUTION_API_SERVER_URL": execution_url(ports),
        "API__WORKERS": "1",
        "API__EXPOSE_CONFIG": "False",
        # One line per heartbeat of every task is no use to anyone.
        "LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
        # Nor are two lines per DAG whenever its file is parsed.
        "LOGGING__NAMESPACE_LEVELS": (
            "airflow.models.dag=WARNING airflow.serialization.definitions.dag=WARNING"
        ),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
    }


def _secrets(secrets: Secrets) -> dict[str, str]:
    """Airflow reads the files itself: no key in an environment that every task inherits."""
    return {
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(secrets.passwords),
        "CORE__FERNET_KEY_CMD": _reads(secrets.fernet_key),
        "API__SECRET_KEY_CMD": _reads(secrets.api_secret_key),
        "API_AUTH__JWT_SECRET_CMD": _reads(secrets.jwt_secret),
    }


def _reads(path: Path) -> str:
    return f"cat {shlex.quote(str(path))}"


def _pace() -> dict[str, str]:
    """How often things are looked at: quick between tasks, frugal with two cores."""
    return {
        # Between two tasks of a run: 0.8 s at the default of 1 s, 0.4 s so.
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # Four worker processes, not 32; Spark's work runs outside of them.
        "CORE__PARALLELISM": "4",
        # A new file in dags/ is seen after 30 s, not 5 min.
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        # How soon a changed declaration is seen; a changed DAG file is parsed at once. Parsing all
        # files takes 3 s of a core, a tenth of it at the default of 30 s.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        # The default of 2 parsers takes both cores for a moment every interval.
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__PRINT_STATS_INTERVAL": "300",
    }


def _endurance() -> dict[str, str]:
    """What a task outlives, and how soon a dead one is noticed."""
    return {
        # A worker that is not heard for three minutes, not five, is taken for dead. No sooner: the
        # servers may be away for one and take another to start on a busy machine, and whoever is
        # taken for dead meanwhile has his job ended and begun again.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "180",
        # A scheduler that is started again within 30 s of its predecessor's last heartbeat takes
        # that one for alive, and looks for orphaned tasks again only after this (default 300 s).
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
        # The api-server may be restarted under running tasks: that takes up to a minute on a busy
        # machine, the defaults give up after 15 s without an answer.
        "WORKERS__MAX_FAILED_HEARTBEATS": "12",
        "WORKERS__EXECUTION_API_TIMEOUT": "20",
        "WORKERS__EXECUTION_API_RETRIES": "9",
        "WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "15",
    }


def _connections(settings: Settings, ports: Ports) -> dict[str, str]:
    return {
        CONNECT_CONNECTION: json.dumps(
            {"conn_type": "spark_connect", "host": "localhost", "port": ports.connect}
        ),
        SPARK_CONNECTION: json.dumps(
            {
                "conn_type": "spark",
                "host": f"local[{settings.spark_cores}]",
                "extra": {"has-jars": True},  # by spark-defaults.conf
            }
        ),
    }
