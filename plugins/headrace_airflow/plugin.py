"""Headrace's registration with Airflow, found by its entry point and not by a folder scan."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

# The scheduler loads plugins before it forks LocalExecutor's workers, and those fork a process per
# task: what is imported here is imported once, and not by every task anew.
from headrace_airflow.builders import maintenance as maintenance_dags
from headrace_airflow.builders import models as model_dags
from headrace_airflow.builders import tables as table_dags
from headrace_airflow.builders.partition_timetable import PartitionTimetable
from headrace_airflow.pages.links import PREFIX
from headrace_schemas.installation import require_extra

require_extra("airflow")  # an Airflow of one's own may lack the rest

PRELOADED = (maintenance_dags, model_dags, table_dags)


class HeadracePlugin(AirflowPlugin):
    """What Airflow has to know of Headrace."""

    name = "headrace"
    timetables = [PartitionTimetable]

    @property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]  # only the api-server asks
        """Pages of our own."""
        from headrace_airflow.pages.records import app  # loads Airflow's API: too much for a worker

        return [{"app": app, "url_prefix": PREFIX, "name": "Headrace records"}]

    @property
    def fastapi_root_middlewares(self) -> list[Any]:  # type: ignore[override]  # as above
        """What stands before all pages and the API."""
        from airflow.configuration import conf

        if not conf.get("database", "sql_alchemy_conn").startswith("sqlite"):
            return []
        from headrace_airflow.engine.one_write import OneWriteAtATime

        return [{"middleware": OneWriteAtATime, "name": "Headrace: one write at a time"}]
