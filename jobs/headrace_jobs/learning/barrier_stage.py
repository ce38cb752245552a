"""XGBoost on the tasks of one Spark stage, which start together or not at all.

The same for Spark Connect and for a session of the job's own: what travels are rows in Arrow's form,
parameters, and the booster in XGBoost's. How it works: each task puts its rows on its local disk,
waits for the others, and fits with them; the first one's booster comes back, as all are the same.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import pyarrow as pa
import xgboost
from pyspark import BarrierTaskContext
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from headrace_jobs.learning.collective import joined
from headrace_jobs.learning.spilled_rows import Blocks, SpilledRows
from headrace_schemas.rules.rule import quoted

PIECE = 2**20
"""Bytes of a booster in one row: messages of Connect are limited, boosters are not."""


def fitted(frame: DataFrame, params: Mapping[str, Any], rounds: int) -> bytes:
    """A booster in XGBoost's UBJ form, fitted by one task for each partition.

    Args:
        frame: The label, then the features as FLOAT; its order is that in which rows are learnt from.
        params: As XGBoost reads them.
    """
    label, *features = map(quoted, frame.columns)
    # One list a row is one block of memory to Arrow, which nobody has to put together. It has a name:
    # Spark looks it up by that, and would make one of all columns'.
    listed = F.array(*features).alias("_features")
    rows, width, given = frame.select(label, listed), len(features), dict(params)

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from worked(batches, width, given, rounds)

    pieces = rows.mapInArrow(work, "piece BINARY", barrier=True).collect()
    return b"".join(bytes(row["piece"]) for row in pieces)


def worked(
    batches: Iterator[pa.RecordBatch], features: int, params: dict[str, Any], rounds: int
) -> Iterator[pa.RecordBatch]:
    """What one task does."""
    context = BarrierTaskContext.get()
    workers, rank = len(context.getTaskInfos()), context.partitionId()
    params = {"nthread": context.cpus(), **params}
    with closing(SpilledRows(local_folder(rank), features)) as rows:
        for batch in batches:
            rows.add(batch)
        with joined(context, workers):
            matrix = matrix_of(rows, params)
            rows.close()
            booster = xgboost.train(params, matrix, rounds)
    if rank == 0:
        content = bytes(booster.save_raw("ubj"))
        for start in range(0, len(content), PIECE):
            piece = pa.array([content[start : start + PIECE]], pa.binary())
            yield pa.RecordBatch.from_arrays([piece], ["piece"])


def matrix_of(rows: SpilledRows, params: Mapping[str, Any]) -> xgboost.DMatrix:
    """The rows as XGBoost learns from them: by their quantiles, unless the method needs them whole."""
    threads = params["nthread"]
    if params.get("tree_method") == "approx":
        labels, blocks = zip(*rows.blocks(), strict=True)
        return xgboost.DMatrix(np.concatenate(blocks), np.concatenate(labels), nthread=threads)
    bins = int(params["max_bin"]) if "max_bin" in params else None
    return xgboost.QuantileDMatrix(Blocks(rows), nthread=threads, max_bin=bins)


def local_folder(number: int) -> Path:
    """Spark's local disk, one of several by the task's number."""
    folders = os.environ.get("SPARK_LOCAL_DIRS", gettempdir()).split(",")
    return Path(folders[number % len(folders)])
