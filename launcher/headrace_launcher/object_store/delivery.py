"""Delivering into a landing area that lies in an object store."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace_launcher.object_store.endpoint import Endpoint, Keys, Location
from headrace_schemas.accounts import FOLDER, Account, keys_file, read_keys


@dataclass(frozen=True)
class StoreLanding:
    """A landing area in an object store."""

    location: Location
    client: Any

    @classmethod
    def of(cls, location: Location, environ: Mapping[str, str]) -> "StoreLanding":
        """As the account `deliver`, or with the keys that the environment gives.

        Raises:
            SecretUnreadable: There are accounts, and that one's keys cannot be read.
        """
        accounts = environ.get(FOLDER)
        keys = read_keys(keys_file(Path(accounts), Account.DELIVER)) if accounts else None
        client = Endpoint.from_environment(environ).client(Keys(*keys) if keys else None)
        return cls(location, client)

    def put(self, file: Path, name: str) -> None:
        """Upload a file under a name of several steps."""
        key = self.location.key(*name.split("/"))
        self.client.upload_file(str(file), self.location.bucket, key)
