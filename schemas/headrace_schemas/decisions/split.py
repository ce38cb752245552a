"""Why a loss changed: harder inputs, or a world that changed; and slow change, summed over windows."""

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise

from headrace_schemas.decisions.signal import Evidence, Question, Signal

DEVIATIONS = 1.96
"""Of a normal distribution, for an interval that holds in 95 %."""

SLACK = 0.5
"""What a window may be off without adding up, in standard errors: half of the shift that is sought."""

QUIET_YEARS = 10
"""Years between two false alarms, on average."""

LEAST_WINDOWS = 8
"""From which on windows say how much their scores vary."""


class Part(Evidence):
    """A part of a mean loss, with its standard error."""

    value: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - DEVIATIONS * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + DEVIATIONS * self.error

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.value:+.3g} ({self.low:+.3g} to {self.high:+.3g})"


class ExpectedMetric(Evidence):
    """A metric that is expected of predictions without their labels, with its 95 % interval."""

    metric: str
    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.metric} {self.value:.3f} expected ({self.low:.3f} to {self.high:.3f})"


class LossSplit(Evidence):
    """The mean loss of a window beside its reference, split in two.

    Attributes:
        loss: Its name.
        reference: Mean loss of the reference.
        estimate: Mean loss that the window's inputs let expect, without its labels.
        inputs: What the inputs explain: estimate - reference.
        realised: Mean loss of the window's labelled rows; None without labels.
        concept: What they do not: realised - estimate. Only it speaks for retraining.
        effective: Share of the reference that is worth anything for these inputs.
        why_not: Why the split is not to be relied on; None if it is.
        metric: What is expected of the watched metric; only of classes, and while no label is known.
    """

    loss: str
    reference: float
    estimate: Part
    inputs: Part
    realised: float | None = None
    concept: Part | None = None
    effective: float
    why_not: str | None = None
    metric: ExpectedMetric | None = None

    @property
    def score(self) -> float | None:
        """The concept part in its standard errors, for `slow_change`; None where it is not known."""
        if self.concept is None or self.why_not is not None:
            return None
        return self.concept.value / self.concept.error if self.concept.error else 0.0

    @property
    def lies_outside(self) -> bool:
        """Whether the realised loss left the interval of its estimate: do not trust the next one."""
        return self.concept is not None and not self.concept.low <= 0 <= self.concept.high

    @property
    def text(self) -> str:
        """In words, for a reason."""
        if not self.effective:
            return f"why the {self.loss} changed cannot be said: {self.why_not}"
        unsure = f"; not reliable, as {self.why_not}" if self.why_not else ""
        if self.realised is None or self.concept is None:
            metric = f"{self.metric.text}, " if self.metric else ""
            return (
                f"{metric}{self.loss} {self.estimate.value:.3g} expected without labels "
                f"({self.estimate.low:.3g} to {self.estimate.high:.3g}), "
                f"{self.reference:.3g} promised{unsure}"
            )
        return (
            f"{self.loss} {self.realised:.3g} where {self.reference:.3g} was promised: "
            f"inputs explain {self.inputs.text}, a changed world {self.concept.text}{unsure}"
        )


def slow_change(scores: Sequence[float], windows_a_year: float) -> Signal:
    """Slow change, as a one-sided cumulative sum of the scores: S = max(0, S + z - 0.5).

    E. Page, Continuous inspection schemes, Biometrika 41, 1954. Scores that vary more than their errors
    say are divided by how much they do, known from the median of their moving ranges, which a slow
    change leaves alone (D. Montgomery, Introduction to Statistical Quality Control, 6.4).

    Args:
        scores: Of matured windows since the champion learnt, in order: `LossSplit.score`.
        windows_a_year: Says how high the sum must be, `cusum_limit`.
    """
    limit, total, spread = cusum_limit(windows_a_year), 0.0, 1.0
    scores = [score for score in scores if math.isfinite(score)]
    if len(scores) >= LEAST_WINDOWS:
        ranges = [abs(later - earlier) for earlier, later in pairwise(scores)]
        spread = max(1.0, statistics.median(ranges) / 0.954)  # of a normal distribution
    for score in scores:
        total = max(0.0, total + score / spread - SLACK)
    every = run_length(limit, 0.0)
    return Signal(
        question=Question.RESULTS,
        subject="the loss that inputs do not explain",
        method=f"cumulative sum, by chance once in {every:.0f} windows,",
        value=total,
        threshold=limit,
        why_not=None if scores else "no window has matured",
    )


def run_length(limit: float, shift: float) -> float:
    """Windows until the sum reaches `limit`, on average.

    D. Siegmund, Sequential Analysis, Springer 1985: (exp(-2 d b) + 2 d b - 1) / (2 d**2) with d = shift -
    0.5 and b = limit + 1.166; b**2 where d is 0.

    Args:
        shift: Mean of the scores; 0 where nothing changed.
    """
    drift, barrier = shift - SLACK, limit + 1.166
    if drift == 0:
        return barrier**2
    return (math.exp(-2 * drift * barrier) + 2 * drift * barrier - 1) / (2 * drift**2)


def cusum_limit(windows_a_year: float) -> float:
    """The limit that chance reaches once in `QUIET_YEARS`; at least 3, as a year may have few windows."""
    low, high = 3.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        if run_length(middle, 0.0) < QUIET_YEARS * windows_a_year:
            low = middle
        else:
            high = middle
    return low
