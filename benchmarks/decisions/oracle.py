"""The best schedule in hindsight, and none at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.decisions.boosters import Boosters
from benchmarks.decisions.life import Played

NEWEST = (12, 6, 3, 1)
"""Lengths of the stretches that a model may have learnt from, beside all."""


@dataclass(frozen=True)
class Best:
    """What is known of a world in hindsight.

    Attributes:
        cost: Sum of losses and of trainings of the best schedule.
        trainings: That it has, without the first.
    """

    cost: float
    trainings: int


class Oracle:
    """Losses of every pair of a model and a month, from which schedules follow.

    C. Mahadevan and M. Mathioudakis, arXiv 2310.04216: C(t) = min over s < t of C(s) + cost + the losses
    of the best model trained before s on s to t.
    """

    def __init__(self, boosters: Boosters) -> None:
        """Fit all models of a world: before each month, from each stretch, without broken months."""
        self.live = boosters.world.live
        self.losses: dict[int, np.ndarray] = {}
        months, broken = boosters.world.months, set(boosters.scenario.broken)
        for start in self.live:
            as_of = months[start - 1].as_of
            usable = [i for i in range(start) if i not in broken] or list(range(start))
            stretches: list[Sequence[int]] = [usable, *(usable[-length:] for length in NEWEST)]
            found = []
            for chosen in dict.fromkeys(map(tuple, stretches)):
                rows = [months[one].labelled(as_of) for one in chosen]
                fitted = boosters.fit([part for part in rows if len(part.target)])
                if fitted is not None:
                    found.append([boosters.lost(fitted, month) for month in months[start:]])
            self.losses[start] = np.array(found)

    def never(self) -> Played:
        """The first model for ever."""
        return Played(losses=list(self.losses[self.live.start][0]))

    def best(self, cost: float) -> Best:
        """By dynamic programming."""
        start, end = self.live.start, self.live.stop
        costs, counts = {start: 0.0}, {start: -1}
        for begin in self.live:
            spent = costs[begin] + (cost if begin > start else 0.0)
            through = spent + np.cumsum(self.losses[begin], axis=1).min(axis=0)
            for month, total in enumerate(through, start=begin + 1):
                if total < costs.get(month, np.inf):
                    costs[month], counts[month] = float(total), counts[begin] + 1
        return Best(costs[end], counts[end])
