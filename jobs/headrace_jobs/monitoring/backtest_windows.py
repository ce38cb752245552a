"""Windows of a model's history as they are replayed: what was delivered, and what was known when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace_jobs.monitoring.learner import Numbers, Rows
from headrace_jobs.monitoring.measure import slices_of
from headrace_jobs.statistics.metrics import Values

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def days(moment: datetime) -> float:
    """Days since 1970, UTC."""
    return (moment - EPOCH) / timedelta(days=1)


@dataclass(frozen=True)
class PastWindow:
    """One window, whatever is known of its labels by now.

    Attributes:
        key: Of its partition.
        as_of: When it is decided on.
        numbers: A row each, as `Rows` has them, in the order of the hash of their key.
        target: The labels; NaN where none was ever known.
        truth: What models are measured by: the labels, or what is expected of them where that is known.
        at: Of the rows' events, days since 1970.
        known: When the labels became known, days since 1970.
        total: Rows in the table, of which these may be a sample.
        slices: Columns whose values make slices, values as texts; None for a missing one.
    """

    key: str
    starts: datetime
    ends: datetime
    as_of: datetime
    numbers: Numbers
    target: Values
    truth: Values
    at: Values
    known: Values
    total: int
    slices: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def is_known(self, as_of: datetime) -> NDArray[np.bool_]:
        """Which labels had come."""
        found: NDArray[np.bool_] = ~np.isnan(self.target) & (self.known <= days(as_of))
        return found

    def is_labelled(
        self, as_of: datetime, since: float = -np.inf, until: float = np.inf
    ) -> NDArray[np.bool_]:
        """Rows whose labels had come, of events within these days since 1970."""
        return self.is_known(as_of) & (self.at >= since) & (self.at < until)

    def seen(self, as_of: datetime) -> Rows:
        """All rows, labels that had not come as NaN."""
        target = np.where(self.is_known(as_of), self.target, np.nan)
        return Rows(self.key, self.numbers, target, self.total)

    def labelled(self, as_of: datetime, since: float = -np.inf, until: float = np.inf) -> Rows:
        """Those of `is_labelled`."""
        kept = self.is_labelled(as_of, since, until)
        total = round(kept.sum() * self.total / max(len(kept), 1))
        return Rows(self.key, self.numbers[kept], self.target[kept], total)

    def sliced(self) -> dict[str, NDArray[np.bool_]]:
        """Which rows belong to each slice, by its name, such as `origin=JFK`."""
        return slices_of(self.slices)
