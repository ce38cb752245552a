"""The Dag that asks a person about windows with a data incident."""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param

from headrace_airflow.assets import hold_asset
from headrace_airflow.builders.models import REQUEST_CHECK, model_dag
from headrace_airflow.builders.tables import ONE_WRITER
from headrace_airflow.operators.holds import PlanReleaseOperator, ReleaseOperator
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model

ANSWER_WITHIN = timedelta(days=7)


def release_dag(catalog: Catalog, model: Model) -> DAG:
    """Ask whether the change in a held window is real, and release the window if it is."""
    doc = (
        f"### Release held windows of {model.name}\nA window with a data incident is held: nothing is "
        "learnt from its rows. `ask` shows what looks broken. Approved, the rows are learnt from "
        f"again; rejected, or unanswered for {ANSWER_WITHIN.days} days, they stay held. A corrected "
        "delivery releases a window by itself. Skipped means: no window is held that nobody was "
        "asked about; name one to be asked once more."
    )
    asset = hold_asset(model.name)
    asked: dict[str, Any] = {"model": model.name, "catalog": catalog}
    schedule = AssetOrTimeSchedule(
        timetable=CronTriggerTimetable(REQUEST_CHECK, timezone="UTC"), assets=[asset]
    )
    form: dict[str, Any] = {
        "window": Param(
            None,
            type=["null", "string"],
            title="Window",
            description="Partition key of a held window. Empty: the oldest that nobody was asked about.",
        )
    }
    with model_dag(catalog, model, "release", schedule=schedule, doc_md=doc, params=form) as dag:
        plan = PlanReleaseOperator(task_id="plan", inlets=[asset], **asked)
        planned = "{{ ti.xcom_pull(task_ids='plan')['%s'] }}"
        ask = ApprovalOperator(
            task_id="ask",
            subject=f"Is the change in {planned % 'window'} of {model.name} real?",
            body=planned % "question",
            params={
                "reason": Param(
                    "the change is real",
                    type="string",
                    maxLength=500,
                    title="Reason",
                    description="How you know. It is kept in the ledger if you approve.",
                )
            },
            defaults=ApprovalOperator.REJECT,
            response_timeout=ANSWER_WITHIN,
        )
        release = ReleaseOperator(task_id="release", inlets=[asset], **asked, **ONE_WRITER)
        plan >> ask >> release
    return dag
