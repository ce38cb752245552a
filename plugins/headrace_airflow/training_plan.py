"""Whether a training run has anything to do, and what it learns from: no Spark, no Airflow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from headrace_schemas.decisions.decision import Decision, Kind, as_of_label, open_request
from headrace_schemas.decisions.first_model import waits_for
from headrace_schemas.decisions.training_windows import (
    champion_learns_from,
    labels_held,
    windows_left_out,
)
from headrace_schemas.declarations.model import Model
from headrace_schemas.partition import Partition
from headrace_schemas.planning.planner import matured_at

SETTINGS = ("num_boost_round", "max_depth")
"""What a person may set otherwise for one run than the model's file does."""

PARAMS = ("max_depth",)
"""Which of them are XGBoost's parameters."""

FIELDS = ("as_of", "reason", "learn_from", *SETTINGS)
"""Of the form of a training run."""


@dataclass(frozen=True)
class TrainingPlan:
    """What a training run does.

    Attributes:
        as_of: Data time: only labels that were known by then are learnt from.
        request_id: Decision or run that asked; with it a repeated run finds its own version.
        reason: Why, in words.
        overrides: Settings that differ from the model file's for this run.
        learn_from: Key of the first partition to learn from; None for all.
        left_out: Keys of partitions that are held: neither learnt from nor judged on.
    """

    as_of: datetime
    request_id: str
    reason: str
    overrides: dict[str, int]
    learn_from: str | None = None
    left_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it travels to the next tasks."""
        return {
            "as_of": self.as_of.isoformat(),
            "request_id": self.request_id,
            "reason": self.reason,
            "overrides": self.overrides,
            "learn_from": self.learn_from,
            "left_out": list(self.left_out),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "TrainingPlan":
        """As it came from the `plan` task."""
        return cls(
            as_of=datetime.fromisoformat(content["as_of"]),
            request_id=content["request_id"],
            reason=content["reason"],
            overrides=dict(content["overrides"]),
            learn_from=content.get("learn_from"),
            left_out=tuple(content.get("left_out", ())),
        )

    @property
    def learnt(self) -> str:
        """What is learnt from, in words."""
        since = f"from {self.learn_from} on" if self.learn_from else "from all partitions"
        left_out = f", without {', '.join(self.left_out)}, held" if self.left_out else ""
        return f"learns {since}{left_out}"

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
    learn_from: str | None = None

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "Form":
        """The form's fields as Airflow hands them over, with any others that the caller gave.

        Raises:
            ValueError: A field is unknown, or `as_of` is no date-time.
        """
        if unknown := sorted(set(params) - set(FIELDS)):
            raise ValueError(f"the form has no {', '.join(unknown)}. It has: {', '.join(FIELDS)}.")
        overrides = {name: params[name] for name in SETTINGS if params[name] is not None}
        as_of, learn_from = parse_as_of(params["as_of"]), params["learn_from"] or None
        return cls(as_of, params["reason"], overrides, learn_from)


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
    left_out = windows_left_out(model, history, asked.as_of)
    return TrainingPlan(asked.as_of, asked.id, asked.reason, {}, asked.learn_from, left_out)


def plan_scheduled(
    model: Model, history: Sequence[Decision], matured: Sequence[Partition], run: str
) -> TrainingPlan:
    """What a run of the calendar does: nothing, unless there is something new to learn.

    Args:
        matured: Partitions of the feature table whose labels have matured, oldest first.

    Raises:
        NothingToLearn: Too little data, none since the last training, or labels that are held.
    """
    if waited := waits_for(model.split, len(matured), None, None):
        raise NothingToLearn(f"{model.name}: {waited}; the first model waits for more")
    newest, request_id = matured[-1], f"scheduled:{run}"
    as_of, learnt = matured_at(model, newest), judged_times(history, request_id)
    if learnt and as_of <= max(learnt):
        raise NothingToLearn(
            f"{model.name}: no labels have matured since the last training learnt from those "
            f"known at {as_of_label(max(learnt))}; the newest partition is {newest.key}"
        )
    if held := labels_held(model, history, as_of):
        raise NothingToLearn(f"{model.name}: {held}")
    reason = f"schedule: {newest.key} is the newest partition with matured labels"
    learn_from = champion_learns_from(history, model.name, as_of)
    left_out = windows_left_out(model, history, as_of)
    return TrainingPlan(as_of, request_id, reason, {}, learn_from, left_out)


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
        ValueError: `as_of` lies in the future, `learn_from` names no partition that had ended by
            then, or a setting is none that XGBoost has.
    """
    request_id = f"manual:{run}"
    if form.as_of is not None:
        if form.as_of > now:
            raise ValueError(
                f"as_of {as_of_label(form.as_of)} lies in the future: nothing is known of it yet. "
                "Leave it empty to learn from everything that has matured."
            )
        plan = TrainingPlan(form.as_of, request_id, form.reason, form.overrides)
        return chosen(plan, model, history, matured, form.learn_from)
    as_of = matured_at(model, matured[-1]) if matured else now
    # Two versions that serve from the same instant on: the later answer has to come second.
    beaten = [judged for judged in judged_times(history, request_id) if judged >= as_of]
    as_of = max(beaten) + timedelta(seconds=1) if beaten else as_of
    plan = TrainingPlan(as_of, request_id, form.reason, form.overrides)
    return chosen(plan, model, history, matured, form.learn_from)


def chosen(
    plan: TrainingPlan,
    model: Model,
    history: Sequence[Decision],
    matured: Sequence[Partition],
    learn_from: str | None,
) -> TrainingPlan:
    """A training as a person chose it: what the model cannot have is said before any job is started.

    It learns from where the champion learnt from, unless the person says otherwise; and goes on though
    labels are held, which its promotion then meets.

    Raises:
        ValueError: As said by `plan_manual`.
    """
    keys = [partition.key for partition in matured if partition.end <= plan.as_of]
    if learn_from is not None and learn_from not in keys:
        known = f"They go from {keys[0]} to {keys[-1]}." if keys else "There are none."
        raise ValueError(
            f"learn_from {learn_from[:40]!r} is no partition of {model.table} that had ended by "
            f"{as_of_label(plan.as_of)} and has matured labels. {known} Leave it empty to learn from "
            "where the serving version learnt from."
        )
    plan.apply_to(model)
    held = labels_held(model, history, plan.as_of)
    return replace(
        plan,
        reason=plan.reason if held is None else f"{plan.reason} ({held}: it cannot be promoted)",
        learn_from=learn_from or champion_learns_from(history, model.name, plan.as_of),
        left_out=windows_left_out(model, history, plan.as_of),
    )


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
