"""Secrets that a deployment hands over: in a file that a variable names, or in the variable."""

from collections.abc import Mapping
from pathlib import Path

from headrace_schemas.errors import SecretUnreadable


def secret(name: str, environ: Mapping[str, str]) -> str | None:
    """The secret `name`: the content of the file that `<name>_FILE` names, else the variable's.

    Raises:
        SecretUnreadable: The file cannot be read, or is empty.
    """
    file = environ.get(f"{name}_FILE")
    if not file:
        return environ.get(name) or None
    try:
        content = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretUnreadable(file, type(error).__name__) from error
    if not content:
        raise SecretUnreadable(file, "it is empty")
    return content
