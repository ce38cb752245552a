"""Which windows a training learns from, as the ledger says it: from which one on, and without which.

Like all decisions it goes by data time: a training as of a time follows from what was decided by then,
whenever it runs. Only a person's release counts whenever it was given.
"""

from collections.abc import Sequence
from datetime import datetime

from headrace_schemas.decisions.decision import Decision, Kind, serving
from headrace_schemas.decisions.holds import held_windows, special_seasons
from headrace_schemas.decisions.incident import Scope
from headrace_schemas.declarations.model import Model


def known_by(history: Sequence[Decision], model: str, as_of: datetime) -> list[Decision]:
    """The model's decisions by a data time, and what people have released."""
    return [
        decision
        for decision in history
        if decision.model == model and (decision.as_of <= as_of or decision.kind is Kind.RELEASE)
    ]


def windows_left_out(model: Model, history: Sequence[Decision], as_of: datetime) -> tuple[str, ...]:
    """Keys of the windows that are held: neither learnt from nor judged on."""
    known = known_by(history, model.name, as_of)
    return tuple(sorted(held_windows(known, model.name, model.retraining.normal_after_windows)))


def seasons_apart(model: Model, history: Sequence[Decision], as_of: datetime) -> tuple[str, ...]:
    """Seasons whose windows are compared with each other alone."""
    known = known_by(history, model.name, as_of)
    return tuple(sorted(special_seasons(known, model.name, model.retraining.normal_after_windows)))


def labels_held(model: Model, history: Sequence[Decision], as_of: datetime) -> str | None:
    """Why labels are not to be believed now: the newest decided window is held for its own; None if not."""
    known = known_by(history, model.name, as_of)
    decided = [decision for decision in known if decision.kind is Kind.RETRAINING]
    if not decided:
        return None
    newest = max(decided, key=lambda decision: (decision.as_of, decision.id)).window
    held = held_windows(known, model.name, model.retraining.normal_after_windows)
    signs = [one.text for one in held.get(newest, ()) if one.scope is Scope.LABEL]
    return f"the labels of {newest} are held: {'; '.join(signs)}" if signs else None


def champion_learns_from(history: Sequence[Decision], model: str, instant: datetime) -> str | None:
    """Key of the first window that the version serving at a data time learnt from; None for all."""
    promotion = serving(history, model, instant)
    return promotion.learn_from if promotion else None
