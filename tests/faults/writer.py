"""A Spark of its own that writes one row after the other, as it is told on standard input.

    python -m tests.faults.writer URI [SETTING=VALUE ...]

Each line is a row's id. The row is appended in a commit of its own, and the answer is a line of
JSON: `null` if the commit was acknowledged, else what the error says.
"""

import json
import os
import sys

from pyspark.errors import PySparkException

from headrace_jobs.engine import session
from headrace_jobs.engine.errors import summary
from headrace_jobs.lake import tables
from headrace_schemas.errors import HeadraceError
from headrace_schemas.wire.spark_settings import SMALL_JAVA

SMALL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": SMALL_JAVA,
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.adaptive.enabled": "false",
    # Less work around each commit; how it is made stays the same.
    "spark.databricks.delta.allFilesInCrc.enabled": "false",
    "spark.hadoop.fs.s3a.path.style.access": "true",
}


def main(uri: str, *given: str) -> None:
    """Write until standard input ends."""
    settings = dict(one.split("=", 1) for one in given)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Java warns on standard output

    def say(answer: str | None) -> None:
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()

    spark = session.classic("writer", "local[1]", SMALL | settings)
    say("ready")
    for line in sys.stdin:
        row = int(line)
        frame = spark.range(row, row + 1).withColumnRenamed("id", "row_id")
        try:
            with tables.committing(spark, "test.rows", "append"):
                frame.write.format("delta").mode("append").save(uri)
        except HeadraceError as error:
            say(error.message)
        except PySparkException as error:
            say(summary(error))
        except Exception as error:  # as the runner, which reports any error
            say(f"{type(error).__name__}: {summary(error)}")
        else:
            say(None)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
