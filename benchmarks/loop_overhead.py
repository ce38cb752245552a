"""What Airflow costs: the whole loop through Airflow against the bare script, on this machine, in one run.

    python benchmarks/loop_overhead.py [--until 2013-07-01]

Both sides start with an empty lake and running services (for the script: a warm Spark session); set-up and
start-up are not counted. CPU is what the whole machine used, so run nothing else meanwhile. The second table
has the seconds of all jobs of a kind: of the function in the script, of the task in Airflow, where tasks overlap.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, date, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import psutil

PIPELINE, MODEL = "flights", "delay"


def busy_seconds() -> float:
    """CPU seconds that the machine has used since it started."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


class Stopwatch:
    """Wall and CPU seconds of a block."""

    def __enter__(self) -> "Stopwatch":
        self.wall, self.cpu = time.monotonic(), busy_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.monotonic() - self.wall, busy_seconds() - self.cpu


def side(name: str, home: Path, until: date) -> dict[str, Any]:
    """Run one side in a process of its own, so that no warmth is shared."""
    environment = {**os.environ, "HEADRACE_HOME": str(home)}
    set_up = [sys.executable, "-m", "headrace_launcher", "setup"]
    subprocess.run(set_up, env=environment, check=True, stdout=sys.stderr)
    command = [sys.executable, __file__, "--side", name, "--until", until.isoformat()]
    answer = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return measured


def measure_bare(until: date) -> dict[str, Any]:
    """The bare script."""
    from bare_loop import BareLoop

    from flights.deliveries import write
    from headrace_launcher.project.deliveries import Deliveries, FolderLanding
    from headrace_launcher.services.settings import Settings
    from headrace_launcher.spark.settings import configuration_folder, write_configuration
    from headrace_schemas.declarations.catalog import Catalog
    from headrace_schemas.places import Lake

    settings = Settings.from_environment(os.environ)
    os.environ.setdefault("HEADRACE_JARS", str(settings.jars))
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else workers take the PATH's python3
    os.environ.setdefault("MLFLOW_TRACKING_URI", settings.registry)
    os.environ.setdefault("HEADRACE_MODELS", str(settings.mlflow / "artifacts"))
    settings.create_directories()
    write_configuration(settings)  # the one that Airflow's jobs have
    os.environ["SPARK_CONF_DIR"] = str(configuration_folder(settings))
    catalog = Catalog.load(settings.schemas)
    landing, folder = Path(settings.landing), settings.home / "deliveries"
    write(folder)
    loop = BareLoop(
        catalog=catalog,
        pipeline=catalog.pipelines[PIPELINE].model_copy(update={"end": until}),
        model=catalog.models[MODEL],
        lake=Lake(root=settings.lake),
        landing=landing,
        deliveries=Deliveries(folder, FolderLanding(landing)),
    )
    with Stopwatch() as watch:
        loop.run(lambda key: print(key, file=sys.stderr))
    return {"wall": watch.wall, "cpu": watch.cpu, "jobs": loop.jobs, "seconds": loop.seconds}


def measure_airflow(until: date) -> dict[str, Any]:
    """The same through Airflow, from the first delivery to the last decision."""
    from dataclasses import replace

    from peak_memory import PeakMemory

    from flights.deliveries import write
    from headrace_launcher.project.replay import RUNNING, pause
    from headrace_launcher.project.replays import replays_of
    from headrace_launcher.services.settings import Settings

    settings = Settings.from_environment(os.environ)
    headrace = [sys.executable, "-m", "headrace_launcher"]
    subprocess.run([*headrace, "up"], check=True, stdout=sys.stderr)
    try:
        folder = settings.home / "deliveries"
        write(folder)
        (replay,) = replays_of(settings, folder, PIPELINE)
        replay = replace(replay, pipeline=replay.pipeline.model_copy(update={"end": until}))
        replay.wait_for_dags()
        with PeakMemory(settings.home) as memory, Stopwatch() as watch:
            last = ""
            for step in replay.run():
                if step.partition != last:
                    print(step.partition, file=sys.stderr)
                    last = step.partition
        while replay.api.tasks(RUNNING):  # the last decision is read before its task has ended
            pause()
        tasks = replay.api.tasks(["success"])
    finally:
        subprocess.run([*headrace, "down"], check=True, stdout=sys.stderr)
    return {
        "wall": watch.wall,
        "cpu": watch.cpu,
        "jobs": len(tasks),
        "seconds": task_seconds(tasks),
        "memory": memory.bytes / 2**30,
    }


def task_seconds(tasks: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds of all tasks of one name."""
    found: defaultdict[str, float] = defaultdict(float)
    for task in tasks:
        found[task["task_id"]] += task["duration"] or 0.0
    return found


def main() -> None:
    """Measure both sides and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--until", type=date.fromisoformat, default=date(2014, 1, 1))
    parser.add_argument("--side", choices=["bare", "airflow"])
    arguments = parser.parse_args()
    if arguments.side:
        measured = {"bare": measure_bare, "airflow": measure_airflow}[arguments.side]
        print(json.dumps(measured(arguments.until)))
        return
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        bare = side("bare", Path(folder) / "bare", arguments.until)
        airflow = side("airflow", Path(folder) / "airflow", arguments.until)
    show(bare, airflow, arguments.until)


def show(bare: dict[str, Any], airflow: dict[str, Any], until: date) -> None:
    """Print both sides and the ratio."""
    print(f"measured {datetime.now(UTC):%Y-%m-%d}, data up to {until}, {psutil.cpu_count()} cores")
    print(f"{'':<14}{'wall s':>10}{'CPU s':>10}{'jobs':>8}")
    for name, measured in (("bare script", bare), ("Airflow", airflow)):
        row = f"{measured['wall']:>10.1f}{measured['cpu']:>10.1f}{measured['jobs']:>8.0f}"
        print(f"{name:<14}{row}")
    print(
        f"{'ratio':<14}{airflow['wall'] / bare['wall']:>10.2f}{airflow['cpu'] / bare['cpu']:>10.2f}"
    )
    print(f"\n{'jobs':<14}{'script s':>10}{'Airflow s':>10}")
    for kind, seconds in sorted(airflow["seconds"].items(), key=itemgetter(1), reverse=True):
        print(f"{kind:<14}{bare['seconds'].get(kind, 0.0):>10.1f}{seconds:>10.1f}")
    print(f"\nmost memory of Airflow, Spark and all others together: {airflow['memory']:.1f} GiB")


if __name__ == "__main__":
    main()
