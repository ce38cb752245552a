"""Metrics of predictions: Headrace's own, and those of installed extensions."""

from dataclasses import dataclass
from math import inf
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from headrace_schemas.extensions import Extensions


@dataclass(frozen=True)
class Metric:
    """What there is to know of a metric without measuring it.

    Attributes:
        name: As a model's declaration has it.
        tasks: Tasks whose predictions it measures: `binary`, `regression`.
        higher_is_better: Whether a larger value is the better one.
        least: The lowest value that it can have.
        most: The highest.
        measure: `module:function` of `measure(target, predicted) -> float` on two float64 arrays of
            equal length, imported on Spark's side only; NaN where it is not defined. Empty for
            Headrace's own.
    """

    name: str
    tasks: tuple[str, ...]
    higher_is_better: bool
    least: float = -inf
    most: float = inf
    measure: str = ""


METRICS: Extensions[Metric] = Extensions(
    "headrace.metrics",
    Metric,
    (
        Metric("auc", ("binary",), higher_is_better=True, least=0, most=1),
        Metric("pr_auc", ("binary",), higher_is_better=True, least=0, most=1),
        Metric("logloss", ("binary",), higher_is_better=False, least=0),
        Metric("brier", ("binary",), higher_is_better=False, least=0, most=1),
        Metric("rmse", ("regression",), higher_is_better=False, least=0),
        Metric("mae", ("regression",), higher_is_better=False, least=0),
        Metric("r2", ("regression",), higher_is_better=True, most=1),
    ),
)


def is_metric(name: str) -> str:
    """Someone measures it."""
    return METRICS.named(name).name


MetricName = Annotated[str, AfterValidator(is_metric), WithJsonSchema(METRICS.schema())]


def gain(metric: str, new: float, old: float) -> float:
    """By how much `new` is better than `old`; negative when it is worse."""
    return new - old if METRICS.named(metric).higher_is_better else old - new
