"""The versions of a Delta table, read without Spark: the newest one, the one of a time, its files.

`deltalake` is imported inside the functions: it is heavy, and reading a Dag file must not load it.
On an object store it takes endpoint and keys from the usual `AWS_*` variables.
"""

from datetime import datetime
from typing import Any

from headrace_schemas.errors import SKEWED, EngineUnavailable

CONDITIONAL = {"conditional_put": "etag"}
"""Commits to an object store never replace another's, whatever the environment says."""


def open_table(uri: str, version: int | None = None) -> Any:
    """The Delta table at `uri`, opened at a version, by default its newest; None if there is none.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    from deltalake import DeltaTable  # heavy
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        return DeltaTable(uri, version=version, storage_options=CONDITIONAL)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        raise EngineUnavailable("lake", uri, first_line(error)) from error


def refreshed(table: Any) -> Any:
    """An open table at its newest version; None if it has to be opened anew.

    Commits that came since are read, and nothing if there is none.
    """
    if table is None:
        return None
    from deltalake.exceptions import DeltaError

    try:
        table.update_incremental()
    except (DeltaError, OSError):
        return None  # the table was replaced, or the lake is away: opening it says which
    return table


def newest_version(uri: str) -> int | None:
    """The newest version of the Delta table at `uri`; None if there is none.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    return None if table is None else int(table.version())


def version_at(uri: str, instant: datetime) -> int | None:
    """The version that was the newest one at a time, or else the oldest that the log holds.

    None if there is no table.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    if table is None:
        return None
    millis = instant.timestamp() * 1000
    commits = {int(commit["version"]): commit["timestamp"] for commit in table.history()}
    before = [version for version, committed in commits.items() if committed <= millis]
    return max(before) if before else min(commits)


def files_at(uri: str, version: int) -> dict[str, int] | None:
    """Paths and bytes of the data files of a version; None if it cannot be read, or not any more."""
    from deltalake import DeltaTable  # heavy
    from deltalake.exceptions import DeltaError

    try:
        actions = DeltaTable(uri, version=version).get_add_actions(flatten=True)
    except (DeltaError, OSError):
        return None
    paths, sizes = (actions.column(name).to_pylist() for name in ("path", "size_bytes"))
    return dict(zip(paths, sizes, strict=True))


def first_line(error: Exception) -> str:
    """What an error of another library says, without its cause chain; but a wrong clock is said."""
    text = str(error)
    line = text.partition("\n")[0] or type(error).__name__
    return f"{line} ({SKEWED})" if SKEWED in text else line
