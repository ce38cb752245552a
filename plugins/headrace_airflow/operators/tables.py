"""The way of a table's batch: load, gate, publish."""

from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from headrace_airflow.assets import table_asset
from headrace_airflow.builders.time_limit import table_limit
from headrace_airflow.damage import refuse_damaged
from headrace_airflow.notifications import tell
from headrace_airflow.operators.spark_job import SparkJobOperator, partition_key
from headrace_airflow.pages.links import GateRecordLink
from headrace_airflow.settings import DeploymentSettings
from headrace_lake.gate_outcome import gate_outcome
from headrace_lake.landing import delivered_files
from headrace_lake.tables import published_keys
from headrace_schemas.batch import WHOLE, Batch
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import StaleInput
from headrace_schemas.notifications import EventKind
from headrace_schemas.partition import SHOWN_CHARACTERS, Partition, PartitionUnit
from headrace_schemas.planning.gaps import refuse_gaps, without_data
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.report import Counts, JobReport
from headrace_schemas.wire.spec import PinnedTable
from headrace_schemas.wire.table_jobs import (
    GateReport,
    GateSpec,
    LoadSpec,
    PublishReport,
    PublishSpec,
    RebuildReport,
    RebuildSpec,
)


class TableOperator(SparkJobOperator):
    """A job on one batch of one table."""

    def __init__(self, *, table: str, catalog: Catalog, **kwargs: Any) -> None:
        super().__init__(catalog=catalog, time_limit=table_limit(catalog, table), **kwargs)
        self.table = table

    def partition(self, context: Context) -> Partition | None:
        """The partition that the run builds; None for a table that is built whole.

        Raises:
            AirflowFailException: The run's key does not name one, or there is nothing to name.
        """
        unit = self.catalog.build(self.table).partition
        if unit is None:
            refuse_key(context, f"{self.table} has no partitions")
            return None
        return run_partition(context, unit, self.table)

    def batch(self, context: Context) -> str:
        """The run's partition, within the job's name."""
        return Batch(table=self.table, partition=self.partition(context)).key


class LoadOperator(TableOperator):
    """Stages a batch: delivered files, or a transform of pinned inputs."""

    job = "load"

    def plan(self, context: Context, planner: Planner, job_id: str) -> LoadSpec:
        """List the delivered files and pin the inputs."""
        partition = self.partition(context)
        if partition is not None:
            # A schedule does not know where the data begins and ends; the pipeline does.
            if nothing := without_data(self.catalog, self.table, partition):
                raise AirflowSkipException(nothing)
            refuse_gaps(
                self.catalog,
                self.table,
                partition,
                lambda table: published_keys(planner.lake.table(table)),
            )
        build = self.catalog.build(self.table)
        landing = DeploymentSettings.current().landing
        batch = Batch(table=self.table, partition=partition)
        files = delivered_files(landing, build, batch)
        spec = planner.load(self.table, partition, files, job_id)
        return spec.model_copy(update={"landing": landing})


class GateOperator(TableOperator):
    """Runs the contract on the staged batch and parts good rows from bad ones."""

    job = "gate"
    operator_extra_links = (GateRecordLink(),)

    def plan(self, context: Context, planner: Planner, job_id: str) -> GateSpec:
        """Gate what `load` staged."""
        staged = self.result_of(context, "load")["output_uri"]
        return planner.gate(self.table, self.partition(context), staged, job_id)

    def handle_failure(self, report: JobReport, context: Context) -> None:
        """Tell of a batch that is not published for what it holds."""
        if isinstance(report, GateReport) and report.error is not None:
            notify = self.catalog.pipeline_of(self.table).notify
            kind, said = EventKind.GATE_FAILED, report.error.message
            tell(notify, context, kind, self.table, report.verdict, said)

    def handle_report(self, report: GateReport, context: Context) -> dict[str, Any]:
        """Say what the verdict was."""
        self.log.info("%s: %s, record at %s", self.table, report.verdict, report.record_uri)
        return super().handle_report(report, context)


class PublishOperator(TableOperator):
    """Makes the gated batch visible in one commit, and announces the new version."""

    job = "publish"

    def plan(self, context: Context, planner: Planner, job_id: str) -> PublishSpec:
        """Publish what `gate` let through."""
        gated = self.result_of(context, "gate")["output_uri"]
        return planner.publish(self.table, self.partition(context), gated, job_id)

    def handle_report(self, report: PublishReport, context: Context) -> dict[str, Any]:
        """Put version and rows on the asset's event, once the log shows that nothing is lost.

        Raises:
            TableDamaged: It shows otherwise: nobody is told of the version.
        """
        refuse_damaged(report.table)
        extra = event_extra(report.table, report.counts, context)
        extra["warnings"] = gate_warnings(self.table, self.batch(context))
        context["outlet_events"][table_asset(self.table)].extra = extra
        return super().handle_report(report, context)


class RebuildOperator(TableOperator):
    """Builds a table anew under its name: all of its batches, by the contract as it is now."""

    job = "rebuild"

    def batch(self, context: Context) -> str:  # noqa: ARG002 - a rebuild has no partition
        """A rebuild is about every partition."""
        return WHOLE

    def plan(
        self,
        context: Context,  # noqa: ARG002 - nor is it asked for anything else
        planner: Planner,
        job_id: str,
    ) -> RebuildSpec:
        """List what was delivered for each partition that the table holds, or has set aside.

        Raises:
            SourceMissing: A partition's files are there no more, so its rows would be gone.
            StaleInput: The table was never published, or an input lacks.
            AirflowFailException: The table's partitions are not those of the pipeline.
        """
        build, lake = self.catalog.build(self.table), planner.lake
        keys = {WHOLE}
        if build.partition is not None:
            places = (lake.table(self.table), lake.quarantine(self.table))
            keys = {key for uri in places for key in published_keys(uri)}
        try:
            batches = [Batch.parse(self.table, build.partition, key) for key in sorted(keys)]
        except ValueError as error:
            raise AirflowFailException(f"{self.table}: {error}") from error
        if not batches:
            raise StaleInput(f"rebuild {self.table}", self.table)
        landing = DeploymentSettings.current().landing
        delivered = [(batch.partition, delivered_files(landing, build, batch)) for batch in batches]
        spec = planner.rebuild(self.table, delivered, job_id)
        return spec.model_copy(update={"landing": landing})

    def handle_report(self, report: RebuildReport, context: Context) -> dict[str, Any]:
        """Tell those who follow the whole table; partitions have no event of their own here."""
        if self.catalog.build(self.table).partition is None:
            extra = event_extra(report.table, report.counts, context)
            context["outlet_events"][table_asset(self.table)].extra = extra
        return super().handle_report(report, context)


def run_partition(context: Context, unit: PartitionUnit, wanted_by: str) -> Partition:
    """The partition that the run is about.

    Raises:
        AirflowFailException: The run names none, or not in the form of `unit`.
    """
    key = partition_key(context)
    if key is None:
        raise AirflowFailException(
            f"{wanted_by}: the run has no partition key. Trigger it with one: a {unit.value} "
            f"such as {unit.example}."
        )
    try:
        return Partition.parse(unit, key)
    except ValueError as error:
        raise AirflowFailException(f"{wanted_by}: {error}") from error


def refuse_key(context: Context, why: str) -> None:
    """Stop a run that names a partition where there is none.

    Airflow would put the key on the run's events, and whoever follows them does not listen to keys.

    Raises:
        AirflowFailException: The run has a partition key.
    """
    if (key := partition_key(context)) is not None:
        raise AirflowFailException(
            f"{why}: trigger it without a partition key (found {key[:SHOWN_CHARACTERS]!r})."
        )


def gate_warnings(table: str, batch: str) -> dict[str, int]:
    """How many rows of a batch broke each rule that only warns.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    gate = gate_outcome(DeploymentSettings.current().lake, table, batch)
    return gate.warnings if gate else {}


def event_extra(table: PinnedTable | None, counts: Counts, context: Context) -> dict[str, Any]:
    """What an asset's event says of the version behind it."""
    return {
        "table": table.name if table else None,
        "version": table.version if table else None,
        "rows": counts.rows_out,
        "partition": partition_key(context),
    }
