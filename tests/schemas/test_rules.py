"""What ODCS wording becomes."""

import datetime

import pytest
from open_data_contract_standard.model import DataQuality, EnumValue, SchemaProperty

from headrace_schemas.rules.expectation_rules import judged
from headrace_schemas.rules.quality import option_rules, quality_rule
from headrace_schemas.rules.rule import RowRule, RuleInvalid, TableRule, literal
from headrace_schemas.types import ColumnType

TYPES = {
    name: ColumnType.parse(type)
    for name, type in {
        "a": "STRING",
        "b": "STRING",
        "n": "INT",
        "m": "INT",
        "x": "DOUBLE",
        "f": "FLOAT",
        "d": "DECIMAL(10,2)",
        "day": "DATE",
        "at": "TIMESTAMP",
        "local": "TIMESTAMP_NTZ",
        "flag": "BOOLEAN",
        "raw": "BINARY",
        "tags": "ARRAY<STRING>",
        "pos": "STRUCT<lat: DOUBLE, lon: DOUBLE>",
        "Meter": "STRING",
        "t": "TINYINT",
    }.items()
}


def custom(kind: str, column: str | None = "a", /, **kwargs: object) -> RowRule | TableRule:
    implementation = {"type": kind, "kwargs": kwargs}
    rule = DataQuality(
        name="r", type="custom", engine="greatExpectations", implementation=implementation
    )
    return quality_rule(rule, 0, column, TYPES)


def library(metric: str, column: str = "a", **rest: object) -> RowRule | TableRule:
    return quality_rule(DataQuality(metric=metric, **rest), 0, column, TYPES)


def query_of(rule: RowRule | TableRule) -> str:
    assert isinstance(rule, TableRule)
    return str(rule.expectation.kwargs["unexpected_rows_query"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (3, "3"),
        (0.5, "0.5"),
        ("it's \\ so", "'it\\'s \\\\ so'"),
        ("two\nlines", "'two\\nlines'"),
    ],
)
def test_literal_is_spark_sql_when_given_any_value(value, text):
    assert literal(value) == text


EXPECTATIONS = [
    ("expect_column_values_to_not_be_null", {"column": "a"}, "`a` IS NULL"),
    ("expect_column_values_to_be_null", {"column": "a"}, "`a` IS NOT NULL"),
    ("expect_column_values_to_be_between", {"column": "n", "min_value": 0}, "`n` < 0"),
    (
        "expect_column_values_to_be_between",
        {"column": "n", "min_value": 0, "strict_min": True, "max_value": 2},
        "`n` <= 0 OR `n` > 2",
    ),
    (
        "expect_column_values_to_be_between",
        {"column": "n", "max_value": 2, "strict_max": True},
        "`n` >= 2",
    ),
    (
        "expect_column_value_lengths_to_be_between",
        {"column": "a", "max_value": 3},
        "length(`a`) > 3",
    ),
    ("expect_column_value_lengths_to_equal", {"column": "a", "value": 3}, "length(`a`) <> 3"),
    (
        "expect_column_values_to_be_in_set",
        {"column": "a", "value_set": ["x", "y"]},
        "`a` NOT IN ('x', 'y')",
    ),
    (
        "expect_column_values_to_be_in_set",
        {"column": "a", "value_set": ["x", None]},
        "`a` NOT IN ('x')",
    ),
    ("expect_column_values_to_be_in_set", {"column": "a", "value_set": [None]}, "`a` IS NOT NULL"),
    ("expect_column_values_to_not_be_in_set", {"column": "n", "value_set": [1]}, "`n` IN (1)"),
    (
        "expect_column_values_to_not_be_in_set",
        {"column": "n", "value_set": [1, None]},
        "`n` IS NULL OR `n` IN (1)",
    ),
    ("expect_column_values_to_match_regex", {"column": "a", "regex": "^x"}, "NOT `a` RLIKE '^x'"),
    ("expect_column_values_to_not_match_regex", {"column": "a", "regex": "x"}, "`a` RLIKE 'x'"),
    (
        "expect_column_values_to_match_regex_list",
        {"column": "a", "regex_list": ["^x", "y$"]},
        "NOT (`a` RLIKE '^x' OR `a` RLIKE 'y$')",
    ),
    (
        "expect_column_values_to_match_regex_list",
        {"column": "a", "regex_list": ["^x", "y$"], "match_on": "all"},
        "NOT (`a` RLIKE '^x' AND `a` RLIKE 'y$')",
    ),
    (
        "expect_column_values_to_not_match_regex_list",
        {"column": "a", "regex_list": ["^x", "y$"]},
        "`a` RLIKE '^x' OR `a` RLIKE 'y$'",
    ),
    (
        "expect_column_values_to_match_like_pattern",
        {"column": "a", "like_pattern": "x%  %"},
        "NOT `a` LIKE 'x%  %'",
    ),
    (
        "expect_column_values_to_not_match_like_pattern",
        {"column": "a", "like_pattern": "x#%", "escape": "#"},
        "`a` LIKE 'x#%' ESCAPE '#'",
    ),
    (
        "expect_column_values_to_match_like_pattern_list",
        {"column": "a", "like_pattern_list": ["x%", "y%"]},
        "NOT (`a` LIKE 'x%' OR `a` LIKE 'y%')",
    ),
    (
        "expect_column_values_to_not_match_like_pattern_list",
        {"column": "a", "like_pattern_list": ["x%", "y%"]},
        "`a` LIKE 'x%' OR `a` LIKE 'y%'",
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "n", "column_B": "m"},
        "`n` <= `m`",
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "n", "column_B": "m", "or_equal": True},
        "`n` < `m`",
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "n", "column_B": "m", "ignore_row_if": "neither"},
        "(TRUE) AND NOT coalesce(`n` > `m`, FALSE)",
    ),
    (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "n", "column_B": "m"},
        "(`n` IS NOT NULL AND `m` IS NOT NULL) AND NOT coalesce(`n` = `m`, FALSE)",
    ),
    (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "n", "column_B": "m", "ignore_row_if": "both_values_are_missing"},
        "(`n` IS NOT NULL OR `m` IS NOT NULL) AND NOT coalesce(`n` = `m`, FALSE)",
    ),
    (
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "a", "column_B": "n", "value_pairs_set": [["x", 1], ["y", None]]},
        "(`a` IS NOT NULL AND `n` IS NOT NULL) AND NOT coalesce("
        "(`a` <=> 'x' AND `n` <=> 1) OR (`a` <=> 'y' AND `n` <=> NULL), FALSE)",
    ),
    (
        "expect_multicolumn_sum_to_equal",
        {"column_list": ["n", "m"], "sum_total": 3},
        "(`n` IS NOT NULL AND `m` IS NOT NULL) AND NOT coalesce(`n` + `m` = 3, FALSE)",
    ),
    (
        "expect_multicolumn_values_to_be_equal",
        {"column_list": ["n", "m", "x"]},
        "(`n` IS NOT NULL AND `m` IS NOT NULL AND `x` IS NOT NULL) AND NOT coalesce("
        "`n` = `m` AND `n` = `x`, FALSE)",
    ),
    (
        "expect_select_column_values_to_be_unique_within_record",
        {"column_list": ["n", "m"], "ignore_row_if": "never"},
        "(TRUE) AND NOT coalesce(`n` <> `m`, FALSE)",
    ),
    (
        "unexpected_rows_expectation",
        {
            "unexpected_rows_query": "select *\nFROM {batch}  -- all\nwhere a LIKE '%  %' OR b = '{batch}' ;\n"
        },
        "a LIKE '%  %' OR b = '{batch}'",
    ),
]


@pytest.mark.parametrize(("kind", "kwargs", "bad"), EXPECTATIONS)
def test_predicate_says_which_rows_are_bad_when_expectation_is_per_row(kind, kwargs, bad):
    rule = custom(kind, None, **kwargs)
    assert isinstance(rule, RowRule)
    assert rule.bad == bad
    assert judged(kind, kwargs, TYPES).bad == bad


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("a", "1", "'1'"),
        ("n", 1, "1"),
        ("n", "1", "1"),
        ("n", 1.0, "1"),
        ("n", -5, "-5"),
        ("x", 1.5, "1.5"),
        ("x", 1e-7, "1e-07"),
        ("x", float("nan"), "double('NaN')"),
        ("x", float("-inf"), "double('-Infinity')"),
        ("f", 0.1, "CAST(0.1 AS FLOAT)"),
        ("d", 0.5, "0.5"),
        ("d", "0.10", "0.10"),
        ("flag", True, "TRUE"),
        ("day", datetime.date(2024, 5, 1), "DATE '2024-05-01'"),
        ("day", "2024-05-01", "DATE '2024-05-01'"),
        ("at", datetime.datetime(2024, 5, 1, 12), "TIMESTAMP '2024-05-01 12:00:00Z'"),
        ("at", "2024-05-01T12:00:00+02:00", "TIMESTAMP '2024-05-01 10:00:00Z'"),
        ("at", datetime.date(2024, 5, 1), "TIMESTAMP '2024-05-01 00:00:00Z'"),
        ("local", "2024-05-01T12:00:00.5", "TIMESTAMP_NTZ '2024-05-01 12:00:00.500000'"),
        ("a", "it's \\ $ {batch}", "'it\\'s \\\\ $ {batch}'"),
    ],
)
def test_listed_value_is_written_in_the_type_of_its_column(column, value, text):
    rule = custom("expect_column_values_to_not_be_in_set", column, value_set=[value])
    assert rule.bad == f"`{column}` IN ({text})"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("a", 1),
        ("a", False),
        ("a", datetime.date(2024, 5, 1)),
        ("n", "x"),
        ("n", 1.5),
        ("n", True),
        ("n", float("nan")),
        ("n", 2**31),
        ("t", 128),
        ("d", 1.234),
        ("d", 10**9),
        ("flag", 1),
        ("flag", "yes"),
        ("day", "05/01/2024"),
        ("day", "2024-02-30"),
        ("day", datetime.datetime(2024, 5, 1)),
        ("at", 1714521600),
        ("raw", "x"),
        ("n", [1]),
        ("tags", "x"),
        ("local", "2024-05-01T12:00:00Z"),
        ("n", 10**40),
    ],
)
def test_listed_value_is_refused_when_its_column_cannot_hold_it(column, value):
    with pytest.raises(RuleInvalid, match=r"is not a value of|cannot be written"):
        custom("expect_column_values_to_be_in_set", column, value_set=[value])


def test_bound_need_not_be_a_value_of_the_column_when_it_is_a_number():
    options = {"minimum": 0.5, "maximum": 3_000_000_000}
    column = SchemaProperty(name="n", logicalTypeOptions=options)
    found = [rule.bad for rule in option_rules(column, TYPES["n"])]
    assert found == ["`n` < 0.5", "`n` > 3000000000"]


def test_enum_takes_null_apart_when_it_is_listed():
    column = SchemaProperty(name="a", enum=[EnumValue(value="x"), EnumValue(value=None)])
    assert [rule.bad for rule in option_rules(column, TYPES["a"])] == ["`a` NOT IN ('x')"]
    with pytest.raises(RuleInvalid, match="enum is empty"):
        option_rules(SchemaProperty(name="a", enum=[]), TYPES["a"])


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM {batch} JOIN other WHERE a > b",
        "SELECT * FROM {batch} b WHERE b.a > 1",
        "SELECT * FROM {batch} WHERE",
        "SELECT * FROM {batch}",
        "SELECT * FROM {batch} WHERE a > 1; DROP TABLE x",
        "SELECT * FROM {batch} WHERE a > 1) OR (1 = 1",
        "SELECT * FROM {batch} WHERE a = 'x",
        "SELECT * FROM other WHERE a > b",
    ],
)
def test_rows_query_is_refused_when_it_is_more_than_a_predicate(query):
    with pytest.raises(RuleInvalid, match="unexpected_rows_query"):
        custom("unexpected_rows_expectation", None, unexpected_rows_query=query)


# mostly and row_condition


def test_rule_is_about_the_table_when_a_share_may_be_bad():
    query = query_of(custom("expect_column_values_to_not_be_null", mostly=0.9))
    assert "count_if((TRUE\n) AND NOT coalesce((`a` IS NULL\n), FALSE))" in query
    assert query.endswith("WHERE NOT coalesce(value >= 0.9, FALSE)")


def test_share_is_of_the_rows_that_have_a_value_when_the_rule_is_about_values():
    query = query_of(custom("expect_column_values_to_be_in_set", value_set=["x"], mostly=0.5))
    assert "count_if(`a` IS NOT NULL\n) = 0 THEN CAST(1 AS DOUBLE)" in query


def test_share_of_repeated_rows_is_measured_when_uniqueness_has_one():
    query = query_of(custom("expect_column_values_to_be_unique", mostly=0.5))
    assert "CAST(count(DISTINCT `a`) AS DOUBLE) / count(*)" in query
    assert "WHERE `a` IS NOT NULL" in query


def test_rows_are_judged_where_the_condition_holds_when_it_is_given():
    condition = {"row_condition": "b != 'c' -- note", "condition_parser": "spark"}
    rule = custom("expect_column_values_to_not_be_null", **condition)
    assert rule.bad == "CASE WHEN (b != 'c' -- note\n) THEN (`a` IS NULL\n) ELSE FALSE END"
    assert rule.expectation.type == "unexpected_rows_expectation"
    found = custom("expect_column_values_to_be_unique", **condition)
    assert (found.unique, found.where) == (("a",), "b != 'c' -- note")
    mean = custom("expect_column_mean_to_be_between", "n", min_value=0, row_condition="m > 1")
    assert mean.expectation.kwargs["condition_parser"] == "spark"


def test_class_judges_the_table_when_a_rule_names_it():
    rule = custom("shop.rules:ExpectFew", "a", most=3)
    assert isinstance(rule, TableRule)
    assert rule.expectation.model_dump() == {
        "type": "shop.rules:ExpectFew",
        "kwargs": {"most": 3, "column": "a"},
    }
    assert rule.expectation.is_class
    pair = custom("shop.rules:ExpectFew", "a", column_A="B", column_B="n")
    assert pair.expectation.kwargs == {"column_A": "b", "column_B": "n"}
    several = custom("shop.rules:ExpectFew", "a", column_list=["A", "n"])
    assert several.expectation.kwargs == {"column_list": ["a", "n"]}
    assert custom("shop.rules:ExpectFew", None).expectation.kwargs == {}


@pytest.mark.parametrize(
    ("kind", "kwargs", "message"),
    [
        ("shop.rules:ExpectFew", {"column": "z"}, "column z"),
        ("shop.rules:ExpectFew", {"severity": "info"}, "beside the rule"),
        ("shop.rules:ExpectFew", {"result_format": "COMPLETE"}, "cannot be given to a class"),
        ("shop.rules:ExpectFew", {"row_condition": "n > 1"}, "cannot be given to a class"),
        ("shop/rules.py:ExpectFew", {}, "names no class; write module:Class"),
        ("shop.rules:Expect.Few", {}, "names no class; write module:Class"),
        (
            "expect_column_values_to_be_in_sett",
            {"value_set": ["x"]},
            "is not known; known: expect_",
        ),
        ("expect_column_values_to_be_in_set", {"value_sett": ["x"]}, "has no argument value_sett"),
        ("expect_column_values_to_be_in_set", {}, "needs value_set"),
        ("expect_column_values_to_be_in_set", {"value_set": []}, "is empty"),
        ("expect_column_values_to_be_in_set", {"value_set": "x"}, "needs a list"),
        ("expect_column_values_to_be_in_set", {"value_set": ["x"], "severity": "info"}, "beside"),
        ("expect_column_values_to_be_in_set", {"value_set": ["x"], "column": "z"}, "column z"),
        (
            "expect_column_values_to_be_in_set",
            {"value_set": ["x"], "parse_strings_as_datetimes": True},
            "has no argument parse_",
        ),
        ("expect_column_values_to_be_between", {}, "needs min_value or max_value"),
        (
            "expect_column_values_to_be_between",
            {"column": "n", "min_value": 3, "max_value": 2},
            "above",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "n", "min_value": "zero"},
            "is not a value",
        ),
        (
            "expect_column_values_to_be_between",
            {"column": "n", "min_value": 1, "strict_min": 1},
            "true or",
        ),
        ("expect_column_values_to_be_between", {"column": "tags", "min_value": 1}, "no order"),
        ("expect_column_values_to_match_regex", {"regex": "("}, "is no regular expression"),
        ("expect_column_values_to_match_regex", {"regex": "x{"}, "must be followed by a number"),
        ("expect_column_values_to_match_regex", {"regex": "\\y"}, "means nothing"),
        ("expect_column_values_to_match_regex_list", {"regex_list": "x"}, "needs a list"),
        (
            "expect_column_values_to_match_regex_list",
            {"regex_list": ["x"] * 2, "match_on": "some"},
            "match_on",
        ),
        ("expect_column_values_to_match_like_pattern", {"like_pattern": "a\\b"}, "stands before"),
        ("expect_column_values_to_not_be_null", {"mostly": 95}, "between 0 and 1"),
        ("expect_column_values_to_not_be_null", {"mostly": True}, "between 0 and 1"),
        (
            "expect_column_values_to_not_be_null",
            {"row_condition": 'col("b") > 1', "condition_parser": "great_expectations"},
            "condition_parser",
        ),
        ("expect_column_values_to_not_be_null", {"row_condition": "b > (1"}, "does not close"),
        ("expect_column_values_to_not_be_null", {"row_condition": {"type": "x"}}, "needs a text"),
        ("expect_column_values_to_be_increasing", {}, "cannot be a rule"),
        ("expect_column_mean_to_be_between", {"column": "a", "min_value": 1}, "column of numbers"),
        ("expect_column_mean_to_be_between", {"column": "n", "min_value": "1"}, "without quotes"),
        (
            "expect_column_pair_values_a_to_be_greater_than_b",
            {"column_A": "a", "column_B": "n"},
            "do not compare",
        ),
        (
            "expect_column_pair_values_to_be_equal",
            {"column_A": "a", "column_B": "b", "ignore_row_if": "never"},
            "ignore_row_if is never",
        ),
        ("expect_compound_columns_to_be_unique", {"column_list": ["a", "a"]}, "twice"),
        (
            "expect_compound_columns_to_be_unique",
            {"column_list": ["a", "b"], "ignore_row_if": "never"},
            "cannot be kept",
        ),
        ("expect_multicolumn_sum_to_equal", {"column_list": ["a", "n"], "sum_total": 1}, "numbers"),
        ("expect_table_row_count_to_equal", {"value": "many"}, "whole number"),
    ],
)
def test_expectation_is_refused_when_an_argument_would_not_be_heeded(kind, kwargs, message):
    is_of_many = "column_list" in kwargs or "_table_" in kind
    with pytest.raises(RuleInvalid, match=message):
        custom(kind, None if is_of_many else "a", **kwargs)


def test_column_is_the_contracts_when_a_rule_spells_it_otherwise():
    rule = custom("expect_column_values_to_not_be_null", column="meter")
    assert rule.bad == "`Meter` IS NULL"


def test_record_is_our_own_count_when_great_expectations_would_compare_otherwise():
    kind = "expect_column_values_to_be_in_set"
    assert custom(kind, value_set=["x", None]).expectation.kwargs == {
        "column": "a",
        "value_set": ["x"],
    }
    for column, value in (("day", "2024-05-01"), ("d", 1), ("f", 0.5), ("n", "1")):
        rule = custom(kind, column, value_set=[value])
        assert rule.expectation.type == "unexpected_rows_expectation"


# ODCS


@pytest.mark.parametrize(
    ("metric", "column", "arguments", "bad"),
    [
        ("nullValues", "a", None, "`a` IS NULL"),
        ("missingValues", "a", None, "`a` IS NULL OR `a` IN ('')"),
        ("missingValues", "n", None, "`n` IS NULL"),
        ("missingValues", "a", {"missingValues": [None, "-"]}, "`a` IS NULL OR `a` IN ('-')"),
        ("missingValues", "n", {"missingValues": ["", -99]}, "`n` IS NULL OR `n` IN (-99)"),
        ("invalidValues", "a", {"validValues": ["x"]}, "`a` NOT IN ('x')"),
        ("invalidValues", "a", {"validValues": ["x", None]}, "`a` NOT IN ('x')"),
        ("invalidValues", "a", {"pattern": "^x$"}, "NOT `a` RLIKE '^x$'"),
    ],
)
def test_library_metric_is_per_row_when_none_may_be_bad(metric, column, arguments, bad):
    rule = library(metric, column, arguments=arguments, mustBe=0)
    assert isinstance(rule, RowRule)
    assert rule.bad == bad
    assert rule.id == f"{column}.rule1"


def test_library_metric_is_measured_when_it_states_a_share():
    query = query_of(library("nullValues", mustBeLessThan=5, unit="percent"))
    assert "coalesce(100.0 * avg(CAST(coalesce(`a` IS NULL, FALSE) AS DOUBLE)), 0)" in query
    assert query.endswith("WHERE NOT coalesce(value < 5, FALSE)")


def test_rows_without_a_value_are_no_duplicates_when_they_are_counted():
    query = query_of(library("duplicateValues", mustBeLessThan=5))
    row = "CASE WHEN `a` IS NOT NULL THEN struct(`a`) END"
    assert f"count({row}) - count(DISTINCT {row})" in query


def test_placeholders_are_filled_in_when_they_are_code():
    rule = DataQuality(
        type="sql",
        query="SELECT count(*) FROM ${table} WHERE {column} <> '{column}' -- end",
        mustBe=1,
    )
    query = query_of(quality_rule(rule, 0, "a", TYPES))
    assert "(SELECT count(*) FROM {batch} WHERE `a` <> '{column}' -- end\n)" in query


@pytest.mark.parametrize(
    ("quality", "message"),
    [
        (DataQuality(type="sql", mustBe=1), "needs a query"),
        (DataQuality(type="sql", query="SELECT 1"), "states no threshold"),
        (DataQuality(type="sql", query="SELECT {colum}", mustBe=1), "stands for nothing"),
        (
            DataQuality(type="sql", query="SELECT 1", mustBe=1, metric="rowCount"),
            "does not heed metric",
        ),
        (DataQuality(type="sql", query="SELECT 1", mustBe=1, unit="percent"), "unit"),
        (DataQuality(type="text", description="looks right"), "cannot be checked"),
        (DataQuality(type="custom", engine="soda", implementation="checks"), "needs engine"),
        (
            DataQuality(
                type="custom",
                engine="greatExpectations",
                mustBe=1,
                implementation={"type": "expect_column_values_to_not_be_null"},
            ),
            "does not heed mustBe",
        ),
        (DataQuality(metric="invalidValues", mustBe=0), "validValues or pattern"),
        (
            DataQuality(metric="invalidValues", mustBe=0, arguments={"validValue": ["x"]}),
            "has no argument validValue",
        ),
        (
            DataQuality(
                metric="invalidValues", mustBe=0, arguments={"validValues": ["x"], "pattern": "x"}
            ),
            "its own rule",
        ),
        (DataQuality(metric="freshness", mustBe=0), "known: rowCount"),
        (DataQuality(metric="nullValues", mustBe=0, unit="percentage"), "known: rows, percent"),
        (DataQuality(metric="nullValues", mustBe=0, query="SELECT 1"), "does not heed query"),
        (
            DataQuality(
                metric="nullValues", mustBe="zero", unit="percent", arguments={"properties": ["z"]}
            ),
            "column z",
        ),
        (DataQuality(metric="nullValues", mustBe=0, mustBeLessThan=3), "give one"),
        (DataQuality(metric="nullValues", mustBeBetween=[5, 1]), "smaller number first"),
        (DataQuality(metric="nullValues", mustBe=[1]), "give a number"),
        (DataQuality(metric="nullValues", mustBeLessThan=float("nan")), "give a number"),
        (DataQuality(metric="nullValues", severity="error", mustBe=0), "severity error"),
        (
            DataQuality(metric="nullValues", mustBe=0, arguments={"properties": ["a", "b"]}),
            "one column",
        ),
    ],
)
def test_rule_is_refused_when_it_cannot_be_checked(quality, message):
    with pytest.raises(RuleInvalid, match=message):
        quality_rule(quality, 0, "a", TYPES)


@pytest.mark.parametrize(
    ("column", "options", "bad"),
    [
        (
            "n",
            {"minimum": 0, "format": "i32"},
            ["`n` < 0", "`n` < -2147483648 OR `n` > 2147483647"],
        ),
        (
            "n",
            {"multipleOf": 5, "format": "i64"},
            ["`n` % 5 <> 0", "`n` < -9223372036854775808 OR `n` > 9223372036854775807"],
        ),
        ("d", {"multipleOf": 0.05}, ["`d` % 0.05 <> 0"]),
        (
            "tags",
            {"minItems": 1, "uniqueItems": True},
            ["size(`tags`) < 1", "size(array_distinct(`tags`)) <> size(`tags`)"],
        ),
        ("pos", {"required": ["lat"]}, ["`pos` IS NOT NULL AND (`pos`.`lat` IS NULL)"]),
        ("day", {"minimum": "2020-01-01", "format": "yyyy-MM-dd"}, ["`day` < DATE '2020-01-01'"]),
        ("at", {"timezone": True, "defaultTimezone": "UTC"}, []),
        ("a", {"format": "password", "minLength": 2}, ["length(`a`) < 2"]),
        ("x", {"format": "f64"}, []),
    ],
)
def test_options_become_rules_when_they_promise_something_about_values(column, options, bad):
    found = option_rules(SchemaProperty(name=column, logicalTypeOptions=options), TYPES[column])
    assert [rule.bad for rule in found] == bad


@pytest.mark.parametrize(
    ("column", "options"),
    [
        ("n", {"minimun": 0}),
        ("n", {"minimum": "x"}),
        ("a", {"minLength": -1}),
        ("n", {"minLength": 1}),
        ("x", {"multipleOf": 0.1}),
        ("n", {"multipleOf": 0}),
        ("a", {"format": "email"}),
        ("at", {"defaultTimezone": "Europe/Berlin"}),
        ("pos", {"required": ["height"]}),
        ("a", {"pattern": "("}),
        ("a", {"pattern": 1}),
        ("a", {"maxItems": 1}),
        ("x", {"format": "f32"}),
        ("flag", {"minimum": False}),
    ],
)
def test_option_is_refused_when_nothing_would_check_it(column, options):
    with pytest.raises(RuleInvalid, match="logicalTypeOptions"):
        option_rules(SchemaProperty(name=column, logicalTypeOptions=options), TYPES[column])
