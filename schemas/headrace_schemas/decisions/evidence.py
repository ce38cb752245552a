"""What monitoring and evaluation measured, and whether it is enough to decide anything on.

From a few rows every statistic says something. Each rule here has a formula for what chance alone
does with as many rows: inputs by the quantile of the population stability index, results by the
standard error of their metric, and both classes by a fewest number of rows. What is below is "cannot
be judged", which is no verdict of either kind.
"""

import json
import math
from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from headrace_schemas.decisions.confidence import LEAST_DUE
from headrace_schemas.decisions.gain import Gain, Moments
from headrace_schemas.decisions.incident import Incident
from headrace_schemas.decisions.signal import Evidence, Question, Signal
from headrace_schemas.decisions.split import LossSplit
from headrace_schemas.declarations.metrics import gain
from headrace_schemas.declarations.model import UNSAID

FEWEST_ROWS = 50
"""Labelled rows below which no metric is believed; of two classes, rows of each.

With 50 of each class the standard error of an AUC of 0.7 is 0.05 (J. Hanley and B. McNeil, Radiology
143, 1982), and 50 errors give a root mean square to a tenth of itself, 1 / sqrt(2 * rows).
"""

SURE = 2.0
"""Standard errors within which a difference of a metric is chance."""


def is_unknown(value: object) -> bool:
    """Of what was not counted nothing is written, as before it was."""
    return value is None


class Performance(Evidence):
    """One metric of the served model on matured labels of a window.

    Attributes:
        current: Of the predictions that were served.
        reference: Of the champion on its own holdout.
        first: What the static baseline, the first model, would have reached; None before it exists.
        error: Standard error of `current`; None where it was not measured.
        reference_error: Standard error of `reference`; None where it was not measured.
        reference_rows: Rows of the holdout; None where they were not kept.
    """

    metric: str
    current: float
    reference: float
    first: float | None = None
    error: float | None = None
    reference_error: float | None = None
    reference_rows: int | None = None

    @property
    def is_measured(self) -> bool:
        """Whether all numbers are numbers."""
        return all(map(math.isfinite, (self.current, self.reference, self.standard_error)))

    @property
    def standard_error(self) -> float:
        """Of the difference of the two; 0 where neither was measured, as before errors were kept."""
        known = [error for error in (self.error, self.reference_error) if error is not None]
        return math.hypot(*known)


class MonitorEvidence(Evidence):
    """What monitoring measured on one window.

    Attributes:
        matured_partitions: Partitions of the feature table with matured labels, this one included.
        known_rows: Labelled rows of these; None where they were not counted, as beside a champion.
        known_positive: Of these rows, those of class 1; None for a number, or where they were not counted.
        champion: Version that served the window; None if none did.
        champion_as_of: Up to when its labels were known at training.
        labelled: Rows of the window with a matured label and a prediction.
        positive: Of these, rows of class 1; None for a number, or where they were not counted.
        unmeasured: Why there is no `performance`; None where there is, or where nobody said.
        signals: What was measured of inputs, each feature's move first, the most important one at the
            head, and by monitors of extensions; empty without a champion.
        incidents: Signs that the window's data is broken.
        gains: Of shadow challengers against the champion.
        no_gains: Why there are none; None where there are.
        loss: Of the champion, row by row, in the loss that belongs to the monitored metric.
        base_loss: Mean loss of the best constant prediction on the same rows.
        split: Of the champion's loss, into what inputs explain and what a changed world explains; None
            where there was nothing to compare with.
        windows_a_year: How many windows a year has.
        due: Of the labels that will come, as windows before let expect, the share that is known; None
            where nothing is known of it.
        matured: Results of the newest window before that the same champion served and whose labels are
            due, where this window's are not; without inputs and incidents, which were looked at then.
    """

    window: str
    matured_partitions: int
    known_rows: int | None = Field(default=None, exclude_if=is_unknown)
    known_positive: int | None = Field(default=None, exclude_if=is_unknown)
    champion: str | None = None
    champion_as_of: datetime | None = None
    rows: int = 0
    labelled: int = 0
    positive: int | None = None
    performance: Performance | None = None
    unmeasured: str | None = None
    signals: tuple[Signal, ...] = ()
    incidents: tuple[Incident, ...] = UNSAID
    gains: tuple[Gain, ...] = UNSAID
    no_gains: str | None = None
    loss: Moments | None = None
    base_loss: float | None = None
    split: LossSplit | None = None
    windows_a_year: float | None = None
    due: float | None = None
    matured: "MonitorEvidence | None" = Field(default=None, exclude_if=is_unknown)

    @property
    def is_due(self) -> bool:
        """Whether enough of the window's labels are known: fast ones are no fair sample."""
        return self.due is None or self.due >= LEAST_DUE

    @property
    def judged(self) -> "MonitorEvidence | None":
        """The evidence whose results are judged: its own, or else those of `matured`."""
        return self if self.is_due else self.matured

    def raised(self, question: Question) -> list[str]:
        """The signals on a question that count by themselves, in words."""
        return [
            signal.text
            for signal in self.signals
            if signal.question is question and signal.weight is None and signal.counts
        ]

    @property
    def weighed(self) -> list[Signal]:
        """The signals on inputs that count together, by their weights."""
        return [
            signal
            for signal in self.signals
            if signal.question is Question.INPUTS and signal.weight is not None
        ]

    @property
    def moved_importance(self) -> float:
        """Share of the champion's gain that lies in features that drifted.

        Only of features that so many rows say anything of.
        """
        return weight_of([signal for signal in self.weighed if signal.counts])


def weight_of(signals: Sequence[Signal]) -> float:
    """The weights of signals together."""
    return sum((signal.weight or 0.0 for signal in signals), 0.0)


class Comparison(Evidence):
    """Challenger and champion on the same holdout rows.

    Attributes:
        share_better: Share of the paired bootstrap's resamples in which the challenger is better by
            more than the gate's `min_gain`.
        share_worse: Share of them in which it is worse; None where that was not counted.
        min_gain: What followed from the noise in place of the gate's own; None where that has one.
        worst_slice: Slice in which the challenger loses most; None when it loses nowhere.
    """

    metric: str
    challenger: float
    champion: float
    share_better: float
    share_worse: float | None = None
    min_gain: float | None = Field(default=None, exclude_if=is_unknown)
    worst_slice: str | None = None
    worst_slice_drop: float = 0.0

    @property
    def is_measured(self) -> bool:
        """Whether all numbers are numbers."""
        numbers = (self.challenger, self.champion, self.share_better, self.worst_slice_drop)
        return all(map(math.isfinite, numbers))


class Refit(Evidence):
    """The booster that would serve, which has learnt from the holdout as well, beside the judged one on it.

    One that has seen rows predicts them no worse, and moves from the judged one towards their labels,
    at most onto them: what lies further away has learnt something else.

    Attributes:
        judged: The metric of the judged one.
        refitted: The metric of the refitted one.
        error: Standard error of their difference, by the paired bootstrap.
        difference: Root of the mean square of the difference of their predictions.
        allowed: The same between the judged one and the labels, or the champion, whichever is more.
    """

    metric: str
    judged: float
    refitted: float
    error: float
    difference: float
    allowed: float

    @property
    def problem(self) -> str | None:
        """Why it must not serve; None if it may."""
        numbers = (self.judged, self.refitted, self.error, self.difference, self.allowed)
        if not all(map(math.isfinite, numbers)):
            return "the refitted booster could not be compared with the judged one"
        lost = -gain(self.metric, self.refitted, self.judged)
        if lost > SURE * self.error:
            return (
                f"the refitted booster is worse on rows that it has seen: {self.metric} "
                f"{self.refitted:.3f} against {self.judged:.3f}"
            )
        if self.difference > self.allowed:
            return (
                f"the refitted booster differs by {self.difference:.4g} from the judged one, "
                f"{self.allowed:.4g} allowed"
            )
        return None


class PromotionEvidence(Evidence):
    """What evaluation measured of a new version.

    Attributes:
        metrics: Of the challenger, on the holdout.
        comparison: With the champion; None when nothing serves yet.
        baseline: With a constant prediction, the mean of the labels; None where a champion or floors
            are judged by.
        holdout_days: How long the holdout is, where its length followed from the rows; else None.
        measured: Rows of the holdout that were measured, where they are a sample of it.
        positive: Of the measured rows, those of class 1; None for a number, or where they were not
            counted.
        learn_from: Key of the first partition that the challenger learnt from; None for all.
        refit: Of the booster that would serve; None where the judged one would itself.
    """

    challenger: str
    champion: str | None
    holdout_rows: int
    metrics: dict[str, float]
    comparison: Comparison | None = None
    baseline: Comparison | None = Field(default=None, exclude_if=is_unknown)
    holdout_days: float | None = Field(default=None, exclude_if=is_unknown)
    measured: int | None = None
    positive: int | None = None
    learn_from: str | None = Field(default=None, exclude_if=is_unknown)
    refit: Refit | None = Field(default=None, exclude_if=is_unknown)


def too_few(rows: int, positive: int | None, what: str) -> str | None:
    """Why a metric of these labelled rows is not believed; None if it is.

    Args:
        positive: Of the rows, those of class 1; None for a number, or where they were not counted.
        what: What the rows are called, such as `labelled rows`.
    """
    if positive is None:
        return None if rows >= FEWEST_ROWS else f"{rows} {what}, {FEWEST_ROWS} are needed"
    least = min(positive, rows - positive)
    if rows and not least:
        return f"{rows} {what}, all of one class"
    if least >= FEWEST_ROWS:
        return None
    return f"{rows} {what}, {least} of the rarer class, {FEWEST_ROWS} of each are needed"


def canonical(evidence: Evidence) -> str:
    """Evidence as JSON with sorted keys: on its way through PostgreSQL their order is lost."""
    content = json.loads(evidence.model_dump_json())
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
