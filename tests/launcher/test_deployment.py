"""What a project is deployed from is written into its folder, fitted to it."""

import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from headrace_launcher.errors import FilesDiffer
from headrace_launcher.project.deployment import compose_deployment, write_deployment
from headrace_schemas.project import Project

CHECKOUT = Path(__file__).parents[2]

TABLE = """\
[tool.headrace]
name = "shop"
requires = ">=0.0.1"
dags = "airflow/dags"
packages = ["jobs", "lib"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "pyproject.toml").write_text(TABLE)
    return Project.read(tmp_path, {})


def stage(dockerfile: str, name: str) -> str:
    """One stage of a Dockerfile, from its FROM to what stands before the next."""
    found = re.search(rf"^FROM \S+ AS {name}$.*?(?=^(#|FROM|ARG))", dockerfile, re.M | re.S)
    assert found is not None
    return found.group().strip()


def test_all_files_that_compose_and_images_name_are_written(project: Project) -> None:
    written = write_deployment(compose_deployment(project), project.root)
    names = {str(file.relative_to(project.root)) for file in written}
    assert {"docker-compose.yml", "Dockerfile", ".dockerignore"} <= names
    for given in ("docker-compose.yml", "Dockerfile"):
        text = (project.root / given).read_text()
        for path in set(re.findall(r"(?:\./|/opt/headrace/)(deploy/[\w./-]+)", text)):
            assert (project.root / path).exists(), path
    assert os.access(project.root / "deploy" / "with-secrets", os.X_OK)
    assert write_deployment(compose_deployment(project), project.root) == []


def test_compose_file_has_the_project_s_name_and_folders(project: Project) -> None:
    fitted = yaml.safe_load(compose_deployment(project)["docker-compose.yml"])
    own = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
    assert fitted["name"] == "shop"
    images = {one["image"] for one in fitted["services"].values() if "build" in one}
    assert images == {
        f"${{HEADRACE_{name.upper()}_IMAGE:-shop/{name}:{version('headrace')}}}"
        for name in ("spark", "airflow")
    }
    scheduler = fitted["services"]["scheduler"]["environment"]
    assert scheduler["AIRFLOW__CORE__DAGS_FOLDER"] == "/opt/headrace/airflow/dags"
    assert scheduler["AIRFLOW__CORE__PLUGINS_FOLDER"] == "/opt/headrace/plugins"
    assert fitted["services"].keys() == own["services"].keys()
    assert fitted["networks"] == own["networks"]


def test_images_of_a_project_install_this_version_and_find_its_packages(project: Project) -> None:
    text = compose_deployment(project)["Dockerfile"]
    assert f"\nARG HEADRACE_VERSION={version('headrace')}\n" in text
    assert "PYTHONPATH=/opt/headrace/jobs:/opt/headrace/lib " in text
    allowed = {
        one[1:] for one in compose_deployment(project)[".dockerignore"].split() if one[0] == "!"
    }
    assert {"schemas", "jobs", "lib", "plugins", "airflow/dags", "deploy"} <= allowed
    assert not {".env", ".secrets", ".headrace"} & allowed


def test_image_of_a_project_starts_from_what_this_repository_s_does(project: Project) -> None:
    own = (CHECKOUT / "Dockerfile").read_text()
    fitted = compose_deployment(project.model_copy(update={"table": flagship_s_folders(project)}))
    assert stage(fitted["Dockerfile"], "runtime") == stage(own, "runtime")
    base = re.search(r"^ARG BASE_IMAGE=.*$", own, re.M)
    assert base is not None
    assert base.group() in fitted["Dockerfile"].splitlines()


def flagship_s_folders(project: Project) -> object:
    return project.table.model_copy(update={"packages": ("jobs",)})


def test_nothing_is_written_when_a_file_says_something_else(project: Project) -> None:
    changed = project.root / "deploy" / "spark" / "spark-defaults.conf"
    changed.parent.mkdir(parents=True)
    changed.write_text("spark.mine 1\n")
    with pytest.raises(FilesDiffer, match=r"deploy/spark/spark-defaults\.conf"):
        write_deployment(compose_deployment(project), project.root)
    assert not (project.root / "Dockerfile").exists()
    assert changed in write_deployment(compose_deployment(project), project.root, force=True)
    assert "spark.mine" not in changed.read_text()


def test_command_names_what_it_wrote_and_what_comes_next(project: Project) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "headrace_launcher", "deploy", "compose"],
        cwd=project.root,
        env={name: value for name, value in os.environ.items() if name != "HEADRACE_PROJECT"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert str(project.root / "docker-compose.yml") in lines
    assert lines[-1].endswith("headrace env && docker compose up --detach --wait")
