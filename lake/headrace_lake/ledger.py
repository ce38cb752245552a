"""The rows of the ledger and of monitoring: one form of each, for all who read and write them.

A table's columns are the fields of its rows' class. A column that an older version of Headrace did
not write reads as the field's default, and so does NULL; one that a newer version added is not read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from headrace_lake.tables import query
from headrace_lake.versions import open_table
from headrace_schemas.decisions.decision import Decision
from headrace_schemas.decisions.model_version import Evaluation, ModelVersion, PinnedModel, pinned
from headrace_schemas.decisions.monitoring_row import MonitoringRow
from headrace_schemas.decisions.sketch_row import SketchRow
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.column_name import PARTITION
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.errors import RowUnreadable
from headrace_schemas.places import Lake
from headrace_schemas.planning.pins import Hold, Pin, known_pins

Row = TypeVar("Row", bound=Frozen)

COLUMNS = {"request_id": "answers"}
"""Fields whose column has another name: the one that tables of earlier versions hold."""


@dataclass(frozen=True)
class RowTable(Generic[Row]):
    """A small Delta table with rows of one class.

    Attributes:
        name: What errors and logs call it.
        row: The class, whose fields are the columns (`COLUMNS`): texts, whole numbers, numbers and instants.
        key: Fields of which no two rows have the same values.
        order: What rows are sorted by, wherever they are read.
        partition: The column that the table is partitioned by, and the field that it repeats; None
            without partitions.
    """

    name: str
    row: type[Row]
    key: tuple[str, ...]
    order: Callable[[Row], Any]
    partition: tuple[str, str] | None = ("model", "model")

    @property
    def columns(self) -> dict[str, str]:
        """The column of each field."""
        return {name: COLUMNS.get(name, name) for name in self.row.model_fields}

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """The values of a row's key."""
        return tuple(getattr(row, name) for name in self.key)

    def values(self, row: Row) -> dict[str, Any]:
        """The row's columns in their order, the partition's included."""
        found = {column: getattr(row, name) for name, column in self.columns.items()}
        if self.partition is not None:
            column, field = self.partition
            found[column] = found[field]
        return found

    def decoded(self, values: dict[str, Any]) -> Row:
        """The row that columns hold.

        Raises:
            RowUnreadable: They are not those of such a row.
        """
        given = {
            name: values[column]
            for name, column in self.columns.items()
            if values.get(column) is not None
        }
        try:
            return self.row.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise RowUnreadable(self.name, problem) from error

    def read(self, uri: str, partition: str | None = None, since: str | None = None) -> list[Row]:
        """The rows of the table at `uri` in their order; none without a table.

        Args:
            partition: Value of the partition column; None for all rows.
            since: Least value of the partition column; None for all rows.

        Raises:
            EngineUnavailable: The lake cannot be read.
            RowUnreadable: A row is none that this version of Headrace knows.
        """
        return self.read_open(open_table(uri), partition, since)

    def read_open(
        self, table: Any, partition: str | None = None, since: str | None = None
    ) -> list[Row]:
        """As `read`, of an open table at its own version; None for one that is not there."""
        where = ""
        if self.partition is not None and partition is not None:
            where = f" WHERE {self.partition[0]} = {literal(partition)}"
        elif self.partition is not None and since is not None:
            where = f" WHERE {self.partition[0]} >= {literal(since)}"
        found = query(table, f"SELECT * FROM t{where}")  # noqa: S608 - a column and a literal of ours
        return sorted(map(self.decoded, found), key=self.order)


def literal(text: str) -> str:
    """A text in SQL of DataFusion, where only the quote itself is special."""
    return "'" + text.replace("'", "''") + "'"


def by_age(row: Decision) -> tuple[datetime, str]:
    """Decisions go by the time that they are about."""
    return row.as_of, row.id


def by_number(row: ModelVersion | Evaluation) -> tuple[str, int]:
    """Versions of models go by their numbers."""
    return row.model, int(row.version)


DECISIONS = RowTable("ledger.decisions", Decision, ("model", "id"), by_age)
VERSIONS = RowTable("ledger.versions", ModelVersion, ("model", "version"), by_number)
EVALUATIONS = RowTable("ledger.evaluations", Evaluation, ("model", "version"), by_number)
HOLDS = RowTable("ledger.holds", Hold, tuple(Hold.model_fields), lambda row: row.at, None)


def monitoring(model: str) -> RowTable[MonitoringRow]:
    """The table of what monitoring measured of a model."""
    name, partition = f"monitoring.{model}", (PARTITION, "window")
    return RowTable(name, MonitoringRow, ("window",), lambda row: row.window, partition)


def sketches(model: str) -> RowTable[SketchRow]:
    """The table of sketches of a model's inputs."""
    name, partition = f"sketches.{model}", (PARTITION, "window")
    return RowTable(name, SketchRow, ("window", "column"), by_column, partition)


def by_column(row: SketchRow) -> tuple[str, str]:
    """Windows in their order, and their columns."""
    return row.window, row.column


def digests_of(lake: Lake, model: str, version: str) -> PinnedModel:
    """A model's version with the digests that the ledger holds of it.

    Raises:
        VersionUnknown: It holds none.
        EngineUnavailable: The lake cannot be read.
    """
    versions = VERSIONS.read(lake.versions, model)
    return pinned(model, version, versions, EVALUATIONS.read(lake.evaluations, model))


def learnt_from(lake: Lake, model: str, request_id: str) -> int | None:
    """The version of the feature table that was learnt from for the same asker; None for the first time.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    versions = VERSIONS.read(lake.versions, model)
    return next(
        (version.table_version for version in versions if version.request_id == request_id), None
    )


def lake_pins(lake: Lake, catalog: Catalog, now: datetime) -> list[Pin]:
    """What declared models and people keep of old versions of tables.

    Raises:
        EngineUnavailable: The lake cannot be read; without its pins nothing may be removed.
    """
    versions = VERSIONS.read(lake.versions)
    decisions = {name: DECISIONS.read(lake.ledger, name) for name in catalog.models}
    return known_pins(catalog, versions, decisions, HOLDS.read(lake.holds), now)
