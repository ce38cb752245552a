"""What became of a pipeline's batches and of its model, partition by partition, as the lake records it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from headrace_lake.decision_story import DecisionStory, answer_to, decision_on, decision_story
from headrace_lake.gate_outcome import gate_outcome
from headrace_lake.ledger import DECISIONS
from headrace_lake.tables import quarantine_reasons, rows_by_partition
from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence
from headrace_schemas.decisions.evidence_codec import read_evidence
from headrace_schemas.declarations.metrics import METRICS
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline
from headrace_schemas.partition import Partition
from headrace_schemas.places import Lake
from headrace_schemas.planning.planner import matured_at

TOLD = 60
"""Newest windows whose decisions are told in full: each costs a look at all that was decided before."""


@dataclass(frozen=True)
class BatchRows:
    """What became of the rows of one batch.

    Attributes:
        broken_rules: Rows in quarantine by rule; a row can break several.
    """

    table: str
    batch: str
    rows_in: int
    published: int
    quarantined: int
    broken_rules: dict[str, int]

    @property
    def is_balanced(self) -> bool:
        """Rows in = published + quarantined."""
        return self.rows_in == self.published + self.quarantined

    @property
    def is_noted(self) -> bool:
        """Whether there is something to look at: rows in quarantine, or rows that do not add up."""
        return self.quarantined > 0 or not self.is_balanced


@dataclass(frozen=True)
class WindowStory:
    """One partition of the story.

    Attributes:
        rows_in: Of all tables of the pipeline, as the next two.
        evidence: What monitoring measured; None before it has.
        decision: Whether the model is retrained for it; None before that is decided.
        answer: The decision on the version that was trained for it; None without one.
        labels_due: When its labels count as matured: before, no change of the world can be known.
        told: The decision in full; None of windows long ago.
    """

    window: str
    rows_in: int
    published: int
    quarantined: int
    evidence: MonitorEvidence | None
    decision: Decision | None
    answer: Decision | None
    labels_due: datetime | None = None
    told: DecisionStory | None = None

    @property
    def current(self) -> float | None:
        """The served model's metric on matured labels."""
        performance = self.evidence.performance if self.evidence else None
        return performance.current if performance else None

    @property
    def first(self) -> float | None:
        """The static baseline's metric on the same rows."""
        performance = self.evidence.performance if self.evidence else None
        return performance.first if performance else None

    @property
    def champion(self) -> str:
        """The version that served."""
        served = self.evidence.champion if self.evidence else None
        return f"v{served}" if served else "-"


@dataclass(frozen=True)
class Story:
    """A pipeline and a model that learns from one of its tables.

    Attributes:
        model: None where none learns from them.
        unasked: Decisions on versions that no partition asked for: a person or the calendar did.
    """

    pipeline: Pipeline
    model: Model | None
    windows: tuple[WindowStory, ...]
    batches: tuple[BatchRows, ...]
    unasked: tuple[Decision, ...] = ()

    @property
    def title(self) -> str:
        """What it is about."""
        return f"{self.pipeline.name}: {self.model.name}" if self.model else self.pipeline.name

    @property
    def metric(self) -> str:
        """The metric that the model is watched by; empty without a model."""
        return self.model.monitors.performance.metric if self.model else ""

    @property
    def undecided(self) -> list[WindowStory]:
        """Windows that nothing is decided on yet."""
        return [window for window in self.windows if window.decision is None]

    @property
    def unbalanced(self) -> list[BatchRows]:
        """Batches whose rows do not add up."""
        return [batch for batch in self.batches if not batch.is_balanced]

    def worse_than_first(self) -> list[str]:
        """Windows in which the static baseline would have been better."""
        sign = 1 if METRICS.named(self.metric).higher_is_better else -1
        return [
            window.window
            for window in self.windows
            if window.current is not None
            and window.first is not None
            and sign * (window.current - window.first) < 0
        ]

    def promotions(self) -> list[Decision]:
        """Versions that came to serve."""
        return [decision for decision in self.judged() if decision.verdict is Verdict.PROMOTE]

    def refusals(self) -> list[Decision]:
        """Versions that did not."""
        return [decision for decision in self.judged() if decision.verdict is Verdict.REFUSE]

    def judged(self) -> list[Decision]:
        """Every version that was trained and compared."""
        return [window.answer for window in self.windows if window.answer] + list(self.unasked)


def story_of(
    lake: Lake, pipeline: Pipeline, model: Model | None, windows: Sequence[Partition]
) -> Story:
    """The story over some partitions; of all batches where none are given.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    batches = tuple(batches_of(lake, pipeline))
    history = DECISIONS.read(lake.ledger, model.name) if model else []
    keys = [window.key for window in windows] or sorted({batch.batch for batch in batches})
    due = {window.key: matured_at(model, window) for window in windows} if model else {}
    newest = keys[-TOLD:]
    found = tuple(
        window_of(key, batches, history, due.get(key), model if key in newest else None)
        for key in keys
    )
    shown = {window.answer.id for window in found if window.answer}
    unasked = (
        decision
        for decision in history
        if decision.kind is Kind.PROMOTION and decision.id not in shown
    )
    return Story(pipeline, model, found, batches, tuple(unasked))


def window_of(
    key: str,
    batches: Sequence[BatchRows],
    history: Sequence[Decision],
    labels_due: datetime | None,
    model: Model | None,
) -> WindowStory:
    """One partition, by its batches' rows and the model's decisions; told in full of a model."""
    own = [batch for batch in batches if batch.batch == key]
    decision = decision_on(history, key)
    return WindowStory(
        window=key,
        rows_in=sum(batch.rows_in for batch in own),
        published=sum(batch.published for batch in own),
        quarantined=sum(batch.quarantined for batch in own),
        evidence=read_evidence(decision) if decision else None,
        decision=decision,
        answer=answer_to(history, decision) if decision else None,
        labels_due=labels_due,
        told=decision_story(model, history, decision) if model and decision else None,
    )


def batches_of(lake: Lake, pipeline: Pipeline) -> list[BatchRows]:
    """Every batch of a pipeline: rows in by the gate's record, the rest counted in the tables.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    found = []
    for name in (build.name for build in pipeline.tables):
        published = rows_by_partition(lake.table(name))
        quarantined = rows_by_partition(lake.quarantine(name))
        reasons = quarantine_reasons(lake.quarantine(name))
        for batch in sorted(published.keys() | quarantined.keys()):
            if (gate := gate_outcome(lake, name, batch)) is not None:
                row = (gate.rows_in, published.get(batch, 0), quarantined.get(batch, 0))
                found.append(BatchRows(name, batch, *row, reasons.get(batch, {})))
    return found
