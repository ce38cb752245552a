"""Runs of tables without Airflow: load, gate and publish of one batch, by the same jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from headrace_lake.fsck.check import refuse_damaged
from headrace_lake.landing import delivered_files
from headrace_lake.tables import published_keys
from headrace_launcher.errors import TableBusy
from headrace_launcher.project.job_series import JobSeries
from headrace_launcher.services.airflow_api import UNDER_WAY, AirflowApi, RequestRefused
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import HeadraceError, JobCrashed
from headrace_schemas.places import Lake
from headrace_schemas.planning.gaps import refuse_gaps
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.spec import JobSpec
from headrace_schemas.wire.table_jobs import GateReport, LoadSpec

WORST = 3
"""How many rules that do not hold are shown."""

Tell = Callable[[str], None]


class Stopped(Exception):
    """A job that failed: class and message of its error."""

    def __init__(self, why: tuple[str, str]) -> None:
        super().__init__(*why)
        self.why = why


@dataclass(frozen=True)
class BatchRun:
    """What came of one batch.

    Attributes:
        gate: The gate's report, if it came so far; also of a batch that it held back.
        version: The version that was published; None if nothing was.
        error: Class and message of what stopped it.
    """

    batch: Batch
    gate: GateReport | None = None
    version: int | None = None
    error: tuple[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        gate = self.gate
        return {
            "table": self.batch.table,
            "batch": self.batch.key,
            "version": self.version,
            "verdict": gate.verdict if gate else None,
            "counts": gate.counts.model_dump() if gate else None,
            "record": gate.record_uri if gate else None,
            "failures": [failure.model_dump() for failure in gate.failures] if gate else [],
            "error": {"type": self.error[0], "message": self.error[1]} if self.error else None,
        }


@dataclass(frozen=True)
class TableRuns:
    """Runs batches one after the other.

    Attributes:
        planner: Its `run_id` tells these runs from Airflow's.
        airflow: The Airflow that runs for this home; None if none does.
    """

    catalog: Catalog
    lake: Lake
    landing: str
    planner: Planner
    series: JobSeries
    airflow: AirflowApi | None

    def run(self, batch: Batch, tell: Tell) -> BatchRun:
        """Load, gate and publish a batch; what stops it is in the answer, not raised.

        Raises:
            JobCrashed: The jobs' process is gone: nothing further can be run.
        """
        gate: GateReport | None = None
        try:
            self.refuse_busy(batch.table)
            tell(f"{batch.label}: load")
            staged = self.done(self.load(batch))
            tell(f"{batch.label}: gate")
            table, partition = batch.table, batch.partition
            spec = self.planner.gate(table, partition, staged.output_uri, self.name(batch, "gate"))
            report = self.series.run(spec)
            gate = report if isinstance(report, GateReport) else None
            if report.error is not None:
                return BatchRun(batch, gate, error=(report.error.type, report.error.message))
            tell(f"{batch.label}: publish")
            uri, job = report.output_uri, self.name(batch, "publish")
            written = self.done(self.planner.publish(table, partition, uri, job)).table
            refuse_damaged(written.uri, written.name, written.version)
        except JobCrashed:
            raise
        except Stopped as stopped:
            return BatchRun(batch, gate, error=stopped.why)
        except HeadraceError as error:
            return BatchRun(batch, gate, error=(type(error).__name__, error.message))
        return BatchRun(batch, gate, written.version)

    def load(self, batch: Batch) -> LoadSpec:
        """What is asked of `load`, as Airflow's operator asks it.

        Raises:
            SourceMissing, SourceInvalid: The landing area has no file, or a link that leads out.
            StaleInput: An input lacks what is needed.
        """
        if batch.partition is not None:
            refuse_gaps(self.catalog, batch.table, batch.partition, self.published)
        files = delivered_files(self.landing, self.catalog.build(batch.table), batch)
        spec = self.planner.load(batch.table, batch.partition, files, self.name(batch, "load"))
        return spec.model_copy(update={"landing": self.landing})

    def published(self, table: str) -> set[str]:
        """The keys of the partitions of a table."""
        return published_keys(self.lake.table(table))

    def done(self, spec: JobSpec) -> Any:
        """Do a job that must succeed; its report.

        Raises:
            Stopped: It failed.
        """
        report = self.series.run(spec)
        if report.error is not None:
            raise Stopped((report.error.type, report.error.message))
        return report

    def name(self, batch: Batch, job: str) -> str:
        """A name that no other attempt has."""
        return f"run-{batch.table}-{job}-{batch.key}-{uuid4().hex[:12]}"

    def refuse_busy(self, table: str) -> None:
        """Stop while Airflow runs the table: two would write it at once, and one would fail.

        Raises:
            TableBusy: It does.
        """
        if self.airflow is None:
            return
        try:
            runs = self.airflow.runs(table, UNDER_WAY)
        except RequestRefused:
            return  # Airflow has not read the table's Dag
        if runs:
            raise TableBusy(table, runs[0].run_id)
