"""Small boosters that are fitted within one process, to be compared and thrown away.

They are the model's own booster where its rows are few. Where fitting that would take long, they are
pilots: fewer and larger steps, coarser bins, on a sample. All that are compared are of one kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from headrace_jobs.learning.learnable import SMOOTHING
from headrace_jobs.statistics.metrics import Values
from headrace_schemas.declarations.booster_params import as_xgboost_reads
from headrace_schemas.declarations.model import Model

Numbers = NDArray[np.float32]

FULL_WORK = 20_000_000
"""Rows times features times rounds up to which a booster is the model's own: half a second."""

PILOT_ROUNDS, PILOT_BINS = 50, 64

PILOT_WORK = 20_000_000
"""The same of a pilot, whose coarser bins make it twice as fast; a larger one has fewer rows."""

FEWEST_ROWS = 30
"""Below it nothing is learnt that is worth comparing."""


@dataclass(frozen=True)
class Rows:
    """Labelled rows of one window.

    Attributes:
        key: The window's partition key.
        numbers: A row each, in the order of the model's features: as the booster sees them, but the
            values of a category by number, the same number for the same value everywhere; NaN is missing.
        target: The labels.
        total: How many there are in the table, of which these may be a sample, in an order that makes
            the first of them a sample as well.
    """

    key: str
    numbers: Numbers
    target: Values
    total: int

    @property
    def share(self) -> float:
        """Of the table's rows, how many are here."""
        return len(self.target) / max(self.total, 1)

    def sampled(self, share: float) -> "Rows":
        """A share of the table's rows, of which that many must be here."""
        kept = round(share * self.total)
        return Rows(self.key, self.numbers[:kept], self.target[:kept], self.total)


@dataclass(frozen=True)
class Fitted:
    """A booster with the codes of its categories.

    Attributes:
        codes: Of each category's column, the number that the booster knows each value by.
    """

    booster: xgb.Booster
    codes: dict[int, NDArray[np.float32]]

    def predict(self, numbers: Numbers) -> Values:
        """Its predictions."""
        found = self.booster.inplace_predict(encoded(numbers, self.codes))
        return np.asarray(found, dtype=np.float64)


@dataclass(frozen=True)
class Learner:
    """Fits boosters of one kind.

    Attributes:
        categories: Positions of the features that are categories.
    """

    model: Model
    categories: tuple[int, ...]
    is_pilot: bool

    @classmethod
    def of(cls, model: Model, categories: Sequence[int], rows: int) -> "Learner":
        """The learner for at most so many rows."""
        work = rows * len(model.features) * model.training.num_boost_round
        return cls(model, tuple(categories), work > FULL_WORK)

    @property
    def rounds(self) -> int:
        """How many trees a booster has."""
        rounds = self.model.training.num_boost_round
        return min(rounds, PILOT_ROUNDS) if self.is_pilot else rounds

    @property
    def most_rows(self) -> int:
        """How many rows a booster learns from at most."""
        work = PILOT_WORK if self.is_pilot else FULL_WORK
        return max(work // (len(self.model.features) * self.rounds), FEWEST_ROWS)

    @property
    def params(self) -> dict[str, object]:
        """What XGBoost is given."""
        training, task = self.model.training, self.model.task
        params: dict[str, object] = {
            **as_xgboost_reads(training.params, self.model.features),
            "objective": task.objective,
            "seed": training.seed,
            "nthread": 1,  # the same bytes on every machine
            "verbosity": 0,
        }
        if self.is_pilot:
            rate = "eta" if "eta" in params else "learning_rate"
            step = float(training.params.get(rate, 0.3))  # type: ignore[arg-type]  # a number, as checked
            faster = step * training.num_boost_round / self.rounds
            params[rate] = max(step, min(0.3, faster))
            params["max_bin"] = PILOT_BINS
        return params

    def fit(self, windows: Sequence[Rows]) -> Fitted | None:
        """Learn from these windows; None where there is nothing to learn."""
        numbers = np.concatenate([rows.numbers for rows in windows])
        target = np.concatenate([rows.target for rows in windows])
        if len(target) < FEWEST_ROWS or target.min() == target.max():
            return None
        codes = {index: ranked(numbers[:, index], target) for index in self.categories}
        data = xgb.QuantileDMatrix(
            encoded(numbers, codes), target, nthread=1, max_bin=self.params.get("max_bin", 256)
        )
        return Fitted(xgb.train(self.params, data, self.rounds), codes)


def ranked(values: NDArray[np.float32], target: Values) -> NDArray[np.float32]:
    """For each category's number its rank by mean target, smoothed as a training does it."""
    known = ~np.isnan(values)
    if not known.any():
        return np.empty(0, dtype=np.float32)
    numbers, overall = values[known].astype(np.int64), target.mean()
    rows = np.bincount(numbers)
    totals = np.bincount(numbers, weights=target[known])
    means = (totals + SMOOTHING * overall) / (rows + SMOOTHING)
    present = np.flatnonzero(rows)
    order = present[np.argsort(means[present], kind="stable")]
    codes = np.full(len(rows), np.nan, dtype=np.float32)
    codes[order] = np.arange(len(order), dtype=np.float32)
    return codes


def encoded(numbers: Numbers, codes: dict[int, NDArray[np.float32]]) -> Numbers:
    """Rows as the booster sees them: categories by their codes, unknown ones as missing."""
    if not codes:
        return numbers
    found = numbers.copy()
    for index, code in codes.items():
        values = numbers[:, index]
        known = ~np.isnan(values) & (values < len(code))
        found[:, index] = np.nan
        found[known, index] = code[values[known].astype(np.int64)]
    return found
