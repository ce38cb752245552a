"""Rows come back whole, whichever version of Headrace has written them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arro3.core import Array, DataType, Table
from deltalake import DeltaTable, write_deltalake

from headrace_lake.commits import insert
from headrace_lake.ledger import DECISIONS, HOLDS, VERSIONS, RowTable, digests_of, learnt_from
from headrace_schemas.decisions.decision import Decision
from headrace_schemas.decisions.model_version import ModelVersion
from headrace_schemas.errors import EngineUnavailable, RowUnreadable
from headrace_schemas.model_errors import VersionUnknown
from headrace_schemas.places import Lake
from headrace_schemas.planning.pins import Hold
from tests.lake.rows import AT, decision


def version(number: str, model: str = "late", **fields: Any) -> ModelVersion:
    found = {
        "model": model,
        "version": number,
        "booster_sha256": f"booster {number}",
        "manifest_sha256": f"manifest {number}",
        "table": "gold.trips",
        "table_version": 3,
        "as_of": AT,
        "request_id": "run-1",
    }
    return ModelVersion.model_validate(found | fields)


def columns(row: Decision, **changes: Any) -> Table:
    """A decision's row as an Arrow table, with some columns changed, or left out where None."""
    kept = {name: value for name, value in row.model_dump(mode="json").items() if value is not None}
    for name in ("as_of", "effective_from"):
        kept.pop(name, None)
    if "request_id" in kept:
        kept["answers"] = kept.pop("request_id")  # the column's first name stays
    texts = {name: Array([value], DataType.utf8()) for name, value in kept.items()}
    micros = Array([1_717_376_523_000_456], DataType.int64())
    found = {**texts, "as_of": micros.cast(DataType.timestamp("us", tz="UTC")), **changes}
    return Table.from_pydict({name: one for name, one in found.items() if one is not None})


def test_there_are_no_rows_when_there_is_no_table(tmp_path: Path) -> None:
    assert DECISIONS.read(str(tmp_path / "nothing"), "late") == []


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (DECISIONS, decision("a")),
        (DECISIONS, decision("b", request_id=None, model_version=None, effective_from=None)),
        (VERSIONS, version("1")),
        (
            HOLDS,
            Hold(table="gold.trips", version=2, action="hold", reason="it's", by="Ada", at=AT),
        ),
    ],
)
def test_a_row_comes_back_whole_when_it_was_inserted(
    tmp_path: Path, kind: RowTable[Any], row: Any
) -> None:
    insert(kind, str(tmp_path / "t"), row, "{}")
    assert kind.read(str(tmp_path / "t")) == [row]


def test_columns_are_the_fields_of_the_class_in_their_order(tmp_path: Path) -> None:
    insert(DECISIONS, str(tmp_path), decision("a"), "{}")
    table = DeltaTable(str(tmp_path))
    types = {field.name: field.type.type for field in table.schema().fields}  # type: ignore[union-attr]  # no nested ones
    fields = ["answers" if name == "request_id" else name for name in Decision.model_fields]
    assert list(types) == fields
    assert {name for name, one in types.items() if one == "timestamp"} == {
        "as_of",
        "effective_from",
    }
    assert table.metadata().partition_columns == ["model"]


def test_rows_are_in_one_order_however_they_were_written(tmp_path: Path) -> None:
    uri = str(tmp_path)
    for row in (
        decision("late/retraining/b"),
        decision("late/promotion/b"),
        decision("late/retraining/a", as_of=AT - timedelta(days=9)),
        decision("other/promotion/a", model="other"),
    ):
        insert(DECISIONS, uri, row, "{}")
    own = ["late/retraining/a", "late/promotion/b", "late/retraining/b"]
    assert [one.id for one in DECISIONS.read(uri, "late")] == own
    assert [one.id for one in DECISIONS.read(uri)] == [own[0], *own[1:], "other/promotion/a"]


def test_versions_go_by_their_numbers(tmp_path: Path) -> None:
    lake = Lake(root=str(tmp_path))
    for number in ("10", "9", "2"):
        insert(VERSIONS, lake.versions, version(number, table_version=int(number)), "{}")
    assert [one.version for one in VERSIONS.read(lake.versions, "late")] == ["2", "9", "10"]
    assert learnt_from(lake, "late", "run-1") == 2
    assert learnt_from(lake, "late", "run-2") is None
    assert digests_of(lake, "late", "9").booster_sha256 == "booster 9"
    with pytest.raises(VersionUnknown):
        digests_of(lake, "late", "3")


def test_an_older_ledger_is_read_with_defaults_and_written_to(tmp_path: Path) -> None:
    uri, old = str(tmp_path), decision("old", effective_from=None)
    lacking = columns(old, policy=None, evidence=None, answers=None, model_version=None)
    write_deltalake(uri, lacking, partition_by=["model"])

    bare = old.model_copy(
        update={"policy": "{}", "evidence": "{}", "request_id": None, "model_version": None}
    )
    assert DECISIONS.read(uri, "late") == [bare]

    insert(DECISIONS, uri, decision("new"), "{}")
    assert DECISIONS.read(uri, "late") == [decision("new"), bare]


def test_a_newer_ledger_is_read_without_what_is_new_and_written_to(tmp_path: Path) -> None:
    uri, newer = str(tmp_path), decision("newer", effective_from=None)
    write_deltalake(
        uri, columns(newer, signals=Array(["[]"], DataType.utf8())), partition_by=["model"]
    )

    assert DECISIONS.read(uri, "late") == [newer]

    insert(DECISIONS, uri, decision("own"), "{}")
    assert DECISIONS.read(uri, "late") == [newer, decision("own")]
    assert "signals" in [field.name for field in DeltaTable(uri).schema().fields]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"reason": None}, "reason: Field required"),
        ({"verdict": Array(["ponder"], DataType.utf8())}, "verdict: Input should be"),
    ],
)
def test_what_cannot_be_read_is_named_when_a_row_is_none(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    write_deltalake(str(tmp_path), columns(decision("a"), **changes), partition_by=["model"])
    with pytest.raises(RowUnreadable, match=f"ledger.decisions: a row cannot be read: {problem}"):
        DECISIONS.read(str(tmp_path), "late")


def test_lake_is_said_to_be_unavailable_when_a_file_is_missing(tmp_path: Path) -> None:
    insert(DECISIONS, str(tmp_path), decision("a"), "{}")
    next(tmp_path.glob("model=*/*.parquet")).unlink()
    with pytest.raises(EngineUnavailable, match="lake at "):
        DECISIONS.read(str(tmp_path), "late")
