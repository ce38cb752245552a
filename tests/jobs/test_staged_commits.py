"""Publishing by files when it is cut off, done twice, overtaken, or watched."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Event, Thread, local
from typing import Any
from unittest.mock import Mock

import pytest
from deltalake import DeltaTable

from headrace_jobs.lake import files, placed_files
from headrace_jobs.lake.delta_log import DeltaLog
from headrace_jobs.lake.removal import remove_needless
from headrace_jobs.tables import repeats, staged_files
from headrace_lake import file_commits
from headrace_lake.file_commits import replace_files
from headrace_lake.fsck.check import check
from headrace_lake.fsck.depth import Depth
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.wire.maintenance_jobs import MaintainedTable
from tests.jobs import readers
from tests.jobs.batches import JUNE, Batch
from tests.jobs.published import GOOD, OTHER, adds, damages, data_files, published, staged

__all__ = ["published"]

pytestmark = pytest.mark.spark


def cut_off(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish until just before the commit."""
    with monkeypatch.context() as patched:
        patched.setattr(placed_files, "replace_files", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            batch.publish()


def test_next_try_commits_when_one_was_cut_off_between_its_copies_and_its_commit(
    published: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(published, *OTHER)
    before, there = DeltaTable(published.table).version(), data_files(published.table)

    cut_off(published, monkeypatch)
    left = data_files(published.table) - there
    assert left
    assert DeltaTable(published.table).version() == before
    assert [row["meter"] for row in readers.read(published.table, "meter")] == ["a", "a", "b", "b"]
    report = published.publish()
    assert report.table is not None
    assert report.table.version == before + 1
    assert [row["meter"] for row in readers.read(published.table, "meter")] == list("abcde")
    assert not left & {file["path"] for file in adds(published.table)}
    assert left < data_files(published.table)
    assert [one for one in check(published.table, Depth.FULL) if not one.is_harmless] == []


def test_left_copies_are_swept_and_published_ones_are_not_when_days_have_passed(
    published: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(published, *OTHER)
    cut_off(published, monkeypatch)
    published.publish()
    left = data_files(published.table) - {one["path"] for one in adds(published.table)}
    assert left
    table = MaintainedTable(name="bronze.readings", uri=published.table, history_days=1)
    log = DeltaLog.at(published.table)
    assert log is not None
    soon, later = datetime.now(tz=UTC), datetime.now(tz=UTC) + timedelta(days=3)
    listed = files.below(published.table)
    assert remove_needless(table, log, listed, soon, soon - timedelta(days=1))[1] == []
    removed = remove_needless(table, log, listed, later, later - timedelta(days=1))[1]
    assert left <= {one.path for one in removed}
    files.remove(published.gated)  # as it is swept once the batch is in its table
    assert [row["meter"] for row in readers.read(published.table, "meter")] == list("abcde")
    assert damages(published.table) == []


def test_one_commit_is_made_when_a_batch_is_published_twice_at_once(
    published: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged(published, *OTHER)
    specs = [published.publish_spec(), published.publish_spec()]
    before = DeltaTable(published.table).version()
    together, first = Barrier(2), local()

    def commit_at_once(*given: Any) -> int | None:
        if not getattr(first, "is_over", False):
            first.is_over = True
            together.wait(60)
        return replace_files(*given)

    monkeypatch.setattr(placed_files, "replace_files", commit_at_once)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda spec: staged_files.publish(spec, repeats.note_of(spec)), specs))
    assert {one and (one[0].version, one[1]) for one in made} == {(before + 1, 3)}
    assert DeltaTable(published.table).version() == before + 1
    assert [row["meter"] for row in readers.read(published.table, "meter")] == list("abcde")


def test_both_batches_are_in_when_another_partition_is_published_meanwhile(
    published: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    june = Batch(published.spark, tmp_path / "june", published.contract)
    june.lake, june.partition = published.lake, JUNE
    staged(june, "z,2024-06-01T00:00:00Z,9,9")
    staged(published, *OTHER)
    before = DeltaTable(published.table).version()
    others = iter([june])

    def commit_after_another(*given: Any) -> int | None:
        for other in others:
            other.publish()
        return replace_files(*given)

    monkeypatch.setattr(placed_files, "replace_files", commit_after_another)
    table = published.publish().table
    assert table is not None
    assert table.version == before + 2
    assert [row["meter"] for row in readers.read(published.table, "meter")] == list("cdez")


def test_version_is_found_when_the_answer_to_its_commit_is_lost(
    published: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = file_commits.commit
    before = DeltaTable(published.table).version()

    def answer_lost(*given: Any) -> None:
        commit(*given)
        published.spark.sql(f"ALTER TABLE delta.`{published.table}` SET TBLPROPERTIES ('a' = 'b')")
        raise ConnectionResetError

    monkeypatch.setattr(file_commits, "commit", answer_lost)
    staged(published, *OTHER)
    table = published.publish().table
    assert table is not None
    assert table.version == before + 1
    assert DeltaTable(published.table).version() == before + 2
    assert [row["meter"] for row in readers.read(published.table, "meter")] == list("abcde")


def test_nothing_is_published_when_no_commit_can_be_made(
    published: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = DeltaTable(published.table).version()
    monkeypatch.setattr(file_commits, "commit", Mock(side_effect=OSError("no way")))
    staged(published, *OTHER)
    with pytest.raises(EngineUnavailable, match="no way"):
        published.publish()
    assert DeltaTable(published.table).version() == before


def test_reader_sees_one_batch_or_the_other_when_it_reads_during_publishes(
    published: Batch, tmp_path: Path
) -> None:
    second = Batch(published.spark, tmp_path / "second", published.contract)
    second.lake = published.lake
    staged(second, *OTHER)
    staged(published, *GOOD)
    is_done, seen = Event(), []

    def read() -> None:
        while not is_done.is_set():
            rows = DeltaTable(published.table).to_pyarrow_table(columns=["meter", "_partition"])
            seen.append(
                sorted(row["meter"] for row in rows.to_pylist() if row["_partition"] == "2024-05")
            )

    reader = Thread(target=read)
    reader.start()
    for batch in (second, published) * 10:
        batch.publish()
    is_done.set()
    reader.join()
    assert seen
    assert all(one in (["a", "b"], ["c", "d", "e"]) for one in seen)
