"""The best schedule of trainings in hindsight, and the simplest ones."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from headrace_jobs.monitoring.backtest_boosters import Boosters

NEWEST = (12, 6, 3, 1)
"""Lengths of the stretches that a model may have learnt from, beside all."""


@dataclass(frozen=True)
class Best:
    """What is known of a history in hindsight.

    Attributes:
        cost: Sum of losses and of trainings of the best schedule.
        trainings: That it has, without the first.
    """

    cost: float
    trainings: int


class Oracle:
    """Losses of every pair of a model and a window, from which schedules follow.

    C. Mahadevan and M. Mathioudakis, arXiv 2310.04216: C(t) = min over s < t of C(s) + cost + the losses
    of the best model trained before s on s to t.
    """

    def __init__(
        self,
        boosters: Boosters,
        live: range,
        left_out: Collection[int] = (),
        uncounted: Collection[int] = (),
    ) -> None:
        """Fit all models of a history: before each window, from each stretch.

        Args:
            live: Windows that a model serves, to the last one.
            left_out: Windows that nothing is learnt from.
            uncounted: Windows whose losses count for no schedule.
        """
        self.live = live
        self.losses: dict[int, np.ndarray] = {}
        windows = boosters.windows
        for start in live:
            as_of = windows[start - 1].as_of
            usable = [i for i in range(start) if i not in left_out] or list(range(start))
            stretches: list[Sequence[int]] = [usable, *(usable[-length:] for length in NEWEST)]
            fitted = [
                boosters.fit([part for part in rows if len(part.target)])
                for rows in (
                    [windows[one].labelled(as_of) for one in chosen]
                    for chosen in dict.fromkeys(map(tuple, stretches))
                )
            ]
            found = [
                [
                    0.0 if number in uncounted else boosters.lost(one, windows[number])
                    for number in range(start, live.stop)
                ]
                for one in [each for each in fitted if each is not None] or fitted[:1]
            ]
            self.losses[start] = np.array(found)

    def never(self) -> list[float]:
        """Losses of the first model for ever."""
        return [float(loss) for loss in self.losses[self.live.start][0]]

    def every(self) -> float:
        """Sum of losses where each window has a model of all before it."""
        return float(sum(self.losses[start][0][0] for start in self.live))

    def best(self, cost: float) -> Best:
        """By dynamic programming."""
        start, end = self.live.start, self.live.stop
        costs, counts = {start: 0.0}, {start: -1}
        for begin in self.live:
            spent = costs[begin] + (cost if begin > start else 0.0)
            through = spent + np.cumsum(self.losses[begin], axis=1).min(axis=0)
            for window, total in enumerate(through, start=begin + 1):
                if total < costs.get(window, np.inf):
                    costs[window], counts[window] = float(total), counts[begin] + 1
        return Best(costs[end], counts[end])
