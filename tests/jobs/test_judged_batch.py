"""A batch of which no row breaks a rule is judged where it lies, and otherwise written by outcome: the same comes of it."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from headrace_jobs.lake import files
from headrace_jobs.tables import figures, judged_batch
from headrace_schemas.wire.table_jobs import GateReport
from tests.jobs.batches import Batch, contract, properties, table_rule

pytestmark = pytest.mark.spark
GOOD = ("a,2024-05-01T00:00:00Z,1.5,1", "b,2024-05-01T01:00:00Z,2.5,2", "c,2024-05-02,,3")
BAD = "d,2024-05-03,98765.25,1"
RULES = 'type: sql, query: "SELECT sum(kilowatts) FROM {table}", mustBeGreaterThan: 1'


def readings(engine: SparkSession, folder: Path) -> Batch:
    columns = properties("logicalTypeOptions: {maximum: 100}")
    return Batch(engine, folder, contract(folder, columns, table_rule(RULES)))


def digests(folder: Path) -> list[str]:
    found = sorted(folder.rglob("*.parquet"), key=lambda one: one.name)
    return [hashlib.sha256(one.read_bytes()).hexdigest() for one in found]


def told(batch: Batch, report: GateReport) -> tuple[Any, ...]:
    """All that a gate says, but for its times."""
    record = json.loads((batch.record / "result.json").read_text())
    results = [
        (one["expectation_config"], one["success"], one["result"]) for one in record["results"]
    ]
    return report.verdict, report.counts, report.failures, report.metrics, results


def always_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged_batch, "is_in_crumbs", lambda _: True)


def values(uri: str) -> list[dict[str, Any]]:
    rows = DeltaTable(uri).to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: str(row.get("meter")))


def test_files_stay_as_they_are_and_the_same_is_told_when_no_row_breaks_a_rule(
    engine: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = readings(engine, tmp_path)
    batch.load_rows(*GOOD)
    lying = batch.gate()
    assert digests(tmp_path / "gated") == digests(tmp_path / "staged")
    said = told(batch, lying)
    always_written(monkeypatch)
    written = batch.gate()
    assert digests(tmp_path / "gated") != digests(tmp_path / "staged")
    assert told(batch, written) == said
    assert said[0] == "passed"


@pytest.mark.parametrize("row", [BAD, "e,x,1,1", "a,2024-05-01T00:00:00Z,9,1"])
def test_batch_is_written_by_outcome_when_a_row_breaks_a_rule(
    spark: SparkSession, tmp_path: Path, row: str
) -> None:
    batch = readings(spark, tmp_path)
    batch.load_rows(*GOOD, row)
    report = batch.gate()
    assert report.counts is not None
    assert (report.counts.rows_out, report.counts.rows_quarantined) == (3, 1)
    outcomes = {one.path.partition("/")[0] for one in files.below(batch.gated)}
    assert {"_outcome=passed", "_outcome=quarantined"} <= outcomes
    assert len(digests(tmp_path / "gated")) == 2  # nothing is left of a copy


def test_copies_alone_are_judged_when_the_staged_files_are_gone(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = files.all_copied

    def copied_and_gone(folder: str, *given: Any) -> Any:
        made = copy(folder, *given)
        if folder == batch.staged:
            files.remove(folder)
        return made

    monkeypatch.setattr(files, "all_copied", copied_and_gone)
    batch = readings(spark, tmp_path)
    for rows, expected in ((GOOD, True), ((*GOOD, GOOD[0]), False)):
        batch.load_rows(*rows)
        schema = spark.read.parquet(batch.staged).schema
        found = judged_batch.as_it_lies(spark, batch.gate_spec(), schema, lambda _: {})
        assert (found is not None) is expected


def test_table_holds_the_same_when_files_are_copied_or_written(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("lying", "written"):
        batch = readings(spark, tmp_path / name)
        for number in (1.5, 2.5):  # a table that is there takes files
            batch.load_rows(*GOOD, f"z,2024-05-09T00:00:00Z,{number},1")
            batch.gate()
            batch.publish()
        found.append(values(batch.table))
        always_written(monkeypatch)
    assert found[0] == found[1]
    assert len(found[0]) == 4


def test_quarantine_is_emptied_when_the_repaired_batch_breaks_no_rule(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = readings(engine, tmp_path)
    for rows, left in (((*GOOD, BAD), 1), (GOOD, 0)):
        batch.load_rows(*rows)
        batch.gate()
        batch.publish()
        assert len(values(batch.quarantine)) == left


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([], False), ([1] * 8, False), ([1] * 9, True), ([1 << 20] * 9, False), ([1 << 30], False)],
)
def test_files_are_better_joined_when_they_are_many_and_small(
    sizes: list[int], expected: bool
) -> None:
    lying = [files.ListedFile(str(n), size, datetime.now(UTC)) for n, size in enumerate(sizes)]
    assert judged_batch.is_in_crumbs(lying) is expected


def test_what_an_earlier_try_copied_is_gone_when_the_gate_runs_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = readings(spark, tmp_path)
    batch.load_rows(*GOOD)
    left = tmp_path / "gated" / "_outcome=passed" / "part-left.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a fi")
    report = batch.gate()
    assert report.verdict == "passed"
    assert digests(tmp_path / "gated") == digests(tmp_path / "staged")


def test_batch_is_written_when_its_store_does_not_copy(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = readings(spark, tmp_path)
    batch.load_rows(*GOOD)
    monkeypatch.setattr(files, "copied", lambda *_: None)
    assert batch.gate().verdict == "passed"
    assert len(digests(tmp_path / "gated")) == 1
    assert digests(tmp_path / "gated") != digests(tmp_path / "staged")


def test_a_contradiction_is_seen_when_great_expectations_counts_otherwise(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_more(asked: Mapping[Any, Any], found: Any) -> dict[Any, Any]:
        return {id: value + 1 for id, value in zip(asked, found, strict=True)}

    batch = readings(spark, tmp_path)
    batch.load_rows(*GOOD)
    monkeypatch.setattr(judged_batch, "figures_of", one_more)
    report = batch.gate()
    assert report.verdict == "failed"
    assert report.error is not None
    assert "Great Expectations 1" in report.error.message


def test_only_counts_of_all_rows_are_known_before() -> None:
    class Metric:
        compute_domain_kwargs: dict[str, object]

    for domain, expected in (
        ({}, True),
        ({"row_condition": None, "filter_conditions": []}, True),
        ({"row_condition": "phase = 1"}, False),
        ({"filter_conditions": ["kilowatts IS NOT NULL"]}, False),
    ):
        metric = Metric()
        metric.compute_domain_kwargs = domain
        assert figures.is_of_all_rows(metric) is expected
