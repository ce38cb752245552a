"""The command `headrace fsck`."""

import json
import subprocess
from pathlib import Path

import pytest
from arro3.core import Array, DataType, Table
from deltalake import DeltaTable, write_deltalake

from tests.launcher.stores import headrace

NAME = "silver.trips"
COMMIT = f"_delta_log/{3:020}.json"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of four commits with a checkpoint."""
    place = tmp_path / "lake" / "tables" / "silver" / "trips"
    for number in range(4):
        rows = Table.from_pydict({"n": Array([number], DataType.int64())})
        write_deltalake(str(place), rows, mode="append")
        if number == 2:
            DeltaTable(str(place)).create_checkpoint()
    return place


def fsck(table: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return headrace(table.parents[3], {}, "fsck", *arguments)


def test_fsck_succeeds_when_all_is_well(table: Path):
    for arguments in ([], ["--full"], [NAME], ["--repair"]):
        answer = fsck(table, *arguments)
        assert answer.returncode == 0, answer.stderr
        what = "log and all data" if "--full" in arguments else "log and list of files"
        assert answer.stdout == f"1 table, {what}: 0 damages\n"


def test_fsck_fails_and_names_file_and_version_when_a_commit_is_lost(table: Path):
    (table / COMMIT).write_bytes(b"")
    answer = fsck(table)
    assert answer.returncode == 1
    (line, _) = answer.stdout.splitlines()
    assert line.startswith(f"commit-empty       {NAME}: {COMMIT} (version 3): ")
    assert "Restore it from a backup" in line
    assert fsck(table, "--repair").returncode == 1
    assert (table / COMMIT).exists()


def test_fsck_tells_programs_when_they_ask_for_json(table: Path):
    (table / COMMIT).write_bytes(b"")
    answer = fsck(table, "--full", "--json")
    assert answer.returncode == 1
    told = json.loads(answer.stdout)
    assert (told["is_well"], told["depth"], told["tables"]) == (False, "full", [NAME])
    (damage,) = told["damages"]
    assert (damage["table"], damage["file"], damage["version"]) == (NAME, COMMIT, 3)
    assert damage["kind"] == "commit-empty"


def test_fsck_succeeds_when_it_could_repair_what_it_found(table: Path):
    checkpoint = table / "_delta_log" / f"{2:020}.checkpoint.parquet"
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    assert fsck(table).returncode == 1
    answer = fsck(table, "--repair")
    assert answer.returncode == 0
    assert f"moved aside: {checkpoint}" in answer.stdout
    assert checkpoint.with_name(f"{checkpoint.name}.damaged").exists()
    assert fsck(table).returncode == 0


def test_fsck_succeeds_and_says_so_when_a_damage_is_harmless(table: Path):
    (table / "_delta_log" / "_last_checkpoint").write_text("garbage")
    answer = fsck(table)
    assert answer.returncode == 0
    assert "pointer-broken" in answer.stdout
    assert "0 damages, 1 harmless" in answer.stdout


def test_fsck_names_the_tables_that_are_there_when_one_is_not(table: Path):
    answer = fsck(table, "silver.flights")
    assert answer.returncode == 1
    assert f"no table silver.flights. Tables there: {NAME}." in answer.stderr
    assert "Traceback" not in answer.stderr
