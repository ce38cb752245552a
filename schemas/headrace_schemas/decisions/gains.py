"""Whether retraining pays: the gain of shadow challengers, pooled over windows, against its cost.

How it works: each window's monitoring leaves, for some families of challengers, the paired difference
of losses between the champion and a model of that family which had not seen the window. The mean of
these over the newest windows estimates what a retraining would gain in each window to come. A world
that changed has windows from before the change among those that the champion served, and they say
nothing of the world as it is now. So the newest 1, 2, 3, 6, 12 and all windows are looked at, as in a
scan for a change point, and a family counts by the highest lower bound that one of them gives (the
suffixes of an e-detector: J. Shin, A. Ramdas and A. Rinaldo, "E-detectors", New England Journal of
Statistics in Data Science 2, 2023).

A retraining costs `cost`, in units of the loss times windows, and what it gains lasts until the next
one. It pays when the lower bound times the windows that it will last exceeds the cost: the rule of the
cost-aware retraining of A. Mahadevan and M. Mathioudakis (arXiv 2310.04216), with a bound where they
take an estimate. A gain is taken to last `horizon_windows`, or as long as it was seen, if that is
longer: of what has lasted for n windows nothing more is known than that it is as likely to be in the
first half of its life as in the second one (J. R. Gott, Nature 363, 1993).

A challenger that knows half of the window also knows what is of that window alone, such as its new
customers, and of no use in the next. What it gained more than all others on windows before is taken off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from headrace_schemas.decisions.confidence import pooled
from headrace_schemas.decisions.evidence import FEWEST_ROWS, MonitorEvidence
from headrace_schemas.decisions.gain import Gain
from headrace_schemas.declarations.model import Retraining

SUFFIXES = (1, 2, 3, 6, 12)
"""How many of the newest windows are pooled; and all that the champion served."""

ALL, WITHIN, WITH_ALL = "all", "this window", "all with this window"
"""Families: all windows before; half of the window itself, alone and beside all windows before."""

JUDGED = 1 / 3
"""Share of a training's rows that its holdout may take."""

COST_SHARE = 0.03
"""Share of the loss of a constant prediction that a retraining costs where no cost is declared."""


@dataclass(frozen=True)
class PooledGain:
    """The gain of a family over the newest windows, in units of the loss a window.

    Attributes:
        since: Key of the first window that its newest model learnt from.
        windows: How many were pooled.
        low: Lower bound at the policy's confidence.
        taken_off: What is of no use in other windows: neither `mean` nor `low` has it.
    """

    family: str
    since: str
    windows: int
    rows: int
    mean: float
    low: float
    is_pilot: bool
    taken_off: float = 0.0

    def lasts(self, horizon_windows: int) -> int:
        """Windows that it is taken to last: as many as are declared, or as it was seen for."""
        return max(horizon_windows, self.windows)

    def worth(self, horizon_windows: int) -> float:
        """What it is worth at least, in units of the loss times windows; a loss is one now."""
        return self.low * self.lasts(horizon_windows) if self.low > 0 else self.low

    @property
    def text(self) -> str:
        """In words, for a reason."""
        pilots = ", by pilots on samples" if self.is_pilot else ""
        of_window = (
            f", without the {self.taken_off:.4f} that knowing the window itself gained before"
            if self.taken_off
            else ""
        )
        windows = "1 window" if self.windows == 1 else f"{self.windows} windows"
        return (
            f"a model of {self.family} would have lost {self.mean:.4f} less (at least {self.low:.4f}) "
            f"on {self.rows} rows of {windows}{pilots}{of_window}"
        )


def pooled_gains(
    evidence: Sequence[MonitorEvidence],
    policy: Retraining,
    fewest_rows: int,
    before: Sequence[MonitorEvidence] = (),
) -> list[PooledGain]:
    """Each family's best-founded gain over the newest windows, the one that is worth most first.

    Args:
        evidence: Of the windows that one champion served, oldest first.
        policy: Its `confidence` is of the one-sided lower bound of each look.
        fewest_rows: That a model is trained from, its holdout apart: challengers which speak for a training
            with fewer are passed over.
        before: Of windows before, whatever served them.
    """
    found = []
    names = dict.fromkeys(gain.family for window in evidence for gain in window.gains)
    for family in names:
        measured = [
            (window, gain)
            for window in evidence
            for gain in window.gains
            if gain.family == family and rows_to_learn(gain, window) >= fewest_rows
        ]
        off = of_window_alone(before, family)
        looks = [
            look(measured[-count:], policy.confidence, off)
            for count in counts_of(len(measured), family)
        ]
        if judged := [gain for gain in looks if gain is not None]:
            found.append(max(judged, key=lambda gain: gain.worth(policy.horizon_windows)))
    return sorted(found, key=lambda gain: (-gain.worth(policy.horizon_windows), gain.family))


def rows_to_learn(gain: Gain, window: MonitorEvidence) -> float:
    """Rows that a training would have which this challenger speaks for, its holdout apart.

    The window is learnt from as well; a challenger of the window alone stands for nothing else.
    """
    rows = window.labelled + (0 if gain.family == WITHIN else gain.learnt_rows)
    return rows * (1 - JUDGED)


def counts_of(windows: int, family: str) -> list[int]:
    """How many of the newest windows are pooled, in turn."""
    asked = [count for count in SUFFIXES if count < windows]
    # What is fitted within one window says nothing of what it would gain in others.
    return [1] if family in (WITHIN, WITH_ALL) else [*asked, windows]


def of_window_alone(before: Sequence[MonitorEvidence], family: str) -> float:
    """What a family that knows the window itself gained more than all others, on average; 0 for others."""
    if family not in (WITHIN, WITH_ALL):
        return 0.0
    more = []
    for window in before:
        means = {gain.family: gain.difference.mean for gain in window.gains}
        if family in means:
            others = [mean for name, mean in means.items() if name not in (WITHIN, WITH_ALL)]
            more.append(means[family] - max([0.0, *others]))
    return max(0.0, sum(more) / len(more)) if more else 0.0


def look(
    measured: Sequence[tuple[MonitorEvidence, Gain]], confidence: float, taken_off: float
) -> PooledGain | None:
    """The gain over these windows; None where they are too few rows to tell.

    Args:
        taken_off: Of the gain.
    """
    together = pooled([gain.difference for _, gain in measured])
    positive = [window.positive for window, _ in measured]
    rarer = together.rows
    if all(count is not None for count in positive):
        ones = sum(count or 0 for count in positive)
        rarer = min(ones, sum(window.labelled for window, _ in measured) - ones)
    if min(rarer, together.rows) < FEWEST_ROWS:
        return None
    error = sqrt(together.variance / together.rows)
    newest = measured[-1][1]
    return PooledGain(
        family=newest.family,
        since=newest.since,
        windows=len(measured),
        rows=together.rows,
        mean=together.mean - taken_off,
        low=together.mean - taken_off - NormalDist().inv_cdf(confidence) * error,
        is_pilot=any(gain.is_pilot for _, gain in measured),
        taken_off=taken_off,
    )


def cost_of(retraining: Retraining, base_loss: float) -> float:
    """What a retraining costs, in units of the loss times windows.

    Args:
        base_loss: Of the best constant prediction.
    """
    return COST_SHARE * base_loss if retraining.cost is None else retraining.cost
