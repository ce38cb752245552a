"""A reader at a shell in which the command `headrace` is this checkout's."""

import os
import sys
from pathlib import Path

import pytest

from tests.docs.followed import Reader


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """In an empty folder; nothing is installed for it, and nothing set."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "headrace").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m headrace_launcher "$@"\n'
    )
    (programs / "python").symlink_to(sys.executable)
    for one in programs.iterdir():
        one.chmod(0o755)
    folder = tmp_path / "work"
    folder.mkdir()
    kept = {name: text for name, text in os.environ.items() if not name.startswith("HEADRACE_")}
    return Reader(folder, {**kept, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"})
