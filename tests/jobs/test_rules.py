"""Each rule says of each row what it means: one batch for all of them."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import great_expectations.expectations.core  # noqa: F401 - registers what is compared here
import pytest
import yaml
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
)
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.tables import gate, row_rules
from headrace_schemas.rules import expectation_types, spark_functions
from headrace_schemas.rules.rule import Expectation, RowRule, Severity
from headrace_schemas.wire.table_jobs import GateReport
from tests.jobs.batches import Batch, contract, failure

pytestmark = pytest.mark.spark

Rule = dict[str, Any]


def expect(kind: str, **kwargs: object) -> Rule:
    implementation = {"type": kind, "kwargs": kwargs}
    return {"type": "custom", "engine": "greatExpectations", "implementation": implementation}


def rows_where(predicate: str) -> Rule:
    query = f"SELECT * FROM {{batch}} WHERE {predicate}"
    return expect("unexpected_rows_expectation", unexpected_rows_query=query)


class Case(NamedTuple):
    """A column with one rule, a value that keeps it, one that breaks it, and what else is tried.

    Attributes:
        null: Whether a missing value breaks it.
        fails: A value on which the rule cannot be evaluated.
        other: What a second column, `<name>b`, holds: for the good and for the bad row.
    """

    type: str
    rule: Rule
    good: str
    bad: str
    null: bool = False
    fails: str | None = None
    other: tuple[str, str] | None = None


VALUES = "expect_column_values_to_"
CASES = {
    "set": Case("STRING", expect(f"{VALUES}be_in_set", value_set=["A", "B", None]), "A", "WRONG"),
    "enum": Case("STRING", {"enum": [{"value": "A"}, {"value": None}]}, "A", "B"),
    "valid": Case(
        "STRING",
        {
            "type": "library",
            "metric": "invalidValues",
            "mustBe": 0,
            "arguments": {"validValues": ["A", None]},
        },
        "A",
        "B",
    ),
    "banned": Case(
        "INT", expect(f"{VALUES}not_be_in_set", value_set=[1, None]), "2", "1", null=True
    ),
    "missing": Case(
        "STRING",
        {
            "type": "library",
            "metric": "missingValues",
            "mustBe": 0,
            "arguments": {"missingValues": ["-", None]},
        },
        "A",
        "-",
        null=True,
    ),
    "days": Case(
        "DATE", expect(f"{VALUES}be_in_set", value_set=["2024-05-01"]), "2024-05-01", "2024-05-02"
    ),
    "times": Case(
        "TIMESTAMP",
        expect(f"{VALUES}be_between", min_value="2024-05-01T00:00:00Z"),
        "2024-05-01T00:00:00Z",
        "2024-04-30T23:59:59Z",
    ),
    "tenths": Case("FLOAT", expect(f"{VALUES}be_between", max_value=0.1), "0.1", "0.2"),
    "money": Case(
        "DECIMAL(10,2)", expect(f"{VALUES}be_in_set", value_set=["0.10", 3]), "0.10", "0.11"
    ),
    "flags": Case("BOOLEAN", expect(f"{VALUES}be_in_set", value_set=[True]), "true", "false"),
    "big": Case(
        "BIGINT", expect(f"{VALUES}be_between", max_value=2**53), str(2**53), str(2**53 + 1)
    ),
    "huge": Case(
        "BIGINT", {"logicalTypeOptions": {"maximum": 10**18}}, str(10**18), str(10**18 + 1)
    ),
    "odd": Case(
        "STRING",
        expect(f"{VALUES}be_in_set", value_set=['it\'s \\ {batch} ${env:HOME}\n"x"']),
        '"it\'s \\ {batch} ${env:HOME}\n""x"""',
        "x",
    ),
    "spaces": Case("STRING", rows_where("spaces LIKE '%  %' -- two\n  "), "one two", "one  two"),
    "lower": Case(
        "STRING",
        expect(
            "unexpected_rows_expectation",
            unexpected_rows_query="/* all */ select *\nfrom {batch}\nwhere lower = 'a;b' ;",
        ),
        "a",
        "a;b",
    ),
    "null": Case("STRING", expect(f"{VALUES}be_null"), "", "x"),
    "given": Case("STRING", expect(f"{VALUES}not_be_null"), "x", "", null=True),
    "strict": Case(
        "DOUBLE", expect(f"{VALUES}be_between", min_value=1, strict_min=True), "1.5", "1"
    ),
    "length": Case(
        "STRING", expect("expect_column_value_lengths_to_be_between", max_value=2), "ab", "abc"
    ),
    "exactly": Case("STRING", expect("expect_column_value_lengths_to_equal", value=2), "ab", "a"),
    "matches": Case("STRING", expect(f"{VALUES}match_regex", regex="^[a-c]{1}$"), "a", "d"),
    "avoids": Case("STRING", expect(f"{VALUES}not_match_regex", regex="d\\."), "dx", "d."),
    "any": Case("STRING", expect(f"{VALUES}match_regex_list", regex_list=["^a", "b$"]), "ax", "x"),
    "all": Case(
        "STRING",
        expect(f"{VALUES}match_regex_list", regex_list=["^a", "b$"], match_on="all"),
        "ab",
        "ax",
    ),
    "none": Case(
        "STRING", expect(f"{VALUES}not_match_regex_list", regex_list=["^a", "b$"]), "x", "ax"
    ),
    "like": Case(
        "STRING", expect(f"{VALUES}match_like_pattern", like_pattern="10\\%"), "10%", "10x"
    ),
    "unlike": Case(
        "STRING",
        expect(f"{VALUES}not_match_like_pattern", like_pattern="#_%", escape="#"),
        "a",
        "_a",
    ),
    "likes": Case(
        "STRING",
        expect(f"{VALUES}match_like_pattern_list", like_pattern_list=["a%", "b%"]),
        "b1",
        "c",
    ),
    "unlikes": Case(
        "STRING",
        expect(f"{VALUES}not_match_like_pattern_list", like_pattern_list=["a%"]),
        "b",
        "a1",
    ),
    "json": Case("STRING", expect(f"{VALUES}be_json_parseable"), '"[1, 2]"', "[1"),
    "unique": Case(
        "STRING",
        expect(f"{VALUES}be_unique", row_condition="meter <> 'null'", condition_parser="spark"),
        "first",
        "good",
    ),
    "pair": Case(
        "INT",
        expect(
            "expect_column_pair_values_a_to_be_greater_than_b", column_A="pair", column_B="pairb"
        ),
        "2",
        "1",
        other=("1", "1"),
    ),
    "orequal": Case(
        "INT",
        expect(
            "expect_column_pair_values_a_to_be_greater_than_b",
            column_A="orequal",
            column_B="orequalb",
            or_equal=True,
            ignore_row_if="both_values_are_missing",
        ),
        "1",
        "1",
        other=("1", ""),
    ),
    "same": Case(
        "INT",
        expect("expect_column_pair_values_to_be_equal", column_A="same", column_B="sameb"),
        "2",
        "1",
        other=("2", "2"),
    ),
    "pairs": Case(
        "STRING",
        expect(
            "expect_column_pair_values_to_be_in_set",
            column_A="pairs",
            column_B="pairsb",
            value_pairs_set=[["a", "b"]],
        ),
        "a",
        "a",
        other=("b", "c"),
    ),
    "sum": Case(
        "INT",
        expect("expect_multicolumn_sum_to_equal", column_list=["sum", "sumb"], sum_total=3),
        "1",
        "2",
        other=("2", "2"),
    ),
    "equal": Case(
        "INT",
        expect("expect_multicolumn_values_to_be_equal", column_list=["equal", "equalb"]),
        "1",
        "2",
        other=("1", "1"),
    ),
    "differ": Case(
        "INT",
        expect(
            "expect_select_column_values_to_be_unique_within_record",
            column_list=["differ", "differb"],
        ),
        "1",
        "2",
        other=("2", "2"),
    ),
    "multiple": Case("DECIMAL(10,2)", {"logicalTypeOptions": {"multipleOf": 0.05}}, "0.10", "0.12"),
    "uuid": Case(
        "STRING",
        {"logicalTypeOptions": {"format": "uuid"}},
        "123e4567-e89b-12d3-a456-426614174000",
        "123e4567",
    ),
    "ipv4": Case("STRING", {"logicalTypeOptions": {"format": "ipv4"}}, "10.0.0.255", "10.0.0.256"),
    "where": Case(
        "INT",
        expect(f"{VALUES}be_between", max_value=2, row_condition="100 / whereb > 1"),
        "2",
        "3",
        fails="2",
        other=("1", "1"),
    ),
    "ratio": Case("INT", rows_where("100 / ratio > 50"), "10", "1", fails="0"),
    "twice": Case("INT", rows_where("100 / twice > 50 OR 100 / twice < 1"), "10", "1", fails="0"),
    "cast": Case("STRING", rows_where("cast(cast AS INT) > 5"), "5", "6", fails="x"),
    "index": Case("INT", rows_where("array(1, 7)[index] > 5"), "0", "1", fails="2"),
    "overflow": Case(
        "INT", rows_where("overflow + 2147483600 < 2147483600"), "1", "-1", fails="2147483647"
    ),
    "date": Case(
        "STRING",
        rows_where("to_date(date, 'yyyy-MM-dd') > DATE '2024-05-01'"),
        "2024-05-01",
        "2024-05-02",
        fails="soon",
    ),
    "regex": Case("STRING", rows_where("'abc' RLIKE regex"), "x", "b", fails="("),
    "sooner": Case("DATE", rows_where("sooner > current_date()"), "2024-05-01", "9999-01-01"),
}
"""`unique` repeats the good row's value; `where` has a condition that fails where `whereb` is 0."""

BROKEN_TABLE = {
    "rows": {"type": "library", "metric": "rowCount", "mustBeGreaterThan": 1000},
    "sql": {"type": "sql", "query": "SELECT max(big) FROM {table}", "mustBeLessThan": 1},
    "share": expect(f"{VALUES}not_be_in_set", column="set", value_set=["A"], mostly=0.01),
    "share.unique": expect(f"{VALUES}be_unique", column="set", mostly=0.9),
    "max": expect("expect_column_max_to_be_between", column="days", max_value="2024-04-30"),
    "mean": expect("expect_column_mean_to_be_between", column="strict", min_value=2),
    "mean.where": expect(
        "expect_column_mean_to_be_between",
        column="strict",
        min_value=1,
        row_condition="meter = 'nobody' OR strict < 1",
        condition_parser="spark",
    ),
    "distinct": expect(
        "expect_column_distinct_values_to_equal_set", column="set", value_set=["A", "B"]
    ),
    "contains": expect(
        "expect_column_distinct_values_to_contain_set", column="set", value_set=["A", "B"]
    ),
    "among": expect("expect_column_distinct_values_to_be_in_set", column="set", value_set=["B"]),
}

KEPT_TABLE = {
    "share.kept": expect(f"{VALUES}be_in_set", column="set", value_set=["A", "B"], mostly=0.9),
    "share.condition": expect(
        f"{VALUES}not_be_null", column="set", mostly=0.9, row_condition="meter <> 'null'"
    ),
    "unique.share": expect(f"{VALUES}be_unique", column="meter", mostly=0.9),
    "compound.share": expect(
        "expect_compound_columns_to_be_unique", column_list=["meter", "set"], mostly=0.9
    ),
    "max.kept": expect("expect_column_max_to_be_between", column="days", max_value="2024-05-01"),
    "min.kept": expect("expect_column_min_to_be_between", column="strict", min_value=1.5),
    "mean.kept": expect(
        "expect_column_mean_to_be_between", column="strict", min_value=1, max_value=2
    ),
    "median": expect(
        "expect_column_median_to_be_between", column="strict", min_value=1, max_value=2
    ),
    "stdev": expect("expect_column_stdev_to_be_between", column="strict", min_value=0, max_value=2),
    "total": expect("expect_column_sum_to_be_between", column="strict", min_value=1),
    "common": expect("expect_column_most_common_value_to_be_in_set", column="set", value_set=["A"]),
    "given.share": expect(
        "expect_column_proportion_of_non_null_values_to_be_between", column="set", min_value=0.5
    ),
    "unique.values": expect(
        "expect_column_proportion_of_unique_values_to_be_between", column="set", max_value=0.5
    ),
    "quantile": expect(
        "expect_column_quantile_values_to_be_between",
        column="strict",
        quantile_ranges={"quantiles": [0.5], "value_ranges": [[1, 2]]},
    ),
    "exists": expect("expect_column_to_exist", column="set"),
    "count": expect("expect_column_unique_value_count_to_be_between", column="set", max_value=1),
    "rows.between": expect("expect_table_row_count_to_be_between", min_value=1),
    "rows.where": expect(
        "expect_table_row_count_to_equal", value=1, row_condition="meter = 'good'"
    ),
    "contains.kept": expect(
        "expect_column_distinct_values_to_contain_set", column="set", value_set=["A"]
    ),
    "equal.kept": expect(
        "expect_column_distinct_values_to_equal_set", column="set", value_set=["A"]
    ),
    "literal": {
        "type": "sql",
        "mustBe": 1,
        "query": "SELECT count(DISTINCT '{batch}  ${env:HOME} -- ') FROM ${table} -- end",
    },
    "text": {"type": "sql", "query": "SELECT max('it''s') FROM {table}", "mustBe": "it's"},
}


def columns() -> list[Rule]:
    found: list[Rule] = [
        {"name": "meter", "logicalType": "string", "physicalType": "STRING", "primaryKey": True}
    ]
    for name, case in CASES.items():
        column: Rule = {"name": name, "physicalType": case.type}
        if "type" in case.rule:
            column["quality"] = [{"name": f"{name}.rule", **case.rule}]
        else:
            column |= case.rule
        found.append(column)
        if case.other is not None:
            found.append({"name": f"{name}b", "physicalType": case.type})
    return found


def rule_of(name: str, case: Case) -> str:
    """The id of a case's rule."""
    options = case.rule.get("logicalTypeOptions", {"enum": 0})
    return f"{name}.rule" if "type" in case.rule else f"{name}.{next(iter(options))}"


def row(meter: str, changed: str = "", how: str = "good") -> str:
    """A CSV row that keeps every rule, but for one column."""
    values = [meter]
    for name, case in CASES.items():
        is_changed = name == changed
        if name == "unique":
            values.append("good" if is_changed or meter == "good" else meter)
        else:
            values.append(str(getattr(case, how if is_changed else "good")))
        if case.other is not None:
            other = case.other[how == "bad"] if is_changed else case.other[0]
            values.append("0" if is_changed and how == "fails" else other)
    return ",".join(values)


def loaded(spark: SparkSession, folder: Path) -> Batch:
    listed = [
        *({"name": name, "severity": "warning", **rule} for name, rule in BROKEN_TABLE.items()),
        *({"name": name, **rule} for name, rule in KEPT_TABLE.items()),
    ]
    batch = Batch(
        spark, folder, contract(folder, yaml.safe_dump(columns()), yaml.safe_dump(listed))
    )
    failing = [name for name, case in CASES.items() if case.fails is not None]
    rows = [
        row("good"),
        row("good.2"),
        row("good.3"),
        *(row(f"bad.{name}", name, "bad") for name in CASES),
        *(row(f"fails.{name}", name, "fails") for name in failing),
        "null" + "," * (len(batch.contract.columns) - 1),
    ]
    header = ",".join(batch.contract.column_names)
    report = batch.load_rows(*rows, header=header)
    assert report.status == "succeeded"
    return batch


def gated(batch: Batch) -> GateReport:
    """Judge the batch, however much of it goes to quarantine."""
    spec = batch.gate_spec().model_copy(update={"most_quarantined": 1.0})
    return gate.run(batch.spark, spec)


def test_each_row_breaks_the_rule_it_is_made_to_break_and_no_other(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = loaded(spark, tmp_path)
    report = gated(batch)
    judged = row_rules.gated(spark, batch.gated).where(F.col("_broken").isNotNull())
    found = {one["meter"]: (one["_broken"], one["_unevaluated"]) for one in judged.collect()}
    passing = ("good", "good.2", "good.3")
    expected: dict[str, tuple[list[str], list[str]]] = {meter: ([], []) for meter in passing}
    for name, case in CASES.items():
        rule = rule_of(name, case)
        expected[f"bad.{name}"] = ([rule], [])
        if case.fails is not None:
            expected[f"fails.{name}"] = ([rule], [rule])
    expected["null"] = ([rule_of(name, case) for name, case in CASES.items() if case.null], [])
    assert found == expected

    # What the record and the report say
    assert report.verdict == "warned"
    assert report.error is None
    result = json.loads((batch.record / "result.json").read_text())
    kept = {one["expectation_config"]["meta"]["rule"]: one for one in result["results"]}
    assert {name for name, one in kept.items() if not one["success"]} == {
        "null.not_all_null",
        *BROKEN_TABLE,
        *(rule_of(name, case) for name, case in CASES.items()),
    }
    ratio = kept["ratio.rule"]["result"]
    assert (ratio["unexpected_count"], ratio["unevaluated_count"]) == (2, 1)
    assert report.failures[0].severity == "critical"

    batch.publish()
    quarantined = spark.read.format("delta").load(batch.quarantine)
    twice = quarantined.where("array_contains(unevaluated_rule_ids, 'twice.rule')").collect()
    assert [one["rule_ids"] for one in twice] == [["twice.rule"]]
    published = spark.read.format("delta").load(batch.table)
    assert sorted(one["meter"] for one in published.collect()) == [*passing]


def test_batch_is_held_back_by_those_rules_alone_that_can_never_run(
    engine: SparkSession, tmp_path: Path
) -> None:
    rules = {
        "never.runs": rows_where("big = array(1)"),
        "ratio": rows_where("100 / big > 50 OR 100 / big < 1"),
        "looks.away": rows_where("big > 1"),
        "reads.file": {"type": "sql", "query": "SELECT count(*) FROM {table}", "mustBe": 1},
        "divides": {
            "type": "sql",
            "query": "SELECT sum(1 / (big - big)) FROM {table}",
            "mustBe": 1,
        },
    }
    listed = [{"name": name, **rule} for name, rule in rules.items()]
    plain = [
        {"name": "meter", "physicalType": "STRING", "primaryKey": True},
        {"name": "big", "physicalType": "BIGINT"},
    ]
    batch = Batch(
        engine, tmp_path, contract(tmp_path, yaml.safe_dump(plain), yaml.safe_dump(listed))
    )
    # A spec's contract need not come from a file that was checked.
    stolen = "(SELECT value FROM text.`/etc/passwd` LIMIT 1) > 'x'"
    kept = Expectation(type="unexpected_rows_expectation")
    tampered = RowRule(id="looks.away", severity=Severity.CRITICAL, bad=stolen, expectation=kept)
    table = [
        one.model_copy(
            update={
                "expectation": Expectation(
                    type=one.expectation.type,
                    kwargs={
                        "unexpected_rows_query": one.expectation.kwargs[
                            "unexpected_rows_query"
                        ].replace("{batch}", "text.`/etc/passwd`")
                    },
                )
            }
        )
        if one.id == "reads.file"
        else one
        for one in batch.contract.table_rules
    ]
    rows = [tampered if one.id == "looks.away" else one for one in batch.contract.row_rules]
    batch.contract = batch.contract.model_copy(
        update={"row_rules": tuple(rows), "table_rules": tuple(table)}
    )
    batch.load_rows("a,10", "b,0", "c,1", header="meter,big")
    report = gated(batch)
    assert report.verdict == "failed"
    assert report.error is not None
    told = {one.split(" ", 1)[0]: one for one in report.error.fields["rules"]}
    assert set(told) == set(rules) - {"ratio"}
    assert "asks a query of its own" in told["looks.away"]
    assert "a rule sees its batch" in told["reads.file"]
    assert "DATATYPE_MISMATCH" in told["never.runs"]
    assert "DIVIDE_BY_ZERO" in told["divides"]

    judged = row_rules.gated(engine, batch.gated).orderBy("meter").collect()
    assert [(one["_rule_ids"], one["_unevaluated"]) for one in judged] == [
        ([], []),
        (["ratio"], ["ratio"]),
        (["ratio"], []),
    ]
    ratio = failure(report.failures, "ratio")
    assert (ratio.failed, ratio.examples) == (2, ("readings/one.csv:2", "readings/one.csv:3"))
    assert ratio.description == "ratio (1 of 3 rows could not be evaluated)"


# What the kernel knows of Spark and Great Expectations is what is installed


def test_every_function_of_spark_is_allowed_or_refused(spark: SparkSession) -> None:
    listed = {one[0] for one in spark.sql("SHOW SYSTEM FUNCTIONS").collect()}
    tables = {
        "collations",
        "python_worker_logs",
        "range",
        "sql_keywords",
        "variant_explode",
        "variant_explode_outer",
        "table_changes",
        "table_changes_by_path",
    }
    names = {name for name in listed if name.replace("_", "").isalnum()} - tables - {"case"}
    known = spark_functions.OF_A_ROW | spark_functions.OF_MANY_ROWS
    refused = set(spark_functions.WHY_REFUSED)
    assert not known & refused
    assert names - known - refused == set()
    assert known - names == {"try_cast", "timestampadd", "timestampdiff"}
    assert refused - names == set()


def test_every_expectation_is_known_with_its_arguments_or_refused() -> None:
    registered = {
        kind
        for kind in list_registered_expectation_implementations()
        if get_expectation_impl(kind).__module__.startswith("great_expectations.")
    }
    given = expectation_types.ABOUT_ROWS | expectation_types.ABOUT_TABLES
    assert registered == {*given, *expectation_types.REFUSED}
    common = {
        "batch_id",
        "row_condition",
        "condition_parser",
        "id",
        "meta",
        "notes",
        "severity",
        "result_format",
        "description",
        "catch_exceptions",
        "rendered_content",
        "windows",
        "library_metadata",
    }
    for kind, arguments in given.items():
        fields = get_expectation_impl(kind).__fields__
        assert set(fields) - common == {*arguments.required, *arguments.optional}, kind
        needed = {name for name, field in fields.items() if field.required}
        assert needed <= set(arguments.required), kind
