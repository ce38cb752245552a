"""How fast one core is, and how much memory a row needs: what docs/scale.md reckons with.

    python benchmarks/throughput.py [--copies 40] [--copies-trained 30 | 0] [--again 1]

January of the flagship, each row many times over: delivered as one CSV file per 10 copies it goes through load, gate
and publish of bronze.flights; its features train the delay model. Both run by the job functions in one Spark
session on HEADRACE_SPARK_CORES cores; HEADRACE_SPARK_JAVA_OPTIONS are Java's own defaults unless given. Run
nothing else meanwhile. `--copies-trained 0` leaves the training out, `--again` measures the batch several times.
Beside it, on the same files and cores: DuckDB, which reads them, writes one Parquet file and counts the rows that
each row rule calls bad; and, for the gate's share, one query of Spark's over the staged rows that measures the same
as the gate: these counts, and the rows that repeat another one's key.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import psutil
import sqlglot
from bare_loop import BareLoop
from pyspark.sql import functions as F

from flights.deliveries import write
from headrace_jobs.lake import tables
from headrace_jobs.learning import features, learnable, slots, train
from headrace_launcher.project.deliveries import Deliveries, FolderLanding
from headrace_launcher.services.settings import Settings
from headrace_launcher.spark.settings import configuration_folder, write_configuration
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.partition import Partition
from headrace_schemas.places import Lake
from headrace_schemas.planning.planner import matured_at
from headrace_schemas.rules.rule import quoted

PIPELINE, MODEL, TABLE = "flights", "delay", "bronze.flights"
COPIES_A_FILE = 10


def prepared(folder: Path) -> BareLoop:
    """The flagship's January, published, in a home of its own."""
    java = {"HEADRACE_SPARK_JAVA_OPTIONS": "-XX:+UseG1GC"}
    environment = {**java, **os.environ, "HEADRACE_HOME": str(folder)}
    settings = Settings.from_environment(environment)
    settings.create_directories()
    os.environ.setdefault("HEADRACE_JARS", str(Settings.from_environment(os.environ).jars))
    write_configuration(settings)
    os.environ["SPARK_CONF_DIR"] = str(configuration_folder(settings))
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    catalog = Catalog.load(settings.schemas)
    pipeline = catalog.pipelines[PIPELINE].model_copy(update={"end": date(2013, 2, 1)})
    landing = Path(settings.landing)
    write(folder / "deliveries", ["2013-01"])
    return BareLoop(
        catalog=catalog,
        pipeline=pipeline,
        model=catalog.models[MODEL],
        lake=Lake(root=settings.lake),
        landing=landing,
        deliveries=Deliveries(folder / "deliveries", FolderLanding(landing)),
    )


def etl(loop: BareLoop, copies: int) -> dict[str, float]:
    """Seconds of load, gate and publish of January many times over."""
    partition = Partition.parse(loop.pipeline.partition, "2013-01")
    delivered = loop.landing / "flights" / "2013-01.csv"
    header, _, rows = delivered.read_bytes().partition(b"\n")
    folder = loop.landing / "copies"
    folder.mkdir(exist_ok=True)
    files = []
    for number in range(0, copies, COPIES_A_FILE):
        files.append(str(folder / f"{number}.csv"))
        Path(files[-1]).write_bytes(header + b"\n" + rows * min(COPIES_A_FILE, copies - number))
    size = sum(Path(one).stat().st_size for one in files)
    seconds = {}
    spec = loop.planner.load(TABLE, partition, files, "copies-load")
    source = spec.build.source.model_copy(update={"files": "copies/*.csv"})
    spec = spec.model_copy(update={"build": spec.build.model_copy(update={"source": source})})
    following = {"gate": loop.planner.gate, "publish": loop.planner.publish}
    output, counted = "", None
    for name in ("load", "gate", "publish"):
        if name in following:
            spec = following[name](TABLE, partition, output, f"copies-{name}")
        start = time.monotonic()
        report = loop.job(spec)
        seconds[name] = time.monotonic() - start
        output, counted = str(getattr(report, "output_uri", "")), report.counts
        if name == "load":
            seconds["aggregation"] = aggregation(loop, spec.contract, output)
    seconds["duckdb"] = by_duckdb(spec.contract, files, folder / "duckdb.parquet")
    return {"bytes": size, "rows": counted.rows_out if counted else 0, **seconds}


def aggregation(loop: BareLoop, contract: Contract, staged: str) -> float:
    """Seconds in which Spark measures the same by one query, and nothing besides.

    The rows that each row rule calls bad, and those that repeat another one's key.
    """
    counts = [f"count_if({rule.bad})" for rule in contract.row_rules if rule.bad]
    for columns in (rule.unique for rule in contract.row_rules if rule.unique):
        key = ", ".join(map(quoted, columns))
        groups = f"SELECT count(*) AS n FROM batch GROUP BY {key} HAVING n > 1"  # noqa: S608 - declared
        counts.append(f"(SELECT sum(n) FROM ({groups}))")  # noqa: S608 - the same
    start = time.monotonic()
    loop.spark.read.parquet(staged).createOrReplaceTempView("batch")
    loop.spark.sql(f"SELECT {', '.join(counts)} FROM batch").collect()  # noqa: S608 - the same
    return time.monotonic() - start


def by_duckdb(contract: Contract, files: list[str], parquet: Path) -> float:
    """Seconds in which DuckDB makes Parquet of CSV files and counts the same rows there."""
    bad = [
        sqlglot.transpile(rule.bad, read="spark", write="duckdb")[0]
        for rule in contract.row_rules
        if rule.bad
    ]
    counts = ", ".join(f"count(*) FILTER (WHERE {one})" for one in bad)
    cores = int(os.environ.get("HEADRACE_SPARK_CORES") or 2)
    with duckdb.connect(config={"threads": cores}) as connection:
        start = time.monotonic()
        connection.read_csv(files, na_values=["NA", ""]).write_parquet(str(parquet))
        connection.sql(f"SELECT {counts} FROM read_parquet('{parquet}')").fetchall()  # noqa: S608 - our own
        return time.monotonic() - start


def training(loop: BareLoop, copies: int) -> dict[str, float]:
    """Seconds and memory of fitting the delay model to January many times over."""
    partition = Partition.parse(loop.pipeline.partition, "2013-01")
    spec = loop.planner.train(loop.model, matured_at(loop.model, partition), "bench", "bench")
    declared = [
        features.declared_feature(spec.model, spec.contract, name) for name in spec.model.features
    ]
    known = features.known_rows(tables.read(loop.spark, spec.features), spec.model, spec.as_of)
    rows = known.crossJoin(loop.spark.range(copies).select(F.col("id").alias("_copy")))
    coded = learnable.learn_codes(rows, spec.model, spec.contract, declared)
    workers = slots.slots_for(loop.spark, spec.model)
    before = python_memory()
    start = time.monotonic()
    train.fit(rows, spec, coded.features, workers)
    seconds = time.monotonic() - start
    return {
        "rows": coded.rows,
        "features": len(coded.features),
        "workers": workers,
        "rounds": spec.model.training.num_boost_round,
        "seconds": seconds,
        "python_bytes": python_memory() - before,
    }


def python_memory() -> int:
    """The most that Python processes of this user have had resident, by the kernel's own mark."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            continue
        if "python" in process.name():
            line = next(one for one in status.splitlines() if one.startswith("VmHWM"))
            total += int(line.split()[1]) * 1024
    return total


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--copies", type=int, default=40)
    parser.add_argument("--copies-trained", type=int, default=30)
    parser.add_argument("--again", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        loop = prepared(Path(folder))
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        os.environ.setdefault("HEADRACE_MODELS", f"{folder}/models")
        loop.run(lambda _: None)
        cores = loop.spark.sparkContext.defaultParallelism
        for _ in range(arguments.again):
            moved = etl(loop, arguments.copies)
            print(json.dumps({"etl": moved}), flush=True)
        copies = arguments.copies_trained
        fitted = training(loop, copies) if copies else None
    whole = sum(moved[name] for name in ("load", "gate", "publish"))
    print(f"measured {datetime.now(UTC):%Y-%m-%d}, {cores} cores")
    print(
        f"ETL: {moved['bytes'] / whole / cores / 2**20:.1f} MiB of CSV a second and core, ", end=""
    )
    print(f"{whole / moved['duckdb']:.1f} times DuckDB; ", end="")
    print(f"the gate {moved['gate'] / moved['aggregation']:.1f} times one aggregation")
    if fitted is None:
        return
    print(json.dumps({"training": fitted}))
    visited = fitted["rows"] * fitted["features"] * fitted["rounds"]
    speed = visited / fitted["seconds"] / fitted["workers"] / 1e6
    print(f"training: {speed:.0f} million values x rounds a second and core, ", end="")
    print(f"{fitted['python_bytes'] / fitted['rows']:.0f} bytes of Python a row")


if __name__ == "__main__":
    main()
