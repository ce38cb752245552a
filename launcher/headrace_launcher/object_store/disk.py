"""Checks of a lake on local disk."""

import shutil
import tempfile
from pathlib import Path

from headrace_launcher.object_store.finding import CheckStatus, Judgement

GIB = 1 << 30
LITTLE_SPACE_BYTES = 5 * GIB
NO_SPACE_BYTES = GIB


def writable(folder: Path) -> Judgement:
    """Whether files can be written there, or the folder can be made."""
    place = _existing(folder)
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".headrace-doctor-") as file:
            file.write(b"probe")
    except OSError as error:
        return CheckStatus.FAILED, (
            f"{place} cannot be written: {error.strerror}. Correct HEADRACE_LAKE or the folder's mode."
        )
    return CheckStatus.OK, str(folder)


def space(folder: Path) -> Judgement:
    """Whether there is room for more."""
    free = shutil.disk_usage(_existing(folder)).free
    amount = f"{free / GIB:.1f} GiB free"
    if free < NO_SPACE_BYTES:
        return CheckStatus.FAILED, f"{amount}: the next write may not fit. Make room."
    if free < LITTLE_SPACE_BYTES:
        return CheckStatus.WARNING, f"{amount}. Make room soon."
    return CheckStatus.OK, amount


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
