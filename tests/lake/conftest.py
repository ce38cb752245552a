"""Tables that Spark has written, to be damaged: a copy for each test, as an object store has them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lake.tables import Table

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs tables of Spark's is marked: writing them takes half a minute."""
    for item in items:
        if "spark_tables" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.spark)


@pytest.fixture(scope="session")
def spark_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tables, not to be changed."""
    folder = tmp_path_factory.mktemp("written")
    done = subprocess.run(
        [sys.executable, "-m", "tests.lake.spark_tables", str(folder)],
        cwd=ROOT,
        env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    for hidden in folder.rglob(".*.crc"):  # Hadoop's, which no object store has
        hidden.unlink()
    return folder


@pytest.fixture
def table(spark_tables: Path, tmp_path: Path) -> Table:
    """140 rows in 14 commits, with a checkpoint at version 10."""
    return copied(spark_tables / "readings", tmp_path)


@pytest.fixture
def changed(spark_tables: Path, tmp_path: Path) -> Table:
    """A table to which everything was done."""
    return copied(spark_tables / "changed", tmp_path)


def copied(source: Path, lake: Path) -> Table:
    """A copy as `silver.<name>` of a lake."""
    place = lake / "tables" / "silver" / source.name
    shutil.copytree(source, place)
    return Table(place)
