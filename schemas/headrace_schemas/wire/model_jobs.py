"""What is asked of the jobs on one model, and what each reports: train to promote, score to decide."""

from datetime import datetime
from typing import Literal

from headrace_schemas.decisions.decision import Decision
from headrace_schemas.decisions.evidence import MonitorEvidence, PromotionEvidence
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import HISTORY_DAYS
from headrace_schemas.partition import Partition
from headrace_schemas.wire.report import Counts, JobReport
from headrace_schemas.wire.spec import JobSpec, PinnedTable


class TrainSpec(JobSpec):
    """Fit a booster on labels known by `as_of`, of partitions that had ended by then; register it.

    Attributes:
        request_id: Id of the decision or run that asked; with it a repeated run finds its own version.
        versions_uri: Of the ledger of model versions.
        run_page: Address of the run's page in Airflow; the registry's pages lead there.
        learn_from: Key of the first partition to learn from; None for all.
        left_out: Keys of partitions that are held: neither learnt from nor judged on.
    """

    job: Literal["train"] = "train"
    model: Model
    contract: Contract
    features: PinnedTable
    as_of: datetime
    request_id: str
    versions_uri: str
    run_page: str | None = None
    learn_from: str | None = None
    left_out: tuple[str, ...] = ()


class TrainReport(JobReport):
    """A candidate is registered.

    Attributes:
        counts: Rows that were looked at, and those trained on.
    """

    job: Literal["train"] = "train"
    model_version: str
    counts: Counts


class EvaluateSpec(JobSpec):
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


class EvaluateReport(JobReport):
    """A candidate was judged.

    Attributes:
        model_version: The candidate.
        counts: Rows of the holdout, and those measured.
    """

    job: Literal["evaluate"] = "evaluate"
    model_version: str
    counts: Counts
    promotion_evidence: PromotionEvidence


class PromoteSpec(JobSpec):
    """Decide on a candidate, write the ledger, move the registry's aliases.

    Attributes:
        history: Earlier decisions of the model: the one that asked for the training is among them,
            unless it was a person or the calendar.
    """

    job: Literal["promote"] = "promote"
    model: Model
    as_of: datetime
    request_id: str
    evidence: PromotionEvidence
    history: tuple[Decision, ...]
    approved_by: str | None = None
    ledger_uri: str


class PromoteReport(JobReport):
    """It was decided on a candidate.

    Attributes:
        table: The ledger with the decision.
    """

    job: Literal["promote"] = "promote"
    table: PinnedTable
    decision: Decision


class ScoreSpec(JobSpec):
    """Predict one partition with the champion that serves it.

    Attributes:
        staged_uri: A folder of this attempt's alone, for predictions that are not committed yet.
    """

    job: Literal["score"] = "score"
    model: Model
    contract: Contract
    features: PinnedTable
    partition: Partition
    champion: PinnedModel | None
    predictions_uri: str
    staged_uri: str
    history_days: int = HISTORY_DAYS


class ScoreReport(JobReport):
    """A partition was predicted, or no champion served it.

    Attributes:
        table: The predictions; None if there are none.
        model_version: The champion; None if none served.
    """

    job: Literal["score"] = "score"
    counts: Counts
    table: PinnedTable | None = None
    model_version: str | None = None


class GateOutcome(Frozen):
    """What a gate saw of a batch.

    Attributes:
        rows_in: That came in.
        quarantined: Of them.
        warnings: Rules of severity `warning` that were broken, with how many rows broke each; 1 for
            a rule about the table.
    """

    rows_in: int
    quarantined: int
    warnings: dict[str, int] = {}


class MonitorSpec(JobSpec):
    """Measure inputs and results of one partition, once its labels have matured.

    Attributes:
        gate: What the gate saw of the partition of the feature table; None where no record is left.
        left_out: Keys of partitions with a data incident: nothing is learnt from or compared with
            them.
        seasons: Those whose windows differ from others by the calendar, and are compared with each other.
        upstream: Of features, the input table that they come from, where that is known.
    """

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
    sketches_uri: str
    gate: GateOutcome | None = None
    left_out: tuple[str, ...] = ()
    seasons: tuple[str, ...] = ()
    upstream: dict[str, str] = {}
    history_days: int = HISTORY_DAYS


class MonitorReport(JobReport):
    """A partition was measured.

    Attributes:
        table: The monitoring table with the partition's row.
        counts: Rows of the partition, and those with label and prediction.
        model_version: The champion that served; None if none did.
    """

    job: Literal["monitor"] = "monitor"
    table: PinnedTable
    counts: Counts
    monitor_evidence: MonitorEvidence
    model_version: str | None = None


class DecideSpec(JobSpec):
    """Decide whether to retrain, and write the ledger."""

    job: Literal["decide"] = "decide"
    model: Model
    as_of: datetime
    evidence: MonitorEvidence
    history: tuple[Decision, ...]
    ledger_uri: str


class DecideReport(JobReport):
    """It was decided whether to retrain, or a held window was released since its data is right now.

    Attributes:
        table: The ledger with the decision.
    """

    job: Literal["decide"] = "decide"
    table: PinnedTable
    decision: Decision


class ReleaseSpec(JobSpec):
    """Write down that a held window's data is right, by a person's word.

    Attributes:
        window: Partition key.
        as_of: Data time of the decision that holds it.
        reason: In the person's words.
        by: Who says so.
    """

    job: Literal["release"] = "release"
    model: Model
    window: str
    as_of: datetime
    reason: str
    by: str
    ledger_uri: str


class ReleaseReport(JobReport):
    """A window is released.

    Attributes:
        table: The ledger with the release.
    """

    job: Literal["release"] = "release"
    table: PinnedTable
    decision: Decision
