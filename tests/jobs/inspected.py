"""Checks delivered files in a process of its own, and tells how much memory it ever took.

    python -m tests.jobs.inspected LANDING COPIES FORMAT FILE ...

Prints a line of JSON a file: the error's class and message, and kilobytes.
"""

import json
import resource
import sys

from headrace_jobs.sources.ingest import Intake, inspect
from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import HeadraceError


def main(landing: str, copies: str, format: str, *names: str) -> None:
    """Check them one after the other."""
    source = Source(files="readings/*", format=format)  # type: ignore[arg-type]
    intake = Intake(table="bronze.readings", source=source, landing=landing, copies=copies)
    for place, name in enumerate(names):
        found: HeadraceError | None = None
        try:
            inspect(intake, f"{landing}/readings/{name}", place)
        except HeadraceError as error:
            found = error
        told = found and found.message
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        line = {"error": found and type(found).__name__, "told": told, "kilobytes": kilobytes}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
