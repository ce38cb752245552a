"""All tables of a lake, and what it remembers of their files."""

import os
import shutil
from pathlib import Path

import pytest

from headrace_lake.fsck.check import check_lake
from headrace_lake.fsck.damage import DamageKind
from headrace_lake.fsck.depth import Depth
from headrace_schemas.errors import TableMissing
from headrace_schemas.places import Lake
from tests.lake.tables import Table, change, flipped, short

NAME = "silver.readings"


@pytest.fixture
def lake(table: Table, tmp_path: Path) -> Lake:
    """A lake with a table of each kind."""
    for path in (
        "quarantine/silver/readings",
        "predictions/late",
        "monitoring/late",
        "ledger/decisions",
    ):
        shutil.copytree(table.place, tmp_path / path)
    (tmp_path / "gates/silver.readings").mkdir(parents=True)
    return Lake(root=str(tmp_path))


def digests(lake: Lake) -> Path:
    return Path(lake.root) / "ledger/digests/tables/silver/readings.json"


def exchange_unseen(table: Table, version: int) -> Path:
    """Change a file where neither a checksum of a page nor a statistic tells of it."""
    file = table.data(version)
    written = file.stat()
    at = file.read_bytes().rindex(b"arquet-mr") - 1
    change(file, flipped(at))
    os.utime(file, (written.st_atime, written.st_mtime))
    return file


def test_every_kind_of_table_is_checked_when_none_is_named(lake: Lake):
    checked = check_lake(lake, Depth.FULL)
    assert checked.tables == (
        NAME,
        "quarantine.silver.readings",
        "predictions.late",
        "monitoring.late",
        "ledger.decisions",
    )
    assert checked.is_well
    again = check_lake(lake, Depth.LOG)  # digests lie in the ledger and are no table
    assert again == checked


def test_only_tables_that_are_named_are_checked(lake: Lake):
    shutil.rmtree(Path(lake.root) / "predictions/late/_delta_log")
    assert check_lake(lake, Depth.LOG, [NAME]).is_well
    found = check_lake(lake, Depth.LOG, ["predictions.late"])
    assert [(one.table, one.kind) for one in found.damages] == [
        ("predictions.late", DamageKind.LOG_MISSING)
    ]


def test_names_of_the_lake_are_told_when_one_is_not_there(lake: Lake):
    with pytest.raises(TableMissing, match=r"no table silver\.flights\. Tables there: ledger"):
        check_lake(lake, Depth.LOG, ["silver.flights"])


def test_nothing_is_checked_when_there_is_no_lake_yet(tmp_path: Path):
    checked = check_lake(Lake(root=str(tmp_path / "lake")), Depth.FULL)
    assert checked.tables == ()
    assert checked.is_well


def test_file_is_named_when_it_has_other_bytes_than_at_the_first_full_check(
    lake: Lake, table: Table
):
    assert check_lake(lake, Depth.FULL, [NAME]).damages == ()
    file = exchange_unseen(table, 4)
    for _ in range(2):  # what was damaged is not remembered as it is now
        found = check_lake(lake, Depth.FULL, [NAME]).damages
        assert short(list(found)) == [(DamageKind.FILE_DIFFERS, table.name(file), 4)]
    exchange_unseen(table, 4)  # the same flip again
    assert check_lake(lake, Depth.FULL, [NAME]).is_well


def test_digests_are_written_anew_and_it_is_told_when_they_cannot_be_read(lake: Lake):
    check_lake(lake, Depth.FULL, [NAME])
    written = digests(lake).read_bytes()
    digests(lake).write_bytes(written[:-9])
    (told,) = check_lake(lake, Depth.FULL, [NAME]).damages
    assert told.kind is DamageKind.DIGESTS_BROKEN
    assert told.is_harmless
    assert digests(lake).read_bytes() == written
    assert check_lake(lake, Depth.FULL, [NAME]).damages == ()


def test_digests_of_files_that_are_gone_are_forgotten(lake: Lake, table: Table):
    check_lake(lake, Depth.FULL, [NAME])
    change(digests(lake), lambda content: content.replace(b"_partition=2013-00", b"_partition=0"))
    check_lake(lake, Depth.FULL, [NAME])
    assert b"_partition=0" not in digests(lake).read_bytes()


def test_progress_is_told_when_data_is_read(lake: Lake):
    told: list[str] = []
    check_lake(lake, Depth.FULL, [NAME], told.append)
    assert told[0] == NAME
    assert "MB" in told[-1]
