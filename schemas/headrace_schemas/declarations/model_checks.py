"""What must go together within a model's declaration, whatever its table is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from headrace_schemas.declarations.booster_params import wrong_params
from headrace_schemas.declarations.declaration import KeyPath, Misfit, said
from headrace_schemas.declarations.metrics import METRICS
from headrace_schemas.names import LONGEST_TAG, TOO_LONG_FOR_A_TAG

if TYPE_CHECKING:
    from headrace_schemas.declarations.model import Model

MOST_DAYS = 36_525.0
"""A hundred years: a longer time is a mistake, and may lie beyond the calendar."""


def says_whose(model: Model) -> Iterator[Misfit]:
    """What people read is there, and the name is not too long."""
    yield from said(model, "description", "owner")
    if len(model.__dict__.get("name", "")) > LONGEST_TAG:
        yield Misfit(("name",), TOO_LONG_FOR_A_TAG)


def features_are_known_before(model: Model) -> Iterator[Misfit]:
    """Refuse leaks that the file itself shows."""
    own = {model.target, model.event_time, model.known_time}
    for index, name in enumerate(model.features):
        if name in own:
            yield Misfit(
                ("features", index), f"features must not hold {name}: known only afterwards"
            )


def features_stand_once(model: Model) -> Iterator[Misfit]:
    """A feature twice would be learnt twice."""
    yield from doubled(("features",), model.features)


def doubled(path: KeyPath, names: tuple[str, ...]) -> Iterator[Misfit]:
    """Names that stand a second time."""
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Misfit((*path, index), f"{path[-1]} named twice: {name}")


def slices_stand_once(model: Model) -> Iterator[Misfit]:
    """A slice is judged once."""
    if model.gates.slices is not None:
        yield from doubled(("gates", "slices", "columns"), model.gates.slices.columns)


def used_metrics(model: Model) -> Iterator[tuple[KeyPath, str]]:
    """Every metric that is named, with its place."""
    yield from ((path, metric) for path, metric in places_of_metrics(model) if metric is not None)


def places_of_metrics(model: Model) -> Iterator[tuple[KeyPath, str | None]]:
    """Every place of a metric; None where one is still to be derived."""
    if "gates" in model.__dict__:
        yield from (
            (("gates", "floors", str(metric)), str(metric)) for metric in model.gates.floors
        )
        yield ("gates", "champion", "metric"), model.gates.champion.metric
    if "monitors" in model.__dict__:
        yield ("monitors", "performance", "metric"), model.monitors.performance.metric


def metrics_fit_task(model: Model) -> Iterator[Misfit]:
    """Refuse metrics that the task does not have."""
    if model.task is None:
        return  # it is asked for again once it is derived
    for path, metric in used_metrics(model):
        if model.task.value not in METRICS.named(metric).tasks:
            fitting = [
                candidate
                for candidate in map(METRICS.named, METRICS.names())
                if model.task in candidate.tasks
            ]
            known = ", ".join(candidate.name for candidate in fitting)
            yield Misfit(path, f"metrics {metric} do not fit {model.task.value}: {known}")


def floors_can_be_reached(model: Model) -> Iterator[Misfit]:
    """A floor lies where the metric can be."""
    for metric, floor in model.gates.floors.items():
        least, most = METRICS.named(metric).least, METRICS.named(metric).most
        if isfinite(floor) and not least <= floor <= most:
            yield Misfit(
                ("gates", "floors", metric),
                f"{metric} lies {between(least, most)} (found: {floor:g})",
                f"Write {floor / 100:g}." if most == 1 < floor <= 100 else "",
            )


def between(least: float, most: float) -> str:
    """A range in words."""
    if most == inf:
        return f"at {least:g} or above"
    return f"at {most:g} or below" if least == -inf else f"between {least:g} and {most:g}"


def differences_can_be_reached(model: Model) -> Iterator[Misfit]:
    """Two values of a metric cannot lie further apart than its bounds."""
    asked: list[tuple[KeyPath, str | None, float | None]] = []
    if "gates" in model.__dict__:
        champion, slices = model.gates.champion, model.gates.slices
        asked.append((("gates", "champion", "min_gain"), champion.metric, champion.min_gain))
        if slices is not None:
            asked.append((("gates", "slices", "max_drop"), champion.metric, slices.max_drop))
    if "monitors" in model.__dict__:
        watched = model.monitors.performance
        asked.append((("monitors", "performance", "max_drop"), watched.metric, watched.max_drop))
    for path, metric, value in asked:
        if metric is None or value is None:
            continue
        least, most = METRICS.named(metric).least, METRICS.named(metric).most
        if isfinite(value) and abs(value) > most - least:
            yield Misfit(
                path,
                f"{metric} changes by {most - least:g} at most (found: {value:g})",
                f"Write {value / 100:g}." if 1 < value <= 100 else "",
            )


def ages_after_cooling(model: Model) -> Iterator[Misfit]:
    """A champion that is too old asks for a training, which must then be allowed."""
    again = model.retraining
    if again.max_age_days is not None and again.max_age_days < again.cooldown_days:
        yield Misfit(
            ("retraining", "max_age_days"),
            f"{again.max_age_days:g} days are less than cooldown_days, {again.cooldown_days:g}",
            "Give a longer age, or a shorter cooldown.",
        )


def calendar_is_cron(model: Model) -> Iterator[Misfit]:
    """A cron expression has five fields; `headrace validate` and Airflow read the rest."""
    schedule = model.retraining.schedule
    if schedule is not None and len(schedule.split()) != 5:
        yield Misfit(
            ("retraining", "schedule"),
            f"a cron expression has five fields, such as '0 8 4 * *' (found: {schedule[:60]})",
        )


def days_are_days(model: Model) -> Iterator[Misfit]:
    """Times that a calendar can hold."""
    split, again = model.__dict__.get("split"), model.__dict__.get("retraining")
    asked: list[tuple[KeyPath, float | None]] = [
        (("label_delay_days",), model.__dict__.get("label_delay_days")),
        (("split", "holdout_days"), split.holdout_days if split else None),
        (("retraining", "cooldown_days"), again.cooldown_days if again else None),
        (("retraining", "max_age_days"), again.max_age_days if again else None),
    ]
    for path, days in asked:
        if days is not None and isfinite(days) and days > MOST_DAYS:
            yield Misfit(path, f"is more than a hundred years (found: {days:g} days)")


def numbers_are_finite(model: Model) -> Iterator[Misfit]:
    """YAML knows `.nan` and `.inf`; no threshold is one."""
    yield from infinite((), model)


def infinite(path: KeyPath, value: Any) -> Iterator[Misfit]:
    """Numbers below `value` that are none."""
    if isinstance(value, float) and not isfinite(value):
        yield Misfit(path, f"must be a finite number (found: {value})")
    inner: Any = ()
    if isinstance(value, BaseModel):
        inner = value.__dict__.items()
    elif isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, tuple | list):
        inner = enumerate(value)
    for key, child in inner:
        yield from infinite((*path, key), child)


def params_are_xgboosts(model: Model) -> Iterator[Misfit]:
    """What parameters say of features and of the task; their names and values are read before."""
    is_share = model.task is not None and model.task.value == "binary"
    params = model.training.params
    for misfit in of_params(params, wrong_params(params, model.features, is_share)):
        yield misfit._replace(path=("training", "params", *misfit.path))


def of_params(params: Mapping[str, Any], problems: Iterable[str]) -> Iterator[Misfit]:
    """Each problem with the parameter that it names first; it is about all of them if it names none."""
    for problem in problems:
        named = [word for word in re.findall(r"\w+", problem) if word in params]
        yield Misfit((*named[:1],), problem)


OF_THE_TASK = (metrics_fit_task, differences_can_be_reached, params_are_xgboosts)
"""What is looked at again once the task is derived."""

CHECKS = (
    says_whose,
    features_are_known_before,
    features_stand_once,
    slices_stand_once,
    metrics_fit_task,
    floors_can_be_reached,
    differences_can_be_reached,
    ages_after_cooling,
    calendar_is_cron,
    days_are_days,
    numbers_are_finite,
    params_are_xgboosts,
)
