"""Delivering into a landing area that lies in an object store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace_launcher.object_store.endpoint import Endpoint, Keys, Location
from headrace_launcher.project.replay import Delivery
from headrace_schemas.accounts import FOLDER, Account, keys_file, read_keys


@dataclass(frozen=True)
class Upload:
    """Puts what a delivery lands on disk into the store, below the same names.

    Attributes:
        folder: Where it is landed first, and stays.
    """

    folder: Path
    landing: Location
    client: Any

    @classmethod
    def to(cls, landing: Location, folder: Path, environ: Mapping[str, str]) -> "Upload":
        """An upload as the account `deliver`, or with the keys that the environment gives.

        Raises:
            SecretUnreadable: There are accounts, and that one's keys cannot be read.
        """
        accounts = environ.get(FOLDER)
        keys = read_keys(keys_file(Path(accounts), Account.DELIVER)) if accounts else None
        client = Endpoint.from_environment(environ).client(Keys(*keys) if keys else None)
        return cls(folder, landing, client)

    def instead_of(self, local: Delivery) -> Delivery:
        """The same delivery, to the store."""
        return Delivery(
            lambda _: self.put(lambda: local.snapshots(self.folder)),
            lambda _, partition: self.put(lambda: local.partition(self.folder, partition)),
        )

    def put(self, land: Callable[[], Sequence[Path]]) -> Sequence[Path]:
        """Land, then upload each file after its manifest: a file that is there can be checked."""
        landed = land()
        for file in landed:
            for one in (file.with_name(f"{file.name}.manifest.json"), file):
                if one.exists():
                    name = one.relative_to(self.folder).as_posix()
                    key = self.landing.key(*name.split("/"))
                    self.client.upload_file(str(one), self.landing.bucket, key)
        return landed
