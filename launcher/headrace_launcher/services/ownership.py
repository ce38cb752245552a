"""Folders that are Headrace's own: they carry its mark, and only they are ever removed or replaced."""

import shutil
from pathlib import Path

from headrace_launcher.errors import FolderForeign

MARK = ".headrace-folder"

MARK_TEXT = "Headrace made this folder and may remove it with all that is in it.\n"


def is_own(folder: Path) -> bool:
    """Whether a folder carries the mark."""
    return (folder / MARK).is_file()


def claim(folder: Path) -> None:
    """Make a folder Headrace's own: a new or empty one, for its owner's eyes only.

    Raises:
        FolderForeign: It holds something and carries no mark.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_own(folder):
        if found := sorted(path.name for path in folder.iterdir()):
            raise FolderForeign(str(folder), found)
        mark(folder)


def mark(folder: Path) -> None:
    """Put the mark into a folder."""
    (folder / MARK).write_text(MARK_TEXT)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it; nothing happens if there is none.

    Raises:
        FolderForeign: It carries no mark; nothing was removed.
    """
    if not folder.exists():
        return
    if not is_own(folder):
        raise FolderForeign(str(folder), sorted(path.name for path in folder.iterdir()))
    shutil.rmtree(folder)
