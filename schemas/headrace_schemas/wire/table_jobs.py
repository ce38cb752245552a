"""What is asked of the jobs on one table, and what each reports: load, gate, publish, rebuild."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.pipeline import TableBuild, WriteMode
from headrace_schemas.partition import Partition
from headrace_schemas.wire.report import Counts, JobReport, RuleFailure
from headrace_schemas.wire.spec import JobSpec, PinnedInput, PinnedTable


class LoadSpec(JobSpec):
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


class LoadReport(JobReport):
    """A batch was staged.

    Attributes:
        output_uri: The staged batch, for the gate.
    """

    job: Literal["load"] = "load"
    output_uri: str
    counts: Counts


class GateSpec(JobSpec):
    """Run the contract on a staged batch and split good rows from bad ones.

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


class GateReport(JobReport):
    """A batch was judged, whether it may be published or not.

    Attributes:
        output_uri: The split batch, for publish; None if it failed.
        record_uri: The record for people.
        failures: The first rules that did not hold.
    """

    job: Literal["gate"] = "gate"
    verdict: Literal["passed", "warned", "failed"]
    counts: Counts
    record_uri: str
    output_uri: str | None = None
    failures: tuple[RuleFailure, ...] = ()

    def warnings(self) -> list[str]:
        """A line for each rule that did not hold."""
        return [
            f"{failure.severity} {failure.rule}: {failure.failed} bad. {failure.description} "
            f"{', '.join(failure.examples)}"
            for failure in self.failures
        ]


class PublishSpec(JobSpec):
    """Make a gated batch visible in one commit."""

    job: Literal["publish"] = "publish"
    build: TableBuild
    contract: Contract
    partition: Partition | None
    gated_uri: str
    table_uri: str
    quarantine_uri: str


class PublishReport(JobReport):
    """A batch is visible.

    Attributes:
        table: The version that holds it.
    """

    job: Literal["publish"] = "publish"
    table: PinnedTable
    counts: Counts


class RebuiltBatch(Frozen):
    """One batch of a table that is built anew; its fields mean what they do in its own specs."""

    partition: Partition | None
    source_files: tuple[str, ...] = ()
    inputs: dict[str, PinnedInput] = Field(default_factory=dict)
    staged_uri: str
    gated_uri: str
    record_uri: str


class RebuildSpec(JobSpec):
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


class RebuildReport(JobReport):
    """A table was built anew, or a gate let a batch of it not pass and nothing was changed.

    Attributes:
        table: The version that was written; None if none was.
        gate: The gate that failed; None if all passed.
    """

    job: Literal["rebuild"] = "rebuild"
    counts: Counts
    table: PinnedTable | None = None
    gate: GateReport | None = None

    def warnings(self) -> list[str]:
        """Those of the gate that failed."""
        return self.gate.warnings() if self.gate else []
