"""Small boosters that predict rows which they have not learnt from, the same at each repeat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray

from headrace_jobs.statistics.metrics import Values
from headrace_schemas.declarations.model import Task

FOLDS = 2

MOST_ROWS = 8_000
"""That one booster learns from: what is measured here needs no more, and windows must not wait."""

LARGEST = 1e30
"""Stands for infinity, which XGBoost refuses."""

PARAMS = {
    "max_depth": 3,
    "eta": 0.2,
    "max_bin": 64,
    "min_child_weight": 5,
    "tree_method": "hist",
    "nthread": 1,  # sums of floats depend on how rows are spread over threads
    "seed": 0,
    "verbosity": 0,
}

ROUNDS = 25


@dataclass(frozen=True)
class Sample:
    """Rows to learn from or to predict.

    Attributes:
        rows: A float matrix, a line per row; NaN is missing.
        margin: What the prediction starts from, in log odds for classes; None for the mean.
    """

    rows: NDArray[np.float64]
    margin: Values | None = None

    def matrix(self, chosen: NDArray[np.intp]) -> xgboost.DMatrix:
        """Some of its rows for XGBoost."""
        rows = np.clip(self.rows[chosen], -LARGEST, LARGEST)
        margin = None if self.margin is None else self.margin[chosen]
        return xgboost.DMatrix(rows, base_margin=margin)


def folds(rows: int) -> NDArray[np.int64]:
    """The fold of each row, by chance, and the same at each repeat."""
    return np.random.default_rng(0).permutation(rows) % FOLDS


def cross_fitted(
    task: Task,
    learnt: Sample,
    target: Values,
    weights: Values | None,
    others: Sequence[Sample] = (),
) -> tuple[Values, list[Values]]:
    """Predictions of each row by a booster of the other fold's rows (K-fold cross-fitting).

    V. Chernozhukov and others, Double/debiased machine learning, Econometrics Journal 21, 2018.

    Args:
        learnt: At least two rows, with the `target` and the weight of each.
        others: Rows that no booster learns from.

    Returns:
        Predictions of `learnt`, and of each of the `others` the mean over the folds' boosters.
    """
    fold, found = folds(len(target)), np.zeros(len(target))
    shuffled = np.random.default_rng(1).permutation(len(target))
    of_others = [np.zeros(len(sample.rows)) for sample in others]
    for held in range(FOLDS):
        own, rest = np.flatnonzero(fold == held), shuffled[fold[shuffled] != held][:MOST_ROWS]
        matrix = learnt.matrix(rest)
        matrix.set_label(target[rest])
        if weights is not None:
            matrix.set_weight(weights[rest])
        booster = xgboost.train({**PARAMS, "objective": task.objective}, matrix, ROUNDS)
        found[own] = booster.predict(learnt.matrix(own))
        for sample, predicted in zip(others, of_others, strict=True):
            if predicted.size:
                every = np.arange(predicted.size)
                predicted += booster.predict(sample.matrix(every)) / FOLDS
    return found, of_others
