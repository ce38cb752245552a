"""Projects that tests make: a folder with its own `pyproject.toml` and the one Dag file."""

import json
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
"""This repository, which is itself a project: the flagship."""

DAG_FILE = CHECKOUT / "dags" / "headrace.py"


def make_project(
    folder: Path, schemas: Path, packages: Sequence[Path] = (), name: str = "tests"
) -> Path:
    """Make `folder` a project with declarations and packages that lie elsewhere; the folder."""
    table = {
        "name": name,
        "requires": ">=0.1",
        "schemas": str(schemas),
        "packages": [str(one) for one in packages],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    (folder / "dags").mkdir(parents=True)
    (folder / "plugins").mkdir()
    (folder / "pyproject.toml").write_text("\n".join(["[tool.headrace]", *lines, ""]))
    (folder / "dags" / "headrace.py").write_text(DAG_FILE.read_text())
    return folder
