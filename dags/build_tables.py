"""Two Airflow Dags per table: load, gate, publish; and one that builds it anew when a person asks."""

from headrace_airflow.builders.tables import rebuild_dag, table_dag
from headrace_airflow.declarations import catalog_beside, is_wanted

catalog = catalog_beside(__file__)
for build in catalog.builds.values():
    if is_wanted(build.name):
        globals()[build.name] = table_dag(catalog, build)
    if is_wanted(f"rebuild.{build.name}"):
        globals()[f"rebuild.{build.name}"] = rebuild_dag(catalog, build)
