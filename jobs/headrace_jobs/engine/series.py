"""One session for several jobs in turn, for who runs tables without Airflow.

One line a job on standard input, the path of its directory; one line back with the exit status, once
its report is written. The end of the input ends the session.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from headrace_jobs.engine import session
from headrace_jobs.engine.runner import run_job
from headrace_schemas.wire.spark_settings import AUTHENTICATED


class OneSession:
    """Opens Spark when the first job asks, and hands the same session to all that follow."""

    def __init__(self) -> None:
        self.spark: SparkSession | None = None

    @contextmanager
    def __call__(self, name: str) -> Iterator[SparkSession]:
        """The session: at Spark Connect where SPARK_REMOTE names a server, else of this process."""
        if self.spark is None:
            url = os.environ.get("SPARK_REMOTE")
            self.spark = (
                session.connect(url) if url else session.classic(name, settings=AUTHENTICATED)
            )
        yield self.spark

    def close(self) -> None:
        """Let go of the session, if there is one."""
        if self.spark is not None:
            session.release(self.spark)


def serve() -> int:
    """Do the jobs that standard input names, until it ends."""
    # Java and whatever prints write to the log: standard output is for the answers alone.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    spark = OneSession()
    try:
        for line in sys.stdin:
            job_dir = Path(line.rstrip("\n"))
            log = os.open(job_dir / "job.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(log, 2)
            os.close(log)
            print(run_job(job_dir, spark), file=answers, flush=True)
    finally:
        spark.close()
    return 0
