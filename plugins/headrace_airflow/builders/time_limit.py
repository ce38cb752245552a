"""How long a job may run, and where that is declared."""

from dataclasses import dataclass
from datetime import timedelta

from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.pipeline import TIME_LIMIT_MINUTES

KEY = "time_limit_minutes"


@dataclass(frozen=True)
class TimeLimit:
    """A limit, and the file and key that a person changes to get another one."""

    minutes: int
    declared: str

    @property
    def length(self) -> timedelta:
        """As Airflow wants it."""
        return timedelta(minutes=self.minutes)


USUAL = TimeLimit(TIME_LIMIT_MINUTES, "the operator's default")
"""Of an operator that belongs to neither a table nor a model."""


def table_limit(catalog: Catalog, table: str) -> TimeLimit:
    """Of each job of a table."""
    pipeline = catalog.pipeline_of(table)
    own = pipeline.entries[table].time_limit_minutes
    key = KEY if own is None else f"tables.{table}.{KEY}"
    minutes = catalog.build(table).time_limit_minutes
    return TimeLimit(minutes, f"{key} in pipelines/{pipeline.name}.yaml")


def model_limit(catalog: Catalog, model: str) -> TimeLimit:
    """Of each job of a model but its training."""
    return TimeLimit(catalog.models[model].time_limit_minutes, f"{KEY} in models/{model}.yaml")


def training_limit(catalog: Catalog, model: str) -> TimeLimit:
    """Of a model's training."""
    minutes = catalog.models[model].training.time_limit_minutes
    return TimeLimit(minutes, f"training.{KEY} in models/{model}.yaml")
