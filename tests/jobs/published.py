"""A table to which batches are published, and what its log says of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.lake import files
from headrace_lake.fsck.check import check
from headrace_lake.fsck.depth import Depth
from tests.jobs.batches import HEADER, JUNE, MAY, Batch, contract

GOOD = ("a,2024-05-01T00:00:00Z,1.5,1", "b,2024-05-01T01:00:00Z,2.5,2")
OTHER = (
    "c,2024-05-02T00:00:00Z,3.5,3",
    "d,2024-05-02T01:00:00Z,4.5,4",
    "e,2024-05-02T02:00:00Z,5,5",
)


def commits(uri: str) -> list[list[dict[str, Any]]]:
    """The actions of each version of a table."""
    log = sorted((Path(uri) / "_delta_log").glob("*.json"))
    return [[json.loads(line) for line in one.read_text().splitlines()] for one in log]


def adds(uri: str) -> list[dict[str, Any]]:
    return [one["add"] for commit in commits(uri) for one in commit if "add" in one]


def writer_of(uri: str) -> str:
    """Who made the newest version."""
    info = next(one["commitInfo"] for one in commits(uri)[-1] if "commitInfo" in one)
    return str(info["engineInfo"]).split("/")[0].split(":")[0]


def data_files(uri: str) -> set[str]:
    """Every file of rows below a table's folder, whether it belongs to it or not."""
    return {file.path for file in files.below(uri) if file.path.endswith(".parquet")} - {
        file.path for file in files.below(uri) if file.path.startswith("_delta_log/")
    }


def staged(batch: Batch, *rows: str, header: str = HEADER) -> None:
    batch.load_rows(*rows, header=header)
    assert batch.gate().status == "succeeded"


def run(batch: Batch, *rows: str, header: str = HEADER) -> int:
    staged(batch, *rows, header=header)
    table = batch.publish().table
    assert table is not None
    return table.version


def damages(uri: str) -> list[str]:
    return [str(one) for one in check(uri, Depth.FULL)]


@pytest.fixture
def published(spark: SparkSession, tmp_path: Path) -> Batch:
    """A table that two partitions were written to, by Spark."""
    batch = Batch(spark, tmp_path, contract(tmp_path))
    for batch.partition in (JUNE, MAY):
        run(batch, *GOOD)
    return batch
