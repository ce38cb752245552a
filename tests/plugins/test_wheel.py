"""A third party's wheel adds an operator and a notifier; its declarations are read without Spark."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from headrace_airflow.operators.models import DecideOperator
from headrace_airflow.operators.tables import GateOperator
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.project_errors import DeclarationInvalid
from tests.distributions import install, on_path
from tests.plugins.conftest import DECLARATIONS, FakeSubmit
from tests.plugins.ledger import decision, write_table

RunContext = Callable[..., Any]

SHOP_EXTRAS = Path(__file__).parents[1] / "extensions" / "shop_extras"

ALIEN = ("pyspark", "pandas", "numpy", "airflow", "great_expectations", "xgboost")


@pytest.fixture
def shop_extras(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "installed"
    install(folder, SHOP_EXTRAS)
    with on_path(folder):
        yield folder


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """Declarations that name what the wheel adds."""
    folder = tmp_path / "schemas"
    shutil.copytree(DECLARATIONS, folder)
    pipeline = folder / "pipelines" / "rides.yaml"
    text = pipeline.read_text().replace("tables:", "notify: [shop_journal]\ntables:", 1)
    stations = 'stations.csv", format: csv}'
    assert stations in text
    packed = 'stations.json", format: json_lines, options: {inside: row}}'
    pipeline.write_text(text.replace(stations, packed))
    trip = folder / "models" / "long_trip.yaml"
    text = trip.read_text().replace("{auc: 0.6}", "{auc: 0.6, hit_rate: 0.5}")
    trip.write_text(
        f"{text}notify: [shop_journal]\n".replace(
            "monitors:\n",
            "monitors:\n  added: [{name: missing_values, options: {column: rain, most: 0.1}}]\n",
        )
    )
    return folder


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "journal"
    monkeypatch.setenv("SHOP_JOURNAL", str(file))
    return file


@pytest.mark.usefixtures("shop_extras")
def test_job_of_the_wheel_is_asked_for_by_its_operator(
    catalog: Catalog, fake_submit: FakeSubmit, run_context: RunContext, home: Path
) -> None:
    write_table(home, "gold.trip_features", ["2013-01"])
    operators = import_module("shop_extras.operators")
    fake_submit.answer = {"rows": 2, "empty": {"rain": 1}}
    task = operators.ProfileOperator(task_id="profile", table="gold.trip_features", catalog=catalog)
    handed_on = task.execute(run_context())
    assert type(fake_submit.spec).__name__ == "ProfileSpec"
    assert fake_submit.spec.table.version == 0
    assert (handed_on["rows"], handed_on["empty"]) == (2, {"rain": 1})


@pytest.mark.usefixtures("shop_extras")
def test_declarations_are_read_without_either_runtime(schemas: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from headrace_schemas.declarations.catalog import Catalog\n"
        "from headrace_schemas.wire.jobs import JOBS\n"
        "catalog = Catalog.load(Path(sys.argv[1]))\n"
        "print(JOBS.named('profile').name, *catalog.models['long_trip'].metrics)\n"
        f"print([one for one in {ALIEN} if one in sys.modules])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, schemas], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["profile auc pr_auc logloss brier hit_rate", "[]"]


@pytest.mark.usefixtures("shop_extras")
@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (
            "pipelines/rides.yaml",
            "json_lines",
            "jsonl",
            "there is no source 'jsonl'. Known: csv, parquet, json_lines",
        ),
        ("pipelines/rides.yaml", "inside", "within", "Known options: inside"),
        (
            "pipelines/rides.yaml",
            "shop_journal",
            "pager",
            "there is no notifier 'pager'. Known: log, mail, webhook, shop_journal",
        ),
        (
            "models/long_trip.yaml",
            "hit_rate",
            "hits",
            "there is no metric 'hits'. Known: auc, pr_auc",
        ),
        (
            "models/long_trip.yaml",
            "missing_values",
            "missing",
            "there is no monitor 'missing'. Known: missing_values",
        ),
        (
            "models/long_trip.yaml",
            "most: 0.1",
            "most: 2",
            "options.most: must be less than 1. Known options: column, most",
        ),
    ],
    ids=["source", "option", "notifier", "metric", "monitor", "value"],
)
def test_name_is_refused_with_the_known_ones_when_nobody_gives_it(
    schemas: Path, file: str, old: str, new: str, says: str
) -> None:
    declared = schemas / file
    declared.write_text(declared.read_text().replace(old, new))
    with pytest.raises(DeclarationInvalid) as raised:
        Catalog.load(schemas)
    assert says in raised.value.message
    assert file in raised.value.message


def test_everything_is_refused_when_the_wheel_is_not_installed(schemas: Path) -> None:
    with pytest.raises(DeclarationInvalid) as raised:
        Catalog.load(schemas)
    for kind in (
        "source 'json_lines'",
        "notifier 'shop_journal'",
        "metric 'hit_rate'",
        "monitor 'missing_values'",
    ):
        assert f"there is no {kind}" in raised.value.message


@pytest.mark.usefixtures("shop_extras")
def test_people_are_told_when_a_gate_fails(
    schemas: Path, fake_submit: FakeSubmit, run_context: RunContext, journal: Path
) -> None:
    catalog = Catalog.load(schemas)
    error = {"type": "GateFailed", "message": "too few rows", "retryable": False}
    fake_submit.answer = {"status": "failed", "verdict": "failed", "error": error}
    gate = GateOperator(task_id="gate", table="bronze.trips", catalog=catalog)
    with pytest.raises(AirflowFailException, match="too few rows"):
        gate.execute(run_context("2013-01", load={"output_uri": "staged"}))
    assert journal.read_text() == "gate_failed bronze.trips 2013-01: too few rows\n"


def decided(schemas: Path, fake_submit: FakeSubmit, run_context: RunContext) -> Any:
    fake_submit.answer = {"decision": decision(Verdict.TRAIN)}
    evidence = {"window": "2013-02", "matured_partitions": 2, "champion": None}
    decide = DecideOperator(task_id="decide", model="long_trip", catalog=Catalog.load(schemas))
    return decide.execute(run_context("2013-02", monitor={"monitor_evidence": evidence}))


@pytest.mark.usefixtures("shop_extras")
def test_people_are_told_when_it_was_decided(
    schemas: Path, fake_submit: FakeSubmit, run_context: RunContext, journal: Path
) -> None:
    decided(schemas, fake_submit, run_context)
    assert journal.read_text() == "decided long_trip 2013-02: inputs moved\n"


@pytest.mark.usefixtures("shop_extras")
def test_run_goes_on_when_a_notifier_fails(
    schemas: Path,
    fake_submit: FakeSubmit,
    run_context: RunContext,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delenv("SHOP_JOURNAL", raising=False)
    assert decided(schemas, fake_submit, run_context)["decision"]["verdict"] == "train"
    assert "notifier shop_journal: decided of long_trip was not told" in caplog.text
