"""Reads all Dag files as Airflow does and prints what came of it; heavy packages are forbidden here."""

import json
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import tests.own_airflow  # noqa: F401 - before Airflow

FORBIDDEN = {
    "pyspark",
    "delta",
    "deltalake",
    "great_expectations",
    "xgboost",
    "pandas",
    "numpy",
    "pyarrow",
    "mlflow",
    "sklearn",
    "headrace_jobs",
    "flask",
    "flask_appbuilder",
}


class Refused(Loader):
    """Loads nothing."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        raise ImportError(f"a Dag file must not load {spec.name}")


class Forbid(MetaPathFinder):
    """Makes importing a heavy package an error; that it is installed may be asked."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, Refused()) if fullname.partition(".")[0] in FORBIDDEN else None


def described(dag: Any) -> dict[str, Any]:
    """What the tests ask of a Dag."""
    return {
        "schedule": type(dag.timetable).__name__,
        "after": {name: sorted(task.upstream_task_ids) for name, task in dag.task_dict.items()},
        "outlets": {
            name: [asset.name for asset in task.outlets]
            for name, task in dag.task_dict.items()
            if task.outlets
        },
        "owners": sorted({task.owner for task in dag.tasks}),
        "pools": sorted({task.pool for task in dag.tasks}),
        "at_once": {
            name: task.max_active_tis_per_dag
            for name, task in dag.task_dict.items()
            if task.max_active_tis_per_dag
        },
        "retries": {name: task.retries for name, task in dag.task_dict.items()},
        "limit_minutes": {
            name: task.execution_timeout.total_seconds() / 60
            for name, task in dag.task_dict.items()
            if task.execution_timeout
        },
        "catchup": dag.catchup,
        "end": dag.end_date and dag.end_date.isoformat(),
        "form": sorted(dag.params),
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "access": None if dag.access_control is None else sorted(dag.access_control),
    }


def main(folder: str, wanted: str | None) -> None:
    """Read the folder, go through Airflow's serial form, and print everything as JSON."""
    sys.meta_path.insert(0, Forbid())
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk.definitions._internal.dag_parsing_context import (
        _airflow_parsing_context_manager,
    )
    from airflow.serialization.serialized_objects import DagSerialization

    with _airflow_parsing_context_manager(dag_id=wanted, task_id=None):
        bag = DagBag(folder)
    for dag in bag.dags.values():
        DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    print(
        "RESULT",
        json.dumps(
            {
                "errors": bag.import_errors,
                "dags": {name: described(dag) for name, dag in bag.dags.items()},
                "loaded": sorted(FORBIDDEN & set(sys.modules)),
            }
        ),
    )


if __name__ == "__main__":
    main(os.environ["DAGS"], os.environ.get("WANTED"))
