"""The lake as Airflow's side sees it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from headrace_airflow.lake_reader import partition_keys, published_keys, read_ledger, version_of
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.errors import EngineUnavailable
from tests.plugins.ledger import FEBRUARY, decision, note_empty, write_ledger, write_table


def test_version_is_none_when_there_is_no_table(tmp_path: Path) -> None:
    assert version_of(str(tmp_path / "nothing")) is None


def test_version_is_the_newest_when_a_table_was_written_twice(home: Path) -> None:
    write_table(home, "bronze.trips", ["2013-01"])
    write_table(home, "bronze.trips", ["2013-02"])
    uri = str(home / "lake/tables/bronze/trips")
    assert version_of(uri) == 1
    assert published_keys(uri) == {"2013-01", "2013-02"}


def test_partition_is_published_when_it_has_no_rows(home: Path) -> None:
    write_table(home, "bronze.trips", ["2013-01"])
    note_empty(home, "bronze.trips", "2013-02")
    uri = str(home / "lake/tables/bronze/trips")
    assert published_keys(uri) == {"2013-01", "2013-02"}
    assert partition_keys(uri) == ["2013-01"]
    assert published_keys(f"{uri}_of_nobody") == set()


def test_ledger_is_empty_when_nothing_was_decided(tmp_path: Path) -> None:
    assert read_ledger(str(tmp_path / "nothing"), "long_trip") == []


def test_decisions_come_back_as_written_when_read_from_the_ledger(home: Path) -> None:
    promoted = decision(
        Verdict.PROMOTE,
        answers="it's",
        model_version="3",
        effective_from=FEBRUARY,
        evidence='{"a": 1}',
    )
    waited = decision(Verdict.WAIT, as_of=datetime(2013, 2, 3, tzinfo=UTC))
    write_ledger(home, [promoted, waited, decision(Verdict.TRAIN, model="duration")])
    assert read_ledger(str(home / "lake/ledger/decisions"), "long_trip") == [waited, promoted]


def test_lake_is_said_to_be_unavailable_when_a_table_is_damaged(home: Path) -> None:
    write_ledger(home, [decision(Verdict.TRAIN)])
    uri = home / "lake/ledger/decisions"
    (uri / "_delta_log" / f"{0:020}.json").write_text("{")
    with pytest.raises(EngineUnavailable, match="lake at "):
        read_ledger(str(uri), "long_trip")


def test_lake_is_said_to_be_unavailable_when_a_data_file_is_missing(home: Path) -> None:
    write_ledger(home, [decision(Verdict.TRAIN)])
    uri = home / "lake/ledger/decisions"
    next(uri.glob("model=*/*.parquet")).unlink()
    with pytest.raises(EngineUnavailable, match="lake at "):
        read_ledger(str(uri), "long_trip")
