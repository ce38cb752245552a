"""Copies of delivered files: what was checked is what Spark reads, and rows know where they are from."""

import json
from collections.abc import Mapping, Sequence
from types import TracebackType

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from headrace_jobs.engine.errors import is_lost, no_room, summary
from headrace_jobs.lake.tables import SOURCE_FILE
from headrace_jobs.sources.ingest import Delivery
from headrace_schemas.errors import SourceInvalid

OBSERVED_FILES = 16
"""Of as many files rows are counted while they are written; more are counted in what was written."""


ROWS = "rows"
"""Counts all of them."""


def file_counter(place: int) -> str:
    """The name under which the rows of a file are counted."""
    return f"file_{place}"


def copies_of(staged_uri: str) -> str:
    """Folder of the copies of a batch's files; it lasts as long as the job."""
    return f"{staged_uri.rstrip('/')}_delivered"


def copy_name() -> Column:
    """The name of the copy that a row is read from; it begins with the file's place in the batch."""
    return F.col("_metadata.file_name")


def with_landed_names(frame: DataFrame, deliveries: Sequence[Delivery]) -> DataFrame:
    """Rows name the file that was delivered, where `copy_name` named its copy."""
    # One constant array: a choice by cases would ask a row of the last file about all others.
    names = F.from_json(
        F.lit(json.dumps([delivery.name for delivery in deliveries])), "array<string>"
    )
    place = F.substring_index(SOURCE_FILE, "-", 1).cast("int")
    return frame.withColumn(SOURCE_FILE, F.get(names, place))


class CopyErrors:
    """While Spark reads: where it fails on a copy, the error names the file that was delivered."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self.deliveries = deliveries

    def __enter__(self) -> None:
        """Nothing is read yet."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Name the file.

        Raises:
            SourceInvalid: The engine's error, which the two engines raise as different classes,
                names a copy.
        """
        if error is None or is_lost(error) or no_room(error):
            return  # the delivery is not to blame
        text = str(error)
        for delivery in self.deliveries:
            if delivery.copy_uri.rpartition("/")[2] in text:
                raise SourceInvalid(
                    delivery.name,
                    f"Spark cannot read it ({summary(error)})",
                    "Deliver the file again.",
                ) from error


def counters(deliveries: Sequence[Delivery]) -> list[Column]:
    """Aggregates that count the rows of each file, where they are few."""
    if not 1 < len(deliveries) <= OBSERVED_FILES:
        return []
    return [
        F.count_if(F.col(SOURCE_FILE) == delivery.name).alias(file_counter(place))
        for place, delivery in enumerate(deliveries)
    ]


def check_counts(
    deliveries: Sequence[Delivery], found: Mapping[str, int], staged: DataFrame | None
) -> None:
    """Compare the rows of each file with what its check counted, where it could.

    Args:
        found: All `ROWS`, and those of each file, by `file_counter`.
        staged: The batch as it was written, where rows were not counted by file.

    Raises:
        SourceInvalid: Naming the first file of which other rows are read.
    """
    if staged is not None:
        counted = staged.groupBy(SOURCE_FILE).count().collect()
        counts = {row[SOURCE_FILE]: row["count"] for row in counted}
    elif len(deliveries) > 1:
        counts = {
            delivery.name: found[file_counter(place)] for place, delivery in enumerate(deliveries)
        }
    else:
        counts = {delivery.name: found[ROWS] for delivery in deliveries}
    for delivery in deliveries:
        if delivery.rows is not None and (read := counts.get(delivery.name, 0)) != delivery.rows:
            raise SourceInvalid(
                delivery.name,
                f"{read} rows are read of {delivery.rows}",
                "Check its quotes and line ends.",
            )
    if found[ROWS] != sum(counts.get(delivery.name, 0) for delivery in deliveries):
        problem = f"{found[ROWS]} rows are read, some of which are of none of the batch's files"
        raise SourceInvalid(deliveries[0].name, problem, "Run the load again.")
