"""A home in a temporary folder, of which nothing runs afterwards; a doctor for object stores."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace_launcher.object_store.doctor import DoctorReport, examine
from headrace_launcher.services import processes, stack
from headrace_launcher.services.secrets import Secrets
from headrace_launcher.services.settings import Settings
from tests.launcher.stores import Examine, Place
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


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Examine:
    """Examines a place as its own environment has it."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "HEADRACE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    def examine_place(place: Place, endpoint: str | None = None, **settings: str) -> DoctorReport:
        environment = {**place.environment, **settings}
        if endpoint:
            environment["AWS_ENDPOINT_URL"] = endpoint
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return examine(Settings.from_environment(os.environ), os.environ)

    return examine_place
