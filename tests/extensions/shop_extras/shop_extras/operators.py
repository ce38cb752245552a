"""How Airflow asks for a profile."""

from typing import Any

from airflow.sdk import Context

from headrace_airflow.operators.spark_job import SparkJobOperator
from headrace_schemas.planning.planner import Planner
from shop_extras.jobs import ProfileReport, ProfileSpec


class ProfileOperator(SparkJobOperator):
    """Profiles a table as it is now."""

    job = "profile"

    def __init__(self, *, table: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = table

    def plan(self, context: Context, planner: Planner, job_id: str) -> ProfileSpec:
        """Pin the table's newest version."""
        pinned = planner.pin(self.table, wanted_by=f"profile {self.table}")
        return ProfileSpec(**planner.head(job_id), table=pinned)

    def handle_report(self, report: ProfileReport, context: Context) -> dict[str, Any]:
        """Say what was counted, and hand it on."""
        self.log.info("%s: %d rows, empty: %s", self.table, report.rows, report.empty)
        return super().handle_report(report, context)
