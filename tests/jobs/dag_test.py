"""Runs Dags by Airflow's own `dag.test()`; a process of its own.

    python -m tests.jobs.dag_test <dag id>[=<partition>] ...

`dag.test()` makes runs without a partition key, and has no argument for one: it is set on the run
that it makes, before the first task starts.
"""

import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from airflow.dag_processing.dagbag import DagBag
from airflow.models import dagrun
from airflow.sdk import DAG


def run(dag: DAG, partition: str | None) -> str:
    """Run a Dag to its end; the run's state."""
    make_run = dagrun.get_or_create_dagrun

    def make_partitioned_run(*, session: Any, **kwargs: Any) -> Any:
        made = make_run(session=session, **kwargs)
        made.partition_key = partition
        session.commit()
        return made

    with patch.object(dagrun, "get_or_create_dagrun", make_partitioned_run):
        return str(dag.test(logical_date=None).state)


def main() -> None:
    """Run them one after the other; ends with the first that fails."""
    bag = DagBag(Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]))
    assert not bag.import_errors, bag.import_errors
    for asked in sys.argv[1:]:
        dag_id, _, partition = asked.partition("=")
        state = run(bag.dags[dag_id], partition or None)
        print(f"{dag_id}: {state}", flush=True)
        if state != "success":
            sys.exit(1)


if __name__ == "__main__":
    main()
