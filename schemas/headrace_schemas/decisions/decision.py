"""Decisions: what was decided of a model, and what follows from all that was decided before.

Every evaluation is one row of the ledger, which is the truth: assets, events and registry aliases
follow from it.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from headrace_schemas.declarations.declaration import Frozen


class Verdict(StrEnum):
    """What a decision says."""

    TRAIN = "train"
    KEEP = "keep"
    WAIT = "wait"
    PROMOTE = "promote"
    REFUSE = "refuse"
    HOLD = "hold"
    WATCH = "watch"
    RELEASE = "release"


class Kind(StrEnum):
    """Which question a decision answers."""

    RETRAINING = "retraining"
    PROMOTION = "promotion"
    RELEASE = "release"


class Decision(Frozen):
    """One row of the ledger.

    Attributes:
        id: Names the question; asking it again gives the same id, and the first answer stands.
        window: Partition key (retraining, release) or version (promotion) that it is about.
        as_of: Data time of the decision: what was known by then.
        request_id: For a promotion, the id of the decision that asked for the training.
        model_version: Version that a promotion is about.
        effective_from: Data time from which a promoted version serves.
        evidence: What it was decided on, as JSON.
        policy: Thresholds in force, as JSON.
        would_change: What would have led to another verdict, in words; None where nothing would.
        learn_from: Key of the first partition to learn from, for a verdict to train; that was learnt
            from, for a promotion. None for all.
        measured_gain: For a verdict to train, the lower bound of what a retrained model was measured to
            lose less a window, in units of the loss; None where that was not what asked for it.
    """

    id: str
    model: str
    kind: Kind
    window: str
    as_of: datetime
    verdict: Verdict
    reason: str
    request_id: str | None = None
    model_version: str | None = None
    effective_from: datetime | None = None
    evidence: str = Field(default="{}")
    policy: str = Field(default="{}")
    would_change: str | None = None
    learn_from: str | None = None
    measured_gain: float | None = None


def as_of_label(instant: datetime) -> str:
    """A data time within ids and messages."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def champion_at(history: Sequence[Decision], model: str, instant: datetime) -> str | None:
    """The version that serves at a data time."""
    promotion = serving(history, model, instant)
    return promotion.model_version if promotion else None


def serving(history: Sequence[Decision], model: str, instant: datetime) -> Decision | None:
    """The newest promotion in force before a data time.

    A promotion at the very instant does not count: it may have learnt from what is scored then.
    """
    in_force = promotions(history, model)
    in_force = [
        decision
        for decision in in_force
        if decision.effective_from and decision.effective_from < instant
    ]
    return in_force[-1] if in_force else None


def first_champion(history: Sequence[Decision], model: str) -> str | None:
    """The version that was promoted first."""
    promoted = promotions(history, model)
    return promoted[0].model_version if promoted else None


def promotions(history: Sequence[Decision], model: str) -> list[Decision]:
    """The model's promotions, oldest in force first."""
    promoted = [
        decision
        for decision in history
        if decision.model == model and decision.verdict is Verdict.PROMOTE
    ]
    return sorted(
        promoted, key=lambda decision: (decision.effective_from or decision.as_of, decision.id)
    )


def open_request(history: Sequence[Decision], model: str) -> Decision | None:
    """The newest decision to train, unless a promotion decision has answered it."""
    own = [decision for decision in history if decision.model == model]
    asked = [decision for decision in own if decision.verdict is Verdict.TRAIN]
    if not asked:
        return None
    newest = max(asked, key=lambda decision: (decision.as_of, decision.id))
    answered = {decision.request_id for decision in own if decision.kind is Kind.PROMOTION}
    later = [
        decision
        for decision in own
        if decision.kind is Kind.PROMOTION and decision.as_of >= newest.as_of
    ]
    return None if newest.id in answered or later else newest
