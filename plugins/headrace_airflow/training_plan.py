"""Whether a training run has anything to do, and what it learns from: no Spark, no Airflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from headrace_schemas.decisions.decision import Decision, Kind, as_of_label, open_request
from headrace_schemas.declarations.model import Model
from headrace_schemas.partition import Partition
from headrace_schemas.planning.planner import matured_at

SETTINGS = ("num_boost_round", "max_depth")
"""What a person may set otherwise for one run than the model's file does."""

PARAMS = ("max_depth",)
"""Which of them are XGBoost's parameters."""

FIELDS = ("as_of", "reason", *SETTINGS)
"""Of the form of a training run."""


@dataclass(frozen=True)
class TrainingPlan:
    """What a training run does.

    Attributes:
        as_of: Data time: only labels that were known by then are learnt from.
        request_id: Decision or run that asked; with it a repeated run finds its own version.
        reason: Why, in words.
        overrides: Settings that differ from the model file's for this run.
    """

    as_of: datetime
    request_id: str
    reason: str
    overrides: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """As it travels to the next tasks."""
        return {
            "as_of": self.as_of.isoformat(),
            "request_id": self.request_id,
            "reason": self.reason,
            "overrides": self.overrides,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "TrainingPlan":
        """As it came from the `plan` task."""
        as_of = datetime.fromisoformat(content["as_of"])
        return cls(as_of, content["request_id"], content["reason"], dict(content["overrides"]))

    def apply_to(self, model: Model) -> Model:
        """The model with this run's settings instead of its file's.

        Raises:
            ValueError: A setting is none that the model's file could have.
        """
        if not self.overrides:
            return model
        settings = dict(self.overrides)
        params = {name: settings.pop(name) for name in PARAMS if name in settings}
        return model.with_training(params, **settings)


@dataclass(frozen=True)
class Form:
    """What a person said when they started the run."""

    as_of: datetime | None
    reason: str
    overrides: dict[str, int]

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "Form":
        """The form's fields as Airflow hands them over, with any others that the caller gave.

        Raises:
            ValueError: A field is unknown, or `as_of` is no date-time.
        """
        if unknown := sorted(set(params) - set(FIELDS)):
            raise ValueError(f"the form has no {', '.join(unknown)}. It has: {', '.join(FIELDS)}.")
        overrides = {name: params[name] for name in SETTINGS if params[name] is not None}
        return cls(parse_as_of(params["as_of"]), params["reason"], overrides)


class NothingToLearn(Exception):
    """Why a run has nothing to do; the run is skipped with these words."""


def plan_requested(model: Model, history: Sequence[Decision]) -> TrainingPlan:
    """What a run does that an open request started: the request may be answered by now.

    Raises:
        NothingToLearn: No request is open.
    """
    asked = open_request(history, model.name)
    if asked is None:
        raise NothingToLearn(f"{model.name}: every request to train has been answered")
    return TrainingPlan(asked.as_of, asked.id, asked.reason, {})


def plan_scheduled(
    model: Model, history: Sequence[Decision], matured: Sequence[Partition], run: str
) -> TrainingPlan:
    """What a run of the calendar does: nothing, unless there is something new to learn.

    Args:
        matured: Partitions of the feature table whose labels have matured, oldest first.

    Raises:
        NothingToLearn: Too little data, or none since the last training.
    """
    needed = model.split.first_after_partitions
    if len(matured) < needed:
        raise NothingToLearn(
            f"{model.name}: {len(matured)} of {needed} partitions have matured labels; the first "
            "model waits for more"
        )
    newest, request_id = matured[-1], f"scheduled:{run}"
    as_of, learnt = matured_at(model, newest), judged_times(history, request_id)
    if learnt and as_of <= max(learnt):
        raise NothingToLearn(
            f"{model.name}: no labels have matured since the last training learnt from those "
            f"known at {as_of_label(max(learnt))}; the newest partition is {newest.key}"
        )
    reason = f"schedule: {newest.key} is the newest partition with matured labels"
    return TrainingPlan(as_of, request_id, reason, {})


def plan_manual(
    model: Model,
    history: Sequence[Decision],
    matured: Sequence[Partition],
    run: str,
    form: Form,
    now: datetime,
) -> TrainingPlan:
    """What a run does that a person started: as they say.

    Without an `as_of` it learns from all that has matured. Not from all that is known today: data
    of the past is trained as of the past, or its model would only serve from today on.

    Raises:
        ValueError: `as_of` lies in the future, or a setting is none that XGBoost has.
    """
    request_id = f"manual:{run}"
    if form.as_of is not None:
        if form.as_of > now:
            raise ValueError(
                f"as_of {as_of_label(form.as_of)} lies in the future: nothing is known of it yet. "
                "Leave it empty to learn from everything that has matured."
            )
        return checked(TrainingPlan(form.as_of, request_id, form.reason, form.overrides), model)
    as_of = matured_at(model, matured[-1]) if matured else now
    # Two versions that serve from the same instant on: the later answer has to come second.
    beaten = [judged for judged in judged_times(history, request_id) if judged >= as_of]
    as_of = max(beaten) + timedelta(seconds=1) if beaten else as_of
    return checked(TrainingPlan(as_of, request_id, form.reason, form.overrides), model)


def checked(training: TrainingPlan, model: Model) -> TrainingPlan:
    """A training whose settings the model can have: said before any job is started.

    Raises:
        ValueError: It cannot.
    """
    training.apply_to(model)
    return training


def judged_times(history: Sequence[Decision], request_id: str) -> list[datetime]:
    """Data times of all trainings that were decided on, but for those of the run itself."""
    return [
        decision.as_of
        for decision in history
        if decision.kind is Kind.PROMOTION and decision.request_id != request_id
    ]


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
    matured = [partition for partition in partitions if matured_at(model, partition) <= now]
    return sorted(matured, key=lambda partition: partition.start)
