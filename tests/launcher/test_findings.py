"""What `headrace validate` tells programs: JSON for scripts, SARIF for code scanning and editors."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headrace_launcher.cli.app import app
from tests.projects import make_project
from tests.schemas.declarations import change, write
from tests.schemas.wrong_declarations import GOLD, MODEL, PIPELINE

MODULE = "def gold_readings(readings): ...\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with small declarations, in which the commands of a test are given."""
    folder = make_project(tmp_path / "shop", Path("schemas"), [Path("jobs")])
    write(folder / "schemas")
    (folder / "jobs").mkdir()
    (folder / "jobs" / "meter_transforms.py").write_text(MODULE)
    monkeypatch.syspath_prepend(folder / "jobs")
    monkeypatch.chdir(folder)
    return folder


def validate(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["validate", *arguments])


def read(*arguments: str) -> Any:
    """What a program reads when something is wrong."""
    answer = validate(*arguments)
    assert answer.exit_code == 1
    assert answer.stderr == ""
    return json.loads(answer.stdout)


def test_everything_is_right_when_nothing_is_wrong(project):
    assert "2 contracts" in validate().stdout
    found = json.loads(validate("--json").stdout)
    assert found["is_right"]
    assert found["problems"] == []
    assert found["checked"]["contracts"] == 2
    (run,) = json.loads(validate("--sarif").stdout)["runs"]
    assert run["results"] == []


def test_problem_says_where_what_and_which_value_when_read_as_json(project):
    change(project / "schemas" / PIPELINE, "partition: day", "partition: decade")
    found = read("--json")
    (problem,) = found["problems"]
    assert not found["is_right"]
    assert problem["rule"] == "pipeline.partition"
    assert Path(problem["file"]) == project / "schemas" / PIPELINE
    assert (problem["line"], problem["column"], problem["key"]) == (5, 1, "partition")
    assert problem["value"] == "decade"
    assert problem["problem"].startswith("must be")


def test_problem_names_the_known_keys_when_one_is_misspelt(project):
    change(project / "schemas" / PIPELINE, "    transform:", "    transfrom:")
    (problem,) = read("--json")["problems"]
    assert problem["rule"] == "pipeline.tables"
    assert problem["column"] == 5
    assert "transform" in problem["known_keys"]
    assert problem["advice"] == "Did you mean transform?"


def test_rule_holds_no_name_that_somebody_gave(project):
    change(project / "schemas" / PIPELINE, "lookback: 2", "lookback: -2")
    change(project / "schemas" / GOLD, "physicalType: DOUBLE", "physicalType: DUBLE")
    change(project / "schemas" / MODEL, "[meter]", "[meter, colour]")
    rules = [one["rule"] for one in read("--json")["problems"]]
    assert rules == ["contract.physicalType", "model.features", "pipeline.lookback"]


def test_code_scanning_finds_the_line_when_it_reads_sarif(project):
    change(project / "schemas" / MODEL, "[meter]", "[meter, colour]")
    change(project / "schemas" / PIPELINE, "partition: day", "partition: decade")
    document = read("--sarif")
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert document["version"] == "2.1.0"
    assert [one["id"] for one in rules] == ["model.features", "pipeline.partition"]
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        assert one["level"] == "error"
        assert str(project) not in one["message"]["text"]
    where = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    assert [one["artifactLocation"] for one in where] == [
        {"uri": f"schemas/{MODEL}", "uriBaseId": "%SRCROOT%"},
        {"uri": f"schemas/{PIPELINE}", "uriBaseId": "%SRCROOT%"},
    ]
    assert where[1]["region"] == {"startLine": 5, "startColumn": 1}


def test_file_is_named_by_its_whole_path_when_it_lies_elsewhere(project, tmp_path, monkeypatch):
    change(project / "schemas" / PIPELINE, "partition: day", "partition: decade")
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    (result,) = read("--sarif", str(project / "schemas"))["runs"][0]["results"]
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location == {"uri": (project / "schemas" / PIPELINE).as_uri()}


def test_missing_folder_is_a_problem_like_others(tmp_path):
    (problem, *_) = read("--json", str(tmp_path / "nothing"))["problems"]
    assert problem["rule"] == "folder"
    assert problem["column"] is None


def test_command_is_refused_when_two_forms_are_asked_for(project):
    answer = validate("--json", "--sarif")
    assert answer.exit_code == 2
