"""One Airflow Dag per model that learns it again, and one for approval where a person must."""

from headrace_airflow.builders.models import promote_dag, train_dag
from headrace_airflow.declarations import catalog_beside, is_wanted

catalog = catalog_beside(__file__)
for model in catalog.models.values():
    if is_wanted(f"train.{model.name}"):
        globals()[f"train.{model.name}"] = train_dag(catalog, model)
    if model.approval == "required" and is_wanted(f"promote.{model.name}"):
        globals()[f"promote.{model.name}"] = promote_dag(catalog, model)
