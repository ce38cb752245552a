"""The ledger: one row a question, and no row lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.lake import tables
from headrace_jobs.monitoring import ledger
from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.errors import WriteConflict
from headrace_schemas.wire.spec import PinnedTable
from tests.jobs.learning import content

pytestmark = pytest.mark.spark

AT = datetime(2024, 6, 3, 1, 2, 3, 456, tzinfo=UTC)


def decision(id: str, model: str = "late", **fields: Any) -> Decision:
    found = {
        "id": id,
        "model": model,
        "kind": Kind.PROMOTION,
        "window": "2",
        "as_of": AT,
        "verdict": Verdict.PROMOTE,
        "reason": "better: auc 0.7",
        "answers": 'it\'s "run" 1',
        "model_version": "2",
        "effective_from": AT + timedelta(days=1),
        "evidence": '{"a": 1}',
        "policy": "{}",
    }
    return Decision(**(found | fields))


def test_a_decision_comes_back_whole_when_it_was_recorded(
    engine: SparkSession, tmp_path: Path
) -> None:
    bare = decision("b", answers=None, model_version=None, effective_from=None)

    recorded = ledger.record(engine, str(tmp_path / "ledger"), decision("a"))
    both = ledger.record(engine, str(tmp_path / "ledger"), bare)

    assert recorded.decision == decision("a")
    assert both.decision == bare
    assert both.history == [decision("a"), bare]


def test_the_first_answer_stands_when_a_question_is_asked_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path / "ledger")
    first = ledger.record(spark, uri, decision("a"))
    before = content(spark, uri)

    again = ledger.record(spark, uri, decision("a", verdict=Verdict.REFUSE, reason="worse"))

    assert again.decision == first.decision
    assert again.table.version == first.table.version
    assert content(spark, uri) == before


def test_history_is_the_models_own_when_models_share_the_ledger(
    spark: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path / "ledger")
    ledger.record(spark, uri, decision("late/b"))
    ledger.record(spark, uri, decision("other/a", model="other"))

    recorded = ledger.record(spark, uri, decision("late/a", as_of=AT - timedelta(days=9)))

    assert [one.id for one in recorded.history] == ["late/a", "late/b"]


def test_columns_are_a_decisions_fields_when_others_read_the_ledger(
    spark: SparkSession, tmp_path: Path
) -> None:
    uri = str(tmp_path / "ledger")
    ledger.record(spark, uri, decision("a"))

    schema = spark.read.format("delta").load(uri).schema

    assert schema.names == list(Decision.model_fields)
    types = {field.name: field.dataType.simpleString() for field in schema}
    assert {name for name, type_ in types.items() if type_ == "timestamp"} == {
        "as_of",
        "effective_from",
    }
    detail = spark.sql(f"DESCRIBE DETAIL delta.`{uri}`").collect()[0]
    assert detail["partitionColumns"] == ["model"]


def test_both_rows_survive_when_two_writers_insert_at_the_same_time(
    spark: SparkSession, tmp_path: Path
) -> None:
    uri, writers = str(tmp_path / "ledger"), 3
    ledger.record(spark, uri, decision("before"))
    together = Barrier(writers)

    def write(index: int) -> str:
        session = spark.newSession()
        together.wait()
        return ledger.record(session, uri, decision(f"row-{index}")).decision.id

    with ThreadPoolExecutor(writers) as pool:
        written = list(pool.map(write, range(writers)))

    assert written == ["row-0", "row-1", "row-2"]
    found = ledger.record(spark, uri, decision("after")).history
    assert {one.id for one in found} == {"before", "after", *written}


def failing(times: int) -> Callable[..., PinnedTable]:
    """`insert_new` when others commit first, so many times."""
    left, insert = [times], tables.insert_new

    def insert_new(*args: Any, **kwargs: Any) -> PinnedTable:
        if left[0]:
            left[0] -= 1
            raise WriteConflict("ledger.decisions", "insert")
        return insert(*args, **kwargs)

    return insert_new


def test_the_row_is_offered_again_when_another_writer_was_first(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "insert_new", failing(ledger.ATTEMPTS - 1))

    recorded = ledger.record(spark, str(tmp_path / "ledger"), decision("a"))

    assert [one.id for one in recorded.history] == ["a"]


def test_the_conflict_is_told_when_others_are_always_first(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "insert_new", failing(ledger.ATTEMPTS))

    with pytest.raises(WriteConflict):
        ledger.record(spark, str(tmp_path / "ledger"), decision("a"))
    assert not tables.exists(spark, str(tmp_path / "ledger"))
