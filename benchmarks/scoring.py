"""Scoring beside XGBoost alone, which reads and writes Parquet as well: seconds and CPU seconds.

    python benchmarks/scoring.py [--rows 300000] [--features 39] [--rounds 200] [--again 3]

Rows are made up, all of one month. The job is the whole of it in a session that has scored before: it reads the
partition, checks the booster, predicts and commits the predictions. XGBoost alone, a process that has its imports,
reads the columns by pyarrow, predicts with as many threads, and writes key, time and prediction. Run nothing else
meanwhile; CPU seconds bear more of it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from pyspark.sql import SparkSession
from training import cpu_seconds, made_up, spec_of

from headrace_jobs.learning import score, train
from headrace_jobs.learning.registry import BOOSTER, MANIFEST, Registry
from headrace_jobs.testing.spark import small_session
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.wire.model_jobs import ScoreSpec, TrainSpec

MONTH = Partition.parse(PartitionUnit.MONTH, "2024-01")
HOURS = 24 * 31
THREADS = 2

ALONE = """
import json, pathlib, sys, time
import numpy as np, pyarrow as pa, pyarrow.dataset as dataset, pyarrow.parquet as parquet, xgboost
folder, model, features, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:5])
start, cpu = time.monotonic(), time.process_time()
booster = xgboost.Booster({"nthread": threads})
booster.load_model(model)
names = [f"x{index}" for index in range(features)]
files = [str(one) for one in pathlib.Path(folder).glob("_partition=*/*.parquet")]
table = dataset.dataset(files, format="parquet").to_table(["id", "at", *names])
rows = np.column_stack([table[name].to_numpy() for name in names])
found = pa.array(booster.inplace_predict(rows).astype("float64"))
scored = table.select(["id", "at"]).append_column("prediction", found)
parquet.write_table(scored, f"{model}.predictions.parquet")
print(json.dumps({"seconds": time.monotonic() - start, "cpu_seconds": time.process_time() - cpu}))
"""


def asked(spec: TrainSpec, model_version: str, folder: Path) -> ScoreSpec:
    """What is asked of the job: the month's rows by the version that was trained."""
    registry = Registry()
    entry = registry.entry(spec.model.name, model_version)
    booster = registry.read(entry, BOOSTER)
    (folder / "booster.ubj").write_bytes(booster)
    champion = PinnedModel(
        version=model_version,
        booster_sha256=sha256(booster).hexdigest(),
        manifest_sha256=sha256(registry.read(entry, MANIFEST)).hexdigest(),
        evaluation_sha256=None,
    )
    return ScoreSpec(
        job_id="bench",
        run_id="bench",
        headrace_version=version("headrace"),
        model=spec.model,
        contract=spec.contract,
        features=spec.features,
        partition=MONTH,
        champion=champion,
        predictions_uri=str(folder / "predictions"),
        staged_uri=str(folder / "staged"),
    )


def whole_job(spark: SparkSession, spec: ScoreSpec) -> dict[str, float]:
    """One month scored."""
    start, cpu = time.monotonic(), cpu_seconds()
    score.run(spark, spec)
    return {"seconds": time.monotonic() - start, "cpu_seconds": cpu_seconds() - cpu}


def alone(spec: ScoreSpec, folder: Path, features: int) -> dict[str, float]:
    """XGBoost without Spark."""
    given = [spec.features.uri, str(folder / "booster.ubj"), str(features), str(THREADS)]
    found = subprocess.run(
        [sys.executable, "-c", ALONE, *given], check=True, capture_output=True, text=True
    )
    measured: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in (("rows", 300_000), ("features", 39), ("rounds", 200), ("again", 3)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    arguments = parser.parse_args()
    arguments.workers = THREADS
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as place:
        folder = Path(place)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        os.environ["HEADRACE_MODELS"] = str(folder / "models")
        spark = small_session(folder)
        table = made_up(spark, folder / "table", arguments.rows, arguments.features, HOURS)
        training = spec_of(table, folder, arguments.features, arguments)
        spec = asked(training, str(train.run(spark, training).model_version), folder)
        whole_job(spark, spec)
        for _ in range(arguments.again):
            job, native = whole_job(spark, spec), alone(spec, folder, arguments.features)
            ratio = {name: job[name] / native[name] for name in job}
            for name, found in (("job", job), ("alone", native), ("ratio", ratio)):
                print(name, json.dumps({key: round(value, 2) for key, value in found.items()}))
        spark.stop()
    print(f"measured {datetime.now(UTC):%Y-%m-%d}, {arguments.rows} rows, {THREADS} threads")


if __name__ == "__main__":
    main()
