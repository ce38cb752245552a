"""Every job that can be asked for: Headrace's own, and those of installed extensions."""

import json
from dataclasses import dataclass
from typing import Any

from headrace_schemas.accounts import Account
from headrace_schemas.extensions import Extensions
from headrace_schemas.wire.backtest_job import BacktestReport, BacktestSpec
from headrace_schemas.wire.maintenance_jobs import MaintainReport, MaintainSpec
from headrace_schemas.wire.model_jobs import (
    DecideReport,
    DecideSpec,
    EvaluateReport,
    EvaluateSpec,
    MonitorReport,
    MonitorSpec,
    PromoteReport,
    PromoteSpec,
    ReleaseReport,
    ReleaseSpec,
    ScoreReport,
    ScoreSpec,
    TrainReport,
    TrainSpec,
)
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spec import JobSpec
from headrace_schemas.wire.table_jobs import (
    GateReport,
    GateSpec,
    LoadReport,
    LoadSpec,
    PublishReport,
    PublishSpec,
    RebuildReport,
    RebuildSpec,
)


@dataclass(frozen=True)
class Job:
    """What there is to know of a job without importing its work.

    Attributes:
        spec: What is asked of it; the default of its field `job` is the job's name.
        report: What it reports; with the same default.
        run: `module:function` of `run(spark, spec) -> report`, imported in the job's process only.
        account: Whose keys of the object store its process has.
        needs_spark: Whether a session is opened for it; without one it is `run(spec) -> report`.

    Raises:
        TypeError: The two classes are of different jobs, or of none.
    """

    spec: type[JobSpec]
    report: type[JobReport]
    run: str
    account: Account
    needs_spark: bool = True

    def __post_init__(self) -> None:
        """Two classes and one name."""
        names = [model.model_fields["job"].default for model in (self.spec, self.report)]
        if not isinstance(names[0], str) or names[0] != names[1]:
            raise TypeError(
                f"{self.spec.__name__} and {self.report.__name__} need a field `job` with the job's "
                "name as its default"
            )

    @property
    def name(self) -> str:
        """As specs and entry points write it."""
        return str(self.spec.model_fields["job"].default)


JOBS: Extensions[Job] = Extensions(
    "headrace.jobs",
    Job,
    (
        Job(LoadSpec, LoadReport, "headrace_jobs.tables.load:run", Account.INGEST),
        Job(GateSpec, GateReport, "headrace_jobs.tables.gate:run", Account.INGEST),
        Job(PublishSpec, PublishReport, "headrace_jobs.tables.publish:run", Account.PUBLISH),
        Job(RebuildSpec, RebuildReport, "headrace_jobs.tables.rebuild:run", Account.PUBLISH),
        Job(MaintainSpec, MaintainReport, "headrace_jobs.tables.maintain:run", Account.MAINTAIN),
        Job(TrainSpec, TrainReport, "headrace_jobs.learning.train:run", Account.LEARN),
        Job(EvaluateSpec, EvaluateReport, "headrace_jobs.learning.evaluate:run", Account.LEARN),
        Job(PromoteSpec, PromoteReport, "headrace_jobs.learning.promote:run", Account.LEARN, False),
        Job(ScoreSpec, ScoreReport, "headrace_jobs.learning.score:run", Account.PUBLISH),
        Job(MonitorSpec, MonitorReport, "headrace_jobs.monitoring.monitor:run", Account.PUBLISH),
        Job(DecideSpec, DecideReport, "headrace_jobs.monitoring.decide:run", Account.LEARN, False),
        Job(
            ReleaseSpec, ReleaseReport, "headrace_jobs.monitoring.release:run", Account.LEARN, False
        ),
        Job(BacktestSpec, BacktestReport, "headrace_jobs.monitoring.backtest:run", Account.LEARN),
    ),
)


def read_spec(text: str) -> Any:
    """A spec of its job's own class, from JSON.

    Raises:
        ExtensionUnknown: There is no such job.
        ValidationError: It is not what that job is asked.
    """
    return JOBS.named(json.loads(text)["job"]).spec.model_validate_json(text)


def read_report(text: str) -> Any:
    """A report of its job's own class, from JSON; of `JobReport` if it failed before it had one.

    Raises:
        ExtensionUnknown: There is no such job.
        ValidationError: It is not what that job reports.
    """
    content = json.loads(text)
    has_own = bool(content.keys() - JobReport.model_fields.keys())
    if content["status"] == "failed" and not has_own:
        return JobReport.model_validate_json(text)
    return JOBS.named(content["job"]).report.model_validate_json(text)
