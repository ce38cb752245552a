"""Looking at the lake from Airflow's side, without Spark: versions, and the ledger.

`deltalake` is imported inside the functions: it is heavy, and reading a Dag file must not load it.
On an object store it takes endpoint and keys from the usual `AWS_*` variables.
"""

from typing import Any, TypeVar

from pydantic import BaseModel

from headrace_schemas.decisions.decision import Decision
from headrace_schemas.decisions.model_version import Evaluation, ModelVersion, PinnedModel, pinned
from headrace_schemas.declarations.column_name import PARTITION
from headrace_schemas.declarations.empty_batches import published_empty
from headrace_schemas.errors import SKEWED, EngineUnavailable
from headrace_schemas.places import Lake
from headrace_schemas.wire.spec import PinnedTable

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
    return decisions_in(open_table(uri), model)


def decisions_in(table: Any, model: str) -> list[Decision]:
    """As `read_ledger`, of a ledger that is open; None for one that is not there."""
    return sorted(about(table, model, Decision), key=lambda one: (one.as_of, one.id))


def digests_of(lake: Lake, model: str, version: str) -> PinnedModel:
    """A model's version with the digests that the ledger holds of it.

    Raises:
        VersionUnknown: It holds none.
        EngineUnavailable: The lake cannot be read.
    """
    versions = about(open_table(lake.versions), model, ModelVersion)
    judged = about(open_table(lake.evaluations), model, Evaluation)
    return pinned(model, version, versions, judged)


def learnt_from(lake: Lake, model: str, answers: str) -> int | None:
    """The version of the feature table that was learnt from for the same asker; None for the first time.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    versions = about(open_table(lake.versions), model, ModelVersion)
    found = [one for one in versions if one.answers == answers]
    return min(found, key=lambda one: int(one.version)).table_version if found else None


def about(table: Any, model: str, kind: type[Row]) -> list[Row]:
    """The rows about a model of one of the ledger's tables, open; None for one that is not there."""
    known = set(kind.model_fields)
    return [
        kind.model_validate({name: row[name] for name in row.keys() & known})
        for row in selected(table, f"model = '{model}'")
    ]


def rows_of(uri: str) -> list[dict[str, Any]]:
    """Every row of the small table at `uri`; none if there is no table.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    return selected(open_table(uri), "true")


def selected(table: Any, condition: str) -> list[dict[str, Any]]:
    """The rows of an open table for which a condition holds; partitions it rules out are not read.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    if table is None:
        return []
    from deltalake import QueryBuilder  # heavy

    query = f"SELECT * FROM t WHERE {condition}"  # noqa: S608 - conditions are made of declared names
    try:
        rows = QueryBuilder().register("t", table).execute(query).read_all()
    except Exception as error:  # deltalake's query engine raises nothing narrower
        raise EngineUnavailable("lake", table.table_uri, first_line(error)) from error
    columns = {name: rows.column(name).to_pylist() for name in rows.column_names}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


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
    from headrace_lake.fsck import check  # heavy

    check.refuse_damaged(table.uri, table.name, table.version)


def refreshed(table: Any) -> Any:
    """An open table at its newest version; None if it has to be opened anew.

    Commits that came since are read, and nothing if there is none.
    """
    if table is None:
        return None
    from deltalake.exceptions import DeltaError

    try:
        table.update_incremental()
    except (DeltaError, OSError):
        return None  # the table was replaced, or the lake is away: opening it says which
    return table


def first_line(error: Exception) -> str:
    """What an error of another library says, without its cause chain; but a wrong clock is said."""
    text = str(error)
    said = text.partition("\n")[0] or type(error).__name__
    return f"{said} ({SKEWED})" if SKEWED in text else said
