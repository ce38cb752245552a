"""Publishes a batch by its files: copied into the table's folder as the gate wrote them, and named there.

No row is read or written, and Spark does nothing. It is for a batch that takes the place of its
partition, or of the whole table, in a table that has the columns already; whatever else a batch
needs of its table is Spark's to do. The files have the gate's columns beside those of the table, and
Delta's readers, who ask for the table's by name, do not see them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from headrace_jobs.lake import data_files, files
from headrace_jobs.lake.data_files import DataFile
from headrace_jobs.lake.files import Copy, ListedFile
from headrace_jobs.sources.columns import LOAD_FAILURES, RAW
from headrace_jobs.tables import repeats
from headrace_jobs.tables.row_rules import BROKEN, OUTCOME, PASSED, RULE_IDS, UNEVALUATED
from headrace_lake.commits import ATTEMPTS, CHECKPOINTS
from headrace_lake.file_commits import AddedFile, newest_note, replace_files
from headrace_lake.versions import open_table
from headrace_schemas.declarations.column_name import PARTITION
from headrace_schemas.declarations.pipeline import WriteMode
from headrace_schemas.errors import WriteConflict
from headrace_schemas.planning.table_history import history_properties
from headrace_schemas.wire.spec import PinnedTable
from headrace_schemas.wire.table_jobs import PublishSpec

WORKING_COLUMNS = (LOAD_FAILURES, RAW, BROKEN, UNEVALUATED, RULE_IDS, OUTCOME)
"""What the gate's rows have beside the table's columns."""

FEATURES = frozenset({"timestampNtz", "invariants", "appendOnly"})
"""Features of tables that ask nothing of who adds files: the last two only by columns and properties."""

PROPERTIES = frozenset(history_properties(0)) | frozenset(CHECKPOINTS)
"""Delta's own properties that ask nothing of who adds files."""


def of_outcome(gated_uri: str, outcome: str) -> list[ListedFile]:
    """The files of a gated batch's rows with one outcome; their paths are below `gated_uri`."""
    return [
        file
        for file in files.below(gated_uri)
        if file.path.startswith(f"{OUTCOME}={outcome}/") and file.path.endswith(".parquet")
    ]


def publish(spec: PublishSpec, note: str) -> tuple[PinnedTable, int] | None:
    """Commit the rows that pass by their files; the version, and how many rows there are.

    None if Spark has to write them, and nothing was done then.

    Raises:
        WriteConflict: Others committed first, each time.
        EngineUnavailable: The lake cannot be read or written.
    """
    name, uri = spec.build.name, spec.table_uri
    table = open_table(uri)
    staged = of_outcome(spec.gated_uri, PASSED)
    if table is None or not staged or spec.build.write is not WriteMode.REPLACE_PARTITION:
        return None
    columns = [field.name for field in table.schema().fields if field.name != PARTITION]
    given = [data_files.read(spec.gated_uri, file.path, columns) for file in staged]
    rows = sum(file.rows for file in given)
    partition = None if spec.partition is None else (PARTITION, spec.partition.key)
    added: list[AddedFile] | None = None
    for _ in range(ATTEMPTS):
        table = open_table(uri)
        if repeats.batch_of(newest_note(table)) == repeats.batch_of(note):
            return PinnedTable(name=name, uri=uri, version=table.version()), rows
        if not takes(table, given, partition is not None):
            return None
        added = added or copied_into(uri, spec, given)
        if added is None:
            return None
        version = replace_files(uri, table, added, partition, note)
        if version is not None:
            return PinnedTable(name=name, uri=uri, version=version), rows
    raise WriteConflict(name, "replace")


def takes(table: Any, given: Sequence[DataFile], is_partitioned: bool) -> bool:
    """Whether an open table can hold files as they are, and asks nothing else of who adds them.

    A table that is replaced as a whole has exactly their columns then; one of which a partition is
    replaced may have more.
    """
    schema = json.loads(table.schema().to_json())
    held = {field["name"]: bare(field["type"]) for field in schema["fields"]}
    if is_partitioned != (held.pop(PARTITION, None) is not None) or is_strict(table, schema):
        return False
    found = [columns_of(file) for file in given]
    if is_partitioned:
        return all(types.items() <= held.items() for types in found)
    return all(list(types.items()) == list(held.items()) for types in found)


def columns_of(file: DataFile) -> dict[str, Any]:
    """The types of a file's columns, but for the gate's own."""
    return {name: bare(type) for name, type in file.types.items() if name not in WORKING_COLUMNS}


def bare(type: Any) -> Any:
    """A type without what is said of NULLs in it, and without notes: Delta's tables take NULL anywhere."""
    if isinstance(type, Mapping):
        said = ("nullable", "containsNull", "valueContainsNull", "metadata")
        return {key: bare(value) for key, value in type.items() if key not in said}
    return [bare(one) for one in type] if isinstance(type, list) else type


def is_strict(table: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a table has a feature, a property or a rule of which Spark's writer knows more."""
    protocol, metadata = table.protocol(), table.metadata()
    named = {*(protocol.reader_features or ()), *(protocol.writer_features or ())}
    is_plain = protocol.min_writer_version <= 2 or protocol.min_writer_version == 7
    own = {key for key in metadata.configuration if key.startswith("delta.")}
    text = json.dumps(schema)  # whatever is said of a column, at any depth
    is_free = '"nullable": false' not in text and '"delta.' not in text
    return not (is_plain and named <= FEATURES and own <= PROPERTIES and is_free)


def copied_into(uri: str, spec: PublishSpec, given: Sequence[DataFile]) -> list[AddedFile] | None:
    """Copies of the batch's files in the table's folder, where nobody sees them before a commit.

    Each attempt makes its own, under names that no other file has; `maintain` removes those of one
    that never came to its commit. None if the store does not copy.
    """
    below = "" if spec.partition is None else f"{PARTITION}={spec.partition.key}/"
    copies = []
    for place, file in enumerate(given):
        ending = file.path.rpartition("/")[2].partition(".")[2]
        path = f"{below}part-{place:05}-{uuid4()}.{ending}"
        copies.append(Copy(file.path, path, file.size))
    made = files.all_copied(spec.gated_uri, uri, copies)
    if made is None:
        return None
    return [
        AddedFile(copy.path, copy.size, int(copy.written_at.timestamp() * 1000), file.statistics)
        for copy, file in zip(made, given, strict=True)
    ]
