"""`headrace run`: which batches, in which order, and what a user sees of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from headrace_lake.tables import published_keys
from headrace_launcher.cli.run_commands import lines_of
from headrace_launcher.errors import NothingToRun, PartitionAsked, TableBusy
from headrace_launcher.project.batches import Wanted
from headrace_launcher.project.table_runs import BatchRun, TableRuns
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake
from headrace_schemas.wire.report import Counts, RuleFailure
from headrace_schemas.wire.table_jobs import GateReport
from tests.e2e.clinic.landing import IMPLAUSIBLE_DAY, land
from tests.plugins.ledger import write_table
from tests.projects import make_project

SCHEMAS = Path(__file__).parents[2] / "schemas"
CLINIC = Path(__file__).parents[1] / "e2e" / "clinic"
WHOLE = ("airlines", "airports", "planes")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.load(SCHEMAS)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """February and March of flights and weather, and February of flights alone once more."""
    names = [f"{name}/2013-0{month}.csv" for name in ("flights", "weather") for month in (2, 3)]
    for name in [*names, "flights/2013-04.csv", *[f"{one}/{one}.csv" for one in WHOLE]]:
        (tmp_path / "landing" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "landing" / name).touch()
    return tmp_path / "landing"


def wanted(
    catalog: Catalog,
    landing: Path,
    table: str,
    partition: str | None = None,
    is_all: bool = False,
    with_inputs: bool = False,
) -> list[str]:
    lake = Lake(root=str(landing.parent / "lake"))
    asked = Wanted(catalog, lake, str(landing), (table,), partition, is_all, with_inputs)
    return [one.label for one in asked.batches()]


def test_only_the_named_batch_is_run_when_inputs_are_not_asked_for(catalog, landing):
    assert wanted(catalog, landing, "bronze.flights", "2013-02") == ["bronze.flights/2013-02"]
    assert wanted(catalog, landing, "silver.planes") == ["silver.planes/all"]


def test_every_delivered_partition_is_run_when_all_are_asked_for(catalog, landing):
    found = wanted(catalog, landing, "bronze.flights", is_all=True)
    assert found == [f"bronze.flights/2013-0{month}" for month in (2, 3, 4)]


def test_inputs_come_first_when_they_are_missing(catalog, landing):
    write_table(landing.parent, "silver.planes", [])
    found = wanted(catalog, landing, "silver.flights", "2013-03", with_inputs=True)
    assert found.index("bronze.airlines/all") < found.index("silver.airlines/all")
    assert found[-1] == "silver.flights/2013-03"
    assert "bronze.flights/2013-03" in found
    assert not [one for one in found if "planes" in one]


def test_partitions_looked_back_at_are_run_when_they_are_missing(catalog, landing):
    found = wanted(catalog, landing, "gold.flight_features", "2013-03", with_inputs=True)
    assert {"silver.flights/2013-02", "silver.weather/2013-02"} <= set(found)


def test_partitions_that_all_inputs_have_are_run_when_all_are_asked_for(catalog, landing):
    found = wanted(catalog, landing, "gold.flight_features", is_all=True, with_inputs=True)
    gold = [one for one in found if one.startswith("gold")]
    assert gold == ["gold.flight_features/2013-02", "gold.flight_features/2013-03"]
    with pytest.raises(NothingToRun):
        wanted(catalog, landing, "gold.flight_features", is_all=True)


@pytest.mark.parametrize("key", [None, "2013-2", "2012-12", "2014-01"])
def test_partition_is_refused_when_the_table_cannot_have_it(catalog, landing, key):
    with pytest.raises(PartitionAsked):
        wanted(catalog, landing, "bronze.flights", key)


def test_three_worst_rules_are_shown_with_places_when_a_gate_fails():
    failures = tuple(
        RuleFailure(
            rule=f"[r{n}]", severity="critical", description="d", failed=9, examples=("f:1",)
        )
        for n in range(4)
    )
    gate = GateReport(
        job_id="j",
        status="failed",
        verdict="failed",
        counts=Counts(rows_in=9, rows_quarantined=9),
        record_uri="/records",
        failures=failures,
    )
    run = BatchRun(Batch(table="silver.trips"), gate, error=("GateFailed", "no."))
    first, *rules, more, error = lines_of(run)
    assert "9 quarantined, not published" in first
    assert [one.strip() for one in rules] == [
        rf"critical \[r{n}]: 9 bad. d; at f:1" for n in range(3)
    ]
    assert "1 more rules: /records" in more
    assert "GateFailed: no." in error


def test_table_is_refused_by_name_when_airflow_runs_it(catalog, landing):
    states = {"silver.planes": "running", "silver.weather": "success"}
    airflow = SimpleNamespace(
        runs=lambda table, among: [
            SimpleNamespace(run_id="manual__1") for _ in {states[table]} & set(among)
        ]
    )
    runs = TableRuns(catalog, Lake(root=""), str(landing), None, None, airflow)
    runs.refuse_busy("silver.weather")
    with pytest.raises(TableBusy, match=r"silver\.planes: Airflow's run manual__1"):
        runs.refuse_busy("silver.planes")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[dict], Path]:
    """Two days of the small pipeline, one of them implausible, and one that was not delivered."""
    root = tmp_path_factory.mktemp("ran")
    project = make_project(root / "project", CLINIC, [CLINIC])
    land(root / "landing", IMPLAUSIBLE_DAY)
    environment = {
        **os.environ,
        "HEADRACE_HOME": str(root / "home"),
        "HEADRACE_PROJECT": str(project),
        "HEADRACE_LANDING": str(root / "landing"),
    }
    command = [sys.executable, "-m", "headrace_launcher", "run", "gold.visits", "bronze.visits"]
    command += ["--partition", IMPLAUSIBLE_DAY, "--with-inputs", "--json"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=project
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["batches"], root


@pytest.mark.spark
def test_batches_are_published_in_order_when_they_are_run_without_airflow(ran):
    code, (bronze, gold), root = ran
    assert code == 0
    assert [one["table"] for one in (bronze, gold)] == ["bronze.visits", "gold.visits"]
    assert bronze["version"] == gold["version"] == 0
    assert gold["verdict"] == "warned"
    assert gold["counts"]["rows_quarantined"] == 1
    assert gold["failures"][0]["examples"] == [f"visits/{IMPLAUSIBLE_DAY}.csv:1"]
    lake = Lake(root=str(root / "home" / "lake"))
    assert published_keys(lake.table("gold.visits")) == {IMPLAUSIBLE_DAY}
    jobs = {one.name.split("-")[2] for one in (root / "home" / "jobs").iterdir() if one.is_dir()}
    assert jobs == {"load", "gate", "publish"}
