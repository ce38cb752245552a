"""`python -m headrace_airflow.read_dags FOLDER`: what Airflow makes of a folder of Dags, as JSON.

For comparing two versions of Headrace: Dags with their tasks, schedules and outlets, and errors.
"""

import json
import logging
import sys
from typing import Any


def described(dag: Any) -> dict[str, Any]:
    """What a Dag is to those who run it."""
    return {
        "schedule": scheduled(dag.timetable),
        "tasks": {
            name: {
                "operator": task.task_type,
                "after": sorted(task.upstream_task_ids),
                "retries": task.retries,
                "outlets": sorted(asset.name for asset in task.outlets),
            }
            for name, task in dag.task_dict.items()
        },
    }


def scheduled(timetable: Any) -> str:
    """A timetable's kind, and its cron expression where it has one."""
    return f"{type(timetable).__name__} {getattr(timetable, 'expression', '')}".strip()


def main(folder: str) -> None:
    """Read the folder and print what was found."""
    logging.disable(logging.CRITICAL)  # stdout is the document's alone, and Airflow logs to it
    from airflow.dag_processing.dagbag import (
        DagBag,
    )  # slow: not where only this module is looked at

    bag = DagBag(folder)
    dags = {name: described(dag) for name, dag in sorted(bag.dags.items())}
    print(f"\n{json.dumps({'errors': bag.import_errors, 'dags': dags})}")


if __name__ == "__main__":
    main(sys.argv[1])
