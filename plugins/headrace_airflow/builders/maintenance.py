"""The Dags that look after the lake: one for each pipeline's tables, one for models and this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable

from headrace_airflow.access.roles import DagKind, access_control
from headrace_airflow.builders.tables import ONE_WRITER, TRIES
from headrace_airflow.builders.time_limit import USUAL
from headrace_airflow.operators.maintenance import (
    CheckLakeOperator,
    CleanHomeOperator,
    MaintainOperator,
)
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.pipeline import Pipeline

TABLES_AT, MODELS_AT = "30 3 * * *", "30 4 * * *"

MODELS = "maintain_models"
"""The Dag of models; no pipeline's Dag can be called so."""

DOC = (
    "### Look after {what}\nEach day: partitions with many small files get fewer, and what neither "
    "the declared history (`history_days`) nor a pin nor a running job needs is removed. Rows never "
    "change. `headrace pins` shows what is kept beyond the history, and for whom."
)


def pipeline_maintenance_dag(catalog: Catalog, pipeline: Pipeline) -> DAG:
    """The Dag `maintain.<pipeline>`: a task for each table, one at a time."""
    what = f"the tables of {pipeline.name}"
    args = {"owner": pipeline.owner, "pool": pipeline.pool}
    with maintenance(f"maintain.{pipeline.name}", TABLES_AT, what, args) as dag:
        for build in pipeline.tables:
            MaintainOperator(
                task_id=build.name, subject="table", name=build.name, catalog=catalog, **ONE_WRITER
            )
    return dag


def models_maintenance_dag(catalog: Catalog) -> DAG:
    """The Dag `maintain_models`: predictions, monitoring, the ledger, and folders of this machine."""
    what = "predictions, monitoring, the ledger, old folders of jobs and logs, and look for damage"
    with maintenance(MODELS, MODELS_AT, what, {}) as dag:
        for name in catalog.models:
            MaintainOperator(
                task_id=name, subject="model", name=name, catalog=catalog, **ONE_WRITER
            )
        MaintainOperator(
            task_id="headrace.ledger",
            subject="ledger",
            name="ledger",
            catalog=catalog,
            **ONE_WRITER,
        )
        CleanHomeOperator(task_id="headrace.home", execution_timeout=USUAL.length)
        CheckLakeOperator(task_id="headrace.fsck", execution_timeout=USUAL.length)
    return dag


@contextmanager
def maintenance(dag_id: str, cron: str, what: str, args: dict[str, Any]) -> Iterator[DAG]:
    """A daily Dag with what all of this kind share."""
    with DAG(
        dag_id=dag_id,
        description=f"Look after {what}",
        doc_md=DOC.format(what=what),
        schedule=CronTriggerTimetable(cron, timezone="UTC"),
        catchup=False,
        max_active_runs=1,
        max_active_tasks=1,
        is_paused_upon_creation=False,
        tags=["maintain"],
        default_args={**TRIES, **args},
        access_control=access_control(DagKind.PIPELINE),
    ) as dag:
        yield dag
