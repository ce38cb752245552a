"""What is known of a window's labels: whether they vary, stand upside down, or depend on the inputs."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from headrace_jobs.statistics import losses
from headrace_jobs.statistics.crossfit import Sample, cross_fitted
from headrace_jobs.statistics.domain import chosen
from headrace_jobs.statistics.losses import Loss
from headrace_jobs.statistics.metrics import Values
from headrace_schemas.decisions.profile import LabelProfile
from headrace_schemas.declarations.model import Task

LEAST_ROWS = 100
"""Of a window or a slice, below which nothing is said of whether labels can be predicted."""

LEAST_OF_CLASS = 10
"""Of each class, likewise."""

MOST_ROWS = 8_000


def label_profiles(
    task: Task,
    rows: NDArray[np.float64],
    target: Values,
    predicted: Values | None,
    slices: Mapping[str, NDArray[np.bool_]],
) -> tuple[LabelProfile, ...]:
    """Profiles of all labelled rows and of the slices that have some; none without labels.

    Args:
        rows: A line per row, a column per feature, NaN where missing.
        target: Labels; rows without one (NaN) are left out.
        predicted: The champion's predictions, NaN where there is none; None without a champion.
        slices: Which rows belong to each, by its name, such as `origin=JFK`.
    """
    labelled = np.abs(target) < losses.MOST
    target = target[labelled]
    if not target.size:
        return ()
    loss = losses.of_metric("", task)
    scaled = target if task is Task.BINARY else standardised(target)
    own = predictable(task, rows[labelled], scaled)
    scores = None if predicted is None else predicted[labelled]
    every = {"": np.ones(target.size, dtype=bool)}
    every |= {name: within[labelled] for name, within in slices.items()}
    return tuple(
        profile(name, loss, target[within], part(scores, within)).model_copy(
            update={"skill": skill(loss, scaled[within], part(own, within))}
        )
        for name, within in every.items()
        if within.any()
    )


def part(values: Values | None, within: NDArray[np.bool_]) -> Values | None:
    """Those within."""
    return None if values is None else values[within]


def standardised(target: Values) -> Values:
    """Numbers around 0 with a deviation of 1, the furthest ones drawn in; all 0 where they do not vary."""
    drawn = losses.winsorised(target) - np.median(target)
    return drawn / (drawn.std() or 1.0)


def profile(name: str, loss: Loss, target: Values, predicted: Values | None) -> LabelProfile:
    """Of the labels of one slice, without their skill."""
    flipped = None
    if predicted is not None and loss is Loss.LOG and (known := np.isfinite(predicted)).any():
        lost = losses.by_row(loss, target[known], predicted[known]).mean()
        exchanged = losses.by_row(loss, 1 - target[known], predicted[known]).mean()
        flipped = float((lost - exchanged) / lost)
    return LabelProfile(
        slice=name,
        rows=target.size,
        mean=float(target.mean()),
        deviation=float(target.std()),
        flipped=flipped,
    )


def predictable(task: Task, rows: NDArray[np.float64], target: Values) -> Values | None:
    """Predictions of the labels by small boosters of these rows alone, cross-fitted.

    NaN for rows beyond the sample; None where labels are too few.
    """
    taken = chosen(target.size, MOST_ROWS)
    if not enough(task is Task.BINARY, target[taken]):
        return None
    found = np.full(target.size, np.nan)
    found[taken], _ = cross_fitted(task, Sample(rows[taken]), target[taken], None)
    return found


def enough(is_class: bool, target: Values) -> bool:
    """Whether a booster of these labels says anything."""
    if target.size < LEAST_ROWS:
        return False
    return not is_class or bool(min(target.sum(), target.size - target.sum()) >= LEAST_OF_CLASS)


def skill(loss: Loss, target: Values, predicted: Values | None) -> float | None:
    """1 - loss / loss of the constant; None where rows are too few or labels do not vary."""
    if predicted is None:
        return None
    known = np.isfinite(predicted)
    target, predicted = target[known], predicted[known]
    if not enough(loss is Loss.LOG, target):
        return None
    of_constant = losses.by_row(loss, target, np.full(target.shape, target.mean())).mean()
    if not of_constant:
        return None
    return float(1 - losses.by_row(loss, target, predicted).mean() / of_constant)
