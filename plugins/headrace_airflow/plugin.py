"""Headrace's registration with Airflow, found by its entry point and not by a folder scan."""

from airflow.plugins_manager import AirflowPlugin

# The scheduler loads plugins before it forks LocalExecutor's workers, and those fork a process per
# task: what is imported here is imported once, and not by every task anew.
from headrace_airflow import model_dags, table_dags

PRELOADED = (model_dags, table_dags)


class HeadracePlugin(AirflowPlugin):
    """What Airflow has to know of Headrace."""

    name = "headrace"
