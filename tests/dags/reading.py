"""Reads a project's Dag file in a process of its own, in which nothing heavy can be imported."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.projects import CHECKOUT, make_project


def read_dags(declarations: Path, wanted: str | None = None) -> dict[str, Any]:
    """What Airflow makes of the Dag file of a project with these declarations."""
    with tempfile.TemporaryDirectory() as folder:
        return read_project(make_project(Path(folder) / "project", declarations), wanted)


def read_project(project: Path, wanted: str | None = None) -> dict[str, Any]:
    """What Airflow makes of a project's Dag files."""
    environment = {
        **os.environ,
        "DAGS": str(project / "dags"),
        **({"WANTED": wanted} if wanted else {}),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.dags.read_dags"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    result: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return result
