"""The one operator that runs jobs; everything else here only says which and with what."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, cast

from airflow.sdk import BaseOperator, Context, ResumableJobMixin
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from headrace_airflow.builders.time_limit import USUAL, TimeLimit
from headrace_airflow.engine.job_directory import JobDirectory, LogFollower
from headrace_airflow.engine.job_starters import Engine, start_job
from headrace_airflow.settings import DeploymentSettings
from headrace_lake.ledger import digests_of
from headrace_lake.versions import newest_version
from headrace_schemas.batch import WHOLE
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import HeadraceError, JobCrashed, JobFailed, TimeLimitPassed
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.jobs import read_spec
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spec import JobSpec

QUICK_STEPS, QUICK_SECONDS, SLOW_SECONDS = 300, 0.1, 0.5
"""A warm job takes a second or two: look often for half a minute, then less often."""

KEPT_OUT = {"status", "error", "failures", "seconds"}
"""Of a report: not needed by a later task, so not in XCom."""


class SparkJobOperator(ResumableJobMixin, BaseOperator):
    """Runs one job in Spark, warm or by spark-submit, and hands its report on.

    How it works: `plan` says what is asked, with every input pinned; the spec is written into a job
    directory, the job started in a process group of its own, its log copied into the task's, its
    report read. The directory's name is kept in the task state store: when the worker dies, the
    retry finds the running job there and does not start a second one. A job that runs longer than
    `time_limit` since it was asked for is ended, whichever try asked; that is tried again once.

    What it does not do: look at data. It knows a job by name and never imports it.

    Known limits: if the worker dies between starting the job and storing the name, a retry starts
    it again, so jobs must be idempotent. Job and worker share a machine.

    To extend it, set `job` and write `plan`; `handle_report` if there is more to do than hand on.
    """

    job: ClassVar[str]
    engine: ClassVar[Engine] = "warm"
    conf: ClassVar[Mapping[str, str]] = {}
    external_id_key = "headrace_job"
    shallow_copy_attrs: Sequence[str] = ("catalog",)
    ui_color = "#e8f1f5"

    def __init__(self, *, catalog: Catalog, time_limit: TimeLimit = USUAL, **kwargs: Any) -> None:
        kwargs.setdefault("execution_timeout", time_limit.length)
        super().__init__(**kwargs)
        self.catalog = catalog
        self.time_limit = time_limit
        self._ran_too_long_before = False
        self._directory: JobDirectory | None = None
        self._results: dict[str, dict[str, Any]] = {}

    def plan(self, context: Context, planner: Planner, job_id: str) -> JobSpec:
        """What is asked of the job."""
        raise NotImplementedError

    def handle_report(self, report: Any, context: Context) -> dict[str, Any]:  # noqa: ARG002 - for subclasses
        """What later tasks need to know of the report, which is of the job's own class."""
        return essentials(report)

    def handle_failure(self, report: JobReport, context: Context) -> None:
        """What is to be done with a report of failure, before the task fails; nothing here."""

    def batch(self, context: Context) -> str:
        """What the run is about, within the job's name."""
        return partition_key(context) or WHOLE

    def result_of(self, context: Context, task: str) -> dict[str, Any]:
        """What an earlier task of the run handed on; each is asked for once."""
        if task not in self._results:
            self._results[task] = context["ti"].xcom_pull(task_ids=task)
        return self._results[task]

    def spec(self) -> Any:
        """What was asked of the job, also when an earlier try asked it."""
        return read_spec(cast("JobDirectory", self._directory).spec_json())

    def execute(self, context: Context) -> Any:
        """Run the job, or go on with the one that an earlier try started."""
        try:
            try:
                self.execute_resumable(context)
            except AirflowTaskTimeout:
                self.end_overtime()
            return self.handle_report(self.finished_report(context), context)
        except HeadraceError as error:
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error

    def end_overtime(self) -> None:
        """End the job, if there is one yet, and say which limit it passed.

        Raises:
            TimeLimitPassed: The first time.
            AirflowFailException: The second time in a row.
        """
        where = "none yet"
        if self._directory is not None:
            self._directory.end_overtime()
            where = str(self._directory.path)
        passed = TimeLimitPassed(self.job, where, self.time_limit.minutes, self.time_limit.declared)
        if self._ran_too_long_before:
            raise AirflowFailException(f"{passed} So did the try before: it is not tried again.")
        raise passed

    def finished_report(self, context: Context) -> JobReport:
        """The report of the job that has ended.

        Raises:
            JobCrashed: There is none.
            JobFailed: It reports an error which trying again may cure.
            AirflowFailException: It reports one that trying again cannot cure.
        """
        directory = cast("JobDirectory", self._directory)
        report = directory.report()
        if report is None:
            raise JobCrashed(self.job, str(directory.path))
        self.show(report)
        if report.error is None:
            return report
        self.handle_failure(report, context)
        if report.error.retryable:
            raise JobFailed(self.job, str(directory.path), report.error.type, report.error.message)
        raise AirflowFailException(f"{report.error.type}: {report.error.message}")

    def show(self, report: JobReport) -> None:
        """Write what came back into the task's log: where rules broke, never the values."""
        for warning in report.warnings():
            self.log.warning("%s", warning)
        for note in report.notes:
            self.log.info("%s", note)
        self.log.info("job %s %s in %.1f s", report.job, report.status, report.seconds)

    def submit_job(self, context: Context) -> Any:
        """Write the spec and start the job."""
        settings = DeploymentSettings.current()
        attempt = context["ti"]
        # The id is new with every try, so no two attempts share a directory or a staging path.
        job_id = "-".join(
            [attempt.dag_id, attempt.task_id, self.batch(context), str(attempt.id)[-12:]]
        )
        lake, run = settings.lake, context["run_id"]
        planner = Planner(self.catalog, lake, newest_version, partial(digests_of, lake), run)
        spec: Any = self.plan(context, planner, job_id)
        directory = JobDirectory.create(settings.jobs / job_id, spec.model_dump_json())
        self._directory = directory
        start_job(self.engine, directory, settings, self.conf)
        return {"job_dir": str(directory.path), "max_tries": attempt.max_tries}

    def get_job_status(self, external_id: Any, context: Context) -> str:
        """How an earlier try's job stands.

        Clearing a task raises its `max_tries`, a retry does not. Who clears a task wants the work
        done again, although it succeeded.
        """
        self._ran_too_long_before = False
        if external_id["max_tries"] != context["ti"].max_tries:
            return "CLEARED"
        earlier = JobDirectory(Path(external_id["job_dir"]))
        self._ran_too_long_before = earlier.was_overtime()
        return earlier.status()

    def is_job_active(self, status: str) -> bool:
        """Whether it can be waited for."""
        return status == "RUNNING"

    def is_job_succeeded(self, status: str) -> bool:
        """Whether its report can be used."""
        return status == "SUCCEEDED"

    def poll_until_complete(self, external_id: Any, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Copy the job's log until it has ended."""
        self._directory = directory = JobDirectory(Path(external_id["job_dir"]))
        follower = LogFollower(directory.log)
        step = 0
        while directory.status() == "RUNNING":
            for line in follower.lines():
                self.log.info("%s", line)
            # Airflow's own clock starts anew when another try finds the job still running.
            if directory.age_seconds() > self.time_limit.length.total_seconds():
                self.end_overtime()
            time.sleep(QUICK_SECONDS if step < QUICK_STEPS else SLOW_SECONDS)
            step += 1
        for line in follower.last():
            self.log.info("%s", line)

    def get_job_result(self, external_id: Any, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Remember whose report counts; `execute` reads it whichever way it came here."""
        self._directory = JobDirectory(Path(external_id["job_dir"]))

    def on_kill(self) -> None:
        """End the job when the task is ended, by a person or because Airflow's time for it is over."""
        if self._directory is not None:
            self._directory.kill()


def essentials(report: JobReport) -> dict[str, Any]:
    """The report as it travels to later tasks: small, and without what is empty."""
    kept = report.model_dump(mode="json", exclude=KEPT_OUT)
    return {key: value for key, value in kept.items() if value not in (None, {}, [])}


def partition_key(context: Context) -> str | None:
    """The run's partition key, if it has one."""
    key: str | None = context["dag_run"].partition_key
    return key
