"""Work on the files of a large batch, spread over Spark's workers, which need this package."""

from collections.abc import Callable, Iterator, Sequence

import pandas as pd
from pyspark.sql import SparkSession

SPREAD_BYTES = 256 * 1024 * 1024
"""A larger batch of several files is spread. Below, starting workers would cost as much as it saves."""


def is_large(sizes: Sequence[int]) -> bool:
    """Whether files of these bytes are worth it."""
    return len(sizes) > 1 and sum(sizes) > SPREAD_BYTES


def spread(spark: SparkSession, work: Callable[[int], str | None], count: int) -> dict[int, str]:
    """What is made of each number below `count` by a task of its own, but for those of which nothing is."""

    def worked(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for place in map(int, batch["id"]):
                if (found := work(place)) is not None:
                    yield pd.DataFrame({"place": [place], "found": [found]})

    tasks = spark.range(0, count, 1, count)
    rows = tasks.mapInPandas(worked, "place BIGINT, found STRING").collect()
    return {row["place"]: row["found"] for row in rows}
