"""Load and gate, killed between reading and staging, between staging and judging: a second try gives all rows, once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from headrace_jobs.tables.row_rules import OUTCOME, PASSED
from tests.faults.killed_stage import PLACES
from tests.faults.writers import PROJECT
from tests.jobs.batches import Batch, contract, text

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

ROWS = 400


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(None, tmp_path, contract(tmp_path))  # type: ignore[arg-type] # plain rows ask for none


def run(batch: Batch, job: str, spec: str, place: str = "nowhere") -> int:
    """A job in a process of its own; how it ended."""
    file = batch.folder / f"{job}.json"
    file.write_text(spec)
    command = [sys.executable, "-m", "tests.faults.killed_stage"]
    done = subprocess.run(
        [*command, str(batch.folder / "spark"), job, str(file), place],
        cwd=PROJECT,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"},
        check=False,
    )
    return done.returncode


def rows_in(folder: str) -> list[tuple[object, ...]]:
    """What readers find there."""
    with duckdb.connect() as connection:
        return connection.sql(
            f"SELECT meter, _source_row FROM read_parquet('{folder}/**/*.parquet') ORDER BY ALL"
        ).fetchall()


def wanted() -> list[tuple[object, ...]]:
    return sorted((f"m{number:03}", number) for number in range(1, ROWS + 1))


@pytest.mark.parametrize("place", [one for one in PLACES if "judged" not in one])
def test_batch_is_staged_once_when_a_load_was_killed(batch: Batch, place: str) -> None:
    rows = [f"m{number:03},2024-05-01T00:00:00Z,1.5,1" for number in range(1, ROWS + 1)]
    spec = batch.load_spec(batch.deliver(text(*rows))).model_dump_json()

    assert run(batch, "load", spec, place) == -signal.SIGKILL
    assert run(batch, "load", spec) == 0

    assert rows_in(batch.staged) == wanted()
    assert not Path(f"{batch.staged}_delivered").exists()


def test_batch_is_judged_once_when_a_gate_was_killed_between_copying_and_judging(
    batch: Batch,
) -> None:
    rows = [f"m{number:03},2024-05-01T00:00:00Z,1.5,1" for number in range(1, ROWS + 1)]
    batch.load(batch.deliver(text(*rows)))
    spec = batch.gate_spec().model_dump_json()

    assert run(batch, "gate", spec, "before copies are judged") == -signal.SIGKILL
    assert len(list(Path(batch.gated).glob(f"{OUTCOME}={PASSED}/*.parquet"))) == 1
    assert run(batch, "gate", spec) == 0

    assert rows_in(batch.gated) == wanted()
    assert rows_in(batch.staged) == wanted()
