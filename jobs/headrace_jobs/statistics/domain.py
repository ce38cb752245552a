"""Whether rows of a window can be told from rows of a reference, and how much likelier each is there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headrace_jobs.statistics import metrics
from headrace_jobs.statistics.crossfit import FOLDS, Sample, cross_fitted, folds
from headrace_jobs.statistics.metrics import Values
from headrace_schemas.decisions.signal import Question, Signal
from headrace_schemas.declarations.model import Task

LEAST_ROWS = 50
"""Of each side, below which no classifier is fitted."""

MOST_ROWS = 8_000
"""Of the window. Of the reference all have a weight, and as many are learnt from."""

LEAST_PROBABILITY = 1e-3
"""Nearer to 0 and 1 the classifier is not believed, so that no row weighs more than a thousand."""

DEVIATIONS = 1.96
"""Of a normal distribution, for an interval that holds in 95 %."""


@dataclass(frozen=True)
class Domain:
    """How the inputs of a window differ from a reference, all together.

    Attributes:
        signal: The classifier's AUC: 0.5 where nobody can tell them apart.
        weights: How much likelier each row of the reference is in the window, with a mean of 1.
        effective: Share of the reference that it is worth once weighed, (sum w)**2 / sum w**2 / rows
            (L. Kish, Survey Sampling, Wiley 1965).
    """

    signal: Signal
    weights: Values
    effective: float


def compare(
    reference: NDArray[np.float64], window: NDArray[np.float64], threshold: float | None = None
) -> Domain:
    """Tell rows of the window from rows of the reference by a cross-fitted classifier.

    With its probability p of the window the density ratio is w = p / (1 - p) * rows of the reference /
    rows of the window (S. Bickel, M. Brueckner and T. Scheffer, Journal of Machine Learning Research
    10, 2009). The AUC is the mean over the folds, as boosters of two folds have scales of their own.

    Args:
        reference: A line per row, a column per feature, NaN where missing.
        window: Likewise.
        threshold: From which AUC on it counts; None if it is only kept.
    """
    window = window[chosen(len(window), MOST_ROWS)]
    learnt = chosen(len(reference), MOST_ROWS)
    rest = np.setdiff1d(np.arange(len(reference)), learnt)
    if min(len(reference), len(window)) < LEAST_ROWS:
        return Domain(
            told(0.5, 0.5, threshold, "there are too few rows"), np.ones(len(reference)), 1
        )
    rows = np.concatenate([reference[learnt], window])
    target = np.r_[np.zeros(len(learnt)), np.ones(len(window))]
    found, (others,) = cross_fitted(
        Task.BINARY, Sample(rows), target, None, (Sample(reference[rest]),)
    )
    fold, aucs, errors = folds(len(rows)), [], []
    for held in range(FOLDS):
        own = fold == held
        auc = metrics.measure("auc", target[own], found[own])
        error = metrics.standard_error("auc", target[own], found[own])
        aucs.append(0.5 if auc is None else auc)
        errors.append(0.5 if error is None else error)
    of_reference = np.empty(len(reference))
    of_reference[learnt], of_reference[rest] = found[: len(learnt)], others
    sure = np.clip(of_reference, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    weights = sure / (1 - sure)
    weights = weights / weights.mean()
    signal = told(float(np.mean(aucs)), float(np.linalg.norm(errors)) / FOLDS, threshold, None)
    return Domain(signal, weights, float(1 / np.mean(weights**2)))


def chosen(rows: int, most: int) -> NDArray[np.intp]:
    """At most so many of the rows, by chance, in their order, and the same at each repeat."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def told(auc: float, error: float, threshold: float | None, why_not: str | None) -> Signal:
    """The AUC with its interval as a signal."""
    return Signal(
        question=Question.INPUTS,
        subject="all inputs together",
        method="AUC of a domain classifier",
        value=auc,
        low=max(0.0, auc - DEVIATIONS * error),
        high=min(1.0, auc + DEVIATIONS * error),
        threshold=threshold,
        why_not=why_not,
    )
