"""Spark's settings for the embedded default, as files that every Spark process reads.

The Connect server and each spark-submit find them through SPARK_CONF_DIR, so both engines are
alike.
"""

from importlib.util import find_spec
from pathlib import Path

from headrace_launcher.services.ports import LOOPBACK
from headrace_launcher.services.settings import Settings
from headrace_schemas.installation import ExtraMissing
from headrace_schemas.wire import spark_settings

_LOGGING = """rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS'Z'}{UTC} %p %c{1}: %m%n%ex
"""


DEFAULTS = "spark-defaults.conf"


def spark_home() -> Path:
    """Where the installed Spark lies; found without importing it."""
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise ExtraMissing("spark", ["pyspark"])
    return Path(found.origin).parent


def configuration_folder(settings: Settings) -> Path:
    """The folder that SPARK_CONF_DIR names."""
    return settings.spark / "conf"


def connect_folder(settings: Settings) -> Path:
    """The same of the Connect server alone."""
    return settings.spark / "connect-conf"


def write_configuration(settings: Settings) -> None:
    """Write spark-defaults.conf and the logging settings."""
    for folder in (configuration_folder(settings), connect_folder(settings)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / DEFAULTS).write_text(defaults(settings))
        (folder / "log4j2.properties").write_text(_LOGGING)


def defaults(settings: Settings) -> str:
    """The text of spark-defaults.conf."""
    return "".join(f"{key} {value}\n" for key, value in _defaults(settings).items())


def _defaults(settings: Settings) -> dict[str, str]:
    jars = f"{settings.jars}/*"
    # A driver without memory ends, and is started again, instead of lingering.
    java = f"{settings.spark_java_options} -XX:+ExitOnOutOfMemoryError -Duser.timezone=UTC"
    return {
        "spark.master": f"local[{settings.spark_cores}]",
        "spark.driver.memory": settings.spark_memory,
        # On the class path rather than in spark.jars: nothing is copied when a driver starts.
        "spark.driver.extraClassPath": jars,
        "spark.executor.extraClassPath": jars,
        "spark.driver.defaultJavaOptions": java,
        "spark.executor.defaultJavaOptions": java,
        "spark.driver.host": LOOPBACK,
        "spark.driver.bindAddress": LOOPBACK,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(settings.spark / "warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(settings.spark_cores),
        # Spark keeps 100 compiled pieces of queries. A month of the flagship has more, so the next
        # month would compile all of them again: three months took 264 s of CPU, not 215 s.
        "spark.sql.codegen.cache.maxEntries": "2000",
        # A task's result of more than a MB, such as a part of what is broadcast, would go through the
        # network, encrypted, from this process to itself.
        "spark.task.maxDirectResultSize": "64m",
        # 50 tasks per snapshot by default: 8 s instead of 1 s on two cores.
        "spark.databricks.delta.snapshotPartitions": "2",
        # One flipped bit in a data page is an error, not another number.
        "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
        **spark_settings.DELTA,
        **spark_settings.S3,
    }
