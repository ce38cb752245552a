"""Every damage of a log or a data file is found, and told once, with file and version."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, QueryBuilder

from headrace_lake.fsck.check import check, refuse_damaged, repair
from headrace_lake.fsck.damage import DamageKind
from headrace_lake.fsck.depth import Depth
from headrace_schemas.errors import TableDamaged
from headrace_schemas.places import Lake
from tests.lake.tables import Table, change, empty, flipped, half

DEPTHS = list(Depth)
at_each_depth = pytest.mark.parametrize("depth", DEPTHS)

CHECKPOINT = "checkpoint.parquet"


def commit(version: int) -> str:
    return f"_delta_log/{version:020}.json"


def without_last_line(content: bytes) -> bytes:
    return content[: content.rindex(b"\n", 0, -1) + 1]


def ids(table: Table) -> list[int]:
    """What a reader sees."""
    query = QueryBuilder().register("t", DeltaTable(str(table.place)))
    rows = query.execute("SELECT id FROM t").read_all()
    return sorted(rows.column("id").to_pylist())


@at_each_depth
@pytest.mark.parametrize("version", [13, 12, 10, 5, 0])
@pytest.mark.parametrize(
    ("by", "kind"),
    [
        (half, DamageKind.COMMIT_BROKEN),
        (empty, DamageKind.COMMIT_EMPTY),
        (without_last_line, DamageKind.COMMIT_DIFFERS),
    ],
)
def test_commit_is_named_when_it_was_cut_off(
    table: Table, version: int, by: Callable[[bytes], bytes], kind: DamageKind, depth: Depth
):
    change(table.log(version), by)
    is_seen = kind is DamageKind.COMMIT_EMPTY or version > 10 or depth is not Depth.TAIL
    assert table.found(depth) == ([(kind, commit(version), version)] if is_seen else [])


@at_each_depth
@pytest.mark.parametrize("version", [13, 12, 5, 0])
def test_commit_is_named_when_it_is_missing(table: Table, version: int, depth: Depth):
    table.log(version).unlink()
    assert table.found(depth) == [(DamageKind.COMMIT_MISSING, commit(version), version)]


def test_commits_are_told_together_when_several_are_missing(table: Table):
    for version in (11, 12, 13):
        table.log(version).unlink()
    (damage,) = table.check()
    assert (damage.kind, damage.version) == (DamageKind.COMMIT_MISSING, 11)
    assert "the versions 11 to 13" in damage.problem


@at_each_depth
def test_commit_is_missed_when_a_checkpoint_follows_and_its_checksum_is_there(
    table: Table, depth: Depth
):
    table.log(9).unlink()
    assert table.found(depth) == [(DamageKind.COMMIT_MISSING, commit(9), 9)]


def test_newest_commit_is_missed_when_only_somebody_was_told_of_it(table: Table):
    table.log(13).unlink()
    table.log(13, "crc").unlink()
    assert table.found() == []
    (damage,) = check(str(table.place), at_least=13)
    assert (damage.kind, damage.version) == (DamageKind.COMMIT_MISSING, 13)
    with pytest.raises(TableDamaged, match=r"silver\.readings is damaged: _delta_log/0+13\.json"):
        refuse_damaged(str(table.place), "silver.readings", 13)


def test_each_damage_is_told_once_when_there_are_several(table: Table):
    change(table.log(3), half)
    table.log(7).unlink()
    change(table.log(13), empty)
    table.data(11).unlink()
    assert table.found() == [
        (DamageKind.COMMIT_BROKEN, commit(3), 3),
        (DamageKind.COMMIT_MISSING, commit(7), 7),
        (DamageKind.COMMIT_EMPTY, commit(13), 13),
        (DamageKind.FILE_MISSING, table.name(table.data(11)), 11),
    ]


@at_each_depth
@pytest.mark.parametrize(
    ("version", "before", "after"),
    [
        (12, rb"\"numRecords\":10", rb"\"numRecords\":11"),
        (12, rb"\"minValues\":{\"id\":120", rb"\"minValues\":{\"id\":128"),
        (12, b'"_partition":"2013-12"', b'"_partition":"2013-11"'),
        (0, rb"\"name\":\"double\"", rb"\"name\":\"doublf\""),
        (0, b'"minWriterVersion":7', b'"minWriterVersion":8'),
    ],
)
def test_commit_is_named_when_it_is_not_what_its_checksum_says(
    table: Table, version: int, before: bytes, after: bytes, depth: Depth
):
    assert before in table.log(version).read_bytes()
    change(table.log(version), lambda content: content.replace(before, after, 1))
    is_seen = version > 10 or depth is not Depth.TAIL
    assert ((DamageKind.COMMIT_DIFFERS, commit(version), version) in table.found(depth)) is is_seen


@at_each_depth
@pytest.mark.parametrize("by", [half, empty, lambda content: content[:-1]])
def test_checkpoint_is_moved_aside_when_it_was_cut_off_and_all_commits_are_there(
    table: Table, tmp_path: Path, by: Callable[[bytes], bytes], depth: Depth
):
    name = table.name(table.log(10, CHECKPOINT))
    change(table.log(10, CHECKPOINT), by)
    assert table.found(depth) == [(DamageKind.CHECKPOINT_BROKEN, name, 10)]

    lake, place = Lake(root=str(tmp_path)), str(table.place)
    moved = repair(lake, table.check(depth))

    assert moved == [f"{place}/{name}", f"{place}/_delta_log/_last_checkpoint"]
    assert table.log(10, f"{CHECKPOINT}.damaged").exists()
    assert table.pointer.with_name("_last_checkpoint.damaged").exists()
    assert table.found(depth) == []
    assert ids(table) == list(range(140))


def test_checkpoint_is_left_when_the_commits_alone_are_not_enough(table: Table, tmp_path: Path):
    for version in range(10):
        table.log(version).unlink()
        table.log(version, "crc").unlink()
    change(table.log(10, CHECKPOINT), half)
    found = table.check()
    assert {one.kind for one in found} == {DamageKind.COMMIT_MISSING, DamageKind.CHECKPOINT_BROKEN}
    assert repair(Lake(root=str(tmp_path)), found) == []
    assert table.log(10, CHECKPOINT).exists()


def test_checkpoint_is_named_when_a_bit_of_it_was_flipped(table: Table):
    chunk = pq.ParquetFile(table.log(10, CHECKPOINT)).metadata.row_group(0)
    add = next(
        chunk.column(one)
        for one in range(chunk.num_columns)
        if chunk.column(one).path_in_schema == "add.path"
    )
    end = add.data_page_offset + add.total_compressed_size
    change(table.log(10, CHECKPOINT), flipped(end - 3))
    assert table.found() == []
    name = table.name(table.log(10, CHECKPOINT))
    assert table.found(Depth.FULL) == [(DamageKind.CHECKPOINT_BROKEN, name, 10)]


def test_checkpoint_is_named_when_it_is_of_another_state_of_the_table(table: Table, tmp_path: Path):
    other = tmp_path / "other"
    shutil.copytree(table.place, other)
    DeltaTable(str(other)).delete("id = 5")
    DeltaTable(str(other)).create_checkpoint()
    shutil.copy(other / "_delta_log" / f"{14:020}.{CHECKPOINT}", table.log(10, CHECKPOINT))
    (damage,) = table.check(Depth.FULL)
    assert (damage.kind, damage.version) == (DamageKind.CHECKPOINT_DIFFERS, 10)
    repair(Lake(root=str(tmp_path)), [damage.model_copy(update={"table": "silver.readings"})])
    assert table.found(Depth.FULL) == []
    assert ids(table) == list(range(140))


@at_each_depth
def test_pointer_heals_when_it_is_no_json(table: Table, depth: Depth):
    change(table.pointer, lambda _: b"garbage")
    (damage,) = table.check(depth)
    assert (damage.kind, damage.file) == (DamageKind.POINTER_BROKEN, "_delta_log/_last_checkpoint")
    assert damage.is_harmless
    assert ids(table) == list(range(140))


def test_pointer_is_moved_aside_when_it_leads_nowhere(table: Table, tmp_path: Path):
    change(table.pointer, lambda _: b'{"version":50,"size":3}')
    found = table.check()
    assert [(one.kind, one.version, one.is_harmless) for one in found] == [
        (DamageKind.POINTER_ASTRAY, 50, False)
    ]
    repair(Lake(root=str(tmp_path)), found)
    assert table.found() == []
    assert ids(table) == list(range(140))


def test_log_is_missed_when_only_data_is_left(table: Table):
    shutil.rmtree(table.place / "_delta_log")
    assert table.found() == [(DamageKind.LOG_MISSING, "_delta_log", None)]


def test_checksum_is_told_of_and_does_no_harm_when_it_cannot_be_read(table: Table):
    change(table.log(12, "crc"), half)
    (damage,) = table.check()
    assert (damage.kind, damage.version) == (DamageKind.CHECKSUM_BROKEN, 12)
    assert damage.is_harmless


@at_each_depth
@pytest.mark.parametrize("is_trimmed", [False, True])
@pytest.mark.parametrize(
    ("by", "kind"),
    [
        (None, DamageKind.FILE_MISSING),
        (half, DamageKind.FILE_RESIZED),
        (empty, DamageKind.FILE_RESIZED),
        (lambda content: content + b"x", DamageKind.FILE_RESIZED),
    ],
)
def test_data_file_is_named_when_it_is_missing_or_of_another_size(
    table: Table,
    by: Callable[[bytes], bytes] | None,
    kind: DamageKind,
    depth: Depth,
    is_trimmed: bool,
):
    file = table.data(11)
    if by is None:
        file.unlink()
    else:
        change(file, by)
    if is_trimmed:
        for version in range(10):
            table.log(version).unlink()
            table.log(version, "crc").unlink()
    assert table.found(depth) == [(kind, table.name(file), 11)]


def test_data_file_is_named_when_any_bit_of_its_pages_was_flipped(table: Table):
    file = table.data(4)
    group = pq.ParquetFile(file).metadata.row_group(0)
    content = file.read_bytes()
    for number in range(group.num_columns):
        column = group.column(number)
        start = column.dictionary_page_offset or column.data_page_offset
        file.write_bytes(flipped(start + column.total_compressed_size - 1)(content))
        (found,) = table.found(Depth.FULL)
        assert found == (DamageKind.FILE_DIFFERS, table.name(file), 4), column.path_in_schema


def test_data_file_is_named_when_another_good_one_of_its_size_took_its_place(table: Table):
    by_size: dict[int, list[int]] = {}
    for version in range(14):
        by_size.setdefault(table.data(version).stat().st_size, []).append(version)
    one, other = next(versions[:2] for versions in by_size.values() if len(versions) > 1)
    shutil.copy(table.data(one), table.data(other))
    assert table.found(Depth.FULL) == [
        (DamageKind.FILE_DIFFERS, table.name(table.data(other)), other)
    ]


def test_data_file_is_named_when_its_footer_is_garbage(table: Table):
    file = table.data(6)
    change(file, lambda content: content[:-200] + b"\xff" * 150 + content[-50:])
    assert table.found(Depth.FULL) == [(DamageKind.FILE_DIFFERS, table.name(file), 6)]


def test_nothing_crashes_when_any_byte_of_a_footer_is_another_one(table: Table):
    file = table.data(6)
    content = file.read_bytes()
    for at in range(len(content) - 400, len(content), 7):
        file.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        assert all(json.loads(one.model_dump_json()) for one in table.check(Depth.FULL))
