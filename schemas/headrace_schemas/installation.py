"""What of Headrace is installed here: its extras, and one Spark.

Asked by each side when it starts, before its own imports would fail at a module that shows nobody
what to do.
"""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from headrace_schemas.errors import HeadraceError, listed

PACKAGE = "headrace"

EXTRAS: dict[str, tuple[str, ...]] = {
    "airflow": ("airflow", "deltalake", "boto3"),
    "spark": (
        "pyspark",
        "deltalake",
        "delta",
        "great_expectations",
        "xgboost",
        "sklearn",
        "pandas",
        "pyarrow",
        "mlflow",
        "boto3",
        "jinja2",
        "psycopg2",
    ),
    "launcher": (
        "typer",
        "rich",
        "httpx",
        "deltalake",
        "matplotlib",
        "jinja2",
        "jsonschema",
        "psutil",
        "boto3",
        "minio",
        "croniter",
    ),
}
"""The modules that each extra brings. Modules and not packages, as a GPU cluster has another
package for XGBoost."""

SPARK, SPARK_CLIENT = "pyspark", "pyspark-client"
"""Two packages that own the same files: the second has those of Spark Connect's client alone."""


class ExtraMissing(HeadraceError, ImportError):
    """A part of Headrace is started whose extra is not installed."""

    def __init__(self, extra: str, missing: list[str]) -> None:
        wanted = f"{PACKAGE}[{extra}]=={version(PACKAGE)}"
        super().__init__(
            f"{PACKAGE} is installed without its extra {extra}: there is no {listed(missing)}. "
            f"Install it: pip install '{wanted}'",
            extra=extra,
            missing=missing,
        )


class SparkTwice(HeadraceError, ImportError):
    """Both packages that own Spark's files are installed."""

    def __init__(self, spark: str, client: str) -> None:
        super().__init__(
            f"{SPARK} {spark} and {SPARK_CLIENT} {client} are both installed. They own the same "
            "files: of two versions nothing can be imported, and removing or upgrading one takes "
            f"the other's files along. {SPARK} has the client, too. Keep it alone: "
            f"pip uninstall -y {SPARK_CLIENT} && "
            f"pip install --force-reinstall --no-deps {SPARK}=={spark}",
            spark=spark,
            client=client,
        )


def require_extra(extra: str) -> None:
    """Refuse to start without the modules of an extra; imports none of them.

    Raises:
        ExtraMissing: One is not there.
    """
    if missing := [name for name in EXTRAS[extra] if find_spec(name) is None]:
        raise ExtraMissing(extra, missing)


def require_one_spark() -> None:
    """Refuse to start with a Spark that two packages have written over each other.

    Raises:
        SparkTwice: Both are installed.
    """
    spark, client = _version(SPARK), _version(SPARK_CLIENT)
    if spark and client:
        raise SparkTwice(spark, client)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
