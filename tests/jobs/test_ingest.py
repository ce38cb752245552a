"""Delivered files are checked before Spark reads them: here, or by Spark's workers where they are large."""

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.sources import ingest
from headrace_jobs.sources import spread as spreading
from headrace_schemas.errors import SourceInvalid
from tests.jobs.batches import ROW, Batch, contract, text

pytestmark = pytest.mark.spark


def test_files_are_checked_by_sparks_workers_when_the_batch_is_large(
    engine: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[str] = []

    def spied(*given: Any) -> dict[str, ingest.Delivery]:
        found = spread(*given)
        passed.extend(sorted(one.name for one in found.values()))
        return found

    spread = ingest.inspect_spread
    monkeypatch.setattr(spreading, "SPREAD_BYTES", 100)
    monkeypatch.setattr(ingest, "inspect_spread", spied)
    batch = Batch(engine, tmp_path, contract(tmp_path))
    files = [batch.deliver(text(*[ROW] * rows), f"{rows}.csv") for rows in (1, 2, 3)]

    batch.load(*files)

    assert passed == [f"readings/{rows}.csv" for rows in (1, 2, 3)]
    assert len(batch.staged_rows()) == 6
    damaged = batch.deliver(text(ROW, '"a"b,2024-05-01,1,1'), "4.csv")
    with pytest.raises(SourceInvalid, match=r"^readings/4\.csv:3: a closing quote"):
        batch.load(*files, damaged)
    assert len(passed) == 6
