"""Which windows are held, by the ledger: their rows stay out of training and holdouts until released.

A window is held by incidents that block. It is released by a corrected delivery, which is decided on
anew, by a person, or because the same sign stayed for so many windows that it is the new normal, or came
back for as many of the same season.
The loop goes on meanwhile: a window after it that is normal is learnt from.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from headrace_schemas.decisions.decision import Decision, Kind, Verdict, as_of_label
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.seasons import seasons

MATTERS = 0.02
"""Share of the champion's gain from which a broken column holds its window."""

NEW_NORMAL = 3
"""Windows in a row with the same sign from which it is the new normal."""

ALIKE = 1.5
"""Factor within which the value of a sign is like those that are normal by now."""

Sign = tuple[Scope, str, str]
"""What makes incidents of several windows the same: scope, subject and sign."""

Run = list[tuple[str, float]]
"""Windows that follow each other with one sign, and its value in each."""


def blocks(incident: Incident) -> bool:
    """Whether it holds the window; a column that hardly matters is only reported."""
    return incident.scope is not Scope.COLUMN or incident.weight >= MATTERS


def held_windows(
    history: Sequence[Decision], model: str, new_normal: int = NEW_NORMAL
) -> dict[str, tuple[Incident, ...]]:
    """The windows that are held, oldest first, with the incidents that hold them.

    Args:
        history: The ledger's rows, in any order.
        new_normal: Windows in a row, or in a row of one season, with the same sign that release all of
            them. Broken labels are never the new normal, since nothing is to be learnt from them: they
            wait for a correction or a person.
    """
    found = blocking(history, model)
    normal = ((window, sign) for window, sign, _ in persisting(found, new_normal))
    released = {*released_by_persons(history, model), *normal}
    held = {
        window: tuple(each for each in incidents if (window, sign_of(each)) not in released)
        for window, incidents in found.items()
    }
    return {window: incidents for window, incidents in held.items() if incidents}


def special_seasons(
    history: Sequence[Decision], model: str, new_normal: int = NEW_NORMAL
) -> frozenset[str]:
    """Seasons whose windows differ from others by the calendar, as the ledger knows: see `seasons`."""
    found = persisting(blocking(history, model), new_normal)
    return frozenset(season for _, _, season in found if season is not None)


def release(model: str, window: str, as_of: datetime, reason: str, by: str) -> Decision:
    """A person's word that a held window's data is right, as a row of the ledger.

    Args:
        as_of: Data time; incidents that were decided on by then are released.
        reason: In the person's words.
        by: Who says so.
    """
    return Decision(
        id=f"{model}/release/{window}/{as_of_label(as_of)}",
        model=model,
        kind=Kind.RELEASE,
        window=window,
        as_of=as_of,
        verdict=Verdict.RELEASE,
        reason=f"released by {by}: {reason}",
        evidence=json.dumps({"by": by}),
    )


def incidents_of(decision: Decision) -> list[Incident]:
    """The incidents that a decision on a window was made on; none where it knew of no such thing."""
    known = json.loads(decision.evidence).get("incidents", ())
    return [Incident.model_validate(each) for each in known]


def sign_of(incident: Incident) -> Sign:
    """What it has in common with the same incident of another window."""
    return incident.scope, incident.subject, incident.sign


def monitored(history: Sequence[Decision], model: str) -> list[Decision]:
    """The model's decisions on windows, oldest first."""
    own = [each for each in history if each.model == model and each.kind is Kind.RETRAINING]
    return sorted(own, key=lambda decision: (decision.as_of, decision.id))


def blocking(history: Sequence[Decision], model: str) -> dict[str, tuple[Incident, ...]]:
    """Each window's incidents that block, by the newest decision on it, in the order of the first."""
    return {
        decision.window: tuple(filter(blocks, incidents_of(decision)))
        for decision in monitored(history, model)
    }


def released_by_persons(history: Sequence[Decision], model: str) -> Iterator[tuple[str, Sign]]:
    """Signs of windows that a person knew when releasing them; a later delivery may bring others."""
    decisions = monitored(history, model)
    for word in history:
        if word.model != model or word.kind is not Kind.RELEASE:
            continue
        for decision in decisions:
            if decision.window == word.window and decision.as_of <= word.as_of:
                for incident in incidents_of(decision):
                    yield word.window, sign_of(incident)


def persisting(
    found: Mapping[str, Sequence[Incident]], new_normal: int
) -> Iterator[tuple[str, Sign, str | None]]:
    """Signs, not of labels, of windows that follow each other with the same one: in time, or in a season.

    Once they are normal, one whose value is far from theirs is another incident, and begins anew.

    Yields:
        The window, its sign, and the season; None for windows that follow each other in time.
    """
    runs: dict[str | None, dict[Sign, Run]] = {}
    for window, incidents in found.items():
        values = {sign_of(each): each.value for each in incidents if each.scope is not Scope.LABEL}
        for season in (None, *seasons(window)):
            before = runs.get(season, {})
            runs[season] = {
                sign: [*going_on(before.get(sign, []), value, new_normal), (window, value)]
                for sign, value in values.items()
            }
            for sign, run in runs[season].items():
                if len(run) >= new_normal:
                    yield from ((each, sign, season) for each, _ in run)


def going_on(run: Run, value: float, new_normal: int) -> Run:
    """The windows that one more with this value goes on from; none if it is another incident."""
    values = [each for _, each in run]
    is_normal = len(run) >= new_normal
    if is_normal and not min(values) / ALIKE <= value <= max(values) * ALIKE:
        return []
    return run
