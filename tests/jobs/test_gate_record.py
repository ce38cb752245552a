"""What the gate keeps of a batch, and that two countings agree."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.tables import expectations, row_rules
from headrace_schemas.rules.rule import Expectation, RowRule, Severity
from tests.jobs.batches import Batch, contract, custom, failure, properties, table_rule

pytestmark = pytest.mark.spark
GOOD = "a,2024-05-01T00:00:00Z,1.5,1"
MORE = ("b,2024-05-01T01:00:00Z,2.5,2", "c,2024-05-02T02:00:00Z,3.5,3")


def test_record_tells_rules_counts_and_positions_but_no_values(
    engine: SparkSession, tmp_path: Path
) -> None:
    columns = properties("logicalTypeOptions: {maximum: 100}")
    quality = table_rule('type: sql, query: "SELECT count(*) FROM {table}", mustBeGreaterThan: 1')
    batch = Batch(engine, tmp_path, contract(tmp_path, columns, quality))
    batch.load_rows(GOOD, *MORE, *[f"secret-{n},2024-05-03,98765.25,1" for n in range(9)])
    report = batch.gate()
    assert report.record_uri == str(batch.record)
    text = (batch.record / "result.json").read_text()
    page = (batch.record / "index.html").read_text()
    result = json.loads(text)
    by_rule = {one["expectation_config"]["meta"]["rule"]: one for one in result["results"]}
    assert set(by_rule) == {
        one.id for one in (*batch.contract.row_rules, *batch.contract.table_rules)
    }
    assert by_rule["kilowatts.maximum"]["result"]["unexpected_count"] == 9
    assert by_rule["meter.required"]["result"] == {
        "element_count": 12,
        "unexpected_count": 0,
        "unexpected_percent": 0.0,
    }
    assert by_rule["readings.rule"]["result"] == {"observed_value": "3"}
    assert result["meta"]["verdict"] == "warned"
    assert result["meta"]["counts"] == {"rows_in": 12, "rows_out": 3, "rows_quarantined": 9}
    assert result["statistics"]["unsuccessful_expectations"] == 1
    assert "kilowatts.maximum" in page
    assert "9 of 12 rows (75%)" in page
    for value in ("secret", "98765"):
        assert value not in text
        assert value not in page
        assert value not in report.model_dump_json()
    assert failure(report.failures, "kilowatts.maximum").examples == tuple(
        f"readings/one.csv:{n}" for n in range(4, 9)
    )


def test_record_is_the_same_when_the_gate_runs_again(spark: SparkSession, tmp_path: Path) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    batch.load_rows(GOOD, "b,x,1,1")
    records = set()
    for _ in range(2):
        batch.gate()
        records.add(
            tuple((file.name, file.read_bytes()) for file in sorted(batch.record.iterdir()))
        )
    ((page, _), (result, _)) = records.pop()
    assert (page, result) == ("index.html", "result.json")
    assert not records


def test_counts_agree_when_great_expectations_counts_the_same_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    columns = properties(
        custom("expect_column_values_to_be_between", "{min_value: 0, max_value: 4}")
    )
    batch = Batch(spark, tmp_path, contract(tmp_path, columns))
    batch.load_rows(
        GOOD,
        GOOD,
        *MORE,
        ",2024-05-03,5,1",
        "d,,-1,1",
        "e,2024-05-03,NaN,1",
        "f,2024-05-03,,1",
        "g,x,9,9",
        "b,2024-05-01T01:00:00Z,7,2",
    )
    batch.gate()
    readable = row_rules.gated(spark, batch.gated).where(row_rules.is_readable())
    ours = row_rules.broken_rules(row_rules.gated(spark, batch.gated), 1)
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_spark("x").add_dataframe_asset("y")
    whole = asset.add_batch_definition_whole_dataframe("z").get_batch({"dataframe": readable})
    for rule in batch.contract.row_rules:
        result = whole.validate(expectations.expectation(rule), result_format="BASIC")
        theirs = result.result.get("unexpected_count")
        if theirs is None:
            (checked,) = expectations.check(readable, "one", [rule])
            theirs = checked.figures["unexpected_count"]
        assert theirs == (ours[rule.id].rows if rule.id in ours else 0), rule.id
    assert ours["key.unique"].rows == 2
    assert ours["kilowatts.rule"].rows == 4


def test_batch_is_held_back_when_the_two_counts_differ(spark: SparkSession, tmp_path: Path) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    batch.load_rows(GOOD)
    native = Expectation(type="expect_column_values_to_be_null", kwargs={"column": "meter"})
    wrong = RowRule(id="meter.odd", severity=Severity.CRITICAL, bad="FALSE", expectation=native)
    batch.contract = batch.contract.model_copy(update={"row_rules": (wrong,)})
    report = batch.gate()
    assert report.verdict == "failed"
    assert report.error is not None
    assert "meter.odd (cannot be judged: counted 0 bad rows" in report.error.message
