"""How long Airflow takes to read the DAG files once everything they import is loaded.

    python benchmarks/dag_parse.py

The parser forks a process with warm imports for each file, so the second reading is what counts.
"""

import os
import tempfile
import time
from pathlib import Path

DAGS = Path(__file__).parents[1] / "dags"


def main() -> None:
    """Read each file twice and print both times."""
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as home:
        os.environ.update(
            AIRFLOW_HOME=home,
            AIRFLOW__CORE__LOAD_EXAMPLES="False",
            AIRFLOW__CORE__PLUGINS_FOLDER=str(DAGS.parent / "plugins"),
            AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
        )
        from airflow.dag_processing.dagbag import DagBag

        total = 0.0
        for file in sorted(DAGS.glob("*.py")):
            seconds = []
            for _ in range(2):
                started = time.perf_counter()
                bag = DagBag(file)
                seconds.append(time.perf_counter() - started)
            assert not bag.import_errors, bag.import_errors
            total += seconds[1]
            print(
                f"{file.name:<20}{len(bag.dags):>4} DAGs{seconds[0]:>8.2f} s cold{seconds[1]:>8.3f} s"
            )
        print(f"all, after imports {total:.2f} s")


if __name__ == "__main__":
    main()
