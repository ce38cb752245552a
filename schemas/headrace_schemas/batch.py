"""Batches: what is loaded, gated and published at once."""

from datetime import datetime

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.partition import Partition, PartitionUnit

WHOLE = "all"
"""The key of a table's only batch, where it has no partitions; no partition is called so."""


class Batch(Frozen):
    """A partition of a table, or the whole of one that has none.

    Attributes:
        table: `layer.table`.
        partition: None for the whole table.
    """

    table: str
    partition: Partition | None = None

    @classmethod
    def parse(cls, table: str, unit: PartitionUnit | None, key: str) -> "Batch":
        """The batch of `table` that is called `key`.

        Args:
            unit: Of the table's partitions; None if it has none.

        Raises:
            ValueError: The table has no batch of this name.
        """
        if unit is not None:
            return cls(table=table, partition=Partition.parse(unit, key))
        if key != WHOLE:
            raise ValueError(f"{table} has no partitions: its only batch is called {WHOLE}")
        return cls(table=table)

    @property
    def key(self) -> str:
        """What it is called below its table."""
        return self.partition.key if self.partition else WHOLE

    @property
    def label(self) -> str:
        """What it is called among the batches of all tables."""
        return f"{self.table}/{self.key}"

    @property
    def end(self) -> datetime | None:
        """The first instant after it, UTC; None for a whole table."""
        return self.partition.end if self.partition else None
