"""A row put into a small table is there once, and no other writer's is lost for it."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import deltalake
import pytest
from deltalake import DeltaTable

from headrace_lake import commits
from headrace_lake.commits import PutResult, insert, join_files, replace, replace_partition
from headrace_lake.fsck.check import check
from headrace_lake.fsck.depth import Depth
from headrace_lake.ledger import DECISIONS, EVALUATIONS, HOLDS, monitoring, sketches
from headrace_schemas.decisions.decision import Decision, Verdict
from headrace_schemas.decisions.model_version import Evaluation
from headrace_schemas.decisions.monitoring_row import MonitoringRow
from headrace_schemas.decisions.sketch_row import SketchRow
from headrace_schemas.declarations.pipeline import HISTORY_DAYS
from headrace_schemas.errors import EngineUnavailable, WriteConflict
from headrace_schemas.planning.pins import Hold
from headrace_schemas.planning.table_history import history_properties
from tests.lake.rows import AT, decision, seen_by_duckdb
from tests.lake.tables import short

WRITERS = 4


def ids(table: Path) -> list[str]:
    """Of all decisions, as Headrace reads them; DuckDB reads the same ones."""
    found = sorted(one.id for one in DECISIONS.read(str(table)))
    assert seen_by_duckdb(table, "id") == found
    return found


def is_well(table: Path) -> bool:
    return short(check(str(table), Depth.FULL)) == []


def test_the_first_answer_stands_when_a_question_is_asked_again(tmp_path: Path) -> None:
    uri = str(tmp_path)
    first = insert(DECISIONS, uri, decision("a"), "{}")
    again = insert(DECISIONS, uri, decision("a", verdict=Verdict.REFUSE, reason="worse"), "{}")
    assert again == first == PutResult(decision("a"), [decision("a")], DeltaTable(uri).version())


def test_rows_are_the_partitions_own_when_models_share_a_table(tmp_path: Path) -> None:
    for one in (decision("late/b"), decision("other/a", model="other")):
        insert(DECISIONS, str(tmp_path), one, "{}")
    written = insert(DECISIONS, str(tmp_path), decision("late/a"), "{}")
    assert [one.id for one in written.rows] == ["late/a", "late/b"]


def test_the_newest_row_counts_when_it_replaces(tmp_path: Path) -> None:
    uri = str(tmp_path)
    rows = [
        Evaluation(model="late", version=number, sha256=digest)
        for number, digest in (("1", "a"), ("2", "b"), ("1", "c"))
    ]
    for one in rows:
        written = replace(EVALUATIONS, uri, one, "{}")
    assert written.rows == EVALUATIONS.read(uri, "late") == [rows[2], rows[1]]
    assert replace(EVALUATIONS, uri, rows[2], "{}").version == written.version
    assert seen_by_duckdb(tmp_path, "sha256") == ["b", "c"]
    assert is_well(tmp_path)


def test_a_window_has_one_row_when_it_is_measured_again(tmp_path: Path) -> None:
    kind, uri = monitoring("late"), str(tmp_path)
    april, may, again = (
        MonitoringRow(window=window, rows=rows, labelled=1, current=0.5, evidence="{}")
        for window, rows in (("2024-04", 1), ("2024-05", 2), ("2024-04", 3))
    )
    for one in (april, may, again):
        replace(kind, uri, one, "{}", 30)
    assert kind.read(uri) == [again, may]
    assert seen_by_duckdb(tmp_path, "_partition") == ["2024-04", "2024-05"]
    assert DeltaTable(uri).metadata().configuration.items() >= history_properties(30).items()
    assert is_well(tmp_path)


def test_commits_carry_their_note_and_the_tables_history(tmp_path: Path) -> None:
    insert(DECISIONS, str(tmp_path), decision("a"), '{"job": "decide"}')
    table = DeltaTable(str(tmp_path))
    notes = {one["userMetadata"] for one in table.history()}
    assert notes == {'{"job": "decide"}'}
    wanted = history_properties(HISTORY_DAYS)
    assert table.metadata().configuration.items() >= wanted.items()


def test_history_is_declared_when_a_table_lacks_it(tmp_path: Path) -> None:
    insert(DECISIONS, str(tmp_path), decision("a"), "{}", 7)
    insert(DECISIONS, str(tmp_path), decision("b"), "{}", 30)
    assert ids(tmp_path) == ["a", "b"]
    configuration = DeltaTable(str(tmp_path)).metadata().configuration
    assert configuration.items() >= history_properties(30).items()


def test_a_table_is_well_and_has_its_checkpoint_after_many_rows(tmp_path: Path) -> None:
    for number in range(12):
        insert(DECISIONS, str(tmp_path), decision(f"{number:02}", model=f"m{number % 2}"), "{}")
    assert len(ids(tmp_path)) == 12
    pointer = json.loads((tmp_path / "_delta_log" / "_last_checkpoint").read_text())
    assert 9 <= pointer["version"] <= 10
    assert (
        sorted(one.name for one in (tmp_path / "_delta_log").glob("*.json"))[0] == f"{0:020}.json"
    )
    assert is_well(tmp_path)


NEW = Evaluation(model="late", version="1", sha256="new")


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (lambda uri: insert(EVALUATIONS, uri, evaluation("9"), "{}"), ["0", "1", "2", "9"]),
        (lambda uri: replace(EVALUATIONS, uri, NEW, "{}"), ["0", "1", "2"]),
        (lambda uri: join_files("evaluations", uri, "{}", ["late"]), ["0", "1", "2"]),
    ],
    ids=["another row", "a row replaced", "files joined"],
)
def test_all_rows_stay_when_a_commit_comes_between_reading_and_joining(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    between: Callable[[str], object],
    expected: list[str],
) -> None:
    uri = str(tmp_path)
    for number in "012":
        insert(EVALUATIONS, uri, evaluation(number), "{}")
    write, left = deltalake.write_deltalake, [between]

    def late(*given: Any, **options: Any) -> None:
        if left:
            left.pop()(uri)
        write(*given, **options)

    monkeypatch.setattr(deltalake, "write_deltalake", late)
    before = DeltaTable(uri).version()
    assert join_files("evaluations", uri, "{}", ["late"])
    assert not left
    assert DeltaTable(uri).version() == before + 2
    assert [row.version for row in EVALUATIONS.read(uri)] == expected
    assert seen_by_duckdb(tmp_path, "version") == expected
    assert (NEW in EVALUATIONS.read(uri)) == ("new" in seen_by_duckdb(tmp_path, "sha256"))
    assert len(DeltaTable(uri).file_uris()) == 1
    assert is_well(tmp_path)


def evaluation(version: str, model: str = "late") -> Evaluation:
    return Evaluation(model=model, version=version, sha256=f"digest {version}")


def test_only_the_named_partitions_are_joined(tmp_path: Path) -> None:
    uri = str(tmp_path)
    for number in "012":
        for model in ("it's", "late", "other"):
            insert(EVALUATIONS, uri, evaluation(number, model), "{}")
    before, schema = EVALUATIONS.read(uri), DeltaTable(uri).schema()
    assert join_files("evaluations", uri, '{"job": "maintain"}', ["it's", "late"])
    table = DeltaTable(uri)
    assert (EVALUATIONS.read(uri), table.schema()) == (before, schema)
    assert len(table.file_uris()) == 1 + 1 + 3
    assert table.history(1)[0]["userMetadata"] == '{"job": "maintain"}'


def test_rows_without_partitions_stay_when_their_files_are_joined(tmp_path: Path) -> None:
    for number in range(3):
        insert(HOLDS, str(tmp_path), hold(number), "{}")
    assert join_files("holds", str(tmp_path), "{}")
    assert HOLDS.read(str(tmp_path)) == [hold(number) for number in range(3)]
    assert len(DeltaTable(str(tmp_path)).file_uris()) == 1


def hold(number: int) -> Hold:
    at = AT + timedelta(days=number)
    return Hold(table="gold.trips", version=number, action="hold", reason="audit", by="ada", at=at)


def together(write: Callable[[int], PutResult[Decision]]) -> list[PutResult[Decision]]:
    """What writers are told that all begin at once."""
    begun = Barrier(WRITERS)

    def one(number: int) -> PutResult[Decision]:
        begun.wait()
        return write(number)

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(one, range(WRITERS)))


@pytest.mark.parametrize("rows", [1, 6])
def test_every_row_is_there_once_when_writers_commit_at_once(tmp_path: Path, rows: int) -> None:
    """The first of them make the table, too."""

    def write(number: int) -> PutResult[Decision]:
        for row in range(rows):
            written = insert(DECISIONS, str(tmp_path), decision(f"{number}-{row}"), "{}")
        return written

    told = together(write)
    assert [one.row.id for one in told] == [f"{number}-{rows - 1}" for number in range(WRITERS)]
    assert ids(tmp_path) == [f"{number}-{row}" for number in range(WRITERS) for row in range(rows)]
    assert is_well(tmp_path)


def test_every_row_is_there_once_when_files_are_joined_between(tmp_path: Path) -> None:
    uri, rows = str(tmp_path), 6
    insert(DECISIONS, uri, decision("first"), "{}")

    def write(number: int) -> PutResult[Decision]:
        for row in range(rows):
            written = insert(DECISIONS, uri, decision(f"{number}-{row}"), "{}")
            if number == 0:
                join_files(DECISIONS.name, uri, "{}", ["late"])
        return written

    together(write)
    added = [f"{number}-{row}" for number in range(WRITERS) for row in range(rows)]
    assert ids(tmp_path) == [*added, "first"]
    assert is_well(tmp_path)


def test_one_answer_stands_for_all_when_the_same_question_is_answered_at_once(
    tmp_path: Path,
) -> None:
    told = together(
        lambda number: insert(DECISIONS, str(tmp_path), decision("q", reason=f"{number}"), "{}")
    )
    assert len({one.row.reason for one in told}) == 1
    assert ids(tmp_path) == ["q"]


def overtaken(monkeypatch: pytest.MonkeyPatch, uri: str, times: int) -> None:
    """Before each of so many commits another writer gets in between."""
    write, left = commits.write, list(range(times))

    def late(*given: Any) -> None:
        if left:
            number = left.pop()
            write(DECISIONS, DeltaTable(uri), decision(f"other-{number}"), "{}", False)
        write(*given)

    monkeypatch.setattr(commits, "write", late)


def test_a_row_is_offered_again_when_another_writer_was_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(DECISIONS, str(tmp_path), decision("before"), "{}")
    overtaken(monkeypatch, str(tmp_path), 2)
    written = insert(DECISIONS, str(tmp_path), decision("own"), "{}")
    assert ids(tmp_path) == ["before", "other-0", "other-1", "own"]
    assert {one.id for one in written.rows} == set(ids(tmp_path))


def test_the_conflict_is_told_when_others_are_always_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(DECISIONS, str(tmp_path), decision("before"), "{}")
    monkeypatch.setattr(commits, "ATTEMPTS", 3)
    overtaken(monkeypatch, str(tmp_path), 3)
    with pytest.raises(WriteConflict, match=r"ledger\.decisions"):
        insert(DECISIONS, str(tmp_path), decision("own"), "{}")
    assert "own" not in ids(tmp_path)


def test_lake_is_said_to_be_unavailable_when_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(EngineUnavailable, match="lake at "):
        insert(DECISIONS, str(tmp_path / "file" / "table"), decision("a"), "{}")


def sketch_rows(window: str, columns: str, rows: int = 1) -> list[SketchRow]:
    return [
        SketchRow(
            window=window,
            column=column,
            kind="number",
            rows=rows,
            missing=0,
            sketch="{}",
        )
        for column in columns
    ]


def test_a_partition_has_only_its_newest_rows_when_they_are_replaced(tmp_path: Path) -> None:
    kind, uri = sketches("late"), str(tmp_path)
    for rows in (sketch_rows("2024-04", "abc"), sketch_rows("it's", "a")):
        replace_partition(kind, uri, rows, "{}", 30)
    written = replace_partition(kind, uri, sketch_rows("2024-04", "bd"), "{}", 30)

    assert replace_partition(kind, uri, sketch_rows("2024-04", "db"), "{}", 30) == written
    assert kind.read(uri) == [*sketch_rows("2024-04", "bd"), *sketch_rows("it's", "a")]
    assert seen_by_duckdb(tmp_path, "_partition") == ["2024-04", "2024-04", "it's"]
    assert DeltaTable(uri).metadata().configuration.items() >= history_properties(30).items()
    assert is_well(tmp_path)


@pytest.mark.parametrize("windows", [["2024-04"] * WRITERS, ["a", "b", "c", "d"]])
def test_a_partition_is_one_writers_when_several_replace_at_once(
    tmp_path: Path, windows: Sequence[str]
) -> None:
    kind, begun = sketches("late"), Barrier(WRITERS)

    def write(number: int) -> None:
        begun.wait()
        rows = sketch_rows(windows[number], "xyz", rows=number)
        replace_partition(kind, str(tmp_path), rows, "{}")

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    found = kind.read(str(tmp_path))
    assert len(found) == 3 * len(set(windows))
    for window in windows:
        assert len({row.rows for row in found if row.window == window}) == 1
    assert is_well(tmp_path)
