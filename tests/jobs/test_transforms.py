"""The flagship's case files on the other engine: over Spark Connect, the first case of each.

That one names all columns. In a classic session they all run as tests of their own (`tests/cases`).
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.testing.cases import Case, check, read_cases
from headrace_schemas.declarations.catalog import Catalog

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]


@cache
def catalog() -> Catalog:
    return Catalog.load(ROOT / "schemas")


def case_files() -> dict[str, Path]:
    """Table → its case file."""
    return {file.stem: file for file in sorted((ROOT / "tests" / "cases").glob("*.yaml"))}


def first_cases() -> Iterator[Any]:
    for table, file in case_files().items():
        yield pytest.param(next(read_cases(file, catalog())), id=table)


def test_every_transform_has_cases_when_the_pipeline_is_declared():
    transformed = {name for name, build in catalog().builds.items() if build.transform}
    assert set(case_files()) == transformed


@pytest.mark.parametrize("case", first_cases())
def test_rows_come_out_as_written_when_the_session_is_connects(connect: SparkSession, case: Case):
    assert [one.lines() for one in check(connect, catalog(), case)] == []
