"""Every transform's case file: rows in, rows out, on both engines."""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.contract import Contract

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]
SOURCE = {"_source_file": "STRING", "_source_row": "BIGINT"}
"""Engine columns that a transform hands on."""


@cache
def catalog() -> Catalog:
    return Catalog.load(ROOT / "schemas")


def case_files() -> dict[str, Path]:
    """Table → its case file."""
    return {file.stem: file for file in sorted((ROOT / "tests" / "cases").glob("*.yaml"))}


def cases() -> Iterator[Any]:
    """Every case of every file; over Spark Connect the first one of each, which names all columns."""
    for table, file in case_files().items():
        for index, case in enumerate(yaml.safe_load(file.read_text())["cases"]):
            for engine in ("spark", "connect") if index == 0 else ("spark",):
                yield pytest.param(engine, table, case, id=f"{engine}: {table}: {case['name']}")


def columns_of(contract: Contract) -> dict[str, str]:
    """Column → type, source columns included."""
    return {one.name: one.type for one in contract.columns} | SOURCE


def frame_of(spark: SparkSession, rows: list[dict[str, Any]], columns: dict[str, str]) -> DataFrame:
    """Rows as a frame of these types; what a row leaves out is NULL."""
    unknown = {name for row in rows for name in row} - columns.keys()
    assert not unknown, f"no such columns: {sorted(unknown)}"
    texts = [tuple(text_of(row.get(name)) for name in columns) for row in rows]
    frame = spark.createDataFrame(texts, ", ".join(f"`{name}` STRING" for name in columns))
    return frame.select(*[F.col(name).cast(type_).alias(name) for name, type_ in columns.items()])


def text_of(value: object) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def shown(name: str, type_: str) -> Column:
    """A column as a test compares it: numbers as they are, all else as text in UTC."""
    return F.col(name) if type_ == "DOUBLE" else F.col(name).cast("string").alias(name)


def broken_rules(contract: Contract) -> Column:
    """Ids of the contract's row rules that a row breaks."""
    ids = [F.when(F.expr(rule.bad), F.lit(rule.id)) for rule in contract.row_rules if rule.bad]
    return F.array_sort(F.array_compact(F.array(*ids))).alias("broken")


def collected(frame: DataFrame, contract: Contract) -> list[dict[str, Any]]:
    """Rows with the rules that they break, in the types that the contract names."""
    types = columns_of(contract)
    typed = frame.select(*[F.col(name).cast(types[name]).alias(name) for name in frame.columns])
    columns = [shown(name, types[name]) for name in typed.columns]
    return [row.asDict() for row in typed.select(*columns, broken_rules(contract)).collect()]


def wanted_row(row: dict[str, Any], contract: Contract) -> dict[str, Any]:
    """A case's row as `collected` gives it; only the columns that it names."""
    types = columns_of(contract)
    return {
        name: value if name == "broken" or value is None else wanted_value(value, types[name])
        for name, value in row.items()
    }


def wanted_value(value: Any, type_: str) -> Any:
    if type_ == "DOUBLE":
        return pytest.approx(float(value), abs=1e-9)
    if type_ == "TIMESTAMP":
        return datetime.fromisoformat(value).strftime("%Y-%m-%d %H:%M:%S")
    return text_of(value)


def transformed(spark: SparkSession, table: str, case: dict[str, Any]) -> DataFrame:
    """What the transform makes of a case's inputs, which have the types of the input tables' contracts."""
    build = catalog().build(table)
    module, _, function = str(build.transform).partition(":")
    inputs = {
        name: frame_of(spark, case["inputs"][name], columns_of(catalog().contract(one.table)))
        for name, one in build.inputs.items()
    }
    bounds = [datetime.fromisoformat(text) for text in case.get("bounds", [])]
    between = dict(zip(("start", "end"), bounds, strict=False))
    return getattr(import_module(module), function)(**inputs, **between)


def test_every_transform_has_cases_when_the_pipeline_is_declared():
    declared = {build.name: build.transform for build in catalog().builds.values()}
    tested = {
        table: yaml.safe_load(file.read_text())["transform"] for table, file in case_files().items()
    }
    assert tested == {name: transform for name, transform in declared.items() if transform}


@pytest.mark.parametrize(("engine", "table", "case"), cases())
def test_rows_come_out_as_written_when_rows_go_in(
    request: pytest.FixtureRequest, engine: str, table: str, case: dict[str, Any]
):
    spark: SparkSession = request.getfixturevalue(engine)
    contract = catalog().contract(table)
    out = transformed(spark, table, case)
    assert tuple(out.columns) == (*contract.column_names, *SOURCE)

    wanted = [wanted_row(row, contract) for row in case["output"]]
    names = set().union(*wanted)
    found = [{name: row[name] for name in names} for row in collected(out, contract)]
    for one in sorted(wanted, key=len, reverse=True):  # what says most leaves least to choose
        place = next((at for at, row in enumerate(found) if row | one == row), None)
        assert place is not None, f"did not come, or not as often: {one}"
        del found[place]
    assert found == [], "not expected"
