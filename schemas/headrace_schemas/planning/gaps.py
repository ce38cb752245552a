"""Whether a partition can be built now: it has data, and what its transform looks back at is there."""

from collections.abc import Callable, Collection

from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import StaleInput
from headrace_schemas.partition import Partition

Published = Callable[[str], Collection[str]]
"""The keys of the partitions of a table that were published."""


def without_data(catalog: Catalog, table: str, partition: Partition) -> str | None:
    """Why a partition has no data, as the pipeline says where they begin and end; None if it may."""
    pipeline = catalog.pipeline_of(table)
    if partition.end <= pipeline.starts_at:
        return (
            f"{table}: {partition.key} lies before {pipeline.start}, where the data of "
            f"pipeline {pipeline.name} begins"
        )
    if pipeline.ends_at is not None and partition.start >= pipeline.ends_at:
        return (
            f"{table}: {partition.key} lies after {pipeline.end}, where the data of "
            f"pipeline {pipeline.name} ends"
        )
    return None


def refuse_gaps(catalog: Catalog, table: str, partition: Partition, published: Published) -> None:
    """Stop where an earlier partition that the transform looks back at is not published.

    Runs of a backfill overtake each other. Without this, a partition that came too early would
    be built from less than one that came in order.

    Raises:
        StaleInput: One is not published yet; trying again helps.
    """
    for source in catalog.build(table).inputs.values():
        if source.lookback:
            first = catalog.pipeline_of(source.table).starts_at
            held = published(source.table)
            for key in partition.lookback(source.lookback, first):
                if key not in held:
                    raise StaleInput(table, source.table, key)
