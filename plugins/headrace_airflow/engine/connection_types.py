"""The connection types that Headrace lends to Airflow: `spark` and `spark_connect`.

Airflow's own Spark provider has them as well, but brings a second package with Spark's files. Forms
and types are metadata; no operator here uses a hook, as a job is a process and no client.
"""

from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

PROVIDER = "apache-airflow-providers-apache-spark"

HOOKS = "headrace_airflow.engine.connection_hooks"

FLAG = {"type": ["boolean", "null"], "default": False}
TEXT = {"type": ["string", "null"]}

CONNECTION_TYPES: list[dict[str, Any]] = [
    {
        "connection-type": "spark",
        "hook-name": "Spark",
        "hook-class-name": f"{HOOKS}.SparkHook",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login", "password"],
            "relabeling": {"host": "Master"},
            "placeholders": {"host": "spark://host, k8s://https://host, yarn or local[2]"},
        },
        "conn-fields": {
            "queue": {"label": "YARN queue", "schema": TEXT},
            "has-jars": {
                "label": "Spark has the locked jars",
                "description": "Without it, each job hands them over.",
                "schema": FLAG,
            },
        },
    },
    {
        "connection-type": "spark_connect",
        "hook-name": "Spark Connect",
        "hook-class-name": f"{HOOKS}.SparkConnectHook",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login"],
            "relabeling": {"password": "Token"},
            "placeholders": {"port": "15002"},
        },
        "conn-fields": {
            "use_ssl": {"label": "Use TLS", "schema": FLAG},
            "token-file": {
                "label": "File of the token",
                "description": "On the worker, instead of the token itself.",
                "schema": TEXT,
            },
        },
    },
]


def provider_info() -> dict[str, Any]:
    """What Airflow asks of a provider; the connection types are its own provider's where that is.

    Airflow calls it in each of its processes before it is configured: nothing here imports Airflow,
    or anything that takes time.
    """
    return {
        "package-name": "headrace",
        "name": "Headrace",
        "description": "Connections to the Spark that does Headrace's work.",
        "connection-types": [] if _has_spark_provider() else CONNECTION_TYPES,
    }


def _has_spark_provider() -> bool:
    try:
        distribution(PROVIDER)
    except PackageNotFoundError:
        return False
    return True
