"""Each rule sets aside exactly the rows that break it, or holds the whole batch back."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pyspark.errors.exceptions.connect import SparkConnectException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.errors import EngineLost, job_error
from headrace_jobs.tables import expectations, row_rules
from tests.jobs.batches import (
    MAY,
    READINGS,
    Batch,
    contract,
    custom,
    failure,
    properties,
    table_rule,
)

pytestmark = pytest.mark.spark

GOOD = "a,2024-05-01T00:00:00Z,1.5,1"
MORE = ("b,2024-05-01T01:00:00Z,2.5,2", "c,2024-05-02T02:00:00Z,3.5,3")


def library(metric: str, rest: str) -> str:
    return f"quality: [{{name: kilowatts.rule, type: library, metric: {metric}, {rest}}}]"


def gated_rows(batch: Batch) -> list[tuple[object, list[str]]]:
    rows = row_rules.gated(batch.spark, batch.gated).orderBy("_source_row").collect()
    return [(row["_outcome"], row["_rule_ids"]) for row in rows]


@pytest.mark.parametrize(
    ("columns", "bad", "rule"),
    [
        (READINGS, ",2024-05-03,1,1", "meter.required"),
        (READINGS, "d,,1,1", "read_at.required"),
        (READINGS, "a,2024-05-01T00:00:00Z,9,9", "key.unique"),
        (READINGS, "d,2024-05-03,NaN,1", "kilowatts.finite"),
        (READINGS, "d,2024-05-03,Infinity,1", "kilowatts.finite"),
        (READINGS, "d,2024-05-03,-1e999,1", "kilowatts.finite"),
        (READINGS, "d,2024-05-03,1,x", "phase.type"),
        (READINGS, "d,2024-05-03,1", "row.malformed"),
        (properties("required: true"), "d,2024-05-03,,1", "kilowatts.required"),
        (properties("unique: true"), "d,2024-05-03,1.5,1", "kilowatts.unique"),
        (properties("logicalTypeOptions: {minimum: 1}"), "d,2024-05-03,0.9,1", "kilowatts.minimum"),
        (properties("logicalTypeOptions: {maximum: 4}"), "d,2024-05-03,4.1,1", "kilowatts.maximum"),
        (
            properties("logicalTypeOptions: {exclusiveMinimum: 1}"),
            "d,2024-05-03,1,1",
            "kilowatts.exclusiveMinimum",
        ),
        (
            properties("logicalTypeOptions: {exclusiveMaximum: 4}"),
            "d,2024-05-03,4,1",
            "kilowatts.exclusiveMaximum",
        ),
        (
            READINGS.replace(
                "physicalType: STRING,",
                "physicalType: STRING, logicalTypeOptions: {pattern: '^[a-z]{1}$'},",
            ),
            "D,2024-05-03,4,1",
            "meter.pattern",
        ),
        (
            READINGS.replace(
                "physicalType: STRING,", "physicalType: STRING, logicalTypeOptions: {maxLength: 1},"
            ),
            "dd,2024-05-03,4,1",
            "meter.maxLength",
        ),
        (
            READINGS.replace(
                "physicalType: STRING,", "physicalType: STRING, logicalTypeOptions: {minLength: 1},"
            ),
            '"",2024-05-03,4,1',
            "meter.minLength",
        ),
        (
            READINGS.replace(
                "physicalType: STRING,",
                "physicalType: STRING, enum: [{value: a}, {value: b}, {value: c}],",
            ),
            "d,2024-05-03,4,1",
            "meter.enum",
        ),
        (
            properties(
                custom("expect_column_values_to_be_between", "{min_value: 0, max_value: 4}")
            ),
            "d,2024-05-03,4.1,1",
            "kilowatts.rule",
        ),
        (
            properties(
                custom("expect_column_values_to_be_between", "{min_value: 1, strict_min: true}")
            ),
            "d,2024-05-03,1,1",
            "kilowatts.rule",
        ),
        (
            properties(custom("expect_column_values_to_be_in_set", "{value_set: [1.5, 2.5, 3.5]}")),
            "d,2024-05-03,4.1,1",
            "kilowatts.rule",
        ),
        (
            properties(custom("expect_column_values_to_not_be_in_set", "{value_set: [9, 8]}")),
            "d,2024-05-03,9,1",
            "kilowatts.rule",
        ),
        (
            properties(custom("expect_column_values_to_not_be_null", "{}")),
            "d,2024-05-03,,1",
            "kilowatts.rule",
        ),
        (
            properties(
                custom(
                    "expect_column_values_to_match_regex", "{column: meter, regex: '^[a-c]{1}$'}"
                )
            ),
            "d,2024-05-03,9,1",
            "kilowatts.rule",
        ),
        (
            properties(
                custom("expect_column_values_to_not_match_regex", "{column: meter, regex: d}")
            ),
            "d,2024-05-03,9,1",
            "kilowatts.rule",
        ),
        (
            properties(
                custom("expect_column_value_lengths_to_be_between", "{column: meter, max_value: 1}")
            ),
            "dd,2024-05-03,9,1",
            "kilowatts.rule",
        ),
        (
            properties(
                custom(
                    "expect_column_pair_values_a_to_be_greater_than_b",
                    "{column_A: kilowatts, column_B: phase}",
                )
            ),
            "d,2024-05-03,1,1",
            "kilowatts.rule",
        ),
        (
            properties(
                custom(
                    "unexpected_rows_expectation",
                    "{unexpected_rows_query: 'SELECT * FROM {batch} WHERE kilowatts > 4 AND phase < 2'}",
                )
            ),
            "d,2024-05-03,9,1",
            "kilowatts.rule",
        ),
        (properties(library("nullValues", "mustBe: 0")), "d,2024-05-03,,1", "kilowatts.rule"),
        (
            properties(library("missingValues", "mustBe: 0, arguments: {missingValues: [-99]}")),
            "d,2024-05-03,-99,1",
            "kilowatts.rule",
        ),
        (
            properties(
                library("invalidValues", "mustBe: 0, arguments: {validValues: [1.5, 2.5, 3.5]}")
            ),
            "d,2024-05-03,9,1",
            "kilowatts.rule",
        ),
        (
            properties(library("duplicateValues", "mustBe: 0")),
            "d,2024-05-03,1.5,1",
            "kilowatts.rule",
        ),
    ],
    ids=lambda value: value if value.count(".") == 1 and "," not in value else "",
)
def test_only_the_bad_row_is_set_aside_when_it_breaks_one_rule(
    spark: SparkSession, tmp_path: Path, columns: str, bad: str, rule: str
) -> None:
    nulls = ("NA",) if rule == "meter.minLength" else ("", "NA")
    batch = Batch(spark, tmp_path, contract(tmp_path, columns))
    assert batch.build.source is not None
    source = batch.build.source.model_copy(update={"null_values": nulls})
    batch.build = batch.build.model_copy(update={"source": source})
    batch.load_rows(GOOD, *MORE, bad)
    report = batch.gate()
    assert gated_rows(batch) == [("passed", [])] * 3 + [("quarantined", [rule])]
    assert report.verdict == "warned"
    assert report.counts is not None
    assert report.counts.model_dump() == {"rows_in": 4, "rows_out": 3, "rows_quarantined": 1}
    assert [(one.rule, one.severity, one.failed) for one in report.failures] == [
        (rule, "critical", 1)
    ]
    assert report.failures[0].examples == ("readings/one.csv:4",)


@pytest.mark.parametrize("severity", ["warning", "info"])
def test_row_passes_when_it_breaks_a_rule_that_only_reports(
    engine: SparkSession, tmp_path: Path, severity: str
) -> None:
    rule = custom("expect_column_values_to_be_between", "{max_value: 4}")
    columns = properties(rule.replace("type: custom", f"type: custom, severity: {severity}"))
    batch = Batch(engine, tmp_path, contract(tmp_path, columns))
    batch.load_rows(GOOD, *MORE, "d,2024-05-03,9,1")
    report = batch.gate()
    assert report.verdict == ("warned" if severity == "warning" else "passed")
    assert report.counts is not None
    assert report.counts.rows_quarantined == 0
    assert failure(report.failures, "kilowatts.rule").failed == 1
    assert failure(report.failures, "kilowatts.rule").examples == ("readings/one.csv:4",)


@pytest.mark.parametrize(
    "rule",
    [
        'type: sql, query: "SELECT count(DISTINCT meter) FROM {table}", mustBe: 4',
        "type: library, metric: rowCount, mustBeGreaterThan: 3",
        "type: library, metric: nullValues, mustBeLessThan: 1, arguments: {properties: [phase]}",
        "type: library, metric: nullValues, mustBeLessThan: 30, unit: percent, arguments: {properties: [phase]}",
        "type: library, metric: duplicateValues, mustBeLessThan: 1, arguments: {properties: [read_at]}",
        'type: sql, query: "SELECT max(phase) FROM {table} WHERE meter = '
        "nobody"
        '", mustBeLessThan: 9',
        "type: custom, engine: greatExpectations, implementation: {type: expect_column_values_to_be_between, "
        "kwargs: {column: kilowatts, max_value: 2, mostly: 0.9}}",
        "type: custom, engine: greatExpectations, implementation: {type: expect_column_mean_to_be_between, "
        "kwargs: {column: kilowatts, min_value: 100}}",
    ],
)
def test_nothing_is_let_through_when_a_critical_table_rule_does_not_hold(
    spark: SparkSession, tmp_path: Path, rule: str
) -> None:
    columns = READINGS
    batch = Batch(spark, tmp_path, contract(tmp_path, columns, table_rule(rule)))
    batch.load_rows(GOOD, "b,2024-05-01,2.5,", "c,2024-05-01,3.5,")
    report = batch.gate()
    assert (report.status, report.verdict) == ("failed", "failed")
    assert report.output_uri is None
    assert report.error is not None
    assert (report.error.type, report.error.retryable) == ("GateFailed", False)
    assert report.error.fields["rules"][0].startswith("readings.rule")
    assert report.failures[0].rule == "readings.rule"
    assert (batch.record / "index.html").is_file()  # people must see why


def test_batch_is_let_through_when_a_table_rule_only_warns(
    spark: SparkSession, tmp_path: Path
) -> None:
    rule = "severity: warning, type: library, metric: rowCount, mustBeGreaterThan: 30"
    batch = Batch(spark, tmp_path, contract(tmp_path, READINGS, table_rule(rule)))
    batch.load_rows(GOOD, *MORE)
    report = batch.gate()
    assert report.verdict == "warned"
    assert report.failures[0].description == "readings.rule (found 3)"


def test_table_rule_judges_only_rows_that_pass_when_others_are_set_aside(
    spark: SparkSession, tmp_path: Path
) -> None:
    rule = 'type: sql, query: "SELECT max(phase) FROM {table}", mustBeLessThan: 9'
    columns = properties("logicalTypeOptions: {maximum: 4}")
    batch = Batch(spark, tmp_path, contract(tmp_path, columns, table_rule(rule)))
    batch.load_rows(GOOD, *MORE, "d,2024-05-03,5,100")
    assert batch.gate().verdict == "warned"


def test_sql_rule_says_so_when_its_query_cannot_run(spark: SparkSession, tmp_path: Path) -> None:
    rule = 'type: sql, query: "SELECT max(nothing) FROM {table}", mustBe: 1'
    batch = Batch(spark, tmp_path, contract(tmp_path, READINGS, table_rule(rule)))
    batch.load_rows(GOOD)
    report = batch.gate()
    assert report.verdict == "failed"
    assert report.error is not None
    assert "readings.rule (cannot be judged: " in report.error.message
    assert "column nothing is not in the contract" in report.error.message


# What Great Expectations alone lets pass


def test_empty_batch_is_held_back_when_loaded(engine: SparkSession, tmp_path: Path) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path))
    batch.load_rows()
    report = batch.gate()
    assert report.verdict == "failed"
    assert report.failures[0].rule == "table.not_empty"


def test_batch_is_held_back_when_no_row_passes(spark: SparkSession, tmp_path: Path) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    batch.load_rows("a,2024-05-01,NaN,1", "b,x,1,1")
    report = batch.gate()
    assert report.verdict == "failed"
    assert report.failures[0].rule == "table.not_empty"
    assert report.counts is not None
    assert (report.counts.rows_out, report.counts.rows_quarantined) == (0, 2)


def test_batch_warns_when_a_column_has_no_value(spark: SparkSession, tmp_path: Path) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    batch.load_rows("a,2024-05-01,,1", "b,2024-05-01,,1")
    report = batch.gate()
    assert report.verdict == "warned"
    assert [one.rule for one in report.failures] == ["kilowatts.not_all_null"]


# Duplicates


def kept(batch: Batch) -> list[object]:
    rows = row_rules.gated(batch.spark, batch.gated, "passed").orderBy("_source_row").collect()
    return [row["_source_row"] for row in rows]


def test_first_row_of_a_key_stays_when_three_have_it(engine: SparkSession, tmp_path: Path) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path))
    batch.load_rows("a,2024-05-01,3,1", "a,2024-05-01,2,1", "b,2024-05-01,1,1", "a,2024-05-01,1,1")
    report = batch.gate()
    assert kept(batch) == [1, 3]
    assert failure(report.failures, "key.unique").failed == 2
    assert failure(report.failures, "key.unique").examples == (
        "readings/one.csv:2",
        "readings/one.csv:4",
    )


def test_good_row_stays_when_an_earlier_one_of_its_key_is_bad(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    batch.load_rows("a,2024-05-01,NaN,1", "a,2024-05-01,2,x", "a,2024-05-01,2,1")
    batch.gate()
    assert kept(batch) == [3]


def test_rows_without_a_key_are_no_duplicates_when_there_are_two(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path, properties("unique: true")))
    batch.load_rows("a,2024-05-01,,1", "b,2024-05-01,,1", "c,2024-05-01,7,1")
    assert batch.gate().counts.rows_out == 3  # type: ignore[union-attr]


def test_duplicates_are_parted_the_same_way_when_rows_have_no_position(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    rows = [f"a,2024-05-01,{n},{n}" for n in range(20)]
    kept_phases = set()
    for order in (rows, rows[::-1]):
        batch.load_rows(*order)
        staged = spark.read.parquet(batch.staged)
        nulled = staged.withColumns(
            {"_source_file": F.lit(None).cast("string"), "_source_row": F.lit(None).cast("bigint")}
        )
        nulled.write.mode("overwrite").parquet(batch.staged + "-nulled")
        spec = batch.gate_spec().model_copy(update={"staged_uri": batch.staged + "-nulled"})
        from headrace_jobs.tables import gate

        report = gate.run(spark, spec)
        assert failure(report.failures, "key.unique").examples == ()
        passed = row_rules.gated(spark, batch.gated, "passed").collect()
        kept_phases.add(tuple(row["phase"] for row in passed))
    assert kept_phases == {(0,)}


# Freshness

FRESH = "[{property: freshness, value: 2, unit: d, element: readings.read_at}]"


@pytest.mark.parametrize(
    ("late", "verdict"), [(timedelta(), "passed"), (timedelta(seconds=1), "warned")]
)
def test_batch_warns_when_its_newest_row_is_too_old(
    spark: SparkSession, tmp_path: Path, late: timedelta, verdict: str
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path, sla=FRESH))
    newest = MAY.end - timedelta(days=2) - late
    batch.load_rows(GOOD, f"b,{newest:%Y-%m-%dT%H:%M:%SZ},1,1")
    batch.as_of = MAY.end
    report = batch.gate()
    assert report.verdict == verdict
    assert [one.rule for one in report.failures] == (["table.fresh"] if late else [])


def test_freshness_is_not_judged_when_the_batch_has_no_time(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path, sla=FRESH))
    batch.load_rows(GOOD)
    assert batch.gate().verdict == "passed"


def test_unpartitioned_batch_is_judged_when_it_has_no_partition(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(
        spark,
        tmp_path,
        contract(tmp_path, quality=table_rule("type: library, metric: rowCount, mustBe: 7")),
    )
    batch.partition = None
    batch.load_rows(GOOD)
    assert {row["_batch_id"] for row in batch.staged_rows()} == {"bronze.readings/all"}
    report = batch.gate()
    assert report.error is not None
    assert report.error.message.startswith(
        "bronze.readings: 1 critical rule(s) do not hold: readings.rule (found 1)"
    )


def test_failures_are_bounded_when_many_rules_are_broken(
    spark: SparkSession, tmp_path: Path
) -> None:
    columns = "".join(
        f"- {{name: c{n}, logicalType: integer, physicalType: INT, required: true}}\n"
        for n in range(15)
    )
    batch = Batch(spark, tmp_path, contract(tmp_path, columns))
    header = ",".join(f"c{n}" for n in range(15))
    batch.load_rows(",".join("1" * 15), *[",".join("NA" for _ in range(15))] * 8, header=header)
    report = batch.gate()
    assert len(report.failures) == 10
    assert report.metrics["rules_broken"] == 15
    assert {len(one.examples) for one in report.failures} == {5}


def test_instants_compare_when_bounds_are_texts(spark: SparkSession, tmp_path: Path) -> None:
    rule = custom(
        "expect_column_values_to_be_between",
        "{column: read_at, min_value: '2024-05-01', max_value: '2024-05-31'}",
    )
    batch = Batch(spark, tmp_path, contract(tmp_path, properties(rule)))
    batch.load_rows(GOOD, "b,2023-05-01,1,1")
    report = batch.gate()
    assert [one.rule for one in report.failures] == ["kilowatts.rule"]
    assert datetime(2024, 5, 1) in {
        row["read_at"] for row in row_rules.gated(spark, batch.gated, "passed").collect()
    }


@pytest.mark.parametrize(
    "lost",
    [
        "[NO_ACTIVE_SESSION] No active Spark session found.",
        "<_InactiveRpcError of RPC that terminated with: status = StatusCode.UNAVAILABLE>",
    ],
)
def test_batch_is_not_blamed_when_spark_goes_away_under_a_rule(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    quality = table_rule('type: sql, query: "SELECT count(*) FROM {table}", mustBeGreaterThan: 1')
    batch = Batch(spark, tmp_path, contract(tmp_path, quality=quality))
    batch.load_rows(GOOD, *MORE)

    def gone(*_: object) -> None:
        raise SparkConnectException(lost)

    monkeypatch.setattr(expectations, "measure", gone)
    with pytest.raises(EngineLost) as raised:
        batch.gate()
    report = job_error(raised.value, "sc://localhost")
    assert (report.type, report.retryable) == ("EngineUnavailable", True)
