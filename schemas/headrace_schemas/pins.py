"""Pins: what keeps a version of a table readable after the table's declared history has ended.

A model keeps the version that it learnt from while it serves or may come to serve; the newest
judgement on a model keeps what it was judged on; a job keeps what it reads; a hold keeps what a
person named. Nothing else does.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from pydantic import Field

from headrace_schemas.catalog import Catalog
from headrace_schemas.decisions import Decision, Kind, promotions
from headrace_schemas.declaration import Frozen

CANDIDATE_DAYS = 30
"""How long a registered version that nobody has decided on keeps what it learnt from: an approval
is asked for a week, and may be asked for again."""


class PinKind(StrEnum):
    """Who keeps a version."""

    MODEL = "model"
    EVIDENCE = "evidence"
    JOB = "job"
    HOLD = "hold"


class Pin(Frozen):
    """One reason to keep a version of a table.

    Attributes:
        since: When it began to hold; None if nobody knows.
    """

    table: str
    version: int = Field(ge=0)
    kind: PinKind
    why: str
    since: datetime | None = None


class LearntFrom(Frozen):
    """Which version of a table a registered version of a model learnt from."""

    model: str
    version: str
    table: str
    table_version: int
    recorded_at: datetime

    @classmethod
    def of(cls, row: dict[str, Any]) -> "LearntFrom":
        """From a row of the ledger of versions, which has further columns."""
        return cls.model_validate({name: row[name] for name in cls.model_fields})

    def pin(self, kind: PinKind, why: str, since: datetime | None) -> Pin:
        """The pin on what was learnt from."""
        why = f"{self.model} v{self.version}: {why}"
        return Pin(table=self.table, version=self.table_version, kind=kind, why=why, since=since)


class Hold(Frozen):
    """What a person said about a version: keep it, or no more.

    Attributes:
        action: `hold` or `release`; the newest one about a version counts.
    """

    table: str
    version: int = Field(ge=0)
    action: str = Field(pattern="^(hold|release)$")
    reason: str
    by: str
    at: datetime


def model_pins(
    learnt: Sequence[LearntFrom], history: Sequence[Decision], now: datetime, history_days: int
) -> list[Pin]:
    """What the registered versions of one model keep.

    Args:
        history: The model's decisions.
        history_days: Of the feature table: a version whose service ended within them is kept, too.
    """
    found: list[Pin] = []
    by_version = {one.version: one for one in learnt}
    serving = promotions(history, learnt[0].model) if learnt else []
    for one, following in zip_longest(serving, serving[1:]):
        until = following.effective_from if following else None
        row = by_version.get(str(one.model_version))
        if row and (until is None or until > now - timedelta(days=history_days)):
            words = "serves" if until is None else f"served until {until:%Y-%m-%d}"
            found.append(row.pin(PinKind.MODEL, words, one.effective_from))
    judged = [one for one in history if one.kind is Kind.PROMOTION]
    if judged:
        newest = max(judged, key=lambda one: (one.as_of, one.id))
        if row := by_version.get(str(newest.model_version)):
            words = f"the newest judgement is about it ({newest.verdict.value})"
            found.append(row.pin(PinKind.EVIDENCE, words, newest.as_of))
    decided = {one.model_version for one in judged}
    for row in learnt:
        is_new = row.recorded_at > now - timedelta(days=CANDIDATE_DAYS)
        if row.version not in decided and is_new:
            found.append(row.pin(PinKind.MODEL, "a candidate", row.recorded_at))
    return found


def hold_pins(said: Iterable[Hold]) -> list[Pin]:
    """What people hold now."""
    newest: dict[tuple[str, int], Hold] = {}
    for one in sorted(said, key=lambda one: one.at):
        newest[one.table, one.version] = one
    return [
        Pin(table=one.table, version=one.version, kind=PinKind.HOLD,
            why=f"{one.reason} ({one.by})", since=one.at)
        for one in newest.values() if one.action == "hold"
    ]  # fmt: skip


def known_pins(
    catalog: Catalog, learnt: Iterable[LearntFrom], decisions: Mapping[str, Sequence[Decision]],
    said: Iterable[Hold], now: datetime,
) -> list[Pin]:  # fmt: skip
    """What declared models and people keep.

    Args:
        decisions: The decisions of each model.
    """
    rows = list(learnt)
    found = hold_pins(said)
    for name, model in catalog.models.items():
        own = [one for one in rows if one.model == name]
        days = catalog.build(model.table).history_days
        found += model_pins(own, decisions[name], now, days)
    return found
