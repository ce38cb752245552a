"""Everything that is measured of one window, as a function of arrays: the same for the job and for replays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headrace_jobs.monitoring.learner import Learner, Rows
from headrace_jobs.monitoring.shadows import Champion, gains
from headrace_jobs.statistics import losses, metrics
from headrace_jobs.statistics.estimation import Scored, split
from headrace_jobs.statistics.labels import label_profiles
from headrace_jobs.statistics.metrics import Values
from headrace_schemas.decisions.evidence import MonitorEvidence
from headrace_schemas.decisions.incidents import find_incidents
from headrace_schemas.decisions.profile import WindowProfile
from headrace_schemas.declarations.model import Model

LearnerOf = Callable[[Model, Sequence[int], int], Learner]

TOO_FEW = "there are too few labelled rows to fit challengers on"

MOST_SLICES = 50
"""Slices whose labels are looked at, those with most rows."""


@dataclass(frozen=True)
class Window:
    """A window's rows, or a sample of them, in the order of the hash of their key.

    Attributes:
        rows: All rows, labelled or not; the target is NaN where it is not known.
        predicted: What was served; NaN where nothing was.
        times: Of the rows' events, in any unit.
        profile: Of its columns; labels are added here.
        slices: Which rows belong to each, by its name, such as `origin=JFK`.
    """

    rows: Rows
    predicted: Values
    times: NDArray[Any]
    profile: WindowProfile
    slices: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def is_judged(self) -> NDArray[np.bool_]:
        """Rows with a label and a prediction."""
        found: NDArray[np.bool_] = ~np.isnan(self.rows.target) & ~np.isnan(self.predicted)
        return found

    @property
    def judged(self) -> Rows:
        """Those rows."""
        kept, rows = self.is_judged, self.rows
        return Rows(rows.key, rows.numbers[kept], rows.target[kept], int(kept.sum()))

    @property
    def is_late(self) -> NDArray[np.bool_]:
        """Which of the judged rows are the later half."""
        times = self.times[self.is_judged]
        return times > np.median(times) if times.size else np.zeros(0, dtype=bool)

    def scored(self) -> Scored:
        """All rows as the split of the loss takes them."""
        return Scored(self.rows.numbers.astype(np.float64), self.predicted, self.rows.target)


@dataclass(frozen=True)
class Past:
    """What is known of the windows before.

    Attributes:
        labelled: Rows that may be learnt from, oldest window first; held windows are left out.
        profiles: Of windows that are not held, oldest first.
        categories: Positions of the features that are categories.
        last_was_outside: The last matured window's loss lay outside of its own estimate.
        upstream: Of features, the table that they come from, where that is known.
    """

    labelled: Sequence[Rows]
    profiles: Sequence[WindowProfile]
    categories: tuple[int, ...] = ()
    last_was_outside: bool = False
    upstream: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Served:
    """The champion that served the window.

    Attributes:
        windows: That it learnt from.
        importances: Of its features, shares of the gain.
        reference: Labelled rows that it did not learn from, with its predictions; None where none are left.
    """

    version: str
    windows: tuple[Rows, ...]
    importances: Mapping[str, float]
    reference: Scored | None = None


def measure(
    model: Model,
    window: Window,
    past: Past,
    served: Served | None,
    evidence: MonitorEvidence,
    inputs_moved: bool,
    learner_of: LearnerOf = Learner.of,
) -> tuple[MonitorEvidence, WindowProfile]:
    """What labels, history and challengers add to the evidence on a window; and its profile.

    Args:
        evidence: What is known so far, signals on inputs included.
        inputs_moved: Whether any of these says that inputs drifted.
        learner_of: Gives the learner of challengers for so many rows at most.
    """
    profile = with_labels(model, window)
    importances = served.importances if served else {}
    incidents = find_incidents(profile, past.profiles, importances, inputs_moved, past.upstream)
    evidence = evidence.model_copy(update={"incidents": incidents})
    return measure_results(model, window, past, served, evidence, learner_of), profile


def measure_results(
    model: Model,
    window: Window,
    past: Past,
    served: Served | None,
    evidence: MonitorEvidence,
    learner_of: LearnerOf = Learner.of,
) -> MonitorEvidence:
    """Of `measure`, what labels and challengers add."""
    loss = losses.of_metric(model.monitors.performance.metric, model.task)
    judged, predicted = window.judged, window.predicted[window.is_judged]
    update: dict[str, object] = {
        "labelled": len(judged.target),
        "positive": metrics.positive(model.task, judged.target),
    }
    if served is None:
        return evidence.model_copy(update=update)
    if served.reference is not None:
        update["split"] = split(
            loss,
            served.reference,
            window.scored(),
            last_was_outside=past.last_was_outside,
            metric=model.monitors.performance.metric,
        )
    if len(judged.target):
        rows = sum(part.total for part in past.labelled) + judged.total
        learner = learner_of(model, past.categories, rows)
        champion = Champion(served.windows, predicted)
        compared = gains(learner, loss, champion, past.labelled, judged, window.is_late)
        update |= {
            "loss": losses.moments(loss, losses.by_row(loss, judged.target, predicted)),
            "base_loss": losses.base(loss, judged.target, judged.target),
            "gains": tuple(compared),
            "no_gains": None if compared else TOO_FEW,
        }
    return evidence.model_copy(update=update)


def slices_of(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.bool_]]:
    """Which rows have each of a column's most frequent values: a mask by `column=value`.

    Args:
        columns: Values as texts; None where one is missing.
    """
    found: dict[str, NDArray[np.bool_]] = {}
    for column, values in columns.items():
        counts = pd.Series(values, dtype=object).dropna().value_counts()
        largest = sorted(counts.index, key=lambda value: (-int(counts[value]), value))
        found |= {f"{column}={value}": values == value for value in sorted(largest[:MOST_SLICES])}
    return found


def with_labels(model: Model, window: Window) -> WindowProfile:
    """The window's profile with what is compared of its labels."""
    largest = sorted(window.slices, key=lambda name: (-int(window.slices[name].sum()), name))
    labels = label_profiles(
        model.task,
        window.rows.numbers.astype(np.float64),
        window.rows.target,
        window.predicted,
        {name: window.slices[name] for name in sorted(largest[:MOST_SLICES])},
    )
    return window.profile.model_copy(update={"labels": labels})
