"""A home in a temporary folder, of which nothing runs afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace_launcher import processes, stack
from headrace_launcher.secrets import Secrets
from headrace_launcher.settings import Settings
from tests.launcher.tiny_stack import TinyStack


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    made = Settings.from_environment(
        {"HEADRACE_HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    )
    made.create_directories()
    Secrets(made.secrets).ensure()
    yield made
    stack.bring_down(made)
    assert processes.marked(made.home) == []


@pytest.fixture
def tiny(settings: Settings) -> TinyStack:
    return TinyStack(settings)
