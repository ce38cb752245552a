"""The only place that opens a Spark session: Spark Connect, or a classic one of its own."""

import os
import time
from contextlib import suppress
from hmac import compare_digest
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession, is_remote

from headrace_schemas.accounts import TOKEN
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.wire import spark_settings
from headrace_schemas.wire.secret_files import secret

SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # Or `${env:NAME}` inside SQL would read the server's environment.
    "spark.sql.variable.substitute": "false",
    # Java never compiles a method of more bytes, and a row's casts are one in Spark's own code for
    # whole stages: a million flights took 8 s to read, and 3 s by the smaller methods made then.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # One flipped bit in a data page is an error, not another number.
    "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
    # Spark's INT96 counts nanoseconds: other readers wrap years before 1677 and after 2262.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Timestamps of nanoseconds are read as numbers, and not refused with the whole file.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # Delta would refuse a version older than the table's history, although a pin keeps its files.
    "spark.databricks.delta.vacuum.enforceTimeTravelWithinDeletedFileRetentionDuration": "false",
}
"""What every job relies on, whoever configured the engine."""

DELTA = spark_settings.DELTA

RETRIES = 16
"""About 60 s in all: a server that is started again is ridden out, a lost one ends the job."""

REFUSED = "StatusCode.UNAUTHENTICATED"

SECRET_SECONDS, SECRET_POLL_SECONDS = 60.0, 0.2

CHANNEL = [
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A server that hangs is given up after these; more often than every 5 minutes it would refuse.
    ("grpc.keepalive_time_ms", 330_000),
    ("grpc.keepalive_timeout_ms", 60_000),
]


def connect(url: str) -> SparkSession:
    """A new session at a Spark Connect server, waiting up to a minute for the server.

    Raises:
        EngineUnavailable: It does not answer.
    """
    # Here and not above: gRPC must not be touched where only a classic session is wanted.
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession as ConnectSession

    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"  # pyspark.sql.functions build Connect's columns
    address = urlsplit(url).netloc or url
    channel = DefaultChannelBuilder(url, channelOptions=CHANNEL)
    token, proof = connect_secret(address)
    if token:
        # Spark's own variable for it makes the client insist on TLS with any server but localhost.
        channel.set("authorization", f"Bearer {token}")
    session = ConnectSession(connection=channel)
    session.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES, max_backoff=5000)])
    try:
        for key, value in runtime_settings().items():
            session.conf.set(key, value)
        shown = session.conf.get(spark_settings.CONNECT_PROOF, "") if proof else None
    except PySparkException as error:
        problem = "does not answer within a minute"
        if REFUSED in str(error):
            problem = "refuses the token: it was started again, or takes another one"
        raise EngineUnavailable("Spark Connect", address, problem) from error
    if proof and not compare_digest(str(shown), proof):
        problem = "somebody else answers there: without the proof that its server shows"
        raise EngineUnavailable("Spark Connect", address, problem)
    ConnectSession._set_default_and_active_session(session)
    return cast("SparkSession", session)


def connect_secret(address: str) -> tuple[str | None, str | None]:
    """The token that a server takes, and the proof that it shows, where one was agreed on.

    A file holds them while the server runs that they are for; it is waited for.

    Raises:
        EngineUnavailable: There is none for a minute.
        SecretUnreadable: A deployment names a file with a token, and it cannot be read.
    """
    named = os.environ.get("HEADRACE_CONNECT_SECRET")
    if named is None:
        return secret(TOKEN, os.environ), None
    deadline = time.monotonic() + SECRET_SECONDS
    while True:
        with suppress(FileNotFoundError):
            token, proof = Path(named).read_text().split()
            return token, proof
        if time.monotonic() > deadline:
            problem = "is not ready: nobody was told its token for a minute"
            raise EngineUnavailable("Spark Connect", address, problem)
        time.sleep(SECRET_POLL_SECONDS)


def runtime_settings() -> dict[str, str]:
    """`SESSION` as a running session takes it, which hands settings to Hadoop by their own name."""
    return {key.removeprefix("spark.hadoop."): value for key, value in SESSION.items()}


def release(spark: SparkSession) -> None:
    """Let go of a session: a Connect server keeps what it holds for an hour otherwise."""
    if is_remote():
        client: Any = spark.client
        client.set_retry_policies([])  # a lost server is not waited for again
    spark.stop()


def classic(
    name: str = "headrace", master: str | None = None, settings: dict[str, str] | None = None
) -> SparkSession:
    """A session of this process's own: inside spark-submit, or started here.

    Args:
        master: None inside spark-submit, which names it.
        settings: Further Spark settings.
    """
    # Not above, as it loads py4j. Without it Delta's conflicts are py4j's errors, not Spark's.
    import delta.exceptions  # noqa: F401

    builder = SparkSession.builder.appName(name)
    given = {**SESSION, **DELTA}
    if master is not None:
        builder = builder.master(master)
        given |= spark_settings.AUTHENTICATED if master.startswith("local") else {}
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # outside spark-submit nobody added these
        # On the class path rather than in spark.jars: this process would send them to itself, encrypted.
        given |= {**spark_settings.S3, "spark.driver.extraClassPath": f"{jars_folder()}/*"}
    for key, value in {**given, **(settings or {})}.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def jars_folder() -> Path:
    """Where the locked jars lie."""
    named = os.environ.get("HEADRACE_JARS")
    home = os.environ.get("HEADRACE_HOME")
    if named:
        return Path(named)
    return Path(home) / "jars" if home else Path("~/.cache/headrace/jars").expanduser()
