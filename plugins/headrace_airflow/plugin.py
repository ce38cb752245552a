"""Headrace's registration with Airflow, found by its entry point and not by a folder scan."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

# The scheduler loads plugins before it forks LocalExecutor's workers, and those fork a process per
# task: what is imported here is imported once, and not by every task anew.
from headrace_airflow.builders import maintenance as maintenance_dags
from headrace_airflow.builders import models as model_dags
from headrace_airflow.builders import tables as table_dags
from headrace_airflow.pages.links import PREFIX
from headrace_schemas.installation import require_extra

require_extra("airflow")  # an Airflow of one's own may lack the rest

PRELOADED = (maintenance_dags, model_dags, table_dags)


class HeadracePlugin(AirflowPlugin):
    """What Airflow has to know of Headrace."""

    name = "headrace"

    @property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]  # only the api-server asks
        """Pages of our own."""
        from headrace_airflow.pages.records import app  # loads Airflow's API: too much for a worker

        return [{"app": app, "url_prefix": PREFIX, "name": "Headrace records"}]
