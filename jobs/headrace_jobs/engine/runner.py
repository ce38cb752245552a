"""Run one job: read its spec, open Spark, do the work, write the report."""

import json
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from headrace_jobs.engine import session
from headrace_jobs.engine.commit_note import commit_note
from headrace_jobs.engine.errors import job_error
from headrace_jobs.lake import history
from headrace_jobs.lake.commit_safety import require_safe_commits
from headrace_jobs.lake.tables import COMMIT_NOTE
from headrace_schemas.accounts import job_account
from headrace_schemas.errors import HeadraceError, VersionSkew
from headrace_schemas.extension_errors import ExtensionInvalid
from headrace_schemas.wire.jobs import JOBS, Job
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spec import JobSpec, pinned_in

LOG = logging.getLogger(__name__)

TALKATIVE = (
    "DataFrameQueryContextLogger",
    "SQLQueryContextLogger",
    "pyspark.sql.connect.logging",
)
"""Loggers of PySpark that repeat an error with its values and the server's stack, on one line.

The last is disabled from the start, but any library's `logging.config.dictConfig` enables every
logger there is; a level stays.
"""

OpenSession = Callable[[str], AbstractContextManager[SparkSession]]
"""Given a name, opens Spark and lets go of it afterwards."""


def run_job(job_dir: Path, open_session: OpenSession | None = None) -> int:
    """Run the job of `job_dir/spec.json`; 0 if its report says that it succeeded.

    How it works: `report.json` is written last, in one step, whether the job succeeded or failed.
    A folder without one belongs to a job that runs or that crashed.

    Args:
        open_session: By default as the environment says.
    """
    for name in TALKATIVE:
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL + 1)
    started = time.monotonic()
    given = json.loads((job_dir / "spec.json").read_text(encoding="utf-8"))
    job, job_id = given["job"], given["job_id"]
    LOG.info("%s %s: started", job, job_id)
    try:
        report = execute(given, open_session or session_of_environment)
    except Exception as error:  # the one place that turns any error into a report
        found = job_error(error, engine_of_environment(), job)
        LOG.error("%s %s: %s: %s", job, job_id, found.type, found.message)
        if not isinstance(error, HeadraceError):
            # Not the usual traceback: its last lines would show values of rows.
            LOG.error("%s", "".join(traceback.format_tb(error.__traceback__)))
        report = JobReport(job=job, job_id=job_id, status="failed", error=found)
    report = report.model_copy(update={"seconds": round(time.monotonic() - started, 3)})
    write_report(job_dir, report)
    LOG.info("%s %s: %s after %.1f s", job, job_id, report.status, report.seconds)
    return 0 if report.status == "succeeded" else 1


def execute(given: dict[str, Any], open_session: OpenSession) -> JobReport:
    """Do what the spec asks.

    Raises:
        VersionSkew: Another version of Headrace asked for it.
        CommitsUnsafe: The lake is on S3, and this Spark's commits could overwrite another's.
        ExtensionUnknown: There is no such job.
        ExtensionInvalid: The job's function cannot be imported, or reports something else.
        SecretUnreadable: The job's account has no keys that could be read.
    """
    own = version("headrace")
    if given["headrace_version"] != own:
        raise VersionSkew(given["headrace_version"], own)
    job = JOBS.named(given["job"])
    spec = job.spec.model_validate(given)
    os.environ.update(job_account(job.account, os.environ))
    report = done_by_spark(job, spec, open_session) if job.needs_spark else code_of(job)(spec)
    if not isinstance(report, job.report):
        problem = f"it reports a {type(report).__name__}, not a {job.report.__name__}"
        raise ExtensionInvalid(JOBS.group, job.name, job.run, problem)
    return report


def done_by_spark(job: Job, spec: JobSpec, open_session: OpenSession) -> Any:
    """What a job reports that needs a session.

    Raises:
        CommitsUnsafe: As `execute`.
        ExtensionInvalid: As `execute`.
    """
    with ThreadPoolExecutor(1) as beside:
        # Java takes seconds to start, and so does importing what training needs.
        work = beside.submit(code_of, job)
        with open_session(f"{spec.job} {spec.job_id}") as spark:
            require_safe_commits(spark, spec)
            spark.conf.set(COMMIT_NOTE, commit_note(spec))
            with history.kept_files(pinned_in(spec)):
                return work.result()(spark, spec)


def code_of(job: Job) -> Callable[..., Any]:
    """The function that does the job's work.

    Raises:
        ExtensionInvalid: It cannot be imported.
    """
    return JOBS.code(job, job.run)


@contextmanager
def session_of_environment(name: str) -> Iterator[SparkSession]:
    """Spark Connect where SPARK_REMOTE names a server, else a session of this process's own."""
    url = os.environ.get("SPARK_REMOTE")
    spark = session.connect(url) if url else session.classic(name)
    try:
        yield spark
    finally:
        session.release(spark)


def engine_of_environment() -> str:
    """Where Spark is, without secrets of the URL's parameters."""
    return os.environ.get("SPARK_REMOTE", "this process").split("/;", 1)[0]


def write_report(job_dir: Path, report: JobReport) -> None:
    """Write `report.json` so that a reader sees all of it or nothing."""
    written = job_dir / "report.json.part"
    with written.open("w", encoding="utf-8") as file:
        file.write(report.model_dump_json(indent=1))
        file.flush()
        os.fsync(file.fileno())
    written.replace(job_dir / "report.json")
