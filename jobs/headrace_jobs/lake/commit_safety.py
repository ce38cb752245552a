"""Refuses a lake in which one writer's commit could overwrite another's."""

from pyspark.sql import SparkSession

from headrace_schemas.errors import CommitsUnsafe
from headrace_schemas.places import Place
from headrace_schemas.wire.spark_settings import LOG_STORE, LOG_STORE_KEY
from headrace_schemas.wire.spec import JobSpec


def require_safe_commits(spark: SparkSession, spec: JobSpec) -> None:
    """Let a job go on only if this Spark commits safely to every place that its spec names.

    Raises:
        CommitsUnsafe: A place lies on S3, and commits to it would overwrite each other.
    """
    for name, place in spec:
        if name.endswith("_uri"):
            _require(spark, str(place))


def _require(spark: SparkSession, uri: str) -> None:
    place = Place.parse(uri)
    named = f"{place.bucket.rpartition('@')[2]}/{place.key}"  # without a user's keys
    if place.scheme in ("s3", "s3n"):
        raise CommitsUnsafe(
            f"{place.scheme}://{named}",
            f"commits are not conditional for {place.scheme}://",
            f"Write it as s3a://{named}, in HEADRACE_LAKE for the whole lake.",
        )
    if place.scheme != "s3a":
        return
    found = spark.conf.get(LOG_STORE_KEY, None)
    if found != LOG_STORE:
        raise CommitsUnsafe(
            f"s3a://{named}",
            f"commits are not conditional: {LOG_STORE_KEY} is {found or 'not set'}",
            f"Start Spark with {LOG_STORE_KEY}={LOG_STORE} and the jars of `headrace jars place`.",
        )
