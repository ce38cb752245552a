"""Clocks that are wrong: versions keep their order, nothing is removed by one, and people are told.

Not the machine's clock is changed, but what a process and its children are told by libfaketime.
"""

import os
import subprocess
import sys
from importlib.metadata import version as installed
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from headrace_schemas.wire.maintenance_jobs import MaintainedTable, MaintainSpec
from tests.faults.engine import Engine

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

ASK_AIRFLOWS_SIDE = """
import sys
from headrace_lake.versions import newest_version
from headrace_airflow.engine.object_store import read
from headrace_schemas.errors import EngineUnavailable
for ask in (newest_version, read):
    try:
        ask(sys.argv[1])
    except EngineUnavailable as error:
        print(error.message)
"""


def clock(offset: str) -> dict[str, str]:
    """Variables of processes whose clock is so far off, such as `+1d`; files keep their real times."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        raise FileNotFoundError(
            "no libfaketime below /usr/lib: the tests of clocks need it (Debian: `faketime`)"
        )
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME": offset,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


WRITE = """
import sys
import pyarrow
from deltalake import write_deltalake
write_deltalake(sys.argv[1], pyarrow.table({"n": [int(sys.argv[2])]}), mode="append")
"""

MAINTAIN = """
import sys
from datetime import UTC, datetime
from headrace_jobs.tables.maintain import maintain
from headrace_schemas.errors import ClockSkewed
from headrace_schemas.wire.maintenance_jobs import MaintainSpec
try:
    maintain(None, MaintainSpec.model_validate_json(sys.argv[1]), datetime.now(tz=UTC))
except ClockSkewed as error:
    print(error.message)
"""
"""Without Spark, whose Java does not run under libfaketime: it only joins files."""


def run_at(offset: str, code: str, *arguments: str) -> str:
    """What a Python process prints whose clock is so far off."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **clock(offset)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def maintenance(table: Path) -> MaintainSpec:
    kept = MaintainedTable(name="gold.counted", uri=str(table), history_days=7)
    return MaintainSpec(
        job_id="maintain-1",
        run_id="test",
        headrace_version=installed("headrace"),
        tables=(kept,),
        staging_uri=str(table.parent / "staging"),
        is_written=True,
        time_limit_minutes=60,
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Written by one whose clock is a day ahead, one who is two days behind, and one who is right."""
    place = tmp_path / "table"
    for number, offset in enumerate(("+1d", "-2d", "+0")):
        run_at(offset, WRITE, str(place), str(number))
    return place


def numbers(table: Path, version: int) -> list[int]:
    """Read by DuckDB, the version's files named by deltalake."""
    files = DeltaTable(table, version=version).file_uris()
    found = duckdb.execute("SELECT n FROM read_parquet(?) ORDER BY n", [files]).fetchall()
    return [int(n) for (n,) in found]


def test_versions_keep_their_order_when_writers_have_other_clocks(table: Path) -> None:
    told = sorted(DeltaTable(table).history(), key=lambda one: int(one["version"]))
    instants = [int(one["timestamp"]) for one in told]
    assert instants[1] < instants[2] < instants[0]  # so far off were the clocks
    assert [numbers(table, version) for version in range(3)] == [[0], [0, 1], [0, 1, 2]]

    before = sorted(table.rglob("*"))
    assert run_at("+0", MAINTAIN, maintenance(table).model_dump_json()) == ""

    assert sorted(table.rglob("*")) == before


@pytest.mark.parametrize(
    ("offset", "said"),
    [("+1d", "24.0 h ahead of the store's"), ("-2d", "48.0 h behind the store's")],
)
def test_nothing_is_removed_when_the_clock_of_maintenance_is_wrong(
    table: Path, offset: str, said: str
) -> None:
    before = sorted(table.rglob("*"))
    assert said in run_at(offset, MAINTAIN, maintenance(table).model_dump_json())
    assert sorted(table.rglob("*")) == before


@pytest.mark.parametrize("offset", ["+20m", "-20m"])
def test_people_are_told_to_set_the_clock_when_the_store_refuses_another_time(
    engine: Engine, tmp_path: Path, offset: str
) -> None:
    place = "s3a://lake/clocks"
    environment = {
        **os.environ,
        **engine.store.environment(),
        **clock(offset),
        "HEADRACE_HOME": str(tmp_path),
        "HEADRACE_LAKE": place,
        "HEADRACE_LANDING": "s3a://lake/landing",
    }

    def said(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    lines = said("-c", ASK_AIRFLOWS_SIDE, place).splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "RequestTimeTooSkewed" in line
        assert "This machine's clock is not the store's: run NTP on both." in line
    (found,) = [
        one
        for one in said("-m", "headrace_launcher", "doctor").splitlines()
        if one.split()[1] == "clock"
    ]
    assert found.startswith("failed")
    assert "(RequestTimeTooSkewed). Run NTP on both." in found
