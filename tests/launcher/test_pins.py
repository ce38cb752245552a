"""What a user sees and does with `headrace pins`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
import pytest
from deltalake import write_deltalake

from headrace_schemas.places import Lake
from tests.jobs.aged import age
from tests.projects import make_project

DECLARATIONS = Path(__file__).parents[1] / "dags" / "declarations"
TABLE = "silver.trips"

Headrace = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A table of two partitions: version n replaced one of them n * 100 days after the first."""
    lake = Lake(root=str(tmp_path / "lake"))
    uri = lake.table(TABLE)
    for number in range(10):
        key = f"p{number % 2}"
        rows = pyarrow.table({"n": list(range(number + 1)), "_partition": [key] * (number + 1)})
        predicate = f"_partition = '{key}'" if number else None
        write_deltalake(
            uri, rows, mode="overwrite", partition_by=["_partition"], predicate=predicate
        )
    age(Path(uri), lambda version: 1000 - 100 * version)
    return lake


@pytest.fixture
def headrace(tmp_path: Path, lake: Lake) -> Headrace:
    project = make_project(tmp_path / "project", DECLARATIONS)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "HEADRACE_HOME": str(tmp_path),
            "HEADRACE_LAKE": lake.root,
            "HEADRACE_PROJECT": str(project),
            "COLUMNS": "200",
        }
        return subprocess.run(
            [sys.executable, "-m", "headrace_launcher", "pins", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_version_is_held_until_it_is_released(headrace: Headrace) -> None:
    assert "Nothing is pinned" in headrace().stdout
    held = headrace("hold", TABLE, "2", "--reason", "the audit of May")
    assert (held.returncode, held.stdout) == (0, f"{TABLE} version 2 is held.\n")
    assert "hold: the audit of May" in headrace().stdout
    assert headrace("release", TABLE, "2").returncode == 0
    assert "Nothing is pinned" in headrace().stdout
    again = headrace("release", TABLE, "2")
    assert again.returncode == 1
    assert f"TableVersionUnknown: {TABLE}: version 2: nobody holds it" in again.stderr


def test_hold_is_refused_when_there_is_nothing_to_hold(headrace: Headrace) -> None:
    unknown = headrace("hold", "silver.trip", "1", "--reason", "x")
    assert "UnknownTable: the lake: table silver.trip is not declared" in unknown.stderr
    never = headrace("hold", "silver.stations", "0", "--reason", "x")
    assert "UnknownTable" in never.stderr
    late = headrace("hold", TABLE, "10", "--reason", "x")
    assert f"TableVersionUnknown: {TABLE}: version 10: there is no such version" in late.stderr
    assert unknown.returncode == never.returncode == late.returncode == 1


def test_pins_are_listed_with_what_only_they_keep(
    headrace: Headrace, lake: Lake, tmp_path: Path
) -> None:
    now = datetime.now(tz=UTC)
    model = {
        "model": "long_trip",
        "version": "1",
        "booster_sha256": "b",
        "manifest_sha256": "m",
        "table": TABLE,
        "table_version": 3,
        "as_of": now,
        "answers": "x",
    }
    write_deltalake(lake.versions, pyarrow.Table.from_pylist([model]), partition_by=["model"])
    job = tmp_path / "jobs" / "trains"
    job.mkdir(parents=True)
    reads = {"name": TABLE, "uri": lake.table(TABLE), "version": 8}
    (job / "spec.json").write_text(json.dumps({"job": "train", "features": reads}))
    for version in (2, 3):
        headrace("hold", TABLE, str(version), "--reason", "an audit")
    listed = json.loads(headrace("--json").stdout)
    assert [(one["table"], one["version"]) for one in listed] == [
        (TABLE, 2),
        (TABLE, 3),
        (TABLE, 8),
    ]
    kinds = [[pin["kind"] for pin in one["pins"]] for one in listed]
    assert [sorted(one) for one in kinds] == [["hold"], ["hold", "model"], ["job"]]
    first, second, recent = (one["bytes"] for one in listed)
    assert first > 0
    assert second > 0
    assert recent == 0  # within the history
