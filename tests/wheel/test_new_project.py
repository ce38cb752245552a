"""From an empty folder with the wheel and pip alone: the tutorial, and two new projects at once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headrace_lake.ledger import DECISIONS
from headrace_lake.versions import newest_version
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.places import Lake
from tests.docs.followed import Reader
from tests.wheel.conftest import PROJECT

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(3 * 3600)]

FEW_DAYS = "sed -i.all 's/^end: 2025-04-01/end: 2025-03-11/' schemas/pipelines/orders.yaml && rm schemas/pipelines/orders.yaml.all"
"""Of the shop's month: enough for a first model, and days that it scores."""


def promoted(project: Path, model: str) -> list[str]:
    """Versions of a model that were promoted, in the order of the ledger."""
    lake = Lake(root=str(project / ".headrace" / "lake"))
    ledger = DECISIONS.read(lake.ledger, model)
    return [str(one.model_version) for one in ledger if one.verdict is Verdict.PROMOTE]


def uv() -> str:
    """Builds wheels; the reader does not have it."""
    own = PROJECT / ".tools" / "uv" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    assert found is not None, "make setup installs uv into .tools/"
    return found


@pytest.fixture(scope="session")
def reader(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """A new user in an empty folder, with Python and pip, to whom the wheel is published."""
    folder = tmp_path_factory.mktemp("reader")
    example = PROJECT / "examples" / "flights"
    subprocess.run([uv(), "build", "--wheel", "--out-dir", str(wheel.parent), example], check=True)
    programs = folder / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    dropped = ("HEADRACE", "PYTHON", "VIRTUAL_ENV", "SPARK", "AIRFLOW", "UV_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    links = " ".join(filter(None, [str(wheel.parent), kept.get("PIP_FIND_LINKS")]))
    path = os.pathsep.join([str(programs), "/usr/bin", "/bin"])
    work = folder / "work"
    work.mkdir()
    return Reader(work, {**kept, "PATH": path, "PIP_FIND_LINKS": links})


@pytest.fixture(scope="session")
def bikes(reader: Reader) -> Iterator[Path]:
    """The tutorial's project, as it is when the tutorial has been followed."""
    start = reader.folder
    try:
        reader.follow("tutorial.md")
        yield reader.folder
    finally:
        if reader.folder != start:
            reader.type("headrace down")


def test_model_is_retrained_when_the_tutorial_is_followed(bikes: Path) -> None:
    assert len(promoted(bikes, "bicycles_per_hour")) >= 2
    lake = Lake(root=str(bikes / ".headrace" / "lake"))
    assert newest_version(lake.table("gold.count_features")) is not None


def test_month_runs_when_two_new_projects_are_up_at_once(bikes: Path, reader: Reader) -> None:
    def lived(name: str) -> Path:
        user = Reader(bikes.parent, dict(reader.environment))
        user.type(f"headrace new {name} && cd {name}")
        user.type(FEW_DAYS)
        try:
            for command in ("make up", "make replay", "make report", "make lint validate test"):
                user.type(command)
            return user.folder
        finally:
            user.type("make down")

    with ThreadPoolExecutor(2) as pool:
        projects = list(pool.map(lived, ["shop", "corner-shop"]))
    for project in projects:
        assert promoted(project, "packing_time")


def test_flagship_is_made_when_its_example_is_installed(bikes: Path, reader: Reader) -> None:
    user = Reader(bikes.parent, dict(reader.environment))
    user.type("pip install headrace-example-flights")
    user.type(
        "headrace new airport --example flights && cd airport && make setup && make lint validate"
    )
    assert (user.folder / "jobs" / "flights").is_dir()
