"""What is pinned now, as Airflow's side sees it: ledgers in the lake, and this machine's job folders."""

from datetime import datetime
from typing import Any

from headrace_airflow.lake_reader import read_ledger, rows_of
from headrace_airflow.settings import Settings
from headrace_schemas.decisions.model_version import ModelVersion
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.planning.maintenance import Upkeep
from headrace_schemas.planning.pins import Hold, known_pins
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.job_folders import job_folders, job_pins


def upkeep(catalog: Catalog, planner: Planner, settings: Settings, now: datetime) -> Upkeep:
    """What maintenance has to know.

    Raises:
        EngineUnavailable: The lake cannot be read; without its pins nothing may be removed.
    """
    lake, folders = settings.lake, job_folders(settings.jobs)
    known = set(ModelVersion.model_fields)
    rows = [{name: row[name] for name in row.keys() & known} for row in rows_of(lake.versions)]
    learnt = [ModelVersion.model_validate(row) for row in rows]
    said = [Hold.model_validate(row) for row in rows_of(lake.holds)]
    decisions: dict[str, Any] = {name: read_ledger(lake.ledger, name) for name in catalog.models}
    pins = known_pins(catalog, learnt, decisions, said, now) + job_pins(folders, now)
    return Upkeep(planner=planner, pins=pins, folders=folders, now=now)
