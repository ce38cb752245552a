"""What ODCS wording becomes."""

import pytest
from open_data_contract_standard.model import DataQuality, SchemaProperty

from headrace_schemas.rules import (
    RowRule,
    RuleInvalid,
    TableRule,
    literal,
    option_rules,
    quality_rule,
    row_predicate,
    where_clause,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "NULL"), (True, "TRUE"), (3, "3"), (0.5, "0.5"), ("it's \\ so", "'it\\'s \\\\ so'")],
)
def test_literal_is_spark_sql_when_given_any_value(value, text):
    assert literal(value) == text


@pytest.mark.parametrize(
    ("kind", "kwargs", "bad"),
    [
        ("expect_column_values_to_not_be_null", {"column": "a"}, "`a` IS NULL"),
        ("expect_column_values_to_be_null", {"column": "a"}, "`a` IS NOT NULL"),
        ("expect_column_values_to_be_between", {"column": "a", "min_value": 0}, "`a` < 0"),
        ("expect_column_values_to_be_between",
         {"column": "a", "min_value": 0, "strict_min": True, "max_value": 2}, "`a` <= 0 OR `a` > 2"),
        ("expect_column_value_lengths_to_be_between",
         {"column": "a", "max_value": 3}, "length(`a`) > 3"),
        ("expect_column_values_to_be_in_set", {"column": "a", "value_set": ["x", "y"]},
         "`a` NOT IN ('x', 'y')"),
        ("expect_column_values_to_not_be_in_set", {"column": "a", "value_set": [1]}, "`a` IN (1)"),
        ("expect_column_values_to_match_regex", {"column": "a", "regex": "^x"}, "NOT `a` RLIKE '^x'"),
        ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "a", "column_B": "b"},
         "`a` <= `b`"),
        ("expect_column_mean_to_be_between", {"column": "a", "min_value": 0}, None),
    ],
)  # fmt: skip
def test_predicate_says_which_rows_are_bad_when_expectation_is_per_row(kind, kwargs, bad):
    assert row_predicate(kind, kwargs) == bad


def test_where_clause_is_refused_when_query_reads_more_than_the_batch():
    assert where_clause("SELECT *\nFROM {batch}  WHERE a > b") == "a > b"
    with pytest.raises(RuleInvalid, match="must read"):
        where_clause("SELECT a FROM {batch} JOIN other WHERE a > b")


def test_rule_is_about_the_table_when_a_share_may_be_bad():
    some = {"type": "expect_column_values_to_not_be_null", "kwargs": {"mostly": 0.9}}
    rule = quality_rule(
        DataQuality(name="a.mostly", type="custom", engine="greatExpectations", implementation=some),
        0, "a",
    )  # fmt: skip
    assert isinstance(rule, TableRule)
    assert rule.expectation.kwargs == {"mostly": 0.9, "column": "a"}


@pytest.mark.parametrize(
    ("metric", "arguments", "bad"),
    [
        ("nullValues", None, "`a` IS NULL"),
        ("missingValues", {"missingValues": [None, "-"]}, "`a` IS NULL OR `a` IN ('-')"),
        ("invalidValues", {"validValues": ["x"]}, "`a` NOT IN ('x')"),
        ("invalidValues", {"pattern": "^x$"}, "NOT `a` RLIKE '^x$'"),
    ],
)
def test_library_metric_is_per_row_when_none_may_be_bad(metric, arguments, bad):
    quality = DataQuality(type="library", metric=metric, arguments=arguments, mustBe=0)
    rule = quality_rule(quality, 0, "a")
    assert isinstance(rule, RowRule)
    assert rule.bad == bad
    assert rule.id == "a.rule1"


def test_library_metric_is_measured_when_it_states_a_share():
    quality = DataQuality(metric="nullValues", mustBeLessThan=5, unit="percent")
    rule = quality_rule(quality, 0, "a")
    assert isinstance(rule, TableRule)
    query = rule.expectation.kwargs["unexpected_rows_query"]
    assert "100.0 * avg(CAST(coalesce(`a` IS NULL, FALSE) AS DOUBLE))" in query
    assert query.endswith("WHERE NOT coalesce(value < 5, FALSE)")


@pytest.mark.parametrize(
    "quality",
    [
        DataQuality(type="sql", mustBe=1),
        DataQuality(type="sql", query="SELECT 1"),
        DataQuality(type="text", description="looks right"),
        DataQuality(type="custom", engine="soda", implementation="checks"),
        DataQuality(metric="invalidValues", mustBe=0),
    ],
)
def test_rule_is_refused_when_it_cannot_be_checked(quality):
    with pytest.raises(RuleInvalid):
        quality_rule(quality, 0, "a")


def test_options_become_rules_when_they_promise_something_about_values():
    column = SchemaProperty(name="a", logicalTypeOptions={"minimum": 0, "format": "f"})
    assert [(rule.id, rule.bad) for rule in option_rules(column)] == [("a.minimum", "`a` < 0")]
