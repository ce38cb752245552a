"""Looking at the lake from Airflow's side, without Spark: versions, and the ledger.

`deltalake` is imported inside the functions: it is heavy, and reading a Dag file must not load it.
On an object store it takes endpoint and keys from the usual `AWS_*` variables.
"""

from typing import Any

from headrace_schemas.column_name import PARTITION
from headrace_schemas.decisions import Decision
from headrace_schemas.empty_batches import published_empty
from headrace_schemas.errors import EngineUnavailable


def version_of(uri: str) -> int | None:
    """The newest version of the Delta table at `uri`; None if there is none.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    return None if table is None else int(table.version())


def read_ledger(uri: str, model: str) -> list[Decision]:
    """Every decision about `model`, oldest first; none if nothing was decided yet.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    if table is None:
        return []
    from deltalake import QueryBuilder  # heavy

    try:
        rows = QueryBuilder().register("ledger", table).execute("SELECT * FROM ledger").read_all()
    except Exception as error:  # deltalake's query engine raises nothing narrower
        raise EngineUnavailable("lake", uri, first_line(error)) from error
    columns = {name: rows.column(name).to_pylist() for name in rows.column_names}
    known = [name for name in Decision.model_fields if name in columns]
    decisions = [
        Decision.model_validate({name: columns[name][index] for name in known})
        for index, owner in enumerate(columns["model"])
        if owner == model
    ]
    return sorted(decisions, key=lambda one: (one.as_of, one.id))


def partition_keys(uri: str) -> list[str]:
    """The keys of the partitions that have rows in the table at `uri`, in order.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    return [] if table is None else sorted({one[PARTITION] for one in table.partitions()})


def published_keys(uri: str) -> set[str]:
    """The keys of the partitions of the table at `uri` that were published, without rows or with.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    table = open_table(uri)
    if table is None:
        return set()
    held = {one[PARTITION] for one in table.partitions()}
    return held | published_empty(table.metadata().configuration)


def open_table(uri: str) -> Any:
    """The Delta table at `uri`, opened; None if there is none.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    from deltalake import DeltaTable  # heavy
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        return DeltaTable(uri)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        raise EngineUnavailable("lake", uri, first_line(error)) from error


def first_line(error: Exception) -> str:
    """What an error of another library says, without its cause chain."""
    return str(error).partition("\n")[0] or type(error).__name__
