"""What is pinned now, as Airflow's side sees it: ledgers in the lake, and this machine's job folders."""

from datetime import datetime

from headrace_airflow.settings import DeploymentSettings
from headrace_lake.ledger import lake_pins
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.planning.maintenance import Upkeep
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.job_folders import job_folders, job_pins


def upkeep(
    catalog: Catalog, planner: Planner, settings: DeploymentSettings, now: datetime
) -> Upkeep:
    """What maintenance has to know.

    Raises:
        EngineUnavailable: The lake cannot be read; without its pins nothing may be removed.
    """
    lake, folders = settings.lake, job_folders(settings.jobs)
    pins = lake_pins(lake, catalog, now) + job_pins(folders, now)
    return Upkeep(planner=planner, pins=pins, folders=folders, now=now)
