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

from headrace_schemas.catalog import Catalog
from headrace_schemas.contract import Contract

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
    """Every case of every file."""
    for table, file in case_files().items():
        for case in yaml.safe_load(file.read_text())["cases"]:
            yield pytest.param(table, case, id=f"{table}: {case['name']}")


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


def expected_rows(
    spark: SparkSession, rows: list[dict[str, Any]], contract: Contract
) -> list[dict[str, Any]]:
    """The rows of a case, read the same way; only the columns that each one names."""
    types = columns_of(contract)
    bare = [{name: value for name, value in row.items() if name != "broken"} for row in rows]
    frame = frame_of(spark, bare, types)
    read = frame.select(*[shown(name, type_) for name, type_ in types.items()]).collect()
    return [
        {name: one[name] for name in row if name != "broken"}
        | ({"broken": row["broken"]} if "broken" in row else {})
        for row, one in zip(rows, read, strict=True)
    ]


def transformed(spark: SparkSession, table: str, case: dict[str, Any], transform: str) -> DataFrame:
    """What the transform makes of a case's inputs, which have the types of the input tables' contracts."""
    module, _, function = transform.partition(":")
    inputs = {
        name: frame_of(spark, case["inputs"][name], columns_of(catalog().contract(one.table)))
        for name, one in catalog().build(table).inputs.items()
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


@pytest.mark.parametrize(("table", "case"), cases())
def test_rows_come_out_as_written_when_rows_go_in(
    engine: SparkSession, table: str, case: dict[str, Any]
):
    contract = catalog().contract(table)
    transform = catalog().build(table).transform
    out = transformed(engine, table, case, transform)
    assert tuple(out.columns) == (*contract.column_names, *SOURCE)

    found = collected(out, contract)
    wanted = expected_rows(engine, case["output"], contract)
    assert len(found) == len(wanted)
    # Rows are told apart by the columns that the case names, the same ones in each row of a case.
    names = set().union(*wanted) if wanted else set()
    found = [{name: row[name] for name in names} for row in found]
    for row in found:
        assert any(matches(row, one) for one in wanted), f"not expected: {row}"
    for one in wanted:
        assert any(matches(row, one) for row in found), f"did not come: {one}"


def matches(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a row has what is wanted of it, but for the last digits of numbers."""
    return all(
        row[name] == (pytest.approx(value, abs=1e-9) if isinstance(value, float) else value)
        for name, value in wanted.items()
    )
