"""A month of real flights by `dag.test()`: every Dag that a month needs, in this machine's own process."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flights.deliveries import write
from headrace_jobs.engine import session
from headrace_schemas.declarations.catalog import Catalog
from tests.e2e.contents import ask, delta_tables
from tests.jobs.hosts import job_host
from tests.projects import make_project

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
JANUARY = "2013-01"


def declarations(folder: Path) -> Catalog:
    """The flagship's, but one month of history is enough for a first model."""
    for kind in ("contracts", "pipelines", "models"):
        shutil.copytree(ROOT / "schemas" / kind, folder / kind)
    model = folder / "models" / "delay.yaml"
    text = model.read_text()
    assert "first_after_partitions: 3" in text
    model.write_text(text.replace("first_after_partitions: 3", "first_after_partitions: 1"))
    return Catalog.load(folder)


def run_dags(environment: dict[str, str], cwd: Path, *dags: str) -> None:
    command = [sys.executable, "-m", "tests.jobs.dag_test", *dags]
    done = subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]


def rows_in(file: Path) -> int:
    return len(file.read_text().splitlines()) - 1


def test_month_is_published_and_learnt_from_when_its_dags_are_tested(
    connect_url: str, tmp_path: Path
) -> None:
    catalog = declarations(tmp_path / "schemas")
    project = make_project(tmp_path / "project", tmp_path / "schemas", [ROOT / "jobs"])
    landing = tmp_path / "landing"
    write(landing, [JANUARY])
    registry = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "HEADRACE_MODELS": str(tmp_path / "models"),
    }
    with job_host(connect_url, tmp_path, registry) as (_, socket):
        environment = {
            **os.environ,
            **registry,
            "PYTHONPATH": str(ROOT),
            "HEADRACE_HOME": str(tmp_path),
            "HEADRACE_PROJECT": str(project),
            "HEADRACE_JOB_HOST": str(socket),
            "HEADRACE_JARS": str(session.jars_folder()),
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW_CONN_HEADRACE_SPARK": json.dumps({"conn_type": "spark", "host": "local[2]"}),
        }
        for name in ("AIRFLOW__CORE__UNIT_TEST_MODE", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
            environment.pop(name, None)
        airflow = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(airflow, env=environment, check=True, capture_output=True)
        tables = [
            f"{name}={JANUARY}" if catalog.build(name).partition else name for name in catalog.order
        ]
        monitored = [f"score.delay={JANUARY}", f"monitor.delay={JANUARY}"]
        looked_after = ("maintain.flights", "maintain_models")
        run_dags(environment, tmp_path, *tables, *monitored, "train.delay", *looked_after)

    lake = tmp_path / "lake"
    counts = {
        name: f"SELECT count(*) AS n FROM delta_scan('{uri}')"
        for name, uri in delta_tables(lake).items()
    }
    rows = {name: found[0]["n"] for name, found in ask(counts).items()}
    assert rows["tables/bronze/flights"] == rows_in(landing / "flights" / f"{JANUARY}.csv")
    set_aside = rows.get("quarantine/silver/flights", 0)
    assert rows["tables/silver/flights"] + set_aside == rows["tables/bronze/flights"]
    ledger = ask({"l": f"SELECT kind, verdict, reason FROM delta_scan('{lake}/ledger/decisions')"})
    assert {(one["kind"], one["verdict"]) for one in ledger["l"]} == {
        ("retraining", "train"),
        ("promotion", "promote"),
    }
