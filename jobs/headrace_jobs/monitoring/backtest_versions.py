"""A model that serves in a replay, with what is kept of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.monitoring.backtest_boosters import as_column, values_of
from headrace_jobs.monitoring.learner import Fitted, Rows
from headrace_jobs.monitoring.measure import Served
from headrace_jobs.statistics import histograms, metrics
from headrace_jobs.statistics.estimation import Scored
from headrace_schemas.decisions.evidence import Performance
from headrace_schemas.declarations.model import Model


@dataclass(frozen=True)
class Version:
    """A model that serves or may serve.

    Attributes:
        windows: That it learnt from.
        reference: Its holdout, predicted by the candidate, which had not learnt from it.
        metrics: On its holdout.
        errors: Standard errors of these.
    """

    fitted: Fitted
    windows: tuple[Rows, ...]
    as_of: datetime
    reference: Scored
    metrics: dict[str, float]
    errors: dict[str, float | None]
    features: tuple[Feature, ...]


def scored(fitted: Fitted, rows: Sequence[Rows]) -> tuple[Scored, np.ndarray]:
    """Rows with a model's predictions."""
    numbers = np.concatenate([part.numbers for part in rows])
    target, predicted = np.concatenate([part.target for part in rows]), fitted.predict(numbers)
    return Scored(numbers.astype(np.float64), predicted, target), predicted


def described(feature: Feature, values: np.ndarray, importance: float) -> Feature:
    """A feature as the manifest has it."""
    codes = {}
    if feature.kind is FeatureKind.CATEGORY:
        codes = {str(value): value for value in map(int, values_of(values[:, None], 0))}
    found = feature.model_copy(update={"codes": codes, "importance": importance})
    histogram = histograms.reference(found, as_column(feature.kind, values))
    return found.model_copy(update={"histogram": histogram})


def as_served(name: str, version: Version) -> Served:
    """The champion as measuring knows it."""
    shares = {feature.name: feature.importance for feature in version.features}
    return Served(name, version.windows, shares, version.reference)


def performance(
    model: Model, version: Version, rows: Rows, predicted: np.ndarray
) -> Performance | None:
    """The metric on the window's labels beside the holdout's."""
    metric, known = model.monitors.performance.metric, ~np.isnan(rows.target)
    target, served = rows.target[known], predicted[known]
    current, reference = metrics.measure(metric, target, served), version.metrics.get(metric)
    if current is None or reference is None:
        return None
    return Performance(
        metric=metric,
        current=current,
        reference=reference,
        error=metrics.standard_error(metric, target, served),
        reference_error=version.errors.get(metric),
        reference_rows=len(version.reference.target),
    )
