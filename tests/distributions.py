"""Distributions that tests install: a folder on the path, as an unpacked wheel is one."""

import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from headrace_schemas import extensions

EntryPoints = Mapping[str, Mapping[str, str]]
"""Per group: name to `module:object`."""


def unpack(folder: Path, name: str, entry_points: EntryPoints) -> None:
    """Write what an installer writes of a distribution, beside its modules."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [
        line
        for group, entries in entry_points.items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def install(folder: Path, source: Path) -> None:
    """Install a source tree that has a pyproject.toml and one package of the same name."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    package = project["name"].replace("-", "_")
    shutil.copytree(source / package, folder / package)
    unpack(folder, project["name"], project["entry-points"])


@contextmanager
def on_path(folder: Path) -> Iterator[Path]:
    """The folder's distributions, in this process and in those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", str(folder), prepend=":")
        extensions.installed.cache_clear()
        yield folder
    extensions.installed.cache_clear()
