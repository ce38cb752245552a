"""Pins: what keeps a version of a table readable after the table's declared history has ended.

A model keeps the version that it learnt from while it serves or may come to serve; the newest
judgement on a model keeps what it was judged on; a job keeps what it reads; a hold keeps what a
person named. Nothing else does.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

from pydantic import Field

from headrace_schemas.decisions.decision import Decision, Kind, promotions
from headrace_schemas.decisions.model_version import ModelVersion
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.declaration import Frozen


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


def of_model(row: ModelVersion, kind: PinKind, why: str, since: datetime | None) -> Pin:
    """The pin on what a version of a model learnt from."""
    why = f"{row.model} v{row.version}: {why}"
    return Pin(table=row.table, version=row.table_version, kind=kind, why=why, since=since)


def model_pins(
    versions: Sequence[ModelVersion], history: Sequence[Decision], now: datetime, history_days: int
) -> list[Pin]:
    """What the registered versions of one model keep.

    Args:
        history: The model's decisions.
        history_days: Of the feature table: a version whose service ended within them is kept, too.
    """
    found: list[Pin] = []
    by_version = {version.version: version for version in versions}
    serving = promotions(history, versions[0].model) if versions else []
    for promotion, following in zip_longest(serving, serving[1:]):
        until = following.effective_from if following else None
        row = by_version.get(str(promotion.model_version))
        if row and (until is None or until > now - timedelta(days=history_days)):
            words = "serves" if until is None else f"served until {until:%Y-%m-%d}"
            found.append(of_model(row, PinKind.MODEL, words, promotion.effective_from))
    judged = [decision for decision in history if decision.kind is Kind.PROMOTION]
    if judged:
        newest = max(judged, key=lambda decision: (decision.as_of, decision.id))
        if row := by_version.get(str(newest.model_version)):
            words = f"the newest judgement is about it ({newest.verdict.value})"
            found.append(of_model(row, PinKind.EVIDENCE, words, newest.as_of))
    decided = {decision.model_version for decision in judged}
    newest_version = max(versions, key=lambda version: int(version.version), default=None)
    # A person may still be asked about it; one that came after says that they were.
    if newest_version is not None and newest_version.version not in decided:
        row = newest_version
        found.append(of_model(row, PinKind.MODEL, "the newest candidate", row.as_of))
    return found


def hold_pins(holds: Iterable[Hold]) -> list[Pin]:
    """What people hold now."""
    newest: dict[tuple[str, int], Hold] = {}
    for hold in sorted(holds, key=lambda hold: hold.at):
        newest[hold.table, hold.version] = hold
    return [
        Pin(
            table=hold.table,
            version=hold.version,
            kind=PinKind.HOLD,
            why=f"{hold.reason} ({hold.by})",
            since=hold.at,
        )
        for hold in newest.values()
        if hold.action == "hold"
    ]


def known_pins(
    catalog: Catalog,
    versions: Iterable[ModelVersion],
    decisions: Mapping[str, Sequence[Decision]],
    holds: Iterable[Hold],
    now: datetime,
) -> list[Pin]:
    """What declared models and people keep.

    Args:
        decisions: The decisions of each model.
    """
    rows = list(versions)
    found = hold_pins(holds)
    for name, model in catalog.models.items():
        own = [version for version in rows if version.model == name]
        days = catalog.build(model.table).history_days
        found += model_pins(own, decisions[name], now, days)
    return found
