"""One Airflow Dag per model that predicts every published partition of its feature table."""

from headrace_airflow.builders.models import score_dag
from headrace_airflow.declarations import catalog_beside, is_wanted

catalog = catalog_beside(__file__)
for model in catalog.models.values():
    if is_wanted(f"score.{model.name}"):
        globals()[f"score.{model.name}"] = score_dag(catalog, model)
