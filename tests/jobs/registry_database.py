"""What a registry's database holds, read without MLflow."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    """What the database holds of one model.

    Attributes:
        statuses: Version → its tag `status`.
        aliases: Alias → version.
    """

    statuses: dict[str, str | None]
    aliases: dict[str, str]


def held(uri: str, model: str) -> Held:
    """What the SQLite database of a `sqlite:///` URI holds of a model."""
    versions = (
        "SELECT v.version, t.value FROM model_versions v LEFT JOIN model_version_tags t "
        "ON t.name = v.name AND t.version = v.version AND t.key = 'status' WHERE v.name = ?"
    )
    aliases = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database:
        return Held(
            {str(version): status for version, status in database.execute(versions, [model])},
            {alias: str(version) for alias, version in database.execute(aliases, [model])},
        )
