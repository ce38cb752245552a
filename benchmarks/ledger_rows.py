"""What a row of the ledger costs: as a Spark MERGE, and committed by deltalake, in one run.

    python benchmarks/ledger_rows.py [ROWS]

Also what the jobs `decide` and `promote` cost within their process. The store of models is a file.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from headrace_jobs.engine.session import classic
from headrace_jobs.lake import tables
from headrace_jobs.learning import promote
from headrace_jobs.learning.registry import Registry
from headrace_jobs.monitoring import decide
from headrace_lake.commits import insert
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, PromotionEvidence
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model
from headrace_schemas.wire.model_jobs import DecideSpec, PromoteSpec

CHECKOUT = Path(__file__).parents[1]
START = datetime(2024, 1, 1, tzinfo=UTC)
SMALL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
}
"""As on the embedded default: a MERGE by Spark's own defaults takes several times as long."""

SCHEMA = ", ".join(
    f"{name} {'TIMESTAMP' if name in ('as_of', 'effective_from') else 'STRING'}"
    for name in Decision.model_fields
)


def row(number: int) -> Decision:
    """One of many decisions."""
    return Decision(
        id=f"late/retraining/{number}",
        model="late",
        kind=Kind.RETRAINING,
        window=f"{number}",
        as_of=START + timedelta(days=number),
        verdict=Verdict.KEEP,
        reason="nothing to gain",
    )


def by_spark(spark: SparkSession, uri: str, number: int) -> None:
    """A row by MERGE, as Headrace wrote it before it wrote rows without Spark."""
    values = [tuple(row(number).model_dump().values())]
    frame = spark.createDataFrame(values, SCHEMA)
    tables.create(frame, uri, ["model"])
    tables.merge(spark, frame, uri, ("model", "id"), "WHEN NOT MATCHED THEN INSERT *")


def head(job: str, number: int) -> dict[str, Any]:
    """What every spec carries."""
    return {
        "job_id": f"{job}-{number}",
        "run_id": "benchmark",
        "headrace_version": version("headrace"),
    }


def decided(model: Model, uri: str, number: int) -> None:
    """The job `decide`."""
    evidence = MonitorEvidence(window=f"{number}", matured_partitions=number)
    as_of = START + timedelta(days=number)
    decide.run(
        DecideSpec(
            **head("decide", number),
            model=model,
            as_of=as_of,
            evidence=evidence,
            history=(),
            ledger_uri=uri,
        )
    )


def promoted(model: Model, uri: str, number: int) -> None:
    """The job `promote`, of a version that the gates refuse."""
    evidence = PromotionEvidence(challenger="1", champion=None, holdout_rows=1, metrics={})
    as_of = START + timedelta(days=number)
    promote.run(
        PromoteSpec(
            **head("promote", number),
            model=model,
            as_of=as_of,
            request_id=f"request {number}",
            evidence=evidence,
            history=(),
            ledger_uri=uri,
        )
    )


def median(work: Callable[[int], None], rows: int) -> float:
    """Seconds of one of many, the first left out: it loads what the others use."""
    seconds = []
    for number in range(rows + 1):
        begun = time.monotonic()
        work(number)
        seconds.append(time.monotonic() - begun)
    return statistics.median(seconds[1:])


def main(rows: int) -> None:
    """Measure in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault(
            "PYSPARK_PYTHON", sys.executable
        )  # else workers take the PATH's python3
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        os.environ["HEADRACE_MODELS"] = f"{folder}/models"
        model = Catalog.load(CHECKOUT / "schemas").models["delay"]
        version_one(model)
        with classic("ledger rows", "local[2]", SMALL) as spark:
            merged = median(lambda number: by_spark(spark, f"{folder}/spark", number), rows)
        inserted = median(
            lambda number: insert(DECISIONS, f"{folder}/own", row(number), "{}") and None, rows
        )
        found = {
            "a row by MERGE": merged,
            "a row by deltalake": inserted,
            "job decide": median(lambda number: decided(model, f"{folder}/own", number), rows),
            "job promote": median(lambda number: promoted(model, f"{folder}/own", number), rows),
        }
    for name, seconds in found.items():
        print(f"{name:<20}{seconds:>8.3f} s")
    print(f"{'MERGE / deltalake':<20}{merged / inserted:>8.0f}")


def version_one(model: Model) -> None:
    """A version that the registry knows."""
    client = Registry().client
    client.create_registered_model(model.name)
    client.create_model_version(model.name, "none")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
