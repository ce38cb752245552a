"""What a window's loss should be by its inputs alone, before and beside its labels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headrace_jobs.statistics import domain, losses, metrics
from headrace_jobs.statistics.crossfit import Sample, cross_fitted
from headrace_jobs.statistics.losses import Loss
from headrace_jobs.statistics.metrics import Values
from headrace_schemas.decisions.split import ExpectedMetric, LossSplit, Part
from headrace_schemas.declarations.model import Task

LEAST_EFFECTIVE = 0.1
"""Share of the reference that must be worth something for the window's inputs."""

RESAMPLES = 200


@dataclass(frozen=True)
class Scored:
    """Rows that the champion has predicted.

    Attributes:
        rows: A float matrix, a line per row; NaN is missing.
        predicted: The champion's predictions.
        target: Labels; NaN where none is known.
    """

    rows: NDArray[np.float64]
    predicted: Values
    target: Values

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which rows have a label and a prediction."""
        return np.isfinite(self.target) & np.isfinite(self.predicted)

    def only(self, kept: NDArray[np.bool_]) -> "Scored":
        """Some of its rows."""
        return Scored(self.rows[kept], self.predicted[kept], self.target[kept])

    def sample(self, loss: Loss) -> Sample:
        """For a booster: the inputs and the prediction, for classes starting from its log odds."""
        rows = np.column_stack([self.rows, self.predicted])
        if not loss.is_bounded:
            return Sample(rows)
        sure = np.clip(self.predicted, losses.LEAST_PROBABILITY, 1 - losses.LEAST_PROBABILITY)
        return Sample(rows, np.log(sure) - np.log1p(-sure))


@dataclass(frozen=True)
class Expected:
    """What the reference lets expect of each row.

    Attributes:
        reference: Expected loss of each of its rows, by a booster that did not learn from it.
        window: Likewise of the window.
        chances: Of class 1, of each row of the window; None for numbers.
    """

    reference: Values
    window: Values
    chances: Values | None = None


def split(
    loss: Loss,
    reference: Scored,
    window: Scored,
    *,
    last_was_outside: bool = False,
    metric: str | None = None,
) -> LossSplit:
    """Split the loss of a window into what its inputs explain and what they do not.

    The expected loss g(x) is learnt from the reference with the density ratio w as weights: for classes
    through a calibrator of the champion's score, as in PAPE (J. Bialek, J. Kivimaki, W. Kuberski and N.
    Perrakis, arXiv 2401.08348), for numbers by a model of the loss itself (direct loss estimation).
    Both see the inputs beside the score. What they get wrong on the reference is added, weighed: mean
    of g over the window + sum w (loss - g) / sum w, which is right if either w or g is (S. Reddi, B.
    Poczos and A. Smola, Doubly robust covariate shift correction, AAAI 2015). Errors are by the delta
    method over the rows of both sides, so that parts which share rows share their noise. How uncertain
    w and g are themselves is not in them.

    Args:
        reference: Rows with labels that the champion has not learnt from; those without one are left out.
        window: Rows with or without labels.
        last_was_outside: The last matured window lay outside the interval of its own estimate.
        metric: Of classes, which one is expected as well where the window has no label; None for none.
    """
    reference = reference.only(
        reference.labelled & np.isfinite(row_losses(loss, reference, window)[0])
    )
    window = window.only(np.isfinite(window.predicted))
    nothing = Part(value=0.0, error=0.0)
    if min(len(reference.target), len(window.predicted)) < domain.LEAST_ROWS:
        few = LossSplit(loss=loss, reference=0.0, estimate=nothing, inputs=nothing, effective=0.0)
        return few.model_copy(update={"why_not": "there are too few rows"})
    ratio = domain.compare(reference.rows, window.rows)
    found = expected(loss, reference, window, ratio.weights)
    of_reference, of_window = row_losses(loss, reference, window)
    residual = ratio.weights * (of_reference - found.reference)
    missed = residual.mean()  # the weights have a mean of 1
    off = residual - missed * ratio.weights
    mean = of_reference.mean()
    estimate = found.window.mean() + missed
    error = np.hypot(error_of(found.window), error_of(off))
    beside = np.hypot(error_of(found.window), error_of(off - (of_reference - mean)))
    why_not = None
    if ratio.effective < LEAST_EFFECTIVE:
        why_not = f"the reference has too few rows like the window's ({ratio.effective:.0%} count)"
    elif last_was_outside:
        why_not = "the last window with labels lay outside its estimate"
    known = np.isfinite(of_window)
    realised = concept = None
    if known.sum() >= domain.LEAST_ROWS:
        # of the labelled rows alone: which ones have labels explains nothing
        surprise = of_window[known] - found.window[known]
        realised = float(of_window[known].mean())
        concept = Part(
            value=float(surprise.mean() - missed),
            error=float(np.hypot(error_of(surprise), error_of(off))),
        )
    return LossSplit(
        loss=loss,
        reference=float(mean),
        estimate=Part(value=float(estimate), error=float(error)),
        inputs=Part(value=float(estimate - mean), error=float(beside)),
        realised=realised,
        concept=concept,
        effective=ratio.effective,
        why_not=why_not,
        metric=None if known.any() else promised(metric, window, found),
    )


def promised(metric: str | None, window: Scored, found: Expected) -> ExpectedMetric | None:
    """A metric of the window as its expected labels let expect it; None of numbers, and where it is undefined."""
    if metric is None or found.chances is None:
        return None
    expected = expected_metric(metric, window.predicted, found.chances)
    if expected is None:
        return None
    value, low, high = expected
    return ExpectedMetric(metric=metric, value=value, low=low, high=high)


def row_losses(loss: Loss, reference: Scored, window: Scored) -> tuple[Values, Values]:
    """Losses of both sides, NaN without a label; unbounded ones are winsorised, both at one level."""
    both = losses.by_row(
        loss,
        np.r_[reference.target, window.target],
        np.r_[reference.predicted, window.predicted],
    )
    both[~(both < losses.MOST)] = np.nan
    if not loss.is_bounded:
        known = np.isfinite(both)
        both[known] = losses.winsorised(both[known])
    return both[: len(reference.target)], both[len(reference.target) :]


def expected(loss: Loss, reference: Scored, window: Scored, weights: Values) -> Expected:
    """The expected loss of each row, as the reference's rows and labels let expect it."""
    own, other = reference.sample(loss), window.sample(loss)
    if not loss.is_bounded:
        target, _ = row_losses(loss, reference, window)
        unit = target.mean() or 1.0  # XGBoost's labels are 32-bit floats
        found, (predicted,) = cross_fitted(Task.REGRESSION, own, target / unit, weights, (other,))
        return Expected(np.maximum(found, 0) * unit, np.maximum(predicted, 0) * unit)
    found, (chances,) = cross_fitted(Task.BINARY, own, reference.target, weights, (other,))
    sides = [
        chance * losses.by_row(loss, np.ones(len(chance)), side.predicted)
        + (1 - chance) * losses.by_row(loss, np.zeros(len(chance)), side.predicted)
        for chance, side in ((found, reference), (chances, window))
    ]
    return Expected(sides[0], sides[1], chances)


def expected_metric(
    metric: str, predicted: Values, chances: Values
) -> tuple[float, float, float] | None:
    """A metric of classes without labels: its median and 95 % interval over labels drawn by `chances`.

    None where it is not defined in most draws, as is the AUC of a single class. The interval is
    that of a window of so many rows, given that the chances are right.
    """
    generator, rows = np.random.default_rng(0), len(predicted)
    weigh = metrics.weighing(
        metric, np.r_[np.ones(rows), np.zeros(rows)], np.r_[predicted, predicted]
    )
    values = []
    for _ in range(RESAMPLES):
        times = generator.poisson(1.0, rows)
        positive = times * (generator.random(rows) < chances)
        values.append(weigh(np.r_[positive, times - positive][None].astype(np.float64))[0])
    known = np.array(values)[np.isfinite(values)]
    if len(known) <= RESAMPLES / 2:
        return None
    middle, low, high = np.quantile(known, (0.5, 0.025, 0.975))
    return float(middle), float(low), float(high)


def error_of(values: Values) -> float:
    """Standard error of a mean."""
    return float(values.std() / np.sqrt(values.size))
