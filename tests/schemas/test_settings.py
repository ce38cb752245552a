"""The table of settings names what is read, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace_schemas import settings
from headrace_schemas.settings import SETTINGS, SettingReader

PROJECT = Path(__file__).parents[2]
FOLDERS = ("dags", "deploy", "jobs", "lake", "launcher", "plugins", "schemas")
FILES = ("Dockerfile", "Makefile", "docker-compose.yml")


def sources() -> Iterator[Path]:
    yield from (PROJECT / one for one in FILES)
    for folder in FOLDERS:
        for path in sorted((PROJECT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def named() -> set[str]:
    """Every setting that a source names; one that is read from a file by its own name."""
    found: set[str] = set()
    for path in sources():
        if path != Path(settings.__file__):
            text = path.read_text(errors="replace")
            found.update(re.findall(r"(?<![A-Za-z0-9_])HEADRACE_[A-Z0-9_]*[A-Z0-9]", text))
    in_files = {f"{one.name}_FILE" for one in SETTINGS if one.is_secret}
    return {one.removesuffix("_FILE") if one in in_files else one for one in found}


def test_setting_is_in_the_table_when_something_reads_it():
    assert sorted(named() - {one.name for one in SETTINGS}) == []


def test_setting_is_read_when_the_table_names_it():
    assert sorted({one.name for one in SETTINGS} - named()) == []


def test_setting_stands_once_in_the_table():
    names = [one.name for one in SETTINGS]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "setting",
    [one for one in SETTINGS if one.reader is SettingReader.COMPOSE],
    ids=lambda one: one.name,
)
def test_default_is_the_compose_file_s_when_that_reads_a_setting(setting):
    compose = (PROJECT / "docker-compose.yml").read_text()
    found = set(re.findall(rf"\$\{{{setting.name}:?-([^}}]*)\}}", compose))
    assert {one.partition("@")[0] for one in found} == {setting.default}
