"""Cases of a project: what passes, what differs, and what pytest makes of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrace_jobs.testing.cases import CaseInvalid, read_cases
from headrace_jobs.testing.rows import WrongType, differences, wanted
from headrace_schemas.declarations.catalog import Catalog
from tests.projects import make_project

CLINIC = Path(__file__).parents[1] / "e2e" / "clinic"
CASE = {"name": "one", "inputs": {"visits": []}, "output": []}


@pytest.fixture(scope="module")
def clinic() -> Catalog:
    return Catalog.load(CLINIC)


def case_file(folder: Path, clinic: Catalog, *cases: dict) -> Path:
    file = folder / "gold.visits.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    content = {"transform": clinic.build("gold.visits").transform, "cases": list(cases)}
    file.write_text(json.dumps(content))  # JSON is YAML
    return file


@pytest.mark.parametrize(
    ("want", "found", "is_same"),
    [
        ([{"a": 1}], [{"a": 1, "b": 2}], True),
        ([{"a": 1}, {"a": 1}, {"a": 2}], [{"a": 1}, {"a": 2}, {"a": 2}], False),
        ([{"a": 1}], [{"a": 1}, {"a": 1}], False),
        ([{"a": 1}, {"a": 1}], [{"a": 1}], False),
        ([{"a": 0.1 + 0.2}], [{"a": 0.3}], True),
        ([{"a": None}], [{"a": 0}], False),
        # The first wanted row would take what the second one needs.
        ([{"a": 1}, {"a": 1, "b": 2}], [{"a": 1, "b": 2}, {"a": 1, "b": 3}], True),
    ],
)
def test_rows_are_compared_one_for_one_when_some_are_alike(want, found, is_same):
    every = [{"a": None, "b": None, **one} for one in found]
    assert (differences(want, every) == []) is is_same


def test_difference_names_the_column_when_a_row_is_nearly_right():
    (one,) = differences([{"a": 1, "b": 2}], [{"a": 1, "b": 3}])
    assert one.lines() == ["  in the row with {'a': 1}:", "  - b: 2", "  + b: 3"]


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (150, "STRING"),
        ("150", "INT"),
        (1, "BOOLEAN"),
        (True, "INT"),
        ("1.5", "DOUBLE"),
        ("x", "DATE"),
    ],
)
def test_wanted_value_is_refused_when_its_column_is_of_another_type(value, type_):
    with pytest.raises(WrongType):
        wanted(value, type_)


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ({**CASE, "inputs": {}}, "inputs are"),
        ({**CASE, "outputs": []}, "needs name, inputs and output"),
        ({**CASE, "bounds": ["2024-03-01"]}, "a start and an end"),
        ({**CASE, "bounds": ["March", "April"]}, "bounds"),
    ],
)
def test_case_is_refused_when_it_cannot_be_run(tmp_path, clinic, case, problem):
    with pytest.raises(CaseInvalid, match=problem):
        list(read_cases(case_file(tmp_path, clinic, case), clinic))


def test_file_is_refused_when_its_transform_is_not_the_pipelines(tmp_path, clinic):
    file = case_file(tmp_path, clinic, CASE)
    file.write_text(file.read_text().replace("gold_visits", "other"))
    with pytest.raises(CaseInvalid, match="is not the pipeline's"):
        list(read_cases(file, clinic))


@pytest.mark.spark
def test_pytest_runs_a_projects_cases_and_shows_what_differs(tmp_path, clinic):
    visit = {"patient": 1, "measured_at": "2024-03-01T08:00:00Z", "bmi": 21.5, "_source_row": 7}
    right = {**CASE, "name": "right", "inputs": {"visits": [visit]}, "output": [{"bmi": 21.5}]}
    twice = {**right, "name": "twice", "output": [{"bmi": 21.5}, {"bmi": 21.5}]}
    wrong = {**right, "name": "wrong", "output": [{"patient": 1, "bmi": 22.5}]}
    unknown = {**right, "name": "unknown", "output": [{"weight": 80}]}
    project = make_project(tmp_path / "project", CLINIC, [CLINIC])
    case_file(project / "tests" / "cases", clinic, right, twice, wrong, unknown)
    (project / "tests" / "cases" / "notes").mkdir()
    command = [sys.executable, "-m", "headrace_launcher", "test", "--json"]
    environment = {
        **os.environ,
        "HEADRACE_PROJECT": str(project),
        "HEADRACE_HOME": str(tmp_path / "home"),
    }
    done = subprocess.run(
        command, env=environment, cwd=project, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    found = {one["case"]: one["problem"] for one in json.loads(done.stdout)["cases"]}
    assert found["right"] == ""
    assert "did not come" in found["twice"]
    assert "- bmi: 22.5" in found["wrong"]
    assert "+ bmi: 21.5" in found["wrong"]
    assert "no columns ['weight']" in found["unknown"]
