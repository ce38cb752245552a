"""The life of a model under Headrace's policy in a world."""

from collections.abc import Sequence

from benchmarks.decisions.boosters import Boosters

from headrace_jobs.monitoring import backtest_life
from headrace_jobs.monitoring.backtest_windows import days
from headrace_jobs.monitoring.window_rows import Counted
from headrace_schemas.decisions.decision import Decision


class Life(backtest_life.Life):
    """One world lived through, month by month."""

    def __init__(self, boosters: Boosters, cost: float | None) -> None:
        """A life with a declared cost of a training, or the default."""
        super().__init__(boosters, boosters.scenario.model(cost))

    def due(self, number: int, counted: Sequence[Counted]) -> float | None:
        """All labels of a world come."""
        return counted[number].labelled / counted[number].rows

    def holdout_start(self, chosen: Sequence[int], request: Decision) -> float:
        """Months are full to their ends; of what is learnt since a change, it takes a third at most."""
        asked = self.model.split.holdout_days
        assert asked is not None
        first, last = days(self.windows[min(chosen)].starts), days(self.windows[max(chosen)].ends)
        return last - (asked if request.learn_from is None else min(asked, (last - first) / 3))
