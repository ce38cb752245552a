"""What Great Expectations asks of a batch, known before it asks.

Its queries read the batch, one round after another, as its metrics depend on each other. How it
works: it is run once on rules whose figures are aggregates of all rows, by an engine that notes
what it would ask for, asks nothing and answers 0. Whoever reads the batch measures these columns
along with what is wanted of it anyway. Run in earnest, its engine knows the answers, and whatever
it asks beside them goes to Spark.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from great_expectations.execution_engine import SparkDFExecutionEngine
from great_expectations.util import convert_to_json_serializable
from pyspark.sql import Column

Figures = Mapping[Any, Any]
"""What is known of a batch, by the metric's id."""

NOTHING_KNOWN: Figures = {}


def note_asked(engine: Any, asked: dict[Any, Column]) -> None:
    """Have an engine note the columns that it would aggregate of all rows, by the metric's id."""

    def resolved(metric_fn_bundle: Any) -> dict[Any, Any]:
        bundle = {metric.metric_configuration.id: metric for metric in metric_fn_bundle}
        asked.update({id: one.metric_fn for id, one in bundle.items() if is_of_all_rows(one)})
        return dict.fromkeys(bundle, 0)

    engine.resolve_metric_bundle = resolved


def answer(engine: Any, known: Figures) -> None:
    """Have an engine answer what is known, and ask Spark for the rest."""
    ask = partial(SparkDFExecutionEngine.resolve_metric_bundle, engine)

    def resolved(metric_fn_bundle: Any) -> dict[Any, Any]:
        bundle = {metric.metric_configuration.id: metric for metric in metric_fn_bundle}
        left = [metric for id, metric in bundle.items() if id not in known]
        return {id: known[id] for id in bundle if id in known} | (ask(left) if left else {})

    engine.resolve_metric_bundle = resolved


def is_of_all_rows(metric: Any) -> bool:
    """Whether a metric has no condition of its own on the rows."""
    domain = metric.compute_domain_kwargs or {}
    return not (domain.get("row_condition") or domain.get("filter_conditions"))


def figures_of(asked: Mapping[Any, Column], values: Iterable[Any]) -> Figures:
    """What was measured, as Great Expectations has it."""
    found = [convert_to_json_serializable(data=value) for value in values]
    return dict(zip(asked, found, strict=True))
