"""Buttons on a task's page."""

from typing import Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink, Context
from airflow.sdk.configuration import conf

PREFIX = "/headrace"
"""Where Airflow serves the plugin's own pages."""


def run_page(context: Context) -> str | None:
    """The address of a run's page; None where Airflow does not know its own."""
    root = conf.get("api", "base_url", fallback="").rstrip("/")
    if not root:
        return None
    dag_id, run_id = context["ti"].dag_id, str(context["run_id"])
    return f"{root}/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


class GateRecordLink(BaseOperatorLink):
    """To the record of what the contract said of the batch."""

    name = "Gate record"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The page of the run's batch; asked for in the task's process, once it has ended."""
        batch = operator.batch(ti_key.get_template_context())
        root = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
        return f"{root}{PREFIX}/gates/{operator.table}/{quote(batch)}/index.html"
