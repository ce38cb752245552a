"""The expectations that a rule may name, with their arguments, as Great Expectations has them.

Data, so that a contract is checked without Great Expectations; a test compares it with the
installed one.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from headrace_schemas.rules.rule import RuleInvalid


class Arguments(NamedTuple):
    """What an expectation must and may be given, beside `OF_ALL`."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def words(required: str = "", optional: str = "") -> Arguments:
    """Arguments by their names."""
    return Arguments(tuple(required.split()), tuple(optional.split()))


BOUNDS = "min_value max_value strict_min strict_max"

ABOUT_ROWS = {
    "expect_column_pair_values_a_to_be_greater_than_b": words(
        "column_A column_B", "or_equal ignore_row_if mostly"
    ),
    "expect_column_pair_values_to_be_equal": words("column_A column_B", "ignore_row_if mostly"),
    "expect_column_pair_values_to_be_in_set": words(
        "column_A column_B value_pairs_set", "ignore_row_if mostly"
    ),
    "expect_column_value_lengths_to_be_between": words("column", f"{BOUNDS} mostly"),
    "expect_column_value_lengths_to_equal": words("column value", "mostly"),
    "expect_column_values_to_be_between": words("column", f"{BOUNDS} mostly"),
    "expect_column_values_to_be_in_set": words("column value_set", "mostly"),
    "expect_column_values_to_be_json_parseable": words("column", "mostly"),
    "expect_column_values_to_be_null": words("column", "mostly"),
    "expect_column_values_to_be_unique": words("column", "mostly"),
    "expect_column_values_to_match_like_pattern": words("column like_pattern", "escape mostly"),
    "expect_column_values_to_match_like_pattern_list": words(
        "column like_pattern_list", "match_on escape mostly"
    ),
    "expect_column_values_to_match_regex": words("column regex", "mostly"),
    "expect_column_values_to_match_regex_list": words("column regex_list", "match_on mostly"),
    "expect_column_values_to_not_be_in_set": words("column value_set", "mostly"),
    "expect_column_values_to_not_be_null": words("column", "mostly"),
    "expect_column_values_to_not_match_like_pattern": words("column like_pattern", "escape mostly"),
    "expect_column_values_to_not_match_like_pattern_list": words(
        "column like_pattern_list", "escape mostly"
    ),
    "expect_column_values_to_not_match_regex": words("column regex", "mostly"),
    "expect_column_values_to_not_match_regex_list": words("column regex_list", "mostly"),
    "expect_compound_columns_to_be_unique": words("column_list", "ignore_row_if mostly"),
    "expect_multicolumn_sum_to_equal": words("column_list sum_total", "ignore_row_if mostly"),
    "expect_multicolumn_values_to_be_equal": words("column_list", "ignore_row_if mostly"),
    "expect_select_column_values_to_be_unique_within_record": words(
        "column_list", "ignore_row_if mostly"
    ),
    "unexpected_rows_expectation": words("unexpected_rows_query"),
}
"""Headrace judges each row itself."""

ABOUT_TABLES = {
    "expect_column_distinct_values_to_be_in_set": words("column value_set"),
    "expect_column_distinct_values_to_contain_set": words("column value_set"),
    "expect_column_distinct_values_to_equal_set": words("column value_set"),
    "expect_column_max_to_be_between": words("column", BOUNDS),
    "expect_column_mean_to_be_between": words("column", BOUNDS),
    "expect_column_median_to_be_between": words("column", BOUNDS),
    "expect_column_min_to_be_between": words("column", BOUNDS),
    "expect_column_most_common_value_to_be_in_set": words("column value_set", "ties_okay"),
    "expect_column_proportion_of_non_null_values_to_be_between": words("column", BOUNDS),
    "expect_column_proportion_of_unique_values_to_be_between": words("column", BOUNDS),
    "expect_column_quantile_values_to_be_between": words(
        "column quantile_ranges", "allow_relative_error"
    ),
    "expect_column_stdev_to_be_between": words("column", BOUNDS),
    "expect_column_sum_to_be_between": words("column", BOUNDS),
    "expect_column_to_exist": words("column", "column_index"),
    "expect_column_unique_value_count_to_be_between": words("column", BOUNDS),
    "expect_table_row_count_to_be_between": words("", BOUNDS),
    "expect_table_row_count_to_equal": words("value"),
}
"""Great Expectations judges the rows that pass."""

TYPES_DECIDE = "the contract's physicalType already decides it"
COLUMNS_DECIDE = "the contract's properties already decide it"
NO_ORDER = "the rows of a batch have no order"
USE_SQL = "its answer is not exact in Spark; say it by a rule of type sql"
OTHERS = "a rule sees its own batch only"
PYTHON = "it would run Python for every row; say it by a pattern or an SQL rule"

REFUSED = {
    "expect_column_kl_divergence_to_be_less_than": "drift of a column is the model's to watch",
    "expect_column_type_to_be": TYPES_DECIDE,
    "expect_column_value_z_scores_to_be_less_than": USE_SQL,
    "expect_column_values_to_be_dateutil_parseable": PYTHON,
    "expect_column_values_to_be_decreasing": NO_ORDER,
    "expect_column_values_to_be_in_type_list": TYPES_DECIDE,
    "expect_column_values_to_be_increasing": NO_ORDER,
    "expect_column_values_to_be_of_type": TYPES_DECIDE,
    "expect_column_values_to_match_json_schema": PYTHON,
    "expect_column_values_to_match_strftime_format": PYTHON,
    "expect_column_values_to_not_be_outliers": USE_SQL,
    "expect_query_results_to_match_comparison": OTHERS,
    "expect_table_column_count_to_be_between": COLUMNS_DECIDE,
    "expect_table_column_count_to_equal": COLUMNS_DECIDE,
    "expect_table_columns_to_match_ordered_list": COLUMNS_DECIDE,
    "expect_table_columns_to_match_set": COLUMNS_DECIDE,
    "expect_table_row_count_to_equal_other_table": OTHERS,
}
"""Great Expectations has them; here they cannot be kept, or say what is said elsewhere."""

OF_ALL = ("row_condition", "condition_parser")
"""Which rows are judged; every expectation about rows or values takes it."""

ELSEWHERE = {
    "severity": "beside the rule's type",
    "description": "beside the rule's type",
    "meta": "in customProperties",
    "notes": "in description",
}
"""Arguments that ODCS has a place for."""


def check_arguments(kind: str, kwargs: Mapping[str, Any]) -> None:
    """Refuse an expectation or an argument that would not be heeded.

    Args:
        kind: One of Great Expectations' own.

    Raises:
        RuleInvalid: Naming the known ones.
    """
    if reason := REFUSED.get(kind):
        raise RuleInvalid(f"{kind} cannot be a rule: {reason}", kind)
    given = ABOUT_ROWS.get(kind) or ABOUT_TABLES[kind]
    known_arguments = (*given.required, *given.optional, *OF_ALL)
    for name in kwargs:
        refuse_misplaced(name)
        if name not in known_arguments:
            known = ", ".join(known_arguments)
            raise RuleInvalid(f"{kind} has no argument {name}; known: {known}", name)
    if missing := [name for name in given.required if kwargs.get(name) is None]:
        raise RuleInvalid(f"{kind} needs {', '.join(missing)}")


def refuse_misplaced(name: str) -> None:
    """Refuse an argument that ODCS has another place for.

    Raises:
        RuleInvalid: Naming the place.
    """
    if place := ELSEWHERE.get(name):
        raise RuleInvalid(f"{name} stands {place}, not in kwargs", name)
