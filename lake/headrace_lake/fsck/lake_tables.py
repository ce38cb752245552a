"""Which tables a lake has, by what lies in it."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from headrace_lake.fsck.digests import FOLDER as DIGESTS
from headrace_lake.objects import READERS, Folder
from headrace_schemas.errors import TableMissing

KINDS = {
    "tables": 2,
    "quarantine": 2,
    "predictions": 1,
    "monitoring": 1,
    "sketches": 1,
    "ledger": 1,
}
"""Folders of the lake in which Delta tables lie, and how many steps below."""


@dataclass(frozen=True)
class LakeTable:
    """A Delta table of the lake.

    Attributes:
        path: Its folder, below the lake's root.
    """

    path: str

    @property
    def name(self) -> str:
        """What it is called: `layer.table`, else with the kind of table before it."""
        return self.path.removeprefix("tables/").replace("/", ".")


def lake_tables(root: Folder, names: Collection[str] = ()) -> list[LakeTable]:
    """The lake's tables in order of their paths, or those that are named.

    Raises:
        TableMissing: The lake has no table of a name.
        EngineUnavailable: The lake cannot be read.
    """
    places = list(KINDS.items())
    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(lambda place: below(root, *place), places)
    tables = [LakeTable(path) for paths in found for path in paths]
    return chosen(tables, names) if names else tables


def below(root: Folder, path: str, steps: int) -> list[str]:
    """Folders that are so many steps below one."""
    folders = [f"{path}/{name}" for name in root.folders(path)]
    if steps > 1:
        return [found for folder in folders for found in below(root, folder, steps - 1)]
    return [folder for folder in folders if folder != DIGESTS]


def chosen(tables: list[LakeTable], names: Collection[str]) -> list[LakeTable]:
    """Those of the tables that are named.

    Raises:
        TableMissing: One is not there.
    """
    known = {table.name for table in tables}
    for name in sorted(set(names)):
        if name not in known:
            raise TableMissing(name, sorted(known))
    return [table for table in tables if table.name in names]
