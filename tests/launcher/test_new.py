"""A new project is right as it is made, and refused where it cannot be."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import invalidate_caches
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from headrace_launcher.errors import ExampleMissing, FolderOccupied, ProjectNameUnfit
from headrace_launcher.project.examples import find_example
from headrace_launcher.project.new import new_project
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.project import Project
from tests.dags.reading import read_project

Headrace = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder that is no project's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEADRACE_PROJECT", raising=False)
    return tmp_path


@pytest.fixture
def shop(elsewhere: Path) -> Path:
    """A project as `headrace new corner-shop` makes it."""
    return new_project("corner-shop", elsewhere / "corner-shop").folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command as a user of the folder types it."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def headrace(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, sys.executable, "-m", "headrace_launcher", *arguments)


def files_of(project: Path) -> dict[str, str]:
    """Path → text of all files."""
    found = (file for file in project.rglob("*") if file.is_file())
    return {file.relative_to(project).as_posix(): file.read_text() for file in found}


def test_next_commands_are_told_when_a_project_is_made_outside_of_any(elsewhere: Path) -> None:
    made = headrace(elsewhere, "new", "shop")
    assert made.returncode == 0, made.stderr
    first, *told = made.stdout.splitlines()
    assert first.startswith("shop: a new project in shop")
    assert [line.strip() for line in told[-3:]] == ["cd shop", "make up", "make replay"]
    named = [line.split()[0] for line in told if line.startswith("  ")][:-3]
    assert [one for one in named if not (elsewhere / "shop" / one).exists()] == []
    checked = headrace(elsewhere / "shop", "validate")
    assert checked.returncode == 0, checked.stderr


def test_project_is_pinned_when_it_is_made(shop: Path) -> None:
    found = Project.read(shop, {})
    assert (found.name, found.packages) == ("corner-shop", (shop / "jobs",))
    own = version("headrace")
    assert f'"headrace[all]=={own}"' in (shop / "pyproject.toml").read_text()
    assert f">={own}" in found.table.requires


def test_nothing_is_left_to_fill_in_when_a_project_is_made(shop: Path) -> None:
    for place, text in files_of(shop).items():
        assert re.findall(r"__[A-Z]+__|\.template", place + text) == [], place


def test_dags_are_read_without_errors_when_a_project_is_new(shop: Path) -> None:
    result = read_project(shop)
    assert result["errors"] == {}
    catalog = Catalog.load(shop / "schemas")
    model = next(iter(catalog.models))
    wanted = {*catalog.builds, f"train.{model}", f"score.{model}", f"monitor.{model}"}
    assert wanted <= set(result["dags"])


@pytest.mark.parametrize(
    "command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]
)
def test_code_is_in_order_when_a_project_is_new(shop: Path, command: list[str]) -> None:
    tool, *arguments = command
    done = run(shop, str(Path(sys.executable).with_name(tool)), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.spark
def test_cases_pass_when_a_project_is_new(shop: Path) -> None:
    done = headrace(shop, "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_deliveries_are_whole_and_repeat_when_made_up(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(shop / "jobs")
    module, _, function = str(Project.read(shop, {}).table.deliveries).partition(":")
    for folder in ("one", "other"):
        write = f"import {module}, pathlib; {module}.{function}(pathlib.Path({folder!r}))"
        environment = {**os.environ, "PYTHONPATH": str(shop / "jobs")}
        subprocess.run([sys.executable, "-c", write], cwd=tmp_path, env=environment, check=True)
    delivered = files_of(tmp_path / "one")
    assert delivered == files_of(tmp_path / "other")
    days = [place for place in delivered if place.endswith(".csv")]
    assert len(days) == 31
    for day in days:
        manifest = json.loads(delivered[f"{day}.manifest.json"])
        assert manifest["bytes"] == len(delivered[day].encode())
        assert manifest["rows"] == delivered[day].count("\n") - 1


def test_editors_and_ci_find_what_they_name_when_a_project_is_new(shop: Path) -> None:
    settings = json.loads((shop / ".vscode" / "settings.json").read_text())
    for schema, pattern in settings["yaml.schemas"].items():
        assert json.loads((shop / schema).read_text())["$schema"], schema
        assert list(shop.glob(pattern)), pattern
    targets = set(re.findall(r"^([a-z]+):", (shop / "Makefile").read_text(), re.MULTILINE))
    for page in ("README.md", ".github/workflows/check.yml", ".gitlab-ci.yml"):
        text = (shop / page).read_text()
        asked = re.findall(r"(?:- |\$ |`|run: )make ((?:[a-z]+\b(?!=) ?)+)", text)
        named = {word for line in asked for word in line.split()}
        assert named
        assert named <= targets, page
    for page in (".github/workflows/check.yml", ".gitlab-ci.yml"):
        assert yaml.safe_load((shop / page).read_text())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Shop", "begins with a small letter"),
        ("a shop", "begins with a small letter"),
        ("class", "word of Python"),
        ("json", "has a module json already"),
        ("headrace_jobs", "has a module headrace_jobs already"),
    ],
)
def test_name_is_refused_when_no_package_can_have_it(elsewhere: Path, name: str, said: str) -> None:
    with pytest.raises(ProjectNameUnfit, match=said):
        new_project(name, elsewhere / "new")
    assert list(elsewhere.iterdir()) == []


def test_nothing_is_written_when_the_folder_holds_something(elsewhere: Path) -> None:
    (elsewhere / "notes.txt").write_text("mine")
    with pytest.raises(FolderOccupied, match=r"notes\.txt"):
        new_project("shop", elsewhere)
    with pytest.raises(FolderOccupied, match="no folder"):
        new_project("shop", elsewhere / "notes.txt")
    assert files_of(elsewhere) == {"notes.txt": "mine"}


def test_project_is_made_when_the_folder_is_a_fresh_clone(elsewhere: Path) -> None:
    (elsewhere / ".git").mkdir()
    assert "pyproject.toml" in new_project("shop", elsewhere).files


def test_flagship_is_made_when_its_example_is_asked_for_in_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = new_project("airport", tmp_path / "airport", "flights")
    found = Project.read(made.folder, {})
    assert found.name == "airport"
    own = Project.current({})
    assert found.table.deliveries == own.table.deliveries
    declared, wanted = Catalog.load(found.schemas), Catalog.load(own.schemas)
    assert (declared.contracts, declared.models) == (wanted.contracts, wanted.models)
    assert declared.pipelines == wanted.pipelines
    assert {one.name for one in (made.folder / "jobs" / "flights").glob("*.py")} == {
        one.name for one in (own.root / "jobs" / "flights").glob("*.py")
    }
    assert (made.folder / "tests/cases/gold.flight_features.yaml").is_file()
    checked = headrace(made.folder, "validate")
    assert checked.returncode == 0, checked.stderr
    for place, text in files_of(made.folder).items():
        assert re.findall(r"__[A-Z]+__", place + text) == [], place


def test_example_is_of_the_same_version_as_headrace() -> None:
    root = Project.current({}).root
    own, example = (
        tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        for folder in (root, root / "examples" / "flights")
    )
    assert example["version"] == own["version"]
    assert example["dependencies"] == [f"headrace[launcher]=={own['version']}"]


def test_command_that_installs_it_is_told_when_an_example_is_missing(elsewhere: Path) -> None:
    with pytest.raises(ExampleMissing, match="pip install headrace-example-trains"):
        new_project("shop", elsewhere / "shop", "trains")


def test_example_is_found_when_another_package_brings_it(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, metadata = elsewhere / "trains_example", elsewhere / "trains_example-1.0.dist-info"
    (package / "project" / "jobs").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "project" / "jobs" / "trains.py").write_text("")
    about = {
        "title": "Trains",
        "package": "trains",
        "pipeline": "trains",
        "model": "late",
        "table": "gold.trains",
        "partition": "2025-01",
        "deliveries": "trains:deliver",
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in about.items()]
    (package / "example.toml").write_text("\n".join(lines))
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: trains-example\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[headrace.examples]\ntrains = trains_example\n")
    monkeypatch.syspath_prepend(elsewhere)
    invalidate_caches()
    found = find_example("trains")
    assert found.about.title == "Trains"
    assert set(found.content) == {"jobs/trains.py"}
