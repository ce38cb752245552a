"""One Airflow Dag per pipeline that looks after its tables, and one for models and this machine."""

from headrace_airflow.builders.maintenance import (
    MODELS,
    models_maintenance_dag,
    pipeline_maintenance_dag,
)
from headrace_airflow.declarations import catalog_beside, is_wanted

catalog = catalog_beside(__file__)
for pipeline in catalog.pipelines.values():
    if is_wanted(f"maintain.{pipeline.name}"):
        globals()[f"maintain.{pipeline.name}"] = pipeline_maintenance_dag(catalog, pipeline)
if is_wanted(MODELS):
    globals()[MODELS] = models_maintenance_dag(catalog)
