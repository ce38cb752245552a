"""Looking at the lake from Airflow's side, without Spark: versions, and the ledger.

`deltalake` is imported inside the functions: it is heavy, and reading a Dag file must not load it.
On an object store it takes endpoint and keys from the usual `AWS_*` variables.
"""

from typing import Any, TypeVar

from pydantic import BaseModel

from headrace_schemas.column_name import PARTITION
from headrace_schemas.decisions import Decision
from headrace_schemas.empty_batches import published_empty
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.job import PinnedTable
from headrace_schemas.lake import Lake
from headrace_schemas.model_version import Evaluation, ModelVersion, PinnedModel, pinned

Row = TypeVar("Row", bound=BaseModel)


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
    return sorted(read_rows(uri, model, Decision), key=lambda one: (one.as_of, one.id))


def digests_of(lake: Lake, model: str, version: str) -> PinnedModel:
    """A model's version with the digests that the ledger holds of it.

    Raises:
        VersionUnknown: It holds none.
        EngineUnavailable: The lake cannot be read.
    """
    versions = read_rows(lake.versions, model, ModelVersion)
    return pinned(model, version, versions, read_rows(lake.evaluations, model, Evaluation))


def read_rows(uri: str, model: str, kind: type[Row]) -> list[Row]:
    """The rows about `model` of one of the ledger's tables; none where there is no table yet.

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
    known = [name for name in kind.model_fields if name in columns]
    return [
        kind.model_validate({name: columns[name][index] for name in known})
        for index, owner in enumerate(columns["model"])
        if owner == model
    ]


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


def refuse_damaged(table: PinnedTable) -> None:
    """Stop where a table's log shows that it, at its pinned version or now, has lost rows.

    Raises:
        TableDamaged: It shows that.
        EngineUnavailable: The lake cannot be read.
    """
    from headrace_lake import fsck  # heavy

    fsck.refuse_damaged(table.uri, table.name, table.version)


def first_line(error: Exception) -> str:
    """What an error of another library says, without its cause chain."""
    return str(error).partition("\n")[0] or type(error).__name__
