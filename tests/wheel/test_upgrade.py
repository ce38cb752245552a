"""`headrace upgrade --check` with the present tree as both versions: the next one has another number.

There is no earlier release yet; from the first one on, the present version is checked against it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.clinic.landing import land
from tests.projects import CHECKOUT, make_project
from tests.wheel.conftest import build_wheel

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(1800)]

CLINIC = CHECKOUT / "tests" / "e2e" / "clinic"
NEXT = "0.1.99"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The present tree under the next number."""
    folder = tmp_path_factory.mktemp("next") / "tree"
    left_out = shutil.ignore_patterns(
        ".git", ".venv", ".tools", ".headrace", ".*cache", "__pycache__"
    )
    shutil.copytree(CHECKOUT, folder, ignore=left_out)
    text = (folder / "pyproject.toml").read_text()
    changed = re.sub(r'^version = "[^"]+"', f'version = "{NEXT}"', text, count=1, flags=re.M)
    (folder / "pyproject.toml").write_text(changed)
    return folder


def upgrade(folder: Path, wheel: Path) -> tuple[int, dict]:
    """The check of the small project, of which two days were delivered."""
    project = make_project(folder / "project", CLINIC, [CLINIC])
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace(">=0.1", f">=0.1,<{NEXT}"))
    for day in ("2024-03-01", "2024-03-02"):
        land(folder / "landing", day)
    before = sorted(folder.rglob("*"))
    environment = {
        **os.environ,
        "HEADRACE_PROJECT": str(project),
        "HEADRACE_HOME": str(folder / "home"),
        "HEADRACE_LANDING": str(folder / "landing"),
    }
    command = [sys.executable, "-m", "headrace_launcher", "upgrade", "--check", "--json"]
    done = subprocess.run(
        [*command, "--to", str(wheel)],
        env=environment,
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert "error" not in found, found["error"]
    assert sorted(folder.rglob("*")) == before
    return done.returncode, found


def test_nothing_changes_when_the_next_version_is_the_same(tree: Path, tmp_path: Path) -> None:
    code, found = upgrade(tmp_path / "team", build_wheel(tree, tmp_path))
    assert (code, found["is_same"]) == (0, True), found
    assert found["next"] == NEXT
    assert found["requires"] == f">=0.1,<{NEXT}"
    assert found["tables"] == [
        {"table": name, "batch": "2024-03-01", "changes": []}
        for name in ("bronze.visits", "gold.visits")
    ]


def test_changes_are_named_when_the_next_version_makes_other_rows_and_dags(
    tree: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "tree"
    shutil.copytree(tree, changed)
    batch = changed / "schemas/headrace_schemas/batch.py"
    assert '"{self.table}/{self.key}"' in batch.read_text()
    batch.write_text(
        batch.read_text().replace('"{self.table}/{self.key}"', '"{self.table}:{self.key}"')
    )
    tables = changed / "plugins/headrace_airflow/builders/tables.py"
    assert 'task_id="gate"' in tables.read_text()
    tables.write_text(tables.read_text().replace('task_id="gate"', 'task_id="gate", retries=9'))
    code, found = upgrade(tmp_path / "team", build_wheel(changed, tmp_path))
    assert (code, found["is_same"]) == (1, False)
    assert "gold.visits: tasks differ: gate" in found["dags"]
    rows = {one["table"]: one["changes"] for one in found["tables"]}
    assert rows["gold.visits"] == ["56 rows are no longer there, 56 are new"]
