"""Signals: what was measured of one thing, as evidence for a decision.

A signal says itself what it is about and from which value on it counts, so that what measures is
not known to what decides.
"""

import math
from enum import StrEnum

from pydantic import ConfigDict

from headrace_schemas.declarations.declaration import Frozen


class Evidence(Frozen):
    """Measured numbers; NaN and infinity stay what they are on their way through JSON."""

    model_config = ConfigDict(ser_json_inf_nan="strings")


class Question(StrEnum):
    """What a signal helps to answer."""

    INPUTS = "inputs"
    RESULTS = "results"
    DATA = "data"


class Signal(Evidence):
    """One measured value.

    Attributes:
        question: `inputs`: did they drift; `results`: are they worse; `data`: what did the gate say.
        subject: What was measured, such as a column.
        method: How, such as `psi`.
        value: The larger, the more it drifted, or the worse it is.
        low: Lower end of its interval; None where no interval is known.
        high: Upper end of its interval; None where no interval is known.
        threshold: From which value on it counts; None if it is only kept.
        weight: Its share of the question, 0 to 1, such as a feature's share of the champion's gain:
            such signals count together. None for one that counts by itself.
        rows_needed: Rows from which on it is distinguished from chance; None where that is not known.
        why_not: Why it is not to be relied on; None if it is.
    """

    question: Question
    subject: str
    method: str
    value: float
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    weight: float | None = None
    rows_needed: float | None = None
    why_not: str | None = None

    @property
    def is_measured(self) -> bool:
        """Whether its numbers are numbers."""
        return math.isfinite(self.value) and (self.weight is None or math.isfinite(self.weight))

    @property
    def counts(self) -> bool:
        """Whether it is reliable, and beyond its threshold with the whole of its interval."""
        if self.threshold is None or self.why_not is not None or not self.is_measured:
            return False
        return (self.value if self.low is None else self.low) >= self.threshold

    @property
    def text(self) -> str:
        """In words, for a reason."""
        interval = ""
        if self.low is not None and self.high is not None:
            interval = f" ({self.low:.3g} to {self.high:.3g})"
        limit = "" if self.threshold is None else f", {self.threshold:g} asked for"
        return f"{self.method} of {self.subject} {self.value:.3g}{interval}{limit}"
