"""Which batches are run without Airflow: what was asked for, and what that needs first."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from headrace_lake.landing import delivered_partitions
from headrace_lake.tables import published_keys
from headrace_lake.versions import newest_version
from headrace_launcher.errors import NothingToRun, PartitionAsked
from headrace_schemas.batch import Batch
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.partition import Partition
from headrace_schemas.places import Lake
from headrace_schemas.planning.gaps import without_data


@dataclass(frozen=True)
class Wanted:
    """What was asked for.

    Attributes:
        partition: Key of the partition; None for all that can be built.
        with_inputs: Whether inputs are built first that have not published what is needed.
    """

    catalog: Catalog
    lake: Lake
    landing: str
    tables: tuple[str, ...]
    partition: str | None
    is_all: bool
    with_inputs: bool
    known: dict[str, set[str]] = field(default_factory=dict)

    def batches(self) -> list[Batch]:
        """Every batch, inputs before what is derived from them, each table's oldest first.

        Raises:
            UnknownTable: No pipeline builds a table.
            PartitionAsked: A key is missing, or cannot be one.
            NothingToRun: Of no partition there are files or inputs.
        """
        needed = {name: self.asked(name) for name in self.tables}
        if self.with_inputs:
            for name in reversed(self.catalog.order):
                for batch in sorted(needed.get(name, ()), key=lambda batch: batch.key):
                    for missing in self.missing(batch):
                        needed.setdefault(missing.table, set()).add(missing)
        return [
            batch
            for name in self.catalog.order
            for batch in sorted(needed.get(name, ()), key=lambda batch: batch.key)
        ]

    def asked(self, name: str) -> set[Batch]:
        """The batches of a table that was named."""
        unit = self.catalog.build(name).partition
        if unit is None:
            return {Batch(table=name)}
        if self.is_all:
            found = self.available(name)
            if not found:
                raise NothingToRun(name, self.landing)
            return {Batch(table=name, partition=partition) for partition in found}
        if self.partition is None:
            raise PartitionAsked(name, unit.value, unit.example, "no partition is named")
        try:
            partition = Partition.parse(unit, self.partition)
        except ValueError as error:
            raise PartitionAsked(name, unit.value, unit.example, str(error)) from error
        if problem := without_data(self.catalog, name, partition):
            raise PartitionAsked(name, unit.value, unit.example, problem)
        return {Batch(table=name, partition=partition)}

    def available(self, name: str) -> set[Partition]:
        """The partitions that can be built: of files that were delivered, or of inputs."""
        build = self.catalog.build(name)
        if build.partition is None:
            return set()
        if build.source is not None:
            found = delivered_partitions(self.landing, build)
            return {
                partition for partition in found if not without_data(self.catalog, name, partition)
            }
        inputs = [upstream.table for upstream in build.inputs.values()]
        partitioned = [table for table in inputs if self.catalog.build(table).partition is not None]
        each = []
        for table in partitioned:
            held = {Partition.parse(build.partition, key) for key in self.published(table)}
            each.append(held | (self.available(table) if self.with_inputs else set()))
        return set.intersection(*each) if each else set()

    def missing(self, batch: Batch) -> Iterator[Batch]:
        """The batches of inputs that a batch needs and that are not published."""
        for upstream in self.catalog.build(batch.table).inputs.values():
            if self.catalog.build(upstream.table).partition is None:
                if newest_version(self.lake.table(upstream.table)) is None:
                    yield Batch(table=upstream.table)
                continue
            needed = self.available(upstream.table)
            if batch.partition is not None:
                first = self.catalog.pipeline_of(upstream.table).starts_at
                unit, keys = (
                    batch.partition.unit,
                    batch.partition.lookback(upstream.lookback, first),
                )
                needed = {Partition.parse(unit, key) for key in keys}
            held = self.published(upstream.table)
            for partition in needed:
                if partition.key not in held:
                    yield Batch(table=upstream.table, partition=partition)

    def published(self, name: str) -> Collection[str]:
        """The keys of the partitions that a table has now."""
        if name not in self.known:
            self.known[name] = published_keys(self.lake.table(name))
        return self.known[name]
