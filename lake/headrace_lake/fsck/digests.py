"""Digests of data files, as a full check found them when it first read them.

The log has none. What a page's checksum and the log's statistics let through, such as a file that
was exchanged for another good one, differs from the digest.
"""

import json
from dataclasses import dataclass

from headrace_lake.objects import Folder
from headrace_schemas.declarations.declaration import Frozen

FOLDER = "ledger/digests"
"""Below the lake's root."""


class Digests(Frozen):
    """SHA-256 of a table's data files, by path below its folder."""

    files: dict[str, str] = {}


@dataclass(frozen=True)
class DigestFile:
    """Where a lake keeps the digests of one table.

    Attributes:
        root: The lake.
        path: Below its root.
    """

    root: Folder
    path: str

    @classmethod
    def of(cls, root: Folder, table: str) -> "DigestFile":
        """That of the table whose folder is `table`, below the lake's root."""
        return cls(root, f"{FOLDER}/{table}.json")

    def read(self) -> Digests:
        """What was found before; nothing before the first full check.

        Raises:
            ValueError: The file is no digests.
        """
        try:
            content = self.root.read(self.path)
        except FileNotFoundError:
            return Digests()
        return Digests.model_validate_json(content)

    def write(self, digests: Digests) -> None:
        """Keep these for the next check."""
        text = json.dumps(digests.model_dump(), indent=0, sort_keys=True)
        self.root.write(self.path, text.encode())
