"""A training beside XGBoost alone, which reads the same Parquet: seconds, CPU seconds and bytes a row.

    python benchmarks/training.py [--rows 300000] [--features 39] [--rounds 200] [--workers 2] [--again 1]

Rows are made up. The job is the whole of it in a session that has trained before: it reads the table, checks rows,
fits, describes the features and registers the version. XGBoost alone reads the columns by pyarrow and fits them
from one `QuantileDMatrix`, with as many threads. Memory is the most that the workers' processes have had, above
what they had after a training of 2,000 rows, and that of the process that runs XGBoost alone, above what it had before
it read. Run nothing else meanwhile; CPU seconds bear more of it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.learning import train
from headrace_jobs.testing.spark import small_session
from headrace_schemas.declarations.contract import Column, Contract
from headrace_schemas.declarations.model import Model
from headrace_schemas.wire.model_jobs import TrainSpec
from headrace_schemas.wire.spec import PinnedTable

TABLE = "gold.made_up"
PARAMS = {"max_depth": 6, "learning_rate": 0.05}
HOURS = 24 * 300
NOW = datetime(2024, 12, 1, tzinfo=UTC)

ALONE = """
import json, pathlib, resource, sys, time
import numpy as np, pyarrow.dataset as dataset, xgboost
folder, features, rounds, threads = sys.argv[1], *map(int, sys.argv[2:5])
def high(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, start, cpu = high(), time.monotonic(), time.process_time()
names = [f"x{index}" for index in range(features)]
files = [str(one) for one in pathlib.Path(folder).glob("_partition=*/*.parquet")]
table = dataset.dataset(files, format="parquet").to_table(["late", *names])
rows = np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)
labels = table["late"].to_numpy().astype(np.float32)
del table
matrix = xgboost.QuantileDMatrix(rows, labels, nthread=threads)
params = {"objective": "binary:logistic", "seed": 7, "nthread": threads} | json.loads(sys.argv[5])
xgboost.train(params, matrix, rounds)
print(json.dumps({"seconds": time.monotonic() - start, "cpu_seconds": time.process_time() - cpu,
    "bytes_a_row": (high() - before) / len(rows)}))
"""


def made_up(
    spark: SparkSession, folder: Path, rows: int, features: int, hours: int = HOURS
) -> PinnedTable:
    """A feature table whose first columns say something of the label."""
    inputs = [F.randn(index).alias(f"x{index}") for index in range(features)]
    event = F.timestamp_seconds(F.lit(1_704_067_200) + F.col("id") * 1_000_003 % (hours * 3600))
    frame = spark.range(rows).select("id", event.alias("at"), *inputs)
    strain = F.col("x0") + F.col("x1") * F.col("x2") + F.randn(99)
    frame = frame.withColumn("late", strain > 0.5).withColumn(
        "_partition", F.date_format("at", "yyyy-MM")
    )
    frame.write.format("delta").partitionBy("_partition").save(str(folder))
    return PinnedTable(
        name=TABLE, uri=str(folder), version=tables.newest_version(spark, str(folder))
    )


def spec_of(
    table: PinnedTable, folder: Path, features: int, arguments: argparse.Namespace
) -> TrainSpec:
    """What is asked of the job."""
    names = [f"x{index}" for index in range(features)]
    types = {"id": "BIGINT", "at": "TIMESTAMP", "late": "BOOLEAN"} | dict.fromkeys(names, "DOUBLE")
    columns = tuple(Column(name=name, type=type_) for name, type_ in types.items())
    training = {"num_workers": arguments.workers, "refit": False, "params": PARAMS}
    model = Model.model_validate(
        {
            "name": f"made_up_{time.monotonic_ns()}",
            "description": "Made up.",
            "owner": "bench",
            "table": TABLE,
            "task": "binary",
            "target": "late",
            "event_time": "at",
            "known_time": "at",
            "label_delay_days": 0,
            "features": names,
            "training": {**training, "num_boost_round": arguments.rounds},
            "split": {"holdout_days": 1, "first_after_partitions": 1},
            "gates": {"floors": {"auc": 0.5}, "champion": {"metric": "auc", "resamples": 50}},
            "monitors": {"performance": {"metric": "auc", "max_drop": 0.05}},
        }
    )
    return TrainSpec(
        job_id="bench",
        run_id="bench",
        headrace_version=version("headrace"),
        model=model,
        contract=Contract(name=TABLE, version="1.0.0", key=("id",), columns=columns),
        features=table,
        as_of=NOW,
        request_id="bench",
        versions_uri=str(folder / "versions"),
    )


def own_and_children() -> list[psutil.Process]:
    """This process, Java, and Python's workers."""
    return [psutil.Process(), *psutil.Process().children(recursive=True)]


def cpu_seconds() -> float:
    """CPU seconds of all of them."""
    return sum(sum(one.cpu_times()[:2]) for one in own_and_children())


def high_mark(pid: int) -> int:
    """The most bytes that a process has had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(one for one in status.splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def workers_bytes() -> int:
    """The same of all Python workers."""
    return sum(high_mark(one.pid) for one in own_and_children()[1:] if "python" in one.name())


def whole_job(spark: SparkSession, spec: TrainSpec, empty: int) -> dict[str, float]:
    """One training.

    Args:
        empty: `workers_bytes` after a training of almost no rows.
    """
    start, cpu = time.monotonic(), cpu_seconds()
    train.run(spark, spec)
    rows = spark.read.format("delta").load(spec.features.uri).count()
    return {
        "seconds": time.monotonic() - start,
        "cpu_seconds": cpu_seconds() - cpu,
        "bytes_a_row": (workers_bytes() - empty) / rows,
    }


def alone(table: PinnedTable, arguments: argparse.Namespace) -> dict[str, float]:
    """XGBoost without Spark."""
    given = [str(arguments.features), str(arguments.rounds), str(arguments.workers)]
    command = [sys.executable, "-c", ALONE, table.uri, *given, json.dumps(PARAMS)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    measured: dict[str, float] = json.loads(found.splitlines()[-1])
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in (
        ("rows", 300_000),
        ("features", 39),
        ("rounds", 200),
        ("workers", 2),
        ("again", 1),
    ):
        parser.add_argument(f"--{name}", type=int, default=usual)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as place:
        folder = Path(place)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        os.environ["HEADRACE_MODELS"] = str(folder / "models")
        spark = small_session(folder)
        few = made_up(spark, folder / "few", 2_000, arguments.features)
        table = made_up(spark, folder / "table", arguments.rows, arguments.features)
        train.run(spark, spec_of(few, folder, arguments.features, arguments))
        empty = workers_bytes()
        for _ in range(arguments.again):
            job = whole_job(spark, spec_of(table, folder, arguments.features, arguments), empty)
            native = alone(table, arguments)
            ratio = {name: job[name] / native[name] for name in job}
            for name, found in (("job", job), ("alone", native), ("ratio", ratio)):
                print(name, json.dumps({key: round(value, 2) for key, value in found.items()}))
        spark.stop()
    print(
        f"measured {datetime.now(UTC):%Y-%m-%d}, {arguments.rows} rows, {arguments.workers} workers"
    )


if __name__ == "__main__":
    main()
