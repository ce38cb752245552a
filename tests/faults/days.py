"""Days of the small pipeline's visits: delivered, built, counted."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from headrace_launcher.services.airflow_api import UNDER_WAY, DagRun
from tests.cluster.flagship import through_failures
from tests.e2e.clinic.landing import land
from tests.e2e.contents import ask
from tests.embedded import Embedded
from tests.waiting import wait_until

SOURCE, MONITOR = "bronze.visits", "monitor.progression"
TABLES = ("tables/bronze/visits", "tables/gold/visits", "predictions/progression")

BY_DELTA_RS = """
import json, sys
from deltalake import DeltaTable, QueryBuilder
query = "SELECT _partition AS p, count(*) AS n, count(DISTINCT patient) AS d FROM t GROUP BY 1"
rows = QueryBuilder().register("t", DeltaTable(sys.argv[1])).execute(query).read_all()
columns = [rows.column(name).to_pylist() for name in ("p", "n", "d")]
print(json.dumps({p: [n, d] for p, n, d in zip(*columns)}), flush=True)
"""


@dataclass(frozen=True)
class Wanted:
    """Runs of a source that somebody wants, and what was there before they were asked for."""

    stack: Embedded
    days: Sequence[str]
    runs: Sequence[DagRun]
    known: frozenset[str]

    @classmethod
    def again(cls, stack: Embedded, *days: str) -> "Wanted":
        """Have days built again, with all that follows from them."""
        known = frozenset(run.run_id for run in stack.runs(MONITOR))
        return cls(stack, days, [stack.api.trigger(SOURCE, day) for day in days], known)

    @classmethod
    def first(cls, stack: Embedded, day: str) -> "Wanted":
        """Deliver a day, and have it built."""
        land(Path(stack.settings.landing), day)
        return cls.again(stack, day)

    def wait_done(self) -> None:
        """Until everything has ended well that follows from the days."""
        for run in self.runs:
            wait_until(through_failures(partial(self.has_ended, run)), f"{run.run_id} ended", 600)
        for day in self.days:
            wait_until(through_failures(partial(self.is_decided, day)), f"{day} is decided", 600)
        wait_until(through_failures(self.stack.is_idle), "all runs ended", 600)

    def has_ended(self, run: DagRun) -> bool:
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}"
        state = self.stack.api.request("GET", path)["state"]
        if state == "failed":
            raise self.stack.api.failure(run)
        return bool(state == "success")

    def is_decided(self, day: str) -> bool:
        """Whether monitoring has come to the day once more, and ended well."""
        runs = [run for run in self.stack.runs(MONITOR, day) if run.run_id not in self.known]
        return any(run.state == "success" for run in runs)


def unfinished(stack: Embedded) -> list[DagRun]:
    """Runs that are neither done nor failed; the sensor that waits for drift is none."""
    return [run for run in stack.api.runs("~", UNDER_WAY) if not run.dag_id.startswith("retrain.")]


def rows_landed(stack: Embedded, day: str) -> int:
    """Lines of a day's delivery, less its header."""
    file = Path(stack.settings.landing) / "visits" / f"{day}.csv"
    return len(file.read_text().splitlines()) - 1


def day_counts(stack: Embedded, table: str) -> dict[str, tuple[int, int]]:
    """Rows and different patients of each day; DuckDB and delta-rs agree on them."""
    path = stack.lake / table
    query = (
        "SELECT _partition AS p, count(*) AS n, count(DISTINCT patient) AS d "
        f"FROM delta_scan('{path}') GROUP BY 1"
    )
    by_duckdb = {row["p"]: (row["n"], row["d"]) for row in ask({"q": query})["q"]}
    command = [sys.executable, "-c", BY_DELTA_RS, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.stdout, told.stderr
    assert {day: tuple(counts) for day, counts in json.loads(told.stdout).items()} == by_duckdb
    return by_duckdb
