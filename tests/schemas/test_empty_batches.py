"""Which contracts say that a batch may have no rows."""

import pytest

from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.empty_batches import PUBLISHED_EMPTY, published_empty
from tests.schemas.declarations import change, write

CUSTOM = (
    "type: custom, engine: greatExpectations, implementation: {type: expect_table_row_count_to_"
)


@pytest.mark.parametrize(
    ("rule", "may_be_empty"),
    [
        ("metric: rowCount, mustBeGreaterOrEqualTo: 0", True),
        ("metric: rowCount, mustBeGreaterThan: -1", True),
        ("metric: rowCount, mustBe: 0", True),
        ("metric: rowCount, mustBeBetween: [0, 500]", True),
        ("rule: rowCount, mustBeGreaterOrEqualTo: 0", True),
        ("metric: rowCount, mustBeGreaterOrEqualTo: 0, severity: warning", True),
        (CUSTOM + "be_between, kwargs: {min_value: 0, max_value: 9}}", True),
        (CUSTOM + "equal, kwargs: {value: 0}}", True),
        ("metric: rowCount, mustBeGreaterThan: 0", False),
        ("metric: rowCount, mustBeGreaterOrEqualTo: 1", False),
        ("metric: rowCount, mustBe: 5", False),
        ("metric: rowCount, mustBeBetween: [1, 500]", False),
        ("metric: rowCount, mustBeLessThan: 500", False),
        ("metric: rowCount, mustBeLessOrEqualTo: 0", False),
        ("metric: rowCount, mustNotBe: 7", False),
        (CUSTOM + "be_between, kwargs: {max_value: 9}}", False),
        (CUSTOM + "be_between, kwargs: {min_value: 1}}", False),
        ("metric: nullValues, mustBeGreaterOrEqualTo: 0, arguments: {properties: [meter]}", False),
    ],
)
def test_batch_may_be_empty_when_a_least_number_of_rows_takes_nothing_in(
    tmp_path, rule, may_be_empty
):
    root = write(tmp_path)
    file = root / "contracts/bronze/readings.odcs.yaml"
    declared = "type: library, metric: rowCount, mustBeGreaterThan: 3, severity: warning"
    change(file, declared, rule)
    contract = Catalog.load(root).contract("bronze.readings")
    assert contract.may_be_empty is may_be_empty
    default = {"table.not_empty"} & {one.id for one in contract.table_rules}
    assert default == (set() if may_be_empty else {"table.not_empty"})


def test_every_rule_must_take_nothing_in_when_there_are_two(tmp_path):
    root = write(tmp_path)
    file = root / "contracts/bronze/readings.odcs.yaml"
    more = "    quality:\n      - {name: any, metric: rowCount, mustBeGreaterOrEqualTo: 0}\n      - {name: meters"
    change(file, "    quality:\n      - {name: meters", more)
    assert not Catalog.load(root).contract("bronze.readings").may_be_empty
    change(file, "mustBeGreaterThan: 3", "mustBeLessThan: 3")
    assert Catalog.load(root).contract("bronze.readings").may_be_empty


def test_keys_are_found_among_other_properties():
    properties = {
        f"{PUBLISHED_EMPTY}2024-01": "true",
        f"{PUBLISHED_EMPTY}2024-01-01T05": "true",
        "delta.minReaderVersion": "1",
    }
    assert published_empty(properties) == {"2024-01", "2024-01-01T05"}
