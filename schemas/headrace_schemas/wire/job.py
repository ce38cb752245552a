"""The wire between the two runtimes: what is asked of a job, and what comes back."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

from pydantic import Field, TypeAdapter

from headrace_schemas.decisions.decision import Decision
from headrace_schemas.decisions.evidence import MonitorEvidence, PromotionEvidence
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import HISTORY_DAYS, TableBuild, WriteMode
from headrace_schemas.partition import Partition
from headrace_schemas.planning.pins import Pin

SHOWN_FAILURES = 10
"""How many failed rules a report carries."""

SHOWN_EXAMPLES = 5
"""How many example rows of one failed rule a report carries."""


class PinnedTable(Frozen):
    """A table at the version a job reads: never "the latest"."""

    name: str
    uri: str
    version: int = Field(ge=0)


class PinnedInput(Frozen):
    """A transform's input.

    Attributes:
        partitions: Keys that are read, oldest first; None for the whole table.
    """

    table: PinnedTable
    partitions: tuple[str, ...] | None = None


class SpecHead(Frozen):
    """What every spec carries.

    Attributes:
        job_id: Names this attempt; safe as a folder name.
        run_id: Airflow's run, or whoever else asked.
        headrace_version: Of the asking side.
    """

    job_id: str = Field(pattern=r"^[A-Za-z0-9._+=-]{1,200}$")
    run_id: str
    headrace_version: str


class LoadSpec(SpecHead):
    """Stage one batch: delivered files, or a transform of pinned inputs.

    Attributes:
        table_uri: The table that it is for: a contract that it cannot follow is refused first.
        landing: Root of the landing area, a path or a URI; no delivered file lies outside of it.
    """

    job: Literal["load"] = "load"
    build: TableBuild
    contract: Contract
    partition: Partition | None
    landing: str | None = None
    source_files: tuple[str, ...] = ()
    inputs: dict[str, PinnedInput] = Field(default_factory=dict)
    transform_path: str | None = None
    staged_uri: str
    table_uri: str | None = None


class GateSpec(SpecHead):
    """Run the contract on a staged batch and part good rows from bad ones.

    Attributes:
        write: How the batch will change its table.
        table: What is published already, where keys must differ from those; None if nothing is.
        event_time: Column whose values lie in the partition; None if only the contract may name it.
        most_quarantined: As `TableBuild` has it.
    """

    job: Literal["gate"] = "gate"
    contract: Contract
    partition: Partition | None
    as_of: datetime | None
    staged_uri: str
    gated_uri: str
    record_uri: str
    write: WriteMode = WriteMode.REPLACE_PARTITION
    table: PinnedTable | None = None
    event_time: str | None = None
    most_quarantined: float | None = None


class PublishSpec(SpecHead):
    """Make a gated batch visible in one commit."""

    job: Literal["publish"] = "publish"
    build: TableBuild
    contract: Contract
    partition: Partition | None
    gated_uri: str
    table_uri: str
    quarantine_uri: str


class RebuiltBatch(Frozen):
    """One batch of a table that is built anew; its fields mean what they do in its own specs."""

    partition: Partition | None
    source_files: tuple[str, ...] = ()
    inputs: dict[str, PinnedInput] = Field(default_factory=dict)
    staged_uri: str
    gated_uri: str
    record_uri: str


class RebuildSpec(SpecHead):
    """Build a table anew under its name: every batch that it holds, by the contract as it is now.

    Attributes:
        table: The version that is replaced; if there is a newer one by then, nothing is written.
        batches: Oldest first.
        event_time: As `GateSpec` has it.
        landing: As `LoadSpec` has it.
    """

    job: Literal["rebuild"] = "rebuild"
    build: TableBuild
    contract: Contract
    table: PinnedTable
    batches: tuple[RebuiltBatch, ...] = Field(min_length=1)
    transform_path: str | None = None
    table_uri: str
    quarantine_uri: str
    event_time: str | None = None
    landing: str | None = None


class TrainSpec(SpecHead):
    """Fit a booster on labels known by `as_of`, of partitions that had ended by then; register it.

    Attributes:
        answers: Id of the decision or run that asked; with it a repeated run finds its own version.
        versions_uri: Of the ledger of model versions.
    """

    job: Literal["train"] = "train"
    model: Model
    contract: Contract
    features: PinnedTable
    as_of: datetime
    answers: str
    versions_uri: str


class EvaluateSpec(SpecHead):
    """Judge a candidate on the holdout, beside the champion on the same rows.

    Attributes:
        evaluations_uri: Of the ledger of evaluations.
    """

    job: Literal["evaluate"] = "evaluate"
    model: Model
    contract: Contract
    features: PinnedTable
    as_of: datetime
    challenger: PinnedModel
    champion: PinnedModel | None
    evaluations_uri: str


class PromoteSpec(SpecHead):
    """Decide on a candidate, write the ledger, move the registry's aliases."""

    job: Literal["promote"] = "promote"
    model: Model
    as_of: datetime
    answers: str
    evidence: PromotionEvidence
    approved_by: str | None = None
    ledger_uri: str


class ScoreSpec(SpecHead):
    """Predict one partition with the champion that serves it."""

    job: Literal["score"] = "score"
    model: Model
    contract: Contract
    features: PinnedTable
    partition: Partition
    champion: PinnedModel | None
    predictions_uri: str
    history_days: int = HISTORY_DAYS


class MonitorSpec(SpecHead):
    """Measure inputs and results of one partition, once its labels have matured."""

    job: Literal["monitor"] = "monitor"
    model: Model
    contract: Contract
    features: PinnedTable
    partition: Partition
    as_of: datetime
    predictions: PinnedTable | None
    champion: PinnedModel | None
    first: PinnedModel | None
    monitoring_uri: str
    history_days: int = HISTORY_DAYS


class DecideSpec(SpecHead):
    """Decide whether to relearn, and write the ledger."""

    job: Literal["decide"] = "decide"
    model: Model
    as_of: datetime
    evidence: MonitorEvidence
    history: tuple[Decision, ...]
    ledger_uri: str


class MaintainedTable(Frozen):
    """One Delta table that is looked after.

    Attributes:
        history_days: How long its old versions stay readable without any pin.
        pins: What keeps versions beyond that.
    """

    name: str
    uri: str
    history_days: int
    pins: tuple[Pin, ...] = ()


class MaintainSpec(SpecHead):
    """Keep what is promised of some tables, and remove the rest of them.

    Attributes:
        staging_uri: Where their batches are staged; also where the store's clock is asked.
        gates_uri: Where the records of their batches are; None without any.
        running: Staging folders that jobs use now.
        published: Staging folders whose batches are in the table.
        is_written: Whether a job writes one of the tables now: then no files are made larger.
        time_limit_minutes: How long a job may take between its first file and its commit.
    """

    job: Literal["maintain"] = "maintain"
    tables: tuple[MaintainedTable, ...]
    staging_uri: str
    gates_uri: str | None = None
    running: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    is_written: bool = False
    time_limit_minutes: int


JobSpec = Annotated[
    LoadSpec
    | GateSpec
    | PublishSpec
    | RebuildSpec
    | TrainSpec
    | EvaluateSpec
    | PromoteSpec
    | ScoreSpec
    | MonitorSpec
    | DecideSpec
    | MaintainSpec,
    Field(discriminator="job"),
]


def pinned_in(spec: object) -> list[PinnedTable]:
    """Every table version that a spec names, however deep."""
    if isinstance(spec, PinnedTable):
        return [spec]
    if isinstance(spec, Frozen):
        return pinned_in([getattr(spec, name) for name in type(spec).model_fields])
    if isinstance(spec, dict):
        return pinned_in(list(spec.values()))
    if isinstance(spec, list | tuple):
        return [table for one in spec for table in pinned_in(one)]
    return []


SPEC: TypeAdapter[Any] = TypeAdapter(cast("Any", JobSpec))
"""Reads and writes a spec as JSON."""

JobName = Literal[
    "load",
    "gate",
    "publish",
    "rebuild",
    "train",
    "evaluate",
    "promote",
    "score",
    "monitor",
    "decide",
    "maintain",
]


class Counts(Frozen):
    """Rows in = rows out + rows quarantined."""

    rows_in: int = 0
    rows_out: int = 0
    rows_quarantined: int = 0


class RuleFailure(Frozen):
    """A rule that did not hold.

    Attributes:
        failed: Bad rows of a row rule; 1 for a table rule.
        examples: Where a few bad rows came from (`file:row`), never their values.
    """

    rule: str
    severity: str
    description: str
    failed: int
    examples: tuple[str, ...] = ()


class JobError(Frozen):
    """Why a job failed, as the error's class and fields."""

    type: str
    message: str
    retryable: bool
    fields: dict[str, Any] = Field(default_factory=dict)


class JobReport(Frozen):
    """What came back of a job.

    Attributes:
        verdict: Of a gate: passed, warned or failed.
        table: Table and version that was written.
        output_uri: Batch that was staged or gated, for the next job.
        failures: The first failed rules.
        metrics: Small numbers for people and logs.
        model_version: Version that was trained or used.
    """

    job: JobName
    job_id: str
    status: Literal["succeeded", "failed"]
    seconds: float = 0.0
    verdict: Literal["passed", "warned", "failed"] | None = None
    counts: Counts | None = None
    table: PinnedTable | None = None
    output_uri: str | None = None
    record_uri: str | None = None
    failures: tuple[RuleFailure, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    model_version: str | None = None
    monitor_evidence: MonitorEvidence | None = None
    promotion_evidence: PromotionEvidence | None = None
    decision: Decision | None = None
    error: JobError | None = None
