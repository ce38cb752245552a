"""From declarations to job specs: the same for Airflow, for a script and for a test.

Here every input is pinned to a version, and what a run needs of the ledger is read once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from headrace_schemas.batch import Batch
from headrace_schemas.decisions.decision import Decision, champion_at, first_champion
from headrace_schemas.decisions.evidence import MonitorEvidence, PromotionEvidence
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.decisions.training_windows import seasons_apart, windows_left_out
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import TableBuild
from headrace_schemas.errors import StaleInput
from headrace_schemas.partition import Partition
from headrace_schemas.places import Lake
from headrace_schemas.wire.backtest_job import BacktestSpec
from headrace_schemas.wire.model_jobs import (
    DecideSpec,
    EvaluateSpec,
    GateOutcome,
    MonitorSpec,
    PromoteSpec,
    ReleaseSpec,
    ScoreSpec,
    TrainSpec,
)
from headrace_schemas.wire.spec import PinnedInput, PinnedTable
from headrace_schemas.wire.table_jobs import (
    GateSpec,
    LoadSpec,
    PublishSpec,
    RebuildSpec,
    RebuiltBatch,
)

VersionOf = Callable[[str], int | None]
"""Newest version of the Delta table at a URI; None if there is no table yet."""

DigestsOf = Callable[[str, str], PinnedModel]
"""What the ledger holds of a model's version; raises VersionUnknown if nothing."""


def matured_at(model: Model, partition: Partition) -> datetime:
    """When the labels of a partition count as matured; at the end of time if later than that."""
    try:
        return partition.end + timedelta(days=model.label_delay_days)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Planner:
    """Builds specs.

    Attributes:
        catalog: All declarations.
        lake: Where tables lie.
        version_of: Looks versions up, at planning time only.
        digests_of: Looks digests up.
        run_id: Who asks.
    """

    catalog: Catalog
    lake: Lake
    version_of: VersionOf
    digests_of: DigestsOf
    run_id: str

    def head(self, job_id: str) -> dict[str, Any]:
        """What every spec carries."""
        return {"job_id": job_id, "run_id": self.run_id, "headrace_version": version("headrace")}

    def pin(self, table: str, wanted_by: str) -> PinnedTable:
        """A table at its newest version.

        Raises:
            StaleInput: It has none.
        """
        uri = self.lake.table(table)
        newest = self.version_of(uri)
        if newest is None:
            raise StaleInput(wanted_by, table)
        return PinnedTable(name=table, uri=uri, version=newest)

    def load(
        self, table: str, partition: Partition | None, source_files: Sequence[str], job_id: str
    ) -> LoadSpec:
        """Stage `table`'s batch of `partition`."""
        build = self.catalog.build(table)
        return LoadSpec(
            **self.head(job_id),
            build=build,
            contract=self.catalog.contract(table),
            partition=partition,
            source_files=tuple(source_files),
            inputs=self.inputs(build, partition),
            transform_path=self.transform_path(build),
            staged_uri=self.lake.staging(
                table, Batch(table=table, partition=partition).key, job_id
            ),
            table_uri=self.lake.table(table),
        )

    def transform_path(self, build: TableBuild) -> str | None:
        """Where the build's SQL lies, if it is made by SQL."""
        if build.transform is None or not build.transform.endswith(".sql"):
            return None
        return str(self.catalog.root / "pipelines" / build.transform)

    def inputs(self, build: TableBuild, partition: Partition | None) -> dict[str, PinnedInput]:
        """A transform's inputs, pinned, with the partitions it reads."""
        pinned = {}
        for name, declared in build.inputs.items():
            source = self.catalog.build(declared.table)
            keys = None
            if source.partition is not None and partition is not None:
                first = self.catalog.pipeline_of(declared.table).starts_at
                keys = partition.lookback(declared.lookback, first)
            pinned[name] = PinnedInput(table=self.pin(declared.table, build.name), partitions=keys)
        return pinned

    def gate(
        self, table: str, partition: Partition | None, staged_uri: str, job_id: str
    ) -> GateSpec:
        """Run `table`'s contract on a staged batch."""
        batch, build = Batch(table=table, partition=partition), self.catalog.build(table)
        contract = self.catalog.contract(table)
        uri = self.lake.table(table)
        is_looked_up = partition is not None and contract.key and build.unique_in == "table"
        newest = self.version_of(uri) if is_looked_up else None
        return GateSpec(
            **self.head(job_id),
            contract=contract,
            partition=partition,
            as_of=batch.end,
            staged_uri=staged_uri,
            gated_uri=self.lake.staging(table, batch.key, job_id),
            record_uri=self.lake.gate_record(table, batch.key),
            write=build.write,
            table=None if newest is None else PinnedTable(name=table, uri=uri, version=newest),
            event_time=self.time_of_partition(table),
            most_quarantined=build.most_quarantined,
        )

    def time_of_partition(self, table: str) -> str | None:
        """The column whose values lie in a row's partition, by the contract or by a model."""
        times = [model.event_time for model in self.catalog.models.values() if model.table == table]
        column = self.catalog.contract(table).time_of_partition(times)
        return column.name if column else None

    def publish(
        self, table: str, partition: Partition | None, gated_uri: str, job_id: str
    ) -> PublishSpec:
        """Commit a gated batch."""
        return PublishSpec(
            **self.head(job_id),
            build=self.catalog.build(table),
            contract=self.catalog.contract(table),
            partition=partition,
            gated_uri=gated_uri,
            table_uri=self.lake.table(table),
            quarantine_uri=self.lake.quarantine(table),
        )

    def rebuild(
        self, table: str, delivered: Sequence[tuple[Partition | None, Sequence[str]]], job_id: str
    ) -> RebuildSpec:
        """Build `table` anew from its batches and the files of each, oldest first."""
        build = self.catalog.build(table)
        present = self.pin(table, f"rebuild {table}")
        batches = [
            RebuiltBatch(
                partition=partition,
                source_files=tuple(files),
                inputs=self.inputs(build, partition),
                staged_uri=self.lake.at("staging", table, "rebuild", job_id, key, "staged"),
                gated_uri=self.lake.at("staging", table, "rebuild", job_id, key, "gated"),
                record_uri=self.lake.gate_record(table, key),
            )
            for partition, files in delivered
            if (key := Batch(table=table, partition=partition).key)
        ]
        return RebuildSpec(
            **self.head(job_id),
            build=build,
            contract=self.catalog.contract(table),
            table=present,
            batches=tuple(batches),
            transform_path=self.transform_path(build),
            table_uri=present.uri,
            quarantine_uri=self.lake.quarantine(table),
            event_time=self.time_of_partition(table),
        )

    def train(self, model: Model, as_of: datetime, request_id: str, job_id: str) -> TrainSpec:
        """Fit on what was known by `as_of`."""
        return TrainSpec(
            **self.head(job_id),
            model=model,
            contract=self.catalog.contract(model.table),
            features=self.pin(model.table, f"model {model.name}"),
            as_of=as_of,
            request_id=request_id,
            versions_uri=self.lake.versions,
        )

    def evaluate(
        self, train: TrainSpec, challenger: str, history: Sequence[Decision], job_id: str
    ) -> EvaluateSpec:
        """Judge what `train` made, on the table version it learnt from."""
        name = train.model.name
        champion = champion_at(without(history, train.request_id), name, train.as_of)
        return EvaluateSpec(
            **self.head(job_id),
            model=train.model,
            contract=train.contract,
            features=train.features,
            as_of=train.as_of,
            challenger=self.digests_of(name, challenger),
            champion=self.pin_model(name, champion),
            evaluations_uri=self.lake.evaluations,
        )

    def pin_model(self, model: str, version: str | None) -> PinnedModel | None:
        """A version with its digests, if there is one."""
        return None if version is None else self.digests_of(model, version)

    def promote(
        self,
        model: Model,
        as_of: datetime,
        request_id: str,
        evidence: PromotionEvidence,
        history: Sequence[Decision],
        approved_by: str | None,
        job_id: str,
    ) -> PromoteSpec:
        """Decide on a candidate."""
        return PromoteSpec(
            **self.head(job_id),
            model=model,
            as_of=as_of,
            request_id=request_id,
            evidence=evidence,
            history=tuple(history),
            approved_by=approved_by,
            ledger_uri=self.lake.ledger,
        )

    def score(
        self, model: Model, partition: Partition, history: Sequence[Decision], job_id: str
    ) -> ScoreSpec:
        """Predict a partition with the champion of its time."""
        return ScoreSpec(
            **self.head(job_id),
            model=model,
            contract=self.catalog.contract(model.table),
            features=self.pin(model.table, f"model {model.name}"),
            partition=partition,
            champion=self.pin_model(model.name, champion_at(history, model.name, partition.end)),
            predictions_uri=self.lake.predictions(model.name),
            staged_uri=self.lake.staging(f"model.{model.name}", partition.key, job_id),
            history_days=self.catalog.build(model.table).history_days,
        )

    def monitor(
        self,
        model: Model,
        partition: Partition,
        history: Sequence[Decision],
        gate: GateOutcome | None,
        job_id: str,
    ) -> MonitorSpec:
        """Measure a partition whose labels have matured."""
        uri = self.lake.predictions(model.name)
        newest = self.version_of(uri)
        served = champion_at(history, model.name, partition.end)
        return MonitorSpec(
            **self.head(job_id),
            model=model,
            contract=self.catalog.contract(model.table),
            features=self.pin(model.table, f"model {model.name}"),
            partition=partition,
            as_of=matured_at(model, partition),
            predictions=None
            if newest is None
            else PinnedTable(name=f"predictions.{model.name}", uri=uri, version=newest),
            champion=self.pin_model(model.name, served),
            first=self.pin_model(
                model.name, first_champion(history, model.name) if served else None
            ),
            monitoring_uri=self.lake.monitoring(model.name),
            sketches_uri=self.lake.sketches(model.name),
            gate=gate,
            left_out=windows_left_out(model, history, matured_at(model, partition)),
            seasons=seasons_apart(model, history, matured_at(model, partition)),
            upstream=self.upstream(model),
            history_days=self.catalog.build(model.table).history_days,
        )

    def upstream(self, model: Model) -> dict[str, str]:
        """The input table of the feature table that a feature comes from, where just one has such a column."""
        tables = {
            declared.table for declared in self.catalog.build(model.table).inputs.values()
        } - {model.table}
        found = {}
        for name in model.features:
            having = [
                table
                for table in sorted(tables)
                if self.catalog.contract(table).column(name) is not None
            ]
            if len(having) == 1:
                found[name] = having[0]
        return found

    def decide(
        self,
        model: Model,
        partition: Partition,
        evidence: MonitorEvidence,
        history: Sequence[Decision],
        job_id: str,
    ) -> DecideSpec:
        """Decide whether to retrain."""
        return DecideSpec(
            **self.head(job_id),
            model=model,
            as_of=matured_at(model, partition),
            evidence=evidence,
            history=tuple(history),
            ledger_uri=self.lake.ledger,
        )

    def release(
        self, model: Model, held: Decision, reason: str, by: str, job_id: str
    ) -> ReleaseSpec:
        """Release the window of a decision that holds it."""
        return ReleaseSpec(
            **self.head(job_id),
            model=model,
            window=held.window,
            as_of=held.as_of,
            reason=reason,
            by=by,
            ledger_uri=self.lake.ledger,
        )

    def backtest(self, model: Model, other: Model | None, job_id: str) -> BacktestSpec:
        """Replay a model's history under its policy and under another one."""
        return BacktestSpec(
            **self.head(job_id),
            model=model,
            contract=self.catalog.contract(model.table),
            features=self.pin(model.table, f"model {model.name}"),
            other=other,
        )


def without(history: Sequence[Decision], request_id: str) -> list[Decision]:
    """History before the request `request_id` was answered: a repeated run must not meet itself."""
    return [decision for decision in history if decision.request_id != request_id]
