"""`headrace policy backtest`: what people and programs are told of a replay."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from headrace_launcher.cli.policy_commands import shown
from headrace_launcher.errors import BacktestFailed
from headrace_launcher.project.policy_backtest import backtested, document
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.places import Lake
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.backtest_job import BacktestReport, BacktestSpec
from headrace_schemas.wire.report import JobError, JobReport
from tests.projects import make_project

SCHEMAS = Path(__file__).parents[2] / "schemas"

TOTALS = {
    "windows": 8,
    "asked": 3,
    "promoted": 2,
    "training": 0.02,
    "loss": 4.0,
    "cost": 4.06,
    "best": 3.85,
    "best_trainings": 1,
    "never": 5.25,
    "every": 4.05,
}

TRAINED = (
    "retraining pays: a model of all would have lost less; and so on -> refuse: worse: auc 0.6; and"
)


def window(key: str, **changes) -> dict:
    return {
        "window": key,
        "verdict": "keep",
        "reason": "nothing to gain",
        "served": "1",
        "loss": 0.5,
        "metric": 0.7,
        "is_promoted": None,
        "is_held": False,
    } | changes


def report(**changes) -> BacktestReport:
    trained = window("2013-04", verdict="train", reason=TRAINED, is_promoted=False)
    declared = {"windows": [window("2013-03"), trained], "totals": TOTALS}
    return BacktestReport.model_validate(
        {
            "job_id": "1",
            "metric": "auc",
            "loss": "log loss",
            "share": 0.25,
            "is_pilot": True,
            "declared": declared,
        }
        | changes
    )


def text(found: BacktestReport) -> str:
    console = Console(width=400, record=True, file=StringIO())
    for part in shown("delay", found):
        console.print(part)
    return console.export_text()


def test_totals_come_first_and_pilots_are_named_when_people_read(tmp_path):
    told = text(report())
    assert told.startswith(
        "delay: the declared policy would have asked for 3 trainings over 8 windows, 2 served; at "
        "0.0200 a training its cost is 0.2100 above the best schedule's (1 in hindsight), never "
        "retraining 1.4000 above, retraining at every window 0.2000 above; its regret is 15%."
    )
    assert "pilots on samples (25% of the table's rows" in told
    assert "train, refused" in told
    assert "retraining pays; refuse: worse: auc 0.6 " in told
    assert "a model of all" not in told


def test_both_policies_stand_side_by_side_when_another_is_tried():
    held = window("2013-04", verdict="hold", reason="data incident", is_held=True, loss=None)
    other = {"windows": [window("2013-03"), held], "totals": None}
    told = text(report(other=other))
    assert "other: under" not in told
    assert "under the other policy no window with labels was served" in told
    line = next(line for line in told.splitlines() if "retraining pays" in line)
    assert [cell.strip() for cell in line.split("│")[2:9]][0::4] == ["train, refused", "hold"]
    assert document("delay", report(other=other))["policies"]["other"]["totals"] is None


def test_document_has_regret_when_programs_read():
    totals = document("delay", report())["policies"]["declared"]["totals"]
    assert (totals["asked"], totals["regret"]) == (3, pytest.approx(0.15))


class Answered:
    """A series of jobs that answers with a report, and keeps what was asked."""

    log = Path("policy.log")

    def __init__(self, answer: JobReport) -> None:
        self.answer, self.asked = answer, []

    def run(self, spec):
        self.asked.append(spec)
        return self.answer


def test_job_is_asked_at_a_pinned_version_and_its_error_is_told_when_it_fails(tmp_path):
    catalog = Catalog.load(SCHEMAS)
    planner = Planner(catalog, Lake(root=str(tmp_path)), lambda uri: 7, None, "test")
    model = catalog.models["delay"]
    series = Answered(report())
    assert backtested(planner, series, model, None) == report()
    (spec,) = series.asked
    assert isinstance(spec, BacktestSpec)
    assert (spec.features.version, spec.other) == (7, None)
    error = JobError(type="TrainingDataInvalid", message="No key.", retryable=False)
    failed = Answered(JobReport(job="backtest", job_id="1", status="failed", error=error))
    with pytest.raises(BacktestFailed, match=r"TrainingDataInvalid: No key\. Its log: policy\.log"):
        backtested(planner, failed, model, None)


def test_unknown_model_and_wrong_policy_are_refused_when_the_command_is_run(tmp_path):
    project = make_project(tmp_path / "project", SCHEMAS, [SCHEMAS.parent / "jobs"])
    wrong = tmp_path / "policy.yaml"
    wrong.write_text("retraining: {costs: 1}\n")
    environment = {
        **os.environ,
        "HEADRACE_HOME": str(tmp_path / "home"),
        "HEADRACE_PROJECT": str(project),
    }
    for arguments, error in (
        (["nothing"], "UnknownName"),
        (["delay", "--policy", str(wrong)], "DeclarationInvalid"),
    ):
        command = [sys.executable, "-m", "headrace_launcher", "policy", "backtest", *arguments]
        done = subprocess.run(
            [*command, "--json"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1, done.stderr
        assert json.loads(done.stdout)["error"]["type"] == error
