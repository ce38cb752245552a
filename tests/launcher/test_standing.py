"""How tables and models stand, from small lakes written without Spark."""

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from headrace_launcher.cli.standing import standing
from headrace_launcher.services.settings import Settings
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.places import Lake
from tests.plugins.ledger import decision, note_empty, write_ledger, write_table


def judged(home: Path, name: str, batch: str, verdict: str) -> None:
    """The gate's record of a batch."""
    record = Path(Lake(root=str(home / "lake")).gate_record(name, batch))
    record.mkdir(parents=True)
    (record / "result.json").write_text(json.dumps({"meta": {"verdict": verdict}}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two months of weather; the next one was judged and held back. A first model serves."""
    write_table(tmp_path, "silver.weather", ["2013-01", "2013-02"])
    note_empty(tmp_path, "silver.weather", "2013-03")
    for batch, verdict in (("2013-02", "passed"), ("2013-04", "failed")):
        judged(tmp_path, "silver.weather", batch, verdict)
    at = datetime(2013, 4, 3, tzinfo=UTC)
    served = decision(
        Verdict.PROMOTE,
        model="delay",
        model_version="1",
        as_of=at,
        effective_from=at,
        request_id="x",
    )
    write_ledger(tmp_path, [served])
    return tmp_path


def test_tables_and_models_are_told_when_services_are_down(home: Path) -> None:
    found = standing(Settings.from_environment({"HEADRACE_HOME": str(home)}))
    weather = next(one for one in found.tables if one.name == "silver.weather")
    assert (weather.partition, weather.rows, weather.quarantined) == ("2013-03", 2, 0)
    assert (weather.verdict, weather.judged) == ("failed", "2013-04")
    assert weather.version is not None
    gold = next(one for one in found.tables if one.name == "gold.flight_features")
    assert (gold.version, gold.verdict) == (None, None)
    (delay,) = found.models
    assert delay.champion == "1"
    console = Console(width=200, record=True, file=StringIO())
    for part in found.parts():
        console.print(part)
    text = console.export_text()
    assert "failed 2013-04" in text
    assert "promote v1" in text
    assert found.as_json()["tables"][0]["name"] == found.tables[0].name


def test_problem_is_told_when_declarations_are_wrong(home: Path, tmp_path: Path) -> None:
    settings = Settings.from_environment({"HEADRACE_HOME": str(home)})
    table = settings.project.table.model_copy(update={"schemas": str(tmp_path / "wrong")})
    project = settings.project.model_copy(update={"table": table})
    found = standing(Settings.from_environment({"HEADRACE_HOME": str(home)}, project))
    assert "there is no such folder" in found.problem
    assert "headrace validate" in found.problem
