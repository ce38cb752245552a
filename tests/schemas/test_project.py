"""A project is found, read, and refused with what is wrong."""

import os
import sys
from pathlib import Path

import pytest

from headrace_schemas.project import Project
from headrace_schemas.project_errors import ProjectInvalid, ProjectMissing, ProjectVersionUnfit


def project(folder: Path, table: str = 'name = "shop"\nrequires = ">=0.1"\n') -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(f"[project]\nname = 'x'\n[tool.headrace]\n{table}")
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that is no project's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEADRACE_PROJECT", raising=False)
    return tmp_path


def test_project_is_found_above_when_the_working_folder_lies_in_it(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(elsewhere / "shop")
    inner = root / "schemas" / "contracts"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    found = Project.current({})
    assert found.root == root
    assert (found.name, found.schemas, found.dags) == ("shop", root / "schemas", root / "dags")
    assert (found.home, found.lake) == (root / ".headrace", str(root / ".headrace" / "lake"))
    assert found.landing == str(root / ".headrace" / "landing")


def test_folder_with_another_pyproject_is_passed_by(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(elsewhere / "shop")
    inner = root / "tools"
    inner.mkdir()
    (inner / "pyproject.toml").write_text("[project]\nname = 'tools'\n")
    monkeypatch.chdir(inner)
    assert Project.current({}).root == root


def test_named_project_wins_when_the_working_folder_is_another_s(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = project(elsewhere / "one"), project(elsewhere / "other")
    monkeypatch.chdir(one)
    assert Project.current({"HEADRACE_PROJECT": str(other)}).root == other


def test_file_s_own_project_wins_when_another_is_named(elsewhere: Path) -> None:
    one, other = project(elsewhere / "one"), project(elsewhere / "other")
    file = one / "dags" / "headrace.py"
    assert Project.around(file, {"HEADRACE_PROJECT": str(other)}).root == one
    stray = elsewhere / "dags" / "headrace.py"
    assert Project.around(stray, {"HEADRACE_PROJECT": str(other)}).root == other


def test_deployment_s_places_win_over_declared_ones(elsewhere: Path) -> None:
    table = 'name="shop"\nrequires=">=0.1"\nlake="s3a://lake/shop"\nlanding="in"\nhome="state"\n'
    root = project(elsewhere / "shop", table)
    declared = Project.read(root, {})
    assert declared.lake == "s3a://lake/shop"
    assert declared.landing == str(root / "in")
    assert declared.home == root / "state"
    given = {"HEADRACE_LAKE": "/lake", "HEADRACE_LANDING": "/in", "HEADRACE_HOME": "/home/x"}
    deployed = Project.read(root, given)
    assert (deployed.lake, deployed.landing, str(deployed.home)) == ("/lake", "/in", "/home/x")


def test_advice_is_given_when_there_is_no_project(elsewhere: Path) -> None:
    with pytest.raises(ProjectMissing, match="headrace new NAME"):
        Project.current({})
    with pytest.raises(ProjectMissing, match="HEADRACE_PROJECT names it"):
        Project.current({"HEADRACE_PROJECT": str(elsewhere)})


def test_another_version_is_refused_with_the_command_that_mends_it(elsewhere: Path) -> None:
    root = project(elsewhere / "shop", 'name = "shop"\nrequires = ">=99,<100"\n')
    with pytest.raises(ProjectVersionUnfit, match=r"pip install 'headrace>=99,<100'"):
        Project.read(root, {})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('name = "shop"\nrequires = ">=0.1"\nshemas = "x"\n', r"shemas: is unknown.*schemas"),
        ('name = "Shop floor"\nrequires = ">=0.1"\n', r"name: String should match"),
        ('name = "shop"\nrequires = "new"\n', r"requires: .*no range of versions"),
        ('name = "shop"\n', r"requires: Field required"),
        ("name = \n", r"cannot be read"),
    ],
)
def test_key_and_file_are_named_when_the_table_is_wrong(
    elsewhere: Path, table: str, said: str
) -> None:
    root = project(elsewhere / "shop", table)
    with pytest.raises(ProjectInvalid, match=said) as raised:
        Project.read(root, {})
    assert str(root / "pyproject.toml") in raised.value.message


def test_processes_import_the_project_s_packages_first(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(elsewhere / "shop")
    found = Project.read(root, {})
    given = {"PYTHONPATH": os.pathsep.join(["/other", str(root / "jobs")])}
    environment = found.environment(given)
    assert environment["PYTHONPATH"] == os.pathsep.join([str(root / "jobs"), "/other"])
    assert environment["HEADRACE_PROJECT"] == str(root)
    monkeypatch.setattr(sys, "path", ["/first"])
    found.use()
    found.use()
    assert sys.path == [str(root / "jobs"), "/first"]
