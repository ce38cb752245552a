"""What monitoring and evaluation measured, and whether it is enough to decide anything on.

From a few rows every statistic says something. Each rule here has a formula for what chance alone
does with as many rows: inputs by the quantile of the population stability index, results by the
standard error of their metric, and both classes by a fewest number of rows. What is below is "cannot
be judged", which is no verdict of either kind.
"""

import json
import math
import operator
from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from headrace_schemas.decisions.signal import Evidence, Question, Signal

FEWEST_ROWS = 50
"""Labelled rows below which no metric is believed; of two classes, rows of each.

With 50 of each class the standard error of an AUC of 0.7 is 0.05 (J. Hanley and B. McNeil, Radiology
143, 1982), and 50 errors give a root mean square to a tenth of itself, 1 / sqrt(2 * rows).
"""

BINS = 10
"""Of a feature whose evidence was kept before bins were counted."""

RARE = 2.326
"""Standard normal quantile of 99 %: what chance does in one window of a hundred."""

SURE = 2.0
"""Standard errors within which a difference of a metric is chance."""


class FeatureShift(Evidence):
    """How far one feature moved from the champion's training window.

    Attributes:
        psi: Population stability index.
        importance: Share of the champion's total gain, 0 to 1.
        bins: Bins that training rows fell into; None where they were not counted.
        trained_rows: Rows that the bins' shares were made of; None where they were not counted.
    """

    feature: str
    psi: float
    importance: float
    bins: int | None = None
    trained_rows: int | None = None

    @property
    def is_measured(self) -> bool:
        """Whether both numbers are numbers."""
        return math.isfinite(self.psi) and math.isfinite(self.importance)

    def fewest_rows(self, psi: float) -> float:
        """Rows from which chance reaches `psi` in less than one window of a hundred; may be infinite.

        Without any shift, PSI / (1/n + 1/m) of n rows against m is about chi-square distributed with
        bins - 1 degrees of freedom (B. Yurdakul and J. Naranjo, Journal of Risk Model Validation 14,
        2020): n >= 1 / (psi / q - 1 / m), where q is the 99 % quantile.
        """
        rarest = chi_square_quantile((BINS if self.bins is None else self.bins) - 1)
        left = psi / rarest - (1 / self.trained_rows if self.trained_rows else 0.0)
        return math.ceil(1 / left) if left > 0 else math.inf


def chi_square_quantile(degrees: int) -> float:
    """The 99 % quantile of chi-square, by E. Wilson and M. Hilferty (PNAS 17, 1931).

    With fewer than two bins nothing can move, but a new value makes a bin: one degree is the least.
    """
    degrees = max(degrees, 1)
    spread = 2 / (9 * degrees)
    return degrees * (1 - spread + RARE * math.sqrt(spread)) ** 3


class Performance(Evidence):
    """One metric of the served model on matured labels of a window.

    Attributes:
        current: Of the predictions that were served.
        reference: Of the champion on its own holdout.
        first: What a first model, never relearned, would have reached; None before it exists.
        error: Standard error of `current`; None where it was not measured.
        reference_error: Standard error of `reference`; None where it was not measured.
    """

    metric: str
    current: float
    reference: float
    first: float | None = None
    error: float | None = None
    reference_error: float | None = None

    @property
    def is_measured(self) -> bool:
        """Whether all numbers are numbers."""
        return all(map(math.isfinite, (self.current, self.reference, self.standard_error)))

    @property
    def standard_error(self) -> float:
        """Of the difference of the two; 0 where neither was measured, as before errors were kept."""
        known = [one for one in (self.error, self.reference_error) if one is not None]
        return math.hypot(*known)


class MonitorEvidence(Evidence):
    """What monitoring measured on one window.

    Attributes:
        matured_partitions: Partitions of the feature table with matured labels, this one included.
        champion: Version that served the window; None if none did.
        champion_as_of: Up to when its labels were known at training.
        labelled: Rows of the window with a matured label and a prediction.
        positive: Of these, rows of class 1; None for a number, or where they were not counted.
        shifts: Every feature's move, most important first; empty without a champion.
        unmeasured: Why there is no `performance`; None where there is, or where nobody said.
        signals: What monitors of extensions measured.
    """

    window: str
    matured_partitions: int
    champion: str | None = None
    champion_as_of: datetime | None = None
    rows: int = 0
    labelled: int = 0
    positive: int | None = None
    shifts: tuple[FeatureShift, ...] = ()
    performance: Performance | None = None
    unmeasured: str | None = None
    signals: tuple[Signal, ...] = Field(default=(), exclude_if=operator.not_)

    def raised(self, question: Question) -> list[str]:
        """The signals on a question that count, in words."""
        return [one.text for one in self.signals if one.question is question and one.counts]

    def moved_importance(self, psi: float) -> float:
        """Share of the champion's gain that lies in features with at least this PSI.

        Only of features that so many rows can tell anything of.
        """
        return sum(
            (one.importance for one in self.shifts if one.psi >= psi and self.can_judge(one, psi)),
            0.0,
        )

    def can_judge(self, shift: FeatureShift, psi: float) -> bool:
        """Whether the window's rows are enough to tell this PSI from chance."""
        return shift.is_measured and self.rows >= shift.fewest_rows(psi)

    def lacking_rows(self, psi: float, importance_share: float) -> float | None:
        """Rows that are needed where they are too few to say whether inputs moved; else None.

        Features that cannot be judged do not matter as long as their importance, added to that of
        features that moved, would not reach the share.
        """
        unjudged = [one for one in self.shifts if not self.can_judge(one, psi)]
        open_share = sum(one.importance for one in unjudged)
        moved = self.moved_importance(psi)
        needed: float | None = None
        for one in sorted(unjudged, key=lambda one: one.fewest_rows(psi)):
            if moved >= importance_share or moved + open_share < importance_share:
                break
            needed, open_share = one.fewest_rows(psi), open_share - one.importance
        return needed


class Comparison(Evidence):
    """Challenger and champion on the same holdout rows.

    Attributes:
        share_better: Share of the paired bootstrap's resamples in which the challenger is better by
            more than the gate's `min_gain`.
        worst_slice: Slice in which the challenger loses most; None when it loses nowhere.
    """

    metric: str
    challenger: float
    champion: float
    share_better: float
    worst_slice: str | None = None
    worst_slice_drop: float = 0.0

    @property
    def is_measured(self) -> bool:
        """Whether all numbers are numbers."""
        numbers = (self.challenger, self.champion, self.share_better, self.worst_slice_drop)
        return all(map(math.isfinite, numbers))


class PromotionEvidence(Evidence):
    """What evaluation measured of a new version.

    Attributes:
        metrics: Of the challenger, on the holdout.
        comparison: With the champion; None when nothing serves yet.
        measured: Rows of the holdout that were measured, where they are a sample of it.
        positive: Of the measured rows, those of class 1; None for a number, or where they were not
            counted.
    """

    challenger: str
    champion: str | None
    holdout_rows: int
    metrics: dict[str, float]
    comparison: Comparison | None = None
    measured: int | None = None
    positive: int | None = None


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


def unmeasured_shift(shifts: Sequence[FeatureShift]) -> FeatureShift | None:
    """The first feature whose move is not a number."""
    return next((one for one in shifts if not one.is_measured), None)
