"""Parquet files that become the content of a table's partition, or of the whole table, as they are.

They are copied into the table's folder and named in its log: no row is read or written. A table is
Spark's to write where it has not their columns, or a feature, property or rule that only Spark's
writer knows.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from pyspark.sql import DataFrame, SparkSession

from headrace_jobs.lake import data_files, files, tables
from headrace_jobs.lake.data_files import DataFile
from headrace_jobs.lake.files import Copy
from headrace_lake.commits import ATTEMPTS, CHECKPOINTS
from headrace_lake.file_commits import AddedFile, newest_note, replace_files
from headrace_lake.versions import open_table
from headrace_schemas.declarations.column_name import PARTITION
from headrace_schemas.errors import WriteConflict
from headrace_schemas.planning.table_history import history_properties
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)

FEATURES = frozenset({"timestampNtz", "invariants", "appendOnly"})
"""Features of tables that ask nothing of who adds files: the last two only by columns and properties."""

PROPERTIES = frozenset(history_properties(0)) | frozenset(CHECKPOINTS)
"""Delta's own properties that ask nothing of who adds files."""


Stage = Callable[[str], Sequence[str] | None]
"""Writes rows into a folder as Parquet files with Spark's schema, without Spark; their names, or None if it cannot."""


def replace(
    spark: SparkSession,
    rows: Callable[[], DataFrame],
    uri: str,
    name: str,
    partition: str,
    note: str,
    staged_uri: str,
    stage: Stage | None = None,
) -> PinnedTable:
    """As `tables.replace`, but by plain files where the table takes them.

    Args:
        rows: Makes the frame, without `_partition`; not asked where the rows were staged without it.
        note: What the commit says of itself.
        staged_uri: A folder of this attempt's alone, which is removed.
        stage: Stages the rows; without it, or if it cannot, Spark does.

    Raises:
        WriteConflict: Others committed first, each time.
        EngineUnavailable: The lake cannot be read or written.
    """
    table = open_table(uri)
    if table is None or is_strict(table):
        return tables.replace(spark, rows(), uri, name, partition, note=note)
    try:
        files.remove(staged_uri)
        paths = None if stage is None else stage(staged_uri)
        if paths is None:
            files.remove(staged_uri)
            rows().write.mode("overwrite").parquet(staged_uri)
            paths = [one.path for one in files.below(staged_uri) if one.path.endswith(".parquet")]
        columns = [field.name for field in table.schema().fields if field.name != PARTITION]
        given = [data_files.read(staged_uri, path, columns) for path in paths]
        has_rows = any(file.rows for file in given)
        version = placed(uri, name, staged_uri, given, partition, note) if has_rows else None
        if version is None:
            written = spark.read.schema(rows().schema)
            frame = written.parquet(*[f"{staged_uri.rstrip('/')}/{path}" for path in paths])
            return tables.replace(spark, frame, uri, name, partition, note=note)
    finally:
        discard(staged_uri)
    return PinnedTable(name=name, uri=uri, version=version)


def discard(staged_uri: str) -> None:
    """Remove what is staged no longer; where the store does not answer, `maintain` will."""
    try:
        files.remove(staged_uri)
    except OSError as error:
        log.warning("%s is left for the maintenance: %s", staged_uri, type(error).__name__)


def placed(
    uri: str,
    name: str,
    folder: str,
    given: Sequence[DataFile],
    partition: str | None,
    note: str,
    besides: Sequence[str] = (),
    made_by: Callable[[str], object] | None = None,
) -> int | None:
    """Make files the content of a table, or of a partition; the version that has it.

    None if Spark has to write their rows, and nothing was done then.

    Args:
        folder: Where the files lie.
        partition: Key; None for a table without partitions.
        note: What the commit says of itself.
        besides: As `takes` has it.
        made_by: What of a note tells that its commit was an earlier try of this one, which is not made
            again; None if no note does.

    Raises:
        WriteConflict: Others committed first, each time.
        EngineUnavailable: The lake cannot be read or written.
    """
    added: list[AddedFile] | None = None
    for _ in range(ATTEMPTS):
        table = open_table(uri)
        if table is None:
            return None
        if made_by is not None and made_by(newest_note(table)) == made_by(note):
            return int(table.version())
        if not takes(table, given, partition is not None, besides):
            return None
        added = added or copied_into(uri, folder, given, partition)
        if added is None:
            return None
        values = None if partition is None else (PARTITION, partition)
        version = replace_files(uri, table, added, values, note)
        if version is not None:
            return version
    raise WriteConflict(name, "replace")


def takes(
    table: Any, given: Sequence[DataFile], is_partitioned: bool, besides: Sequence[str] = ()
) -> bool:
    """Whether an open table can hold files as they are, and asks nothing else of who adds them.

    A table that is replaced as a whole has exactly their columns then; one of which a partition is
    replaced may have more.

    Args:
        besides: Columns of the files that the table does not have, and no reader asks for.
    """
    held = {field["name"]: bare(field["type"]) for field in fields_of(table)}
    if is_partitioned != (held.pop(PARTITION, None) is not None) or is_strict(table):
        return False
    found = [
        {name: bare(type) for name, type in file.types.items() if name not in besides}
        for file in given
    ]
    if is_partitioned:
        return all(types.items() <= held.items() for types in found)
    return all(list(types.items()) == list(held.items()) for types in found)


def fields_of(table: Any) -> list[dict[str, Any]]:
    """The columns of an open table, as its log has them."""
    found: list[dict[str, Any]] = json.loads(table.schema().to_json())["fields"]
    return found


def bare(type: Any) -> Any:
    """A type without what is said of NULLs in it, and without notes: Delta's tables take NULL anywhere."""
    if isinstance(type, Mapping):
        said = ("nullable", "containsNull", "valueContainsNull", "metadata")
        return {key: bare(value) for key, value in type.items() if key not in said}
    return [bare(one) for one in type] if isinstance(type, list) else type


def is_strict(table: Any) -> bool:
    """Whether an open table has a feature, a property or a rule of which Spark's writer knows more."""
    protocol, metadata = table.protocol(), table.metadata()
    named = {*(protocol.reader_features or ()), *(protocol.writer_features or ())}
    is_plain = protocol.min_writer_version <= 2 or protocol.min_writer_version == 7
    own = {key for key in metadata.configuration if key.startswith("delta.")}
    text = json.dumps(fields_of(table))  # whatever is said of a column, at any depth
    is_free = '"nullable": false' not in text and '"delta.' not in text
    return not (is_plain and named <= FEATURES and own <= PROPERTIES and is_free)


def copied_into(
    uri: str, folder: str, given: Sequence[DataFile], partition: str | None
) -> list[AddedFile] | None:
    """Copies of files in the table's folder, where nobody sees them before a commit.

    Each attempt makes its own, under names that no other file has; `maintain` removes those of one
    that never came to its commit. None if the store does not copy.
    """
    below = "" if partition is None else f"{PARTITION}={partition}/"
    copies = []
    for place, file in enumerate(given):
        ending = file.path.rpartition("/")[2].partition(".")[2]
        path = f"{below}part-{place:05}-{uuid4()}.{ending}"
        copies.append(Copy(file.path, path, file.size))
    made = files.all_copied(folder, uri, copies)
    if made is None:
        return None
    return [
        AddedFile(copy.path, copy.size, int(copy.written_at.timestamp() * 1000), file.statistics)
        for copy, file in zip(made, given, strict=True)
    ]
