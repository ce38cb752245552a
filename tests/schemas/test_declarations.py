"""A wrong declaration is refused with its file, line, key and the known keys."""

from pathlib import Path

import pytest
from pydantic import field_validator

from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.declaration import Frozen, Misfit, Misfits
from headrace_schemas.declarations.pipeline import TableEntry
from headrace_schemas.declarations.reading import loaded
from headrace_schemas.declarations.transform_source import check_transform_source
from headrace_schemas.errors import TransformInvalid
from headrace_schemas.partition import PartitionUnit
from headrace_schemas.project_errors import DeclarationInvalid
from tests.schemas.declarations import change, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path)


def test_catalog_loads_when_declarations_fit_together(root):
    catalog = Catalog.load(root)
    assert catalog.order == ("bronze.readings", "gold.readings")
    assert catalog.build("gold.readings").inputs["readings"].lookback == 2
    assert catalog.contract("gold.readings").key == ("meter", "read_at")
    assert catalog.pipeline_of("gold.readings").name == "meters"


@pytest.mark.parametrize("unit", PartitionUnit)
def test_table_has_a_partition_of_its_own_when_its_entry_names_one(unit):
    entry = TableEntry.model_validate({"partition": unit.value, "inputs": {"a": "bronze.b"}})
    assert entry.partition == unit


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "says"),
    [
        (
            "models/load.yaml",
            "monitors:",
            "monitor:",
            15,
            "monitor: unknown key. Known keys here: ",
        ),
        ("models/load.yaml", "max_drop: 1", "max_drop: -1", 16, "greater than 0 (found: -1)"),
        (
            "models/load.yaml",
            "features: [meter]",
            "features: [kilowatts]",
            10,
            "known only afterwards",
        ),
        (
            "models/load.yaml",
            "floors: {rmse: 10}",
            "floors: {auc: 0.6}",
            13,
            "do not fit regression",
        ),
        (
            "models/load.yaml",
            "features: [meter]",
            "features: [colour]",
            10,
            "no such column in gold.readings",
        ),
        ("models/load.yaml", "owner: grid", "owner: grid\nowner: grid", 4, "stands twice"),
        (
            "pipelines/meters.yaml",
            "readings/{partition}.csv",
            "../secrets.csv",
            9,
            "below the landing root",
        ),
        (
            "pipelines/meters.yaml",
            "readings/{partition}.csv",
            "readings/*.csv",
            9,
            "every one would be made of all files that match readings/*.csv. Put {partition} where",
        ),
        (
            "pipelines/meters.yaml",
            "source: {",
            "partition: none\n    source: {",
            10,
            "bronze.readings has no partitions, so nothing can stand for {partition}",
        ),
        (
            "pipelines/meters.yaml",
            "readings/{partition}.csv",
            "{partition}/{partition}.csv",
            9,
            "names {partition} twice; write *",
        ),
        (
            "pipelines/meters.yaml",
            "readings/{partition}.csv",
            "readings/{Partition}.csv",
            9,
            "{Partition} stands for nothing: the only placeholder is {partition}",
        ),
        (
            "pipelines/meters.yaml",
            "readings/{partition}.csv",
            "{day}/{partition}.csv",
            9,
            "{day} stands for nothing",
        ),
        (
            "pipelines/meters.yaml",
            "readings/{partition}.csv",
            "readings{}/{partition}.csv",
            9,
            "{} stands for nothing",
        ),
        (
            "pipelines/meters.yaml",
            "readings/{partition}.csv",
            "readings/{{partition}}.csv",
            9,
            "{} stands for nothing",
        ),
        (
            "pipelines/meters.yaml",
            "readings/{partition}.csv",
            "readings/{partition}}.csv",
            9,
            "} stands for nothing",
        ),
        (
            "pipelines/meters.yaml",
            "readings/{partition}.csv",
            "readings/{ partition }.csv",
            9,
            "{ partition } stands for nothing",
        ),
        ("pipelines/meters.yaml", 'schedule: "0 2 * * *"', "schedule: daily", 4, "five fields"),
        ("pipelines/meters.yaml", "partition: day", "partition: fortnight", 5, "partition"),
        ("pipelines/meters.yaml", "start: 2024-01-01", "start: {", 8, "yaml"),
        (
            "contracts/gold/readings.odcs.yaml",
            "logicalType: object",
            "logicalTyp: object",
            11,
            "logicalTyp",
        ),
        (
            "contracts/gold/readings.odcs.yaml",
            "min_value: 0, max_value: 100",
            "",
            20,
            "min_value or max_value",
        ),
        (
            "contracts/gold/readings.odcs.yaml",
            "severity: warning",
            "severity: loud",
            25,
            "severity loud",
        ),
        (
            "contracts/gold/readings.odcs.yaml",
            "metric: rowCount",
            "metric: rowcount",
            25,
            "metric rowcount is not known",
        ),
        (
            "contracts/gold/readings.odcs.yaml",
            "meters.enough",
            "kilowatts.plausible",
            20,
            "two rules",
        ),
        (
            "contracts/gold/readings.odcs.yaml",
            "name: gold.readings",
            "name: gold.reading",
            4,
            "after the file",
        ),
    ],
)
def test_declaration_is_refused_when_wrong(root, file, old, new, line, says):
    changed = change(root / file, old, new)
    with pytest.raises(DeclarationInvalid) as refused:
        Catalog.load(root)
    assert f"{changed}:{line}: " in str(refused.value)
    assert says in str(refused.value)


def test_unknown_key_names_known_keys_when_misspelt(root):
    change(root / "models/load.yaml", "max_drop", "maxdrop")
    with pytest.raises(
        DeclarationInvalid, match=r"Known keys here: max_drop, metric\. Did you mean max_drop\?"
    ):
        Catalog.load(root)


class Dials(Frozen):
    """A declaration with a mapping that says itself what is wrong in it."""

    name: str
    dials: dict[str, int]

    @field_validator("dials", mode="before")
    @classmethod
    def has_small_numbers(cls, dials: dict[str, int]) -> dict[str, int]:
        large = [name for name, value in dials.items() if value > 10]
        if large:
            raise Misfits(Misfit((name,), "is above 10") for name in large)
        return dials


def test_every_value_is_named_when_a_mapping_refuses_several(tmp_path):
    file = tmp_path / "dials.yaml"
    file.write_text("name: yes\ndials:\n  a: 1\n  b: 11\n  c: 12\n")
    with pytest.raises(DeclarationInvalid) as refused:
        loaded(Dials, file)
    places = [one.place[1:] for one in refused.value.problems]
    assert places == [(1, "name"), (4, "dials.b"), (5, "dials.c")]


def test_table_is_refused_when_nothing_declares_it(root):
    change(root / "pipelines/meters.yaml", "table: bronze.readings", "table: bronze.lost")
    with pytest.raises(DeclarationInvalid, match=r":11: .*table bronze\.lost is not declared"):
        Catalog.load(root)


def test_tables_are_refused_when_they_feed_each_other(root):
    change(
        root / "pipelines/meters.yaml",
        'source: {files: "readings/{partition}.csv"}',
        "inputs: {later: gold.readings}",
    )
    with pytest.raises(DeclarationInvalid, match="feed each other"):
        Catalog.load(root)


def test_lookback_is_refused_when_input_has_no_partitions(root):
    change(
        root / "pipelines/meters.yaml",
        "bronze.readings:\n",
        "bronze.readings:\n    partition: none\n",
    )
    with pytest.raises(DeclarationInvalid, match="has no partitions"):
        Catalog.load(root)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def gold_readings(rows): ...", r"its parameters are \['rows'\]"),
        ("def other(readings): ...", "no such function"),
    ],
)
def test_transform_is_refused_when_parameters_differ(root, source, says):
    build = Catalog.load(root).build("gold.readings")
    with pytest.raises(TransformInvalid, match=says):
        check_transform_source(build, source)


def test_transform_is_refused_when_it_asks_for_more_than_partition_bounds(root):
    build = Catalog.load(root).build("gold.readings")
    source = "def gold_readings(readings, *, start, end{}): ..."
    check_transform_source(build, source.format(""))
    with pytest.raises(TransformInvalid, match="clock"):
        check_transform_source(build, source.format(", clock"))
