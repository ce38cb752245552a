"""Two Airflow Dags per model: one measures and decides, one waits for what was decided."""

from headrace_airflow.builders.models import drift_dag, monitor_dag
from headrace_airflow.declarations import catalog_beside, is_wanted

catalog = catalog_beside(__file__)
for model in catalog.models.values():
    if is_wanted(f"monitor.{model.name}"):
        globals()[f"monitor.{model.name}"] = monitor_dag(catalog, model)
    if is_wanted(f"drift.{model.name}"):
        globals()[f"drift.{model.name}"] = drift_dag(catalog, model)
