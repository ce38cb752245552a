"""Boosters of a replay, each fitted once however many policies ask for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.monitoring.backtest_windows import PastWindow
from headrace_jobs.monitoring.learner import Fitted, Learner, Numbers, Rows
from headrace_jobs.monitoring.shadows import sampled
from headrace_jobs.statistics import losses
from headrace_jobs.statistics.losses import Loss
from headrace_jobs.statistics.metrics import Values
from headrace_jobs.statistics.sketches import ColumnSketch
from headrace_jobs.statistics.window_sketches import sketches_of_rows
from headrace_schemas.decisions.gains import COST_SHARE
from headrace_schemas.declarations.model import Model

Known = dict[tuple[bool, int, int], Fitted | None]


@dataclass(frozen=True)
class Remembering(Learner):
    """A learner that knows what it has fitted, by the rows."""

    known: Known = field(default_factory=dict, compare=False)

    def fit(self, windows: Sequence[Rows]) -> Fitted | None:
        """As the learner does."""
        numbers = hash(tuple(rows.numbers.tobytes() for rows in windows))
        name = (self.is_pilot, numbers, hash(tuple(rows.target.tobytes() for rows in windows)))
        if name not in self.known:
            self.known[name] = super().fit(windows)
        return self.known[name]


class Boosters:
    """All boosters of one history."""

    def __init__(
        self,
        model: Model,
        features: Sequence[Feature],
        windows: Sequence[PastWindow],
        is_pilot: bool = False,
    ) -> None:
        """Of these windows, oldest first.

        Args:
            features: In the model's order.
            is_pilot: Whether models are pilots on samples rather than the model's own booster on all rows.
        """
        self.model, self.features, self.windows = model, tuple(features), tuple(windows)
        self.is_pilot = is_pilot
        self.known: Known = {}
        self.sketched: dict[int, dict[str, ColumnSketch]] = {}

    @cached_property
    def categories(self) -> tuple[int, ...]:
        """Positions of the features that are categories."""
        return tuple(
            index
            for index, feature in enumerate(self.features)
            if feature.kind is FeatureKind.CATEGORY
        )

    @cached_property
    def loss(self) -> Loss:
        """Of the monitored metric."""
        return losses.of_metric(self.model.monitors.performance.metric, self.model.task)

    @property
    def learner_of(self) -> Callable[[Model, Sequence[int], int], Learner]:
        """The product's choice of a learner, with a memory."""

        def chosen(model: Model, categories: Sequence[int], rows: int) -> Learner:
            is_pilot = Learner.of(model, categories, rows).is_pilot
            return Remembering(model, tuple(categories), is_pilot, self.known)

        return chosen

    def fit(self, windows: Sequence[Rows]) -> Fitted | None:
        """A model of these windows."""
        learner = Remembering(self.model, self.categories, self.is_pilot, self.known)
        return learner.fit(sampled(learner, windows) if self.is_pilot else windows)

    def lost(self, fitted: Fitted | None, window: PastWindow) -> float:
        """Mean loss on the window's rows; of a constant where nothing serves; 0 without labels."""
        if fitted is None:
            return self.base(window)
        return self.mean(window.truth, fitted.predict(window.numbers))

    def base(self, window: PastWindow) -> float:
        """Mean loss of the best constant."""
        truth = window.truth[~np.isnan(window.truth)]
        return losses.base(self.loss, truth, truth)

    def mean(self, target: Values, predicted: Values) -> float:
        """Mean loss, extreme ones drawn in as monitoring does it."""
        return losses.moments(self.loss, losses.by_row(self.loss, target, predicted)).mean

    @cached_property
    def cost(self) -> float:
        """Default cost of a training, on average over the windows with labels."""
        labels = [one.target[~np.isnan(one.target)] for one in self.windows]
        bases = [losses.base(self.loss, known, known) for known in labels if known.size]
        return COST_SHARE * float(np.mean(bases)) if bases else 0.0

    def sketches(self, number: int) -> dict[str, ColumnSketch]:
        """Of a window's columns, in the order of events."""
        if number not in self.sketched:
            window = self.windows[number]
            order = np.argsort(window.at, kind="stable")
            columns = {
                feature.name: as_column(feature.kind, window.numbers[order, index])
                for index, feature in enumerate(self.features)
            }
            self.sketched[number] = sketches_of_rows(self.features, columns)
        return self.sketched[number]


def as_column(kind: FeatureKind, values: np.ndarray) -> pd.Series:
    """A column as it is in the table, but the values of a category by number."""
    if kind is not FeatureKind.CATEGORY:
        return pd.Series(values)
    return pd.Series(
        [None if np.isnan(value) else str(int(value)) for value in values], dtype=object
    )


def importances(fitted: Fitted, names: Sequence[str]) -> dict[str, float]:
    """Each feature's share of the gain."""
    gains = fitted.booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    return {name: gains.get(f"f{index}", 0.0) / total for index, name in enumerate(names)}


def values_of(numbers: Numbers, index: int) -> np.ndarray:
    """Different values of a category, as whole numbers."""
    column = numbers[:, index]
    return np.unique(column[~np.isnan(column)]).astype(np.int64)
