"""Job `score`: predict one partition with the champion of its time."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import history, placed_files, tables
from headrace_jobs.learning import features
from headrace_jobs.learning.registry import LoadedModel, Registry
from headrace_jobs.learning.scored_files import MODEL_VERSION, PREDICTION, ScoredFiles
from headrace_jobs.sources.casts import stored
from headrace_jobs.statistics.metrics import Values
from headrace_lake.tables import rows_of
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.rules.rule import quoted
from headrace_schemas.types import ColumnType
from headrace_schemas.wire.model_jobs import ScoreReport, ScoreSpec
from headrace_schemas.wire.report import Counts
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)

Batches = Iterator[Any]
"""Arrow's record batches."""


def predicting(model: LoadedModel) -> Callable[[Batches], Batches]:
    """A function from record batches to the same without their last column, with predictions instead.

    The last column has a row's feature numbers as a list of single precision, with which the booster
    computes whatever it is given, in its order. The function is made here so that it travels to the
    workers whole: they need XGBoost, but not this package.
    """
    width, content, called = len(model.manifest.feature_names), model.booster, PREDICTION

    def predict(batches: Batches) -> Batches:
        arrow = import_module("pyarrow")
        booster = import_module("xgboost").Booster({"nthread": 1})
        booster.load_model(bytearray(content))
        for batch in batches:
            *kept, numbers = batch.columns
            rows = numbers.flatten().to_numpy().reshape(len(batch), width)
            found = booster.inplace_predict(rows) if len(batch) else []
            named = [*batch.schema.names[:-1], called]
            values = [*kept, arrow.array(found, arrow.float64())]
            yield arrow.RecordBatch.from_arrays(values, named)

    return predict


def with_predictions(
    frame: DataFrame, kept: Sequence[str], model: LoadedModel, contract: Contract
) -> DataFrame:
    """Some columns of the feature table, and `prediction` as DOUBLE, made by the workers."""
    numbers = features.feature_numbers(model.manifest.features, contract, "_x")
    types = {
        column.name: stored(ColumnType.parse(column.type)).simpleString()
        for column in contract.columns
    }
    # Spark looks up what it hands to `mapInArrow` by name, and takes a dot in a name for a field of a
    # struct: on their way the columns are called by their place. A text goes as its bytes: one that a
    # client of Connect declares has a collation, which other readers do not know.
    ways = {
        f"_k{place}": (name, "binary" if types[name] == "string" else types[name])
        for place, name in enumerate(kept)
    }
    # The version of the table that is read may be older than a contract that has widened a column.
    given = [
        F.col(quoted(name)).cast(types[name]).cast(sent).alias(way)
        for way, (name, sent) in ways.items()
    ]
    made = ", ".join(f"{way} {sent}" for way, (_, sent) in ways.items())
    schema = f"{made}, {PREDICTION} double"
    mapped = frame.select(*given, F.array(*numbers).alias("_x")).mapInArrow(
        predicting(model), schema
    )
    found = [F.col(way).cast(types[name]).alias(name) for way, (name, _) in ways.items()]
    return mapped.select(*found, PREDICTION)


def predicted_here(model: LoadedModel, numbers: pd.DataFrame) -> Values:
    """The predictions for a bounded frame of feature numbers, in the booster's order."""
    rows = numbers.to_numpy("float32")
    starts = np.arange(len(rows) + 1, dtype="int32") * rows.shape[1]
    column = pa.ListArray.from_arrays(starts, rows.ravel())
    (found,) = predicting(model)(iter([pa.RecordBatch.from_arrays([column], ["numbers"])]))
    predictions: Values = found[PREDICTION].to_numpy()
    return predictions


def run(spark: SparkSession, spec: ScoreSpec) -> ScoreReport:
    """Replace the partition's predictions; an empty partition where no champion serves yet."""
    model, key = spec.model, spec.partition.key
    kept = list(dict.fromkeys((*features.row_key(model, spec.contract), model.event_time)))
    champion = Registry().load(model.name, spec.champion) if spec.champion else None
    version = champion.version if champion else None
    by_file = ScoredFiles.of(spec, kept, champion) if champion else None
    note = {
        "job": spec.job,
        "job_id": spec.job_id,
        "run_id": spec.run_id,
        "partition": key,
        "features": spec.features.name,
        "features_version": spec.features.version,
        "model_version": version,
    }
    name = f"predictions.{model.name}"
    history.declare(spark, spec.history_days, (name, spec.predictions_uri))
    # What must not differ between equal rows stands beside the commit.
    written = placed_files.replace(
        spark,
        partial(by_spark, spark, spec, kept, champion),
        spec.predictions_uri,
        name,
        key,
        json.dumps(note),
        spec.staged_uri,
        partial(by_file.stage, spark) if by_file else None,
    )
    return report(spec, written, version)


def by_spark(
    spark: SparkSession, spec: ScoreSpec, kept: Sequence[str], model: LoadedModel | None
) -> DataFrame:
    """The partition's predictions, made by Spark; no rows where no champion serves."""
    rows = tables.read(spark, spec.features, [spec.partition.key])
    if model is None:
        named = [F.col(quoted(name)) for name in kept]
        frame = rows.where(F.lit(False)).select(
            *named, F.lit(None).cast("double").alias(PREDICTION)
        )
    else:
        frame = with_predictions(rows, kept, model, spec.contract)
    version = model.version if model else None
    return frame.select("*", F.lit(version).cast("string").alias(MODEL_VERSION))


def report(spec: ScoreSpec, written: PinnedTable, version: str | None) -> ScoreReport:
    """What was written, counted from the table itself."""
    key = spec.partition.key
    scored = rows_of(written.uri, written.version, key)
    log.info("%s %s: %d rows scored by version %s", written.name, key, scored, version)
    notes = () if version else (f"no champion of {spec.model.name} serves {key}",)
    return ScoreReport(
        job_id=spec.job_id,
        table=written,
        counts=Counts(rows_in=scored, rows_out=scored),
        notes=notes,
        model_version=version,
    )
