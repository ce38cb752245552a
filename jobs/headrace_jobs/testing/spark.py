"""A small Spark session of this process's own, as tests want it."""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from headrace_schemas.wire import spark_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SMALL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.codegen.cache.maxEntries": "2000",
    "spark.driver.memory": "2g",
    "spark.driver.defaultJavaOptions": spark_settings.SMALL_JAVA,
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


def small_session(folder: Path) -> "SparkSession":
    """A classic session on two cores, with Delta; what it writes by itself lies in `folder`."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from headrace_jobs.engine import session  # heavy: Spark

    # At the very end, when standard output is closed, it would still tell of its own end.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    settings = SMALL | {"spark.sql.warehouse.dir": str(folder / "warehouse")}
    return session.classic("tests", "local[2]", settings)
