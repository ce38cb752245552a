"""Pipelines: how and when tables are built."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from enum import StrEnum
from keyword import iskeyword
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from headrace_schemas.declarations.declaration import Declaration, FormVersion, Frozen, Misfit, said
from headrace_schemas.declarations.source import PLACEHOLDER, Source
from headrace_schemas.names import (
    LONGEST_TAG,
    PLAIN_NAME,
    TABLE_NAME,
    TOO_LONG_FOR_A_TAG,
    TRANSFORM,
    form_of,
)
from headrace_schemas.notifications import NotifierName
from headrace_schemas.partition import Partition, PartitionUnit

PARTITION_BOUNDS = frozenset({"start", "end"})
"""Keyword-only parameters that a transform may ask for besides its inputs."""

FIRST_YEAR, LAST_YEAR = 1000, 9998
"""Between them every partition has a key of its own, and one before and after it."""

TIME_LIMIT_MINUTES = 6 * 60
"""Of a job, where nothing else is declared: what takes longer hangs, or is worth a declaration."""

LONGEST_MINUTES = 31 * 24 * 60

HISTORY_DAYS, SHORTEST_HISTORY_DAYS, LONGEST_HISTORY_DAYS = 400, 7, 36_500
"""How long a table's old versions stay readable: where nothing else is declared a year, so that this
month can be laid beside the same one of last year as it was seen then, and a month to notice. Never
less than Delta's own week: whoever reads from outside, and an approval, may take that long."""

MOST_QUARANTINED, FEWEST_QUARANTINED = 0.2, 10
"""The share of a batch that may go to quarantine where none is declared, and the rows from which on
it counts: of a few rows, one bad one is a large share and says nothing."""


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


class Input(Frozen):
    """One table that a transform reads.

    Attributes:
        table: Its name, `layer.name`.
        lookback: How many earlier partitions are read besides the one being built.
    """

    table: str = Field(pattern=TABLE_NAME)
    lookback: int = Field(default=0, ge=0, le=1000)


def in_full(given: object) -> object:
    """`name: layer.table` is short for `name: {table: layer.table}`."""
    return {"table": given} if isinstance(given, str) else given


TableName = Annotated[str, Field(pattern=TABLE_NAME)]


class TableBuild(Frozen):
    """How one table is built: its entry with the pipeline's defaults filled in, see `TableEntry`.

    Attributes:
        name: `layer.name`.
        partition: The table's partition; None for a table that is built whole.
        most_quarantined: None is `MOST_QUARANTINED`, of batches in which that is no accident.
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
    history_days: int = Field(
        default=HISTORY_DAYS, ge=SHORTEST_HISTORY_DAYS, le=LONGEST_HISTORY_DAYS
    )


class TableEntry(Declaration):
    """A table's entry in a pipeline file, under its name: `layer.name`.

    Attributes:
        partition: How long its partitions are, `none` for a table that is built whole; the
            pipeline's where nothing is said.
        source: Where the files of a delivered table lie and how they are written; a derived table
            has none.
        inputs: Tables that a derived table is made of, by the transform's parameter (of a query: the
            view) that each one is; `name: layer.table` is short for `name: {table: layer.table}`.
        transform: `module:function`, or a `.sql` file beside the pipeline; without one the table is
            its only input, unchanged.
        write: How a batch changes the table: `replace_partition` puts it in the place of what its
            partition held, `merge` updates rows by key, `append` adds rows.
        evolution: What happens to a column that the contract does not know: `freeze` refuses the
            batch, `evolve` adds the column, `discard_row` sends rows that have a value in it to
            quarantine, `discard_value` leaves the column out.
        time_limit_minutes: Minutes after which each of its jobs is ended; the pipeline's where
            nothing is said.
        most_quarantined: Share of a batch, 0 to 1, that may go to quarantine; more publishes
            nothing. The pipeline's where nothing is said.
        unique_in: Where a key names one row: `table`, or `partition` for snapshots, in which each
            partition describes the same things anew.
        history_days: Days that old versions of it and of its quarantine stay readable; the
            pipeline's where nothing is said.
    """

    partition: Literal["year", "quarter", "month", "week", "day", "hour", "none"] | None = None
    source: Source | None = None
    inputs: dict[
        str, Annotated[Input, BeforeValidator(in_full, json_schema_input_type=TableName | Input)]
    ] = Field(default_factory=dict)
    transform: str | None = Field(default=None, pattern=TRANSFORM)
    write: WriteMode = WriteMode.REPLACE_PARTITION
    evolution: Evolution = Evolution.FREEZE
    time_limit_minutes: int | None = Field(default=None, ge=1, le=LONGEST_MINUTES)
    most_quarantined: float | None = Field(default=None, ge=0, le=1)
    unique_in: Literal["table", "partition"] = "table"
    history_days: int | None = Field(
        default=None, ge=SHORTEST_HISTORY_DAYS, le=LONGEST_HISTORY_DAYS
    )

    def comes_from_somewhere(self) -> Iterator[Misfit]:
        """A table is delivered or derived, never both."""
        if (self.source is None) == (not self.inputs):
            yield Misfit((), "give either `source` (delivered files) or `inputs` (other tables)")
        elif self.source is not None and self.transform is not None:
            yield Misfit(
                ("transform",),
                "a delivered table has no `transform`: derive a second table from it",
            )
        if self.source is not None and not self.source.files.strip():
            yield Misfit(("source", "files"), "is empty")
        if self.transform is None and len(self.inputs) > 1:
            yield Misfit(
                ("inputs",), "several inputs need a `transform` that makes one table of them"
            )

    def transform_takes_inputs(self) -> Iterator[Misfit]:
        """Inputs are parameters of a function, or views of a query."""
        if self.transform is None:
            return
        is_sql = self.transform.endswith(".sql")
        if is_sql and (self.transform.startswith("/") or ".." in Path(self.transform).parts):
            yield Misfit(("transform",), "must be a path beside the pipeline, without '..'")
        seen: set[str] = set()
        for name in self.inputs:
            here = ("inputs", name)
            if not (re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and not iskeyword(name)):
                problem = "an input is a parameter: letters, digits and _, and no word of Python"
                yield Misfit(here, problem)
            elif not is_sql and name in PARTITION_BOUNDS:
                yield Misfit(here, "stands for a bound of the partition", "Call it otherwise.")
            elif is_sql and name.lower() in seen:
                yield Misfit(here, "SQL does not tell it from another input: case does not count")
            seen.add(name.lower())

    def looks_back_over_partitions(self) -> Iterator[Misfit]:
        """A table that is built whole reads its inputs whole."""
        for name, source in self.inputs.items():
            if self.partition == "none" and source.lookback:
                yield Misfit(
                    ("inputs", name, "lookback"),
                    "a table without partitions reads all of its inputs",
                    "Leave `lookback` out.",
                )

    checks: ClassVar = (comes_from_somewhere, transform_takes_inputs, looks_back_over_partitions)


INHERITED = ("time_limit_minutes", "most_quarantined", "history_days")
"""What a table takes from its pipeline where its entry does not say else, under the same key."""


class Pipeline(Declaration):
    """How and when a set of tables is built.

    Attributes:
        version: Of the form of this file; another one than 1 is for a newer Headrace, and refused.
        name: What it is called: a tag of its Dags in Airflow.
        description: What it is for, for people.
        owner: Who answers for its tables: the owner of its Dags in Airflow.
        schedule: Five fields of a cron expression in UTC: when a delivered partition is due.
        partition: How long the partitions of its tables are; a table may have its own.
        start: First day with data, the first of a partition.
        end: First day without, if the data end.
        pool: Airflow pool of its tasks.
        time_limit_minutes: Minutes after which each job of its tables is ended; a table may have its
            own.
        most_quarantined: Share of a batch, 0 to 1, that may go to quarantine; more publishes
            nothing. Without one it is a fifth, of batches in which that is 10 rows or more. A table
            may have its own.
        history_days: Days that old versions of its tables stay readable; a table may have its own.
        notify: Notifiers that are called when a gate fails.
        entries: Its tables by name: how each is built. Their order does not count.
    """

    version: FormVersion = Field(default=1, exclude=True)  # of the file, so specs go without
    name: str = Field(pattern=PLAIN_NAME)
    description: str
    owner: str
    schedule: str
    partition: PartitionUnit
    start: date
    end: date | None = None
    pool: str = "default_pool"
    time_limit_minutes: int = Field(default=TIME_LIMIT_MINUTES, ge=1, le=LONGEST_MINUTES)
    most_quarantined: float | None = Field(default=None, ge=0, le=1)
    history_days: int = Field(
        default=HISTORY_DAYS, ge=SHORTEST_HISTORY_DAYS, le=LONGEST_HISTORY_DAYS
    )
    notify: tuple[NotifierName, ...] = ()
    entries: dict[str, TableEntry] = Field(alias="tables", min_length=1)

    @field_validator("schedule")
    @classmethod
    def is_cron(cls, schedule: str) -> str:
        """A cron expression has five fields; `headrace validate` and Airflow read the rest."""
        if len(schedule.split()) != 5:
            raise ValueError("a cron expression has five fields, such as '0 2 * * *'")
        return schedule

    @field_validator("start", "end", mode="before")
    @classmethod
    def is_day(cls, day: object) -> object:
        """Refuse numbers: pydantic takes them for seconds since 1970."""
        is_text = isinstance(day, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", day, re.ASCII)
        if not (is_text or day is None or isinstance(day, date)):
            raise ValueError("must be a day such as 2024-01-01")
        return day

    def says_whose(self) -> Iterator[Misfit]:
        """What people and Airflow read is there."""
        yield from said(self, "description", "owner", "pool")
        if len(self.pool) > 256:
            yield Misfit(("pool",), "is longer than the 256 characters that Airflow takes")

    def names_have_a_layer(self) -> Iterator[Misfit]:
        """Refuse a table name without its layer, or longer than what is made of it can be."""
        for name in self.entries:
            if problem := form_of(name, TABLE_NAME):
                yield Misfit(("tables", name), f"table {name!r} {problem}")

    def name_is_short(self) -> Iterator[Misfit]:
        """It is a tag in Airflow."""
        if len(self.name) > LONGEST_TAG:
            yield Misfit(("name",), TOO_LONG_FOR_A_TAG)

    def ends_after_it_starts(self) -> Iterator[Misfit]:
        """Data begin before they end."""
        if self.end is not None and self.end <= self.start:
            yield Misfit(
                ("end",),
                f"{self.end} is not after the start, {self.start}",
                "Give the first day without data, or leave it out.",
            )

    def starts_with_a_partition(self) -> Iterator[Misfit]:
        """A part of a partition is none: its rows before the start would be asked for as well."""
        yield from self.on_a_bound("start", self.start)

    def ends_with_a_partition(self) -> Iterator[Misfit]:
        """As with the start, unless the end is how some write that there is none: 9999-12-31."""
        if self.end is not None and self.end.year <= LAST_YEAR:
            yield from self.on_a_bound("end", self.end)

    def on_a_bound(self, key: str, day: date) -> Iterator[Misfit]:
        """`day` is the first of a partition of each table."""
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            yield Misfit((key,), f"{day} lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
            return
        instant = datetime.combine(day, time(), tzinfo=UTC)
        own = {entry.partition or self.partition.value for entry in self.entries.values()}
        for unit in sorted(own - {"none"}):
            first = Partition.of(PartitionUnit(unit), instant).start
            if first != instant:
                yield Misfit(
                    (key,),
                    f"{day} lies inside a {unit}",
                    f"Give the first day of a {unit}, such as {first.date()}.",
                )

    def entries_fit(self) -> Iterator[Misfit]:
        """Every table's entry goes together."""
        for name, entry in self.entries.items():
            for misfit in entry.misfits():
                yield misfit._replace(path=("tables", name, *misfit.path))

    def files_are_one_batch(self) -> Iterator[Misfit]:
        """Each partition of a delivered table has files of its own."""
        for name, entry in self.entries.items():
            files = entry.source.files if entry.source else ""
            if files.strip() and (problem := misnamed_files(name, files, self.unit_of(entry))):
                yield Misfit(("tables", name, "source", "files"), problem)

    checks: ClassVar = (
        says_whose,
        name_is_short,
        names_have_a_layer,
        ends_after_it_starts,
        starts_with_a_partition,
        ends_with_a_partition,
        entries_fit,
        files_are_one_batch,
    )

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
        fields = {key: getattr(entry, key) for key in TableEntry.model_fields if key != "partition"}
        for key in INHERITED:
            fields[key] = getattr(self, key) if fields[key] is None else fields[key]
        return TableBuild(name=name, partition=self.unit_of(entry), **fields)

    def unit_of(self, entry: TableEntry) -> PartitionUnit | None:
        """How long a table's partitions are; None for one that is built whole."""
        own = entry.partition
        return None if own == "none" else self.partition if own is None else PartitionUnit(own)


def misnamed_files(name: str, files: str, unit: PartitionUnit | None) -> str | None:
    """Why a delivered table's files cannot be those of one batch; None if they can."""
    if (PLACEHOLDER in files) == (unit is not None):
        return None
    if unit is None:
        return (
            f"{name} has no partitions, so nothing can stand for {PLACEHOLDER}. Write * for "
            "any file, or give the table a `partition`"
        )
    return (
        f"{name} is built {unit.value} by {unit.value}, and every one "
        f"would be made of all files that match {files}. Put {PLACEHOLDER} where the "
        f"files' names have the {unit.value}, or build the table whole: partition: none"
    )
