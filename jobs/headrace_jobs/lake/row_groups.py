"""A Parquet file as Spark would have written it, by Arrow: in bounded memory, from tables that come one by one."""

from contextlib import closing
from typing import Any, Self

import pyarrow as pa
from pyarrow import parquet

from headrace_jobs.lake import files

ROW_GROUP_BYTES = 32 * 1024 * 1024
"""Of values, held before they are written as one row group."""


class RowGroups:
    """A Parquet file that is written in row groups of some size, with the first rows or at the end."""

    def __init__(self, uri: str, schema: Any) -> None:
        """Nothing is written yet.

        Args:
            schema: In Arrow's types, with Spark's beside it, under `SPARK_SCHEMA`, if Spark's or Delta's
                readers are to find them.
        """
        self.schema = schema
        self.rows = self.size = 0
        self.held: list[Any] = []
        self.stream = files.create(uri)
        self.writer = parquet.ParquetWriter(
            self.stream,
            schema,
            compression="snappy",
            store_schema=False,
            write_page_checksum=True,
        )

    def __enter__(self) -> Self:
        """It is open already."""
        return self

    def add(self, table: Any) -> None:
        """Some more rows."""
        self.rows += len(table)
        self.held.append(table)
        if sum(one.nbytes for one in self.held) > ROW_GROUP_BYTES:
            self.write()

    def write(self) -> None:
        """Write what is held as one row group."""
        if self.held:
            table = pa.concat_tables(self.held)
            self.held = []
            self.writer.write_table(table, row_group_size=max(1, len(table)))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what is left, unless something failed."""
        with closing(self.stream):
            if kind is not None:
                self.writer.is_open = False  # or it would write its end when it is forgotten
                return
            self.write()
            # Without Arrow's own schema, a file has what is said of one only if it is said again.
            self.writer.add_key_value_metadata(self.schema.metadata or {})
            self.writer.close()
            self.size = self.stream.tell()
