"""Boosters by the product's own learner, each fitted once however many policies ask for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from benchmarks.decisions.worlds import Month, Scenario, World

from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.monitoring.learner import Fitted, Learner, Numbers, Rows
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


@dataclass(frozen=True)
class Boosters:
    """All boosters of one world."""

    world: World
    known: Known = field(default_factory=dict)
    sketched: dict[int, dict[str, ColumnSketch]] = field(default_factory=dict)

    @property
    def scenario(self) -> Scenario:
        """Of the world."""
        return self.world.scenario

    @cached_property
    def model(self) -> Model:
        """The declaration with the default cost."""
        return self.scenario.model(None)

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
        """The model's own booster."""
        return Remembering(self.model, self.scenario.categories, False, self.known).fit(windows)

    def lost(self, fitted: Fitted | None, month: Month) -> float:
        """Expected loss on the month's rows; of a constant where nothing serves."""
        if fitted is None:
            return self.base(month)
        return self.mean(month.truth, fitted.predict(month.numbers))

    def base(self, month: Month) -> float:
        """Mean loss of the best constant."""
        constant = losses.constant(self.loss, month.truth)
        return self.mean(month.truth, np.full(month.truth.shape, constant))

    def mean(self, target: Values, predicted: Values) -> float:
        """Mean loss, extreme ones drawn in as the product does it."""
        return losses.moments(self.loss, losses.by_row(self.loss, target, predicted)).mean

    @cached_property
    def cost(self) -> float:
        """Default cost of a training, on average over the months."""
        bases = [losses.base(self.loss, one.target, one.target) for one in self.world.months]
        return COST_SHARE * float(np.mean(bases))

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """As they are declared."""
        named = zip(self.scenario.features, self.scenario.kinds, strict=True)
        return tuple(Feature(name=name, type="", kind=FeatureKind(kind)) for name, kind in named)

    def sketches(self, number: int) -> dict[str, ColumnSketch]:
        """Of a month's columns, in the order of events."""
        if number not in self.sketched:
            month = self.world.months[number]
            order = np.argsort(month.day, kind="stable")
            columns = {
                feature.name: as_column(feature.kind, month.numbers[order, index])
                for index, feature in enumerate(self.features)
            }
            self.sketched[number] = sketches_of_rows(self.features, columns)
        return self.sketched[number]


def as_column(kind: FeatureKind, values: np.ndarray) -> pd.Series:
    """A column as it is in the table."""
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
