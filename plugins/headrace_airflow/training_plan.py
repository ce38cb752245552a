"""Whether a training run has anything to do, and what it learns from: no Spark, no Airflow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from headrace_schemas.decisions import Decision, Kind, as_of_label, open_request
from headrace_schemas.model import Model
from headrace_schemas.partition import Partition
from headrace_schemas.planning import matured_at


@dataclass(frozen=True)
class Training:
    """What a training run does.

    Attributes:
        as_of: Data time: only labels that were known by then are learnt from.
        answers: Decision or run that asked; with it a repeated run finds its own version.
        reason: Why, in words.
        overrides: Settings that differ from the model file's for this run.
    """

    as_of: datetime
    answers: str
    reason: str
    overrides: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """As it travels to the next tasks."""
        return {
            "as_of": self.as_of.isoformat(), "answers": self.answers, "reason": self.reason,
            "overrides": self.overrides,
        }  # fmt: skip

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Training":
        """As it came from the `plan` task."""
        as_of = datetime.fromisoformat(content["as_of"])
        return cls(as_of, content["answers"], content["reason"], dict(content["overrides"]))

    def apply_to(self, model: Model) -> Model:
        """The model with this run's settings instead of its file's."""
        if not self.overrides:
            return model
        changed: dict[str, Any] = {}
        if (rounds := self.overrides.get("num_boost_round")) is not None:
            changed["num_boost_round"] = rounds
        if (depth := self.overrides.get("max_depth")) is not None:
            changed["params"] = {**model.training.params, "max_depth": depth}
        training = model.training.model_copy(update=changed)
        return model.model_copy(update={"training": training})


class NothingToLearn(Exception):
    """Why a run has nothing to do; the run is skipped with these words."""


def plan_requested(model: Model, history: Sequence[Decision]) -> Training:
    """What a run does that a drift request started: the request may be answered by now.

    Raises:
        NothingToLearn: No request is open.
    """
    asked = open_request(history, model.name)
    if asked is None:
        raise NothingToLearn(f"{model.name}: every request to train has been answered")
    return Training(asked.as_of, asked.id, asked.reason, {})


def plan_scheduled(
    model: Model, history: Sequence[Decision], newest: Partition | None, count: int, run: str,
    now: datetime,
) -> Training:  # fmt: skip
    """What a run of the calendar does: nothing, unless there is something new to learn.

    Args:
        newest: Newest partition of the feature table with matured labels.
        count: How many such partitions there are.

    Raises:
        NothingToLearn: Too little data, or none since the last training.
    """
    needed = model.split.first_after_partitions
    if newest is None or count < needed:
        raise NothingToLearn(
            f"{model.name}: {count} of {needed} partitions have matured labels; the first model "
            "waits for more"
        )
    judged = [one.as_of for one in history if one.kind is Kind.PROMOTION]
    matured = matured_at(model, newest)
    if judged and matured <= max(judged):
        raise NothingToLearn(
            f"{model.name}: no labels have matured since the last training learnt from those "
            f"known at {as_of_label(max(judged))}; the newest partition is {newest.key}"
        )
    reason = f"schedule: {newest.key} is the newest partition with matured labels"
    return Training(now, f"scheduled:{run}", reason, {})


def plan_manual(
    as_of: datetime | None, reason: str, overrides: dict[str, int], run: str, now: datetime
) -> Training:
    """What a run does that a person started: as they say.

    Raises:
        ValueError: `as_of` lies in the future.
    """
    if as_of is not None and as_of > now:
        raise ValueError(
            f"as_of {as_of_label(as_of)} lies in the future: nothing is known of it yet. "
            "Leave it empty for now."
        )
    return Training(as_of or now, f"manual:{run}", reason, overrides)


def parse_as_of(text: str | None) -> datetime | None:
    """The form's date-time; one without an offset is UTC."""
    if not text:
        return None
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def matured_partitions(
    model: Model, partitions: Sequence[Partition], now: datetime
) -> list[Partition]:
    """Those of a table's partitions whose labels have matured, oldest first."""
    matured = [one for one in partitions if matured_at(model, one) <= now]
    return sorted(matured, key=lambda one: one.start)
