"""Why a model was retrained or not, and what came of it, as the ledger tells it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence
from headrace_schemas.decisions.evidence_codec import read_evidence
from headrace_schemas.decisions.gains import PooledGain, cost_of
from headrace_schemas.decisions.holds import held_windows
from headrace_schemas.decisions.retraining import measured_gains, served_windows
from headrace_schemas.decisions.signal import Question, Signal
from headrace_schemas.declarations.model import Model, Retraining


@dataclass(frozen=True)
class DecisionStory:
    """One decision on a window.

    Attributes:
        evidence: What it was decided on.
        gains: Of challengers, pooled over the windows that counted then, the best founded one first.
        price: Gain a window from which a retraining pays, in units of the loss; None where nothing was
            to be compared.
        is_held: Whether the window's rows are held now.
        releases: Who or what released it, oldest first.
        answer: The decision on the version that was trained for it; None without one.
    """

    decision: Decision
    evidence: MonitorEvidence
    gains: tuple[PooledGain, ...]
    price: float | None
    is_held: bool
    releases: tuple[Decision, ...]
    answer: Decision | None

    @property
    def inputs(self) -> list[Signal]:
        """Signals on inputs, in order of harm: what counts first, then by value times weight."""
        found = [one for one in self.evidence.signals if one.question is Question.INPUTS]
        return sorted(found, key=harm, reverse=True)

    def signals(self, question: Question) -> list[Signal]:
        """All signals on a question, as they were measured."""
        return [one for one in self.evidence.signals if one.question is question]

    @property
    def verdict(self) -> str:
        """As people read it: of a hold, whether it still is one."""
        verdict = self.decision.verdict
        return "hold, over" if verdict is Verdict.HOLD and not self.is_held else verdict.value


def harm(signal: Signal) -> tuple[bool, float]:
    """What inputs are sorted by: whether it counts, and how much of the model it moves."""
    weight = 1.0 if signal.weight is None else signal.weight
    return signal.counts, weight * signal.value if signal.is_measured else 0.0


def decision_on(history: Sequence[Decision], window: str) -> Decision | None:
    """The retraining decision on a window."""
    found = [one for one in history if one.kind is Kind.RETRAINING and one.window == window]
    return found[-1] if found else None


def answer_to(history: Sequence[Decision], decision: Decision) -> Decision | None:
    """The promotion decision on the version that a decision to train asked for."""
    return next((answer for answer in history if answer.request_id == decision.id), None)


def decision_story(model: Model, history: Sequence[Decision], decision: Decision) -> DecisionStory:
    """The story of a decision.

    Args:
        history: The model's ledger, oldest first.
    """
    then = in_force(model, decision)
    evidence = read_evidence(decision)
    earlier = [one for one in history if one.as_of < decision.as_of or one.kind is Kind.RELEASE]
    gains: list[PooledGain] = []
    price = None
    judged = evidence.judged
    if judged is not None and judged.base_loss is not None:
        served = served_windows(then, evidence, earlier)
        gains = measured_gains(then, evidence, served, earlier)
        horizon = then.retraining.horizon_windows
        lasts = gains[0].lasts(horizon) if gains else horizon
        price = cost_of(then.retraining, judged.base_loss) / lasts
    held = held_windows(history, model.name, then.retraining.normal_after_windows)
    return DecisionStory(
        decision=decision,
        evidence=evidence,
        gains=tuple(gains),
        price=price,
        is_held=decision.window in held,
        releases=tuple(
            one for one in history if one.kind is Kind.RELEASE and one.window == decision.window
        ),
        answer=answer_to(history, decision),
    )


def in_force(model: Model, decision: Decision) -> Model:
    """The model with the policy that a decision was made by, as far as this release knows it."""
    kept = json.loads(decision.policy).get("retraining", {})
    known = {name: kept[name] for name in Retraining.model_fields if name in kept}
    return model.model_copy(update={"retraining": Retraining.model_validate(known)})
