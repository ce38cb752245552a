"""Looking after the lake and this machine: what is promised is kept, and nothing grows for ever."""

from datetime import UTC, datetime
from logging import ERROR, WARNING
from pathlib import Path
from typing import Any, Literal

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from headrace_airflow.builders.time_limit import USUAL, model_limit, table_limit
from headrace_airflow.engine.old_folders import clean_jobs, clean_logs
from headrace_airflow.operators.spark_job import SparkJobOperator
from headrace_airflow.pins import upkeep
from headrace_airflow.settings import DeploymentSettings
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import listed
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.maintenance_jobs import MaintainSpec

Subject = Literal["table", "model", "ledger"]


class MaintainOperator(SparkJobOperator):
    """Joins small files of some tables, and removes what neither their history nor a pin needs."""

    job = "maintain"

    def __init__(self, *, subject: Subject, name: str, catalog: Catalog, **kwargs: Any) -> None:
        limits = {"table": table_limit, "model": model_limit}
        limit = limits[subject](catalog, name) if subject in limits else USUAL
        super().__init__(catalog=catalog, time_limit=limit, **kwargs)
        self.subject = subject
        self.name = name

    def plan(
        self,
        context: Context,  # noqa: ARG002 - no run is about anything else
        planner: Planner,
        job_id: str,
    ) -> MaintainSpec:
        """Collect what is pinned now."""
        now = datetime.now(tz=UTC)
        found = upkeep(self.catalog, planner, DeploymentSettings.current(), now)
        if self.subject == "table":
            return found.table(self.name, job_id)
        if self.subject == "model":
            return found.model(self.catalog.models[self.name], job_id)
        return found.ledger(job_id)


class CheckLakeOperator(BaseOperator):
    """Reads every table of the lake as a whole, and fails if one is damaged."""

    def execute(self, context: Context) -> dict[str, int]:  # noqa: ARG002 - Airflow's signature
        """Name each damage, with what to do about it."""
        from headrace_lake.fsck.check import check_lake
        from headrace_lake.fsck.depth import Depth  # heavy, as the next

        checked = check_lake(
            DeploymentSettings.current().lake,
            Depth.FULL,
            on_progress=lambda doing: self.log.info("%s", doing),
        )
        for damage in checked.damages:
            self.log.log(WARNING if damage.is_harmless else ERROR, "%s %s", damage.kind, damage)
        found = {"tables": len(checked.tables), "damages": len(checked.damages)}
        self.log.info("%d tables, %d damages", *found.values())
        if not checked.is_well:
            damaged = sorted({damage.table for damage in checked.damages if not damage.is_harmless})
            raise AirflowFailException(
                f"damaged: {listed(damaged)}. The log above says what is, and docs/reference/fsck.md "
                "what to do."
            )
        return found


class CleanHomeOperator(BaseOperator):
    """Removes old job folders and old logs of tasks from this machine."""

    def execute(self, context: Context) -> dict[str, int]:  # noqa: ARG002 - Airflow's signature
        """Say how many went."""
        # Reads Airflow's settings: not while Dags are parsed.
        from airflow.configuration import conf

        now = datetime.now(tz=UTC)
        logs = Path(conf.get_mandatory_value("logging", "base_log_folder"))
        removed = {
            "job_folders": clean_jobs(DeploymentSettings.current().jobs, now),
            "log_folders": clean_logs(logs, now),
        }
        self.log.info("%d job folders and %d log folders removed", *removed.values())
        return removed
