"""The wheel, as it is published, and its files in a folder as an installer leaves them."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from this checkout."""
    return build_wheel(PROJECT, tmp_path_factory.mktemp("dist"))


def build_wheel(source: Path, folder: Path) -> Path:
    """Build a source tree's wheel; uv has the builder since set-up."""
    own = PROJECT / ".tools" / "uv" / "bin" / "uv"
    uv = str(own) if own.exists() else shutil.which("uv")
    assert uv is not None, "make setup installs uv into .tools/"
    command = [uv, "build", "--wheel", "--quiet", "--out-dir", str(folder), str(source)]
    subprocess.run(command, check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project outside of this checkout."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[tool.headrace]\nname = "shop"\nrequires = ">=0.0.1"\n')
    return folder
