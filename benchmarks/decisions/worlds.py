"""Worlds: months of rows whose truth is known, and what was delivered of them."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from headrace_jobs.learning.manifest import FeatureKind
from headrace_jobs.monitoring.backtest_boosters import as_column
from headrace_jobs.monitoring.backtest_windows import PastWindow, days
from headrace_jobs.monitoring.learner import Numbers
from headrace_jobs.statistics.metrics import Values
from headrace_schemas.decisions.evidence import FEWEST_ROWS
from headrace_schemas.declarations.model import (
    ChampionGate,
    Gates,
    Model,
    Monitors,
    PerformanceMonitor,
    Retraining,
    Split,
    Task,
    Training,
)

DAYS = 30
LATEST = 2
"""Months that a late label comes late at most."""
LABEL_DAYS = 5.0
"""Days after a month's end at which it is looked at."""

Draw = Callable[["Scenario", np.random.Generator], list[tuple[Numbers, Values, Values]]]
"""Gives the months' features, expected labels and labels."""

Fault = Callable[[np.random.Generator, int, Numbers, Values], tuple[Numbers, Values]]
"""Gives what is delivered of a month's features and labels."""


@dataclass(frozen=True)
class Scenario:
    """One kind of world.

    Attributes:
        draw: The rows of all months as they are.
        fault: What is delivered of a month instead; None for what it is.
        kinds: Of the features: `number`, `flag` or `category`.
        rows: A month.
        history: Months before the first model.
        months: Of the whole life.
        rarer: Share of the rarer class.
        is_still: Nothing is to be gained by a training at the default cost.
        changes: Months from which on another concept holds, each to be learnt at once.
        broken: Months whose delivery is an incident.
        settled: Month from which on what was broken may be learnt from; None for never.
        late: Share of the labels that come up to two months late.
        needs: Package that it is drawn with, if any but numpy.
    """

    name: str
    about: str
    draw: Draw
    kinds: tuple[str, ...]
    fault: Fault | None = None
    task: Task = Task.BINARY
    rows: int = 500
    history: int = 6
    months: int = 36
    rarer: float = 0.35
    is_still: bool = False
    changes: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    settled: int | None = None
    late: float = 0.0
    needs: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(f"{kind}_{index}" for index, kind in enumerate(self.kinds))

    @property
    def categories(self) -> tuple[int, ...]:
        """Positions of the features that are categories."""
        return tuple(index for index, kind in enumerate(self.kinds) if kind == "category")

    @property
    def label_months(self) -> int:
        """Months after which all labels of a month are known."""
        return LATEST if self.late else 0

    def model(self, cost: float | None) -> Model:
        """The declaration: what a file must say, and a small booster.

        The holdout is as short as the gate can judge.
        """
        is_binary = self.task is Task.BINARY
        metric, floor = ("auc", 0.5) if is_binary else ("rmse", 1e9)
        rows = 1.2 * FEWEST_ROWS / (self.rarer if is_binary else 1.0) / (1 - self.late)
        return Model(
            name="bench",
            description="A model of a world that is made up.",
            owner="bench",
            table="gold.bench",
            task=self.task,
            target="target",
            event_time="at",
            known_time="known_at",
            label_delay_days=LABEL_DAYS,
            features=self.features,
            training=Training(
                num_boost_round=40, params={"max_depth": 4, "learning_rate": 0.1, "max_bin": 64}
            ),
            split=Split(
                holdout_days=max(10.0, DAYS * rows / self.rows),
                first_after_partitions=self.history,
            ),
            gates=Gates(floors={metric: floor}, champion=ChampionGate(metric=metric)),
            monitors=Monitors(performance=PerformanceMonitor(metric=metric, max_drop=0.02)),
            retraining=Retraining(cost=cost),
        )


@dataclass(frozen=True)
class World:
    """One life's months."""

    scenario: Scenario
    months: tuple[PastWindow, ...]

    @property
    def live(self) -> range:
        """Months that a model serves."""
        return range(self.scenario.history, len(self.months))


def world_of(scenario: Scenario, seed: int) -> World:
    """The world of a seed; the same every time."""
    random = np.random.default_rng([seed, zlib.crc32(scenario.name.encode())])
    months, start = [], datetime(2020, 1, 1, tzinfo=UTC)
    for number, (numbers, truth, labels) in enumerate(scenario.draw(scenario, random)):
        found, target = numbers, labels
        if scenario.fault is not None:
            found, target = scenario.fault(random, number, numbers.copy(), labels.copy())
        rows = len(truth)
        late = random.random(rows) < scenario.late
        starts, ends = (
            start + timedelta(days=DAYS * number),
            start + timedelta(days=DAYS * (number + 1)),
        )
        at = days(starts) + random.uniform(0, DAYS, rows)
        delay = np.where(late, random.uniform(0, LATEST * DAYS, rows), 0.0)
        month = PastWindow(
            key=f"{2020 + number // 12}-{number % 12 + 1:02}",
            starts=starts,
            ends=ends,
            as_of=ends + timedelta(days=LABEL_DAYS),
            numbers=found.astype(np.float32),
            target=target.astype(np.float64),
            truth=truth.astype(np.float64),  # by the concept: no schedule is better by luck
            at=at,
            known=days(ends) + delay,
            total=rows,
            slices={
                scenario.features[index]: as_column(
                    FeatureKind.CATEGORY, found[:, index]
                ).to_numpy()
                for index in scenario.categories
            },
        )
        months.append(month)
    return World(scenario, tuple(months))
