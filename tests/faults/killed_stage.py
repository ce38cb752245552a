"""A process that loads or judges one batch, and kills itself at a place that it is told.

    python -m tests.faults.killed_stage FOLDER load|gate SPEC PLACE

A place is one of `PLACES`, or anything else for none. `FOLDER` is for Spark, which only the gate needs.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headrace_jobs.lake import row_groups
from headrace_jobs.sources import plain_rows
from headrace_jobs.tables import gate, load, row_rules
from headrace_jobs.testing.spark import small_session
from headrace_schemas.wire.table_jobs import GateSpec, LoadSpec

PLACES: dict[str, tuple[Any, str]] = {
    "in the middle of a file": (row_groups.RowGroups, "write"),
    "before files are copied": (plain_rows.files, "all_copied"),
    "before rows are counted": (load, "check_counts"),
    "before copies are judged": (row_rules, "uniqueness"),
}


def deadly(function: Callable[..., Any], after: int) -> Callable[..., Any]:
    """A function that works some times, and then ends the process as the kernel does."""
    calls = []

    def call(*given: Any, **named: Any) -> Any:
        calls.append(None)
        if len(calls) > after:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **named)

    return call


def main() -> None:
    """Do the job."""
    folder, job, spec, place = sys.argv[1:5]
    # Several row groups in a small file.
    plain_rows.BLOCK_BYTES = row_groups.ROW_GROUP_BYTES = 2_000
    if place in PLACES:
        owner, name = PLACES[place]
        setattr(owner, name, deadly(getattr(owner, name), 2 if name == "write" else 0))
    text = Path(spec).read_text()
    if job == "load":
        load.run(None, LoadSpec.model_validate_json(text))  # type: ignore[arg-type] # plain rows ask for none
        return
    spark = small_session(Path(folder))
    gate.run(spark, GateSpec.model_validate_json(text))
    spark.stop()


if __name__ == "__main__":
    main()
