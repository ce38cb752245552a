"""Rows put into small tables, and their files joined: conditionally, so that no writer's row is lost.

How it works: the rows that are there are read at one version, and the commit is that of the next
version or fails. `deltalake` makes the file of a commit only if there is none: by a hard link on a
disk, by `If-None-Match: *` in an object store. Who was too late reads again, and finds whether the
row is there by now. So the answer to a commit whose outcome nobody knows is the row itself.
"""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic, get_args

from headrace_lake.ledger import Row, RowTable, literal
from headrace_lake.tables import selected
from headrace_lake.versions import CONDITIONAL, first_line, open_table
from headrace_schemas.declarations.pipeline import HISTORY_DAYS
from headrace_schemas.errors import EngineUnavailable, WriteConflict
from headrace_schemas.places import Place
from headrace_schemas.planning.table_history import history_properties

ATTEMPTS = 50
"""How often a row is offered where others commit first; each time one of them has got on."""

CHECKPOINTS = {"delta.checkpointInterval": "10"}
"""As often as Spark; deltalake's own default is ten times rarer, and readers go through all commits
since the last one."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class PutResult(Generic[Row]):
    """What a table holds after a row was put.

    Attributes:
        row: What stands under the row's key.
        rows: All rows of its partition, in the table's order.
        version: Of the table, at which that is so.
    """

    row: Row
    rows: list[Row]
    version: int


def insert(
    kind: RowTable[Row], uri: str, row: Row, note: str, history_days: int = HISTORY_DAYS
) -> PutResult[Row]:
    """Add a row unless one with its key is there; then that one stands, and no version is made.

    Args:
        note: What the commit says of itself.
        history_days: How long the table keeps its old versions.

    Raises:
        WriteConflict: Others committed first, each time.
        EngineUnavailable: The lake cannot be read or written.
    """
    return put(kind, uri, row, note, history_days, replaces=False)


def replace(
    kind: RowTable[Row], uri: str, row: Row, note: str, history_days: int = HISTORY_DAYS
) -> PutResult[Row]:
    """Make a row the one with its key; where it is that already, no version is made.

    Arguments and errors are those of `insert`.
    """
    return put(kind, uri, row, note, history_days, replaces=True)


def put(
    kind: RowTable[Row], uri: str, row: Row, note: str, history_days: int, replaces: bool
) -> PutResult[Row]:
    """As `insert`, or with `replaces` as `replace`."""
    wanted = history_properties(history_days) | CHECKPOINTS
    partition = None if kind.partition is None else getattr(row, kind.partition[1])
    for _ in range(ATTEMPTS):
        table = ready(kind, uri, row, wanted, note)
        if table is None:
            continue
        version = table.version()
        rows = kind.read_open(table, partition)
        same = [stored for stored in rows if kind.key_of(stored) == kind.key_of(row)]
        if same and (not replaces or same == [row]):
            return PutResult(same[0], rows, version)
        if attempt(uri, version, partial(write, kind, table, row, note, bool(same))):
            others = [stored for stored in rows if stored not in same]
            return PutResult(row, sorted([*others, row], key=kind.order), table.version())
    raise WriteConflict(kind.name, "replace" if replaces else "insert")


def replace_partition(
    kind: RowTable[Row],
    uri: str,
    rows: Sequence[Row],
    note: str,
    history_days: int = HISTORY_DAYS,
) -> int:
    """Make rows all those of their partition; where they are that already, no version is made.

    Args:
        rows: At least one, and all of one partition of a table that has some.
        note: What the commit says of itself.
        history_days: How long the table keeps its old versions.

    Returns:
        The table's version at which that is so.

    Raises:
        WriteConflict: Others committed first, each time.
        EngineUnavailable: The lake cannot be read or written.
    """
    wanted = history_properties(history_days) | CHECKPOINTS
    column, field = kind.partition or ("", "")
    (partition,) = {getattr(row, field) for row in rows}
    ordered = sorted(rows, key=kind.order)
    condition = f"{column} = {literal(str(partition))}"
    for _ in range(ATTEMPTS):
        table = ready(kind, uri, rows[0], wanted, note)
        if table is None:
            continue
        version: int = table.version()
        if kind.read_open(table, partition) == ordered:
            return version
        if attempt(uri, version, partial(overwrite, kind, table, ordered, condition, note)):
            written: int = table.version()
            return written
    raise WriteConflict(kind.name, "replace")


def ready(kind: RowTable[Row], uri: str, row: Row, wanted: dict[str, str], note: str) -> Any:
    """The open table with the properties that are wanted; None if it had to be made so first."""
    table = open_table(uri)
    if table is None:
        attempt(uri, -1, partial(create, kind, uri, row, wanted, note))
        return None
    if not wanted.items() <= table.metadata().configuration.items():
        attempt(uri, table.version(), partial(declare, table, wanted, note))
        return None
    return table


def join_files(name: str, uri: str, note: str, partitions: Collection[str] | None = None) -> bool:
    """Join the files of a table's partitions, in one commit that changes no row; False without a table.

    Args:
        name: What errors call the table.
        note: What the commit says of itself.
        partitions: Values of the partition column, at least one; None for a table without partitions.

    Raises:
        WriteConflict: Others committed first, each time.
        EngineUnavailable: The lake cannot be read or written.
    """
    for _ in range(ATTEMPTS):
        table = open_table(uri)
        if table is None:
            return False
        if attempt(uri, table.version(), partial(join, table, note, partitions)):
            return True
    raise WriteConflict(name, "joining small files")


def attempt(uri: str, version: int, commit: Callable[[], object]) -> bool:
    """Make the commit after `version`; False if another writer has, or nobody can tell who has.

    Raises:
        EngineUnavailable: It failed, and nothing was committed; or nobody can tell, which it says.
    """
    from deltalake.exceptions import DeltaError  # heavy

    try:
        commit()
    except (DeltaError, OSError) as error:
        try:
            newest = open_table(uri)
        except EngineUnavailable:
            raise outcome_unknown(uri, version + 1) from error
        if newest is not None and newest.version() > version:
            return False
        raise EngineUnavailable("lake", uri, first_line(error)) from error
    return True


def outcome_unknown(uri: str, version: int) -> EngineUnavailable:
    """What is said of a commit that can be neither made nor read back, by its file."""
    file = f"{uri.rstrip('/')}/_delta_log/{version:020}.json"
    problem = f"commit outcome unknown: {file} can be neither written nor read back"
    if not Place.parse(uri).is_s3:
        return EngineUnavailable("lake", uri, problem)
    return EngineUnavailable("object store", os.environ.get("AWS_ENDPOINT_URL") or "AWS", problem)


def create(kind: RowTable[Row], uri: str, row: Row, wanted: dict[str, str], note: str) -> None:
    """Make an empty table with the columns of such rows."""
    from deltalake import DeltaTable, Schema  # heavy

    DeltaTable.create(
        uri,
        Schema.from_arrow(encoded(kind, [row]).schema),
        partition_by=None if kind.partition is None else [kind.partition[0]],
        configuration=wanted,
        storage_options=CONDITIONAL,
        commit_properties=strictly(note),
    )


def declare(table: Any, wanted: dict[str, str], note: str) -> None:
    """Give a table properties, in a commit that changes no row."""
    table.alter.set_table_properties(
        wanted, raise_if_not_exists=False, commit_properties=strictly(note)
    )


def write(kind: RowTable[Row], table: Any, row: Row, note: str, replaces: bool) -> None:
    """Add a row, or put it in the place of the one with its key."""
    from deltalake import write_deltalake  # heavy

    if not replaces:
        write_deltalake(
            table,
            encoded(kind, [row]),
            mode="append",
            schema_mode="merge",
            commit_properties=strictly(note),
        )
        return
    key = [f"{name} = {literal(str(getattr(row, name)))}" for name in kind.key]
    overwrite(kind, table, [row], " AND ".join(key), note)


def overwrite(
    kind: RowTable[Row], table: Any, rows: Sequence[Row], condition: str, note: str
) -> None:
    """Put rows in the place of all that meet a condition."""
    from deltalake import write_deltalake  # heavy

    write_deltalake(
        table,
        encoded(kind, rows),
        mode="overwrite",
        predicate=condition,
        schema_mode="merge",
        commit_properties=strictly(note),
    )


def join(table: Any, note: str, partitions: Collection[str] | None) -> None:
    """Write the rows of partitions anew, as they are at the version that was read.

    Not by deltalake's `optimize`: it tries again whatever it is told, and takes another's `optimize`
    of the same files for no conflict. Then every row is there twice.
    """
    from deltalake import write_deltalake  # heavy

    predicate, where = None, ""
    if partitions is not None:
        column = table.metadata().partition_columns[0]
        predicate = f"{column} IN ({', '.join(map(literal, sorted(partitions)))})"
        where = f" WHERE {predicate}"
    rows = selected(table, f"SELECT * FROM t{where}")  # noqa: S608 - a column and literals of ours
    write_deltalake(
        table, rows, mode="overwrite", predicate=predicate, commit_properties=strictly(note)
    )


def strictly(note: str) -> Any:
    """A commit of the version after the one that was read, or none.

    By itself deltalake would try an append again as the next version, whatever has come between.
    """
    from deltalake import CommitProperties  # heavy

    return CommitProperties(custom_metadata={"userMetadata": note}, max_commit_retries=0)


def encoded(kind: RowTable[Row], rows: Sequence[Row]) -> Any:
    """Rows, at least one, as an Arrow table."""
    from arro3.core import Table  # heavy

    fields = kind.row.model_fields
    types = {column: stem(fields[name].annotation) for name, column in kind.columns.items()}
    if kind.partition is not None:
        types[kind.partition[0]] = types[kind.partition[1]]
    values = [kind.values(row) for row in rows]
    columns = {name: array([each[name] for each in values], types[name]) for name in values[0]}
    return Table.from_pydict(columns)


def stem(annotation: Any) -> type:
    """What a field holds beside None: text, a whole number, a number or an instant."""
    (found,) = [
        argument for argument in get_args(annotation) or (annotation,) if argument is not type(None)
    ]
    return next(known for known in (str, int, float, datetime) if issubclass(found, known))


def array(values: Sequence[Any], type: type) -> Any:
    """The values of an Arrow column."""
    from arro3.core import Array, DataType  # heavy

    if type is datetime:
        micros = [
            None if value is None else (value - EPOCH) // timedelta(microseconds=1)
            for value in values
        ]
        return Array(micros, DataType.int64()).cast(DataType.timestamp("us", tz="UTC"))
    if type is str:
        return Array([None if value is None else str(value) for value in values], DataType.utf8())
    return Array(values, DataType.int64() if type is int else DataType.float64())
