"""How `expect_whole_cents` is judged; only Spark's driver imports it."""

from typing import Any, ClassVar

from great_expectations.execution_engine import SparkDFExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnMapMetricProvider,
    column_condition_partial,
)
from pyspark.sql import Column
from pyspark.sql import functions as F


class WholeCents(ColumnMapMetricProvider):
    """Whether a value has no parts of a cent."""

    condition_metric_name = "column_values.whole_cents"

    @column_condition_partial(engine=SparkDFExecutionEngine)
    def _spark(cls, column: Column, **_: Any) -> Column:  # noqa: N805 - Great Expectations' form
        return F.round(column, 2) == column


class ExpectWholeCents(ColumnMapExpectation):
    """Values have no parts of a cent; `mostly` says how many of them."""

    map_metric: ClassVar[str] = "column_values.whole_cents"
