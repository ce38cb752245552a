"""The checksum of a version that Spark did not commit."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from headrace_lake.fsck.check import check
from headrace_lake.fsck.damage import DamageKind
from headrace_lake.fsck.depth import Depth
from headrace_lake.version_checksum import checksum_path, write_checksum


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of three versions, a file each."""
    for number in range(3):
        write_deltalake(tmp_path / "t", pa.table({"n": [number]}), mode="append")
    return tmp_path / "t"


def commit(table: Path, version: int) -> Path:
    return table / "_delta_log" / f"{version:020}.json"


def checksum(table: Path, version: int) -> Path:
    return table / checksum_path(version)


def first_checksum(table: Path) -> dict[str, object]:
    """As a writer that knows them says the table's columns and protocol."""
    actions = [json.loads(line) for line in commit(table, 0).read_text().splitlines()]
    said = {
        key: action[key] for action in actions for key in ("protocol", "metaData") if key in action
    }
    (size,) = [action["add"]["size"] for action in actions if "add" in action]
    return {
        "tableSizeBytes": size,
        "numFiles": 1,
        "numMetadata": 1,
        "numProtocol": 1,
        "metadata": said["metaData"],
        "protocol": said["protocol"],
        "allFiles": [],
    }


def test_files_and_bytes_are_summed_when_the_version_before_has_a_checksum(table: Path):
    before = first_checksum(table)
    checksum(table, 0).write_text(json.dumps(before))
    for version in (1, 2):
        write_checksum(str(table), version)
    found = json.loads(checksum(table, 2).read_text())
    sizes = DeltaTable(table).get_add_actions(flatten=True).column("size_bytes").to_pylist()
    assert found == {
        "tableSizeBytes": sum(sizes),
        "numFiles": 3,
        "numMetadata": 1,
        "numProtocol": 1,
        "metadata": before["metadata"],
        "protocol": before["protocol"],
    }


def test_nothing_is_written_when_the_version_before_has_none(table: Path):
    write_checksum(str(table), 2)
    assert not checksum(table, 2).exists()


def test_nothing_is_written_when_the_one_before_cannot_be_read(table: Path):
    checksum(table, 1).write_text('{"numFiles": ')
    write_checksum(str(table), 2)
    assert not checksum(table, 2).exists()


def test_loss_is_noticed_when_the_newest_commit_goes_and_its_checksum_stays(table: Path):
    before = first_checksum(table)
    del before["allFiles"]
    checksum(table, 0).write_text(json.dumps(before))
    for version in (1, 2):
        write_checksum(str(table), version)
    assert check(str(table), Depth.LOG) == []
    commit(table, 2).unlink()
    assert [one.kind for one in check(str(table), Depth.LOG)] == [DamageKind.COMMIT_MISSING]
