"""One Airflow Dag per table: load, gate, publish."""

from headrace_airflow.declarations import catalog_beside, is_wanted
from headrace_airflow.table_dags import table_dag

catalog = catalog_beside(__file__)
for build in catalog.builds.values():
    if is_wanted(build.name):
        globals()[build.name] = table_dag(catalog, build)
