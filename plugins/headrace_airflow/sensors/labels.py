"""Waiting, within a Dag, for labels to mature."""

from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import Context

from headrace_airflow.operators.tables import run_partition
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.planning.planner import matured_at


class AwaitLabelsSensor(DateTimeSensorAsync):
    """Waits until the labels of the run's partition count as matured; takes no slot meanwhile."""

    template_fields = ()
    shallow_copy_attrs = ("catalog",)

    def __init__(self, *, model: str, catalog: Catalog, **kwargs: Any) -> None:
        super().__init__(target_time="", **kwargs)
        self.model = model
        self.catalog = catalog

    def execute(self, context: Context) -> Any:
        """Wait in the triggerer; not at all for a past partition, as in a backfill."""
        declared = self.catalog.models[self.model]
        unit = self.catalog.model_unit(declared)
        partition = run_partition(context, unit, f"model {self.model}")
        matured = matured_at(declared, partition)
        if matured <= datetime.now(tz=UTC):
            self.log.info("labels of %s have matured at %s", partition.key, matured)
            return
        self.log.info("labels of %s mature at %s", partition.key, matured)
        self.target_time = matured
        super().execute(context)
