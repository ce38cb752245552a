"""Pipelines: how and when tables are built."""

import re
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from headrace_schemas.declaration import Frozen, line_of, read_yaml, validated
from headrace_schemas.errors import DeclarationInvalid
from headrace_schemas.partition import PartitionUnit

TABLE_NAME = r"^(bronze|silver|gold)\.[a-z][a-z0-9_]*$"
TIME_LIMIT_MINUTES = 6 * 60
"""Of a job, where nothing else is declared: what takes longer hangs, or is worth a declaration."""

LONGEST_MINUTES = 31 * 24 * 60

MOST_QUARANTINED, FEWEST_QUARANTINED = 0.2, 10
"""The share of a batch that may go to quarantine where none is declared, and the rows from which on
it counts: of a few rows, one bad one is a large share and says nothing."""

PLACEHOLDER = "{partition}"
"""Of `source.files`: stands for the key of the partition that is built."""

TRANSFORM = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$|^[\w/.-]+\.sql$"


class WriteMode(StrEnum):
    """How a batch changes its table."""

    APPEND = "append"
    MERGE = "merge"
    REPLACE_PARTITION = "replace_partition"


class Evolution(StrEnum):
    """What happens to a column that the contract does not know."""

    EVOLVE = "evolve"
    FREEZE = "freeze"
    DISCARD_ROW = "discard_row"
    DISCARD_VALUE = "discard_value"


class Source(Frozen):
    """Files that someone delivers.

    Attributes:
        files: Path below the landing root; `{partition}` stands for the key, `*` for anything. A
            table with partitions names it once, one without does not.
        format: `csv` (with a header, UTF-8) or `parquet`.
        null_values: Texts of a CSV that mean "no value".
    """

    files: str
    format: Literal["csv", "parquet"] = "csv"
    null_values: tuple[str, ...] = ("",)

    @field_validator("files")
    @classmethod
    def stays_below_landing(cls, files: str) -> str:
        """Refuse a path that leaves the landing root."""
        if files.startswith("/") or ".." in Path(files).parts:
            raise ValueError("must be a path below the landing root, without '..'")
        return files

    @field_validator("files")
    @classmethod
    def knows_its_placeholder(cls, files: str) -> str:
        """Refuse braces that are not `{partition}`: they would be looked for as they stand."""
        others = files.replace(PLACEHOLDER, "")
        if found := re.search(r"\{[^{}]*\}|[{}]", others):
            raise ValueError(
                f"{found[0]} stands for nothing: the only placeholder is {PLACEHOLDER}. Write ? for "
                "a brace in a file's name"
            )
        if files.count(PLACEHOLDER) > 1:
            raise ValueError(f"names {PLACEHOLDER} twice; write * for the other one")
        return files


class Input(Frozen):
    """One table that a transform reads.

    Attributes:
        table: Its name.
        lookback: How many earlier partitions are read besides the one being built.
    """

    table: str = Field(pattern=TABLE_NAME)
    lookback: int = Field(default=0, ge=0, le=1000)


class TableBuild(Frozen):
    """How one table is built.

    Attributes:
        name: `layer.name`.
        partition: The table's partition; None for a table that is built whole.
        source: Where a delivered table's files lie; None for a derived one.
        inputs: Parameter name of the transform → what it reads.
        transform: `module:function`, or a `.sql` file beside the pipeline; None hands its input on.
        time_limit_minutes: After which each of its jobs is ended.
        most_quarantined: Share of a batch, 0 to 1, that may go to quarantine; more stops the batch.
            None: `MOST_QUARANTINED`, of batches in which that is no accident.
        unique_in: Where a key names one row: `table`, or `partition` for snapshots, in which each
            partition tells of the same things anew.
    """

    name: str = Field(pattern=TABLE_NAME)
    partition: PartitionUnit | None
    source: Source | None = None
    inputs: dict[str, Input] = Field(default_factory=dict)
    transform: str | None = Field(default=None, pattern=TRANSFORM)
    write: WriteMode = WriteMode.REPLACE_PARTITION
    evolution: Evolution = Evolution.FREEZE
    time_limit_minutes: int = Field(default=TIME_LIMIT_MINUTES, ge=1, le=LONGEST_MINUTES)
    most_quarantined: float | None = Field(default=None, ge=0, le=1)
    unique_in: Literal["table", "partition"] = "table"


class TableEntry(Frozen):
    """A table's entry in a pipeline file; `Pipeline.tables` fills in the pipeline's defaults."""

    partition: Literal["month", "day", "hour", "none"] | None = None
    source: Source | None = None
    inputs: dict[str, Input] = Field(default_factory=dict)
    transform: str | None = Field(default=None, pattern=TRANSFORM)
    write: WriteMode = WriteMode.REPLACE_PARTITION
    evolution: Evolution = Evolution.FREEZE
    time_limit_minutes: int | None = Field(default=None, ge=1, le=LONGEST_MINUTES)
    most_quarantined: float | None = Field(default=None, ge=0, le=1)
    unique_in: Literal["table", "partition"] = "table"

    @field_validator("inputs", mode="before")
    @classmethod
    def short_form(cls, inputs: object) -> object:
        """`name: layer.table` is short for `name: {table: layer.table}`."""
        if not isinstance(inputs, dict):
            return inputs
        return {
            name: {"table": value} if isinstance(value, str) else value
            for name, value in inputs.items()
        }

    @model_validator(mode="after")
    def comes_from_somewhere(self) -> Self:
        """A table is delivered or derived, never both."""
        if (self.source is None) == (not self.inputs):
            raise ValueError("give either `source` (delivered files) or `inputs` (other tables)")
        if self.source is not None and self.transform is not None:
            raise ValueError("a delivered table has no `transform`: derive a second table from it")
        if self.transform is None and len(self.inputs) > 1:
            raise ValueError("several inputs need a `transform` that makes one table of them")
        return self


INHERITED = ("time_limit_minutes", "most_quarantined")
"""What a table takes from its pipeline where its entry does not say else, under the same key."""


class Pipeline(Frozen):
    """How and when a set of tables is built.

    Attributes:
        schedule: UTC cron expression: when a delivered partition is due.
        partition: Default partition of its tables.
        start: First day with data.
        end: First day without, if the data ends.
        pool: Airflow pool of its tasks.
        time_limit_minutes: After which a job of its tables is ended; a table may have its own.
        most_quarantined: Share of a batch that may go to quarantine; a table may have its own.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    description: str
    owner: str
    schedule: str
    partition: PartitionUnit
    start: date
    end: date | None = None
    pool: str = "default_pool"
    time_limit_minutes: int = Field(default=TIME_LIMIT_MINUTES, ge=1, le=LONGEST_MINUTES)
    most_quarantined: float | None = Field(default=None, ge=0, le=1)
    entries: dict[str, TableEntry] = Field(alias="tables", min_length=1)

    @field_validator("schedule")
    @classmethod
    def is_cron(cls, schedule: str) -> str:
        """A cron expression has five fields; Airflow checks the rest."""
        if len(schedule.split()) != 5:
            raise ValueError("a cron expression has five fields, such as '0 2 * * *'")
        return schedule

    @field_validator("entries")
    @classmethod
    def names_have_a_layer(cls, entries: dict[str, TableEntry]) -> dict[str, TableEntry]:
        """Refuse a table name without its layer."""
        for name in entries:
            if name.split(".")[0] not in ("bronze", "silver", "gold") or name.count(".") != 1:
                raise ValueError(f"table {name!r} must be called bronze.*, silver.* or gold.*")
        return entries

    @property
    def starts_at(self) -> datetime:
        """`start` as an instant, UTC."""
        return datetime.combine(self.start, time(), tzinfo=UTC)

    @property
    def ends_at(self) -> datetime | None:
        """`end` as an instant, UTC."""
        return None if self.end is None else datetime.combine(self.end, time(), tzinfo=UTC)

    @property
    def tables(self) -> tuple[TableBuild, ...]:
        """Its tables with the pipeline's defaults filled in, in the file's order."""
        return tuple(self.resolve(name, entry) for name, entry in self.entries.items())

    def resolve(self, name: str, entry: TableEntry) -> TableBuild:
        """One entry with the pipeline's defaults."""
        own = entry.partition
        unit = None if own == "none" else self.partition if own is None else PartitionUnit(own)
        fields = {key: getattr(entry, key) for key in TableEntry.model_fields if key != "partition"}
        for key in INHERITED:
            fields[key] = getattr(self, key) if fields[key] is None else fields[key]
        return TableBuild(name=name, partition=unit, **fields)


def load_pipeline(file: Path) -> Pipeline:
    """Read one pipeline file.

    Raises:
        DeclarationInvalid: Naming file, line, key and the known keys.
    """
    content, node = read_yaml(file)
    pipeline = validated(Pipeline, content, file, node)
    for build in pipeline.tables:
        if problem := misnamed_files(build):
            path = ("tables", build.name, "source", "files")
            raise DeclarationInvalid(str(file), line_of(node, path), ".".join(path), problem)
    return pipeline


def misnamed_files(build: TableBuild) -> str | None:
    """Why a delivered table's files cannot be those of one batch; None if they can."""
    if build.source is None or (PLACEHOLDER in build.source.files) == (build.partition is not None):
        return None
    if build.partition is None:
        return (
            f"{build.name} has no partitions, so nothing can stand for {PLACEHOLDER}. Write * for "
            "any file, or give the table a `partition`"
        )
    return (
        f"{build.name} is built {build.partition.value} by {build.partition.value}, and every one "
        f"would be made of all files that match {build.source.files}. Put {PLACEHOLDER} where the "
        f"files' names have the {build.partition.value}, or build the table whole: partition: none"
    )
