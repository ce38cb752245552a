"""Random files through load, gate and publish: each value is published as it is, or marked, or refused.

`HEADRACE_RANDOM_FILES=2000 pytest -s tests/jobs/test_nothing_changes.py` tries more of them, other ones each time.
"""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, Phase, given, settings
from pyspark.sql import SparkSession

from headrace_schemas.declarations.source import Source
from headrace_schemas.errors import SchemaBroken, SourceInvalid
from tests.jobs.batches import Batch, contract
from tests.jobs.random_files import (
    NULLS,
    RandomFile,
    csv_recipes,
    parquet_recipes,
    text_equals,
    value_equals,
    write_csv,
    write_parquet,
)

pytestmark = [pytest.mark.spark, pytest.mark.timeout(6000)]

FILES = int(os.environ.get("HEADRACE_RANDOM_FILES", "150"))

FILES_AN_EXAMPLE = 25

TRIED = settings(
    max_examples=max(1, FILES // 2 // FILES_AN_EXAMPLE),
    deadline=None,
    database=None,
    derandomize="HEADRACE_RANDOM_FILES" not in os.environ,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
"""Without shrinking: an example is some twenty-five files, and takes Spark seconds."""

Found = Counter[str]


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    counted: Found = Counter()
    yield counted
    print("random files:", dict(counted))


def test_no_csv_value_changes_when_files_are_random(spark: SparkSession, found: Found) -> None:
    @TRIED
    @given(csv_recipes())
    def publishes(recipe: dict[str, Any]) -> None:
        names = [f"c{index}" for index in range(len(recipe["types"]))]
        with tempfile.TemporaryDirectory() as folder:
            batch = batch_of(spark, Path(folder), recipe["types"], "csv")
            files = [
                write_csv(one, names, Path(batch.deliver("", f"{number}.csv")))
                for number, one in enumerate(recipe["files"])
            ]
            assert_nothing_changes(batch, files, csv_value_equals, found)

    publishes()


def test_no_parquet_value_changes_when_files_are_random(spark: SparkSession, found: Found) -> None:
    @TRIED
    @given(parquet_recipes())
    def publishes(recipe: dict[str, Any]) -> None:
        names = [f"c{index}" for index in range(len(recipe["types"]))]
        with tempfile.TemporaryDirectory() as folder:
            batch = batch_of(spark, Path(folder), recipe["types"], "parquet")
            files = [
                write_parquet(
                    one, names, recipe["types"], Path(batch.deliver("", f"{number}.parquet"))
                )
                for number, one in enumerate(recipe["files"])
            ]
            assert_nothing_changes(batch, files, value_equals, found)

    publishes()


def csv_value_equals(text: str, published: Any) -> bool:
    if text in NULLS or published is None:
        return text in NULLS and published is None
    return text == published if isinstance(published, str) else text_equals(text, published)


def batch_of(spark: SparkSession, folder: Path, types: Sequence[str], format: str) -> Batch:
    """A table without partitions, of columns of these types."""
    columns = "\n".join(
        f"- {{name: c{index}, physicalType: '{type}'}}" for index, type in enumerate(types)
    )
    source = Source(
        files=f"readings/*.{format}*",
        format=format,
        **({"null_values": NULLS} if format == "csv" else {}),
    )
    batch = Batch(spark, folder, contract(folder, columns), source=source)
    batch.build = batch.build.model_copy(update={"partition": None, "most_quarantined": 1.0})
    batch.partition = None
    return batch


def assert_nothing_changes(
    batch: Batch, files: Sequence[RandomFile], equals: Callable[[Any, Any], bool], found: Found
) -> None:
    """Send the files through, as many at once as are not refused, and compare what comes out."""
    for accepted in loaded(batch, files, found):
        report = batch.gate()
        if report.status == "failed":  # nothing is published then
            found["files whose gate failed"] += len(accepted)
            assert not any(one.plain for one in accepted), report.error
            continue
        batch.publish()
        compare(batch, accepted, equals, found)


def loaded(
    batch: Batch, files: Sequence[RandomFile], found: Found
) -> Iterator[Sequence[RandomFile]]:
    """Sets of files that load together; one that is refused is found by halving."""
    if not files:
        return
    refusal = None
    try:
        batch.load(*[str(one.path) for one in files])
    except (SourceInvalid, SchemaBroken) as refused:
        refusal = str(refused)
    if refusal is None:
        found["files loaded"] += len(files)
        yield files
    elif len(files) == 1:
        assert files[0].is_damaged, f"refused although nothing is wrong with it: {refusal}"
        found["files refused"] += 1
    else:
        middle = len(files) // 2
        yield from loaded(batch, files[:middle], found)
        yield from loaded(batch, files[middle:], found)


def compare(
    batch: Batch, files: Sequence[RandomFile], equals: Callable[[Any, Any], bool], found: Found
) -> None:
    """Each row is published with the values of its file, or is in quarantine; once."""
    published = {place(row): row for row in rows_of(batch.table)}
    marked = {(row["source_file"], row["source_row"]): row for row in rows_of(batch.quarantine)}
    assert not published.keys() & marked.keys()
    assert len(published) + len(marked) == sum(len(one.rows) for one in files)
    for file in files:
        for index, row in enumerate(file.rows):
            key = (f"readings/{file.path.name}", index + 1)
            if key in marked:
                told = marked[key]["rule_ids"]
                assert index not in file.plain, f"{row} of {file.given} is marked: {told}"
                found["rows marked"] += 1
                continue
            found["rows published"] += 1
            for name, given_value in row.items():
                value = published[key][name]
                column = batch.contract.column(name)
                assert equals(given_value, value), (
                    f"{name} {column.type if column else ''} of {file.given.get(name, 'csv')}: "
                    f"delivered {given_value!r}, published {value!r}"
                )


def place(row: dict[str, Any]) -> tuple[str, int]:
    return row["_source_file"], row["_source_row"]


def rows_of(uri: str) -> list[dict[str, Any]]:
    """A table's rows by delta-rs; none where there is no table."""
    if not DeltaTable.is_deltatable(uri):
        return []
    found: list[dict[str, Any]] = DeltaTable(uri).to_pyarrow_table().to_pylist()
    return found


def test_comparison_sees_a_change() -> None:
    """The reader that judges is judged itself."""
    assert csv_value_equals("9007199254740993", 9007199254740993)
    assert not csv_value_equals("9007199254740993", 9007199254740992)
    assert not csv_value_equals("12d", 12.0)
    assert not csv_value_equals("a", None)
    assert json.dumps(value_equals({"lat": 1.0}, {"lat": 2.0})) == "false"
