"""Job `score`: predict one partition with the champion of its time."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import history, tables
from headrace_jobs.learning import features
from headrace_jobs.learning.registry import LoadedModel, Registry
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

PREDICTION = "prediction"

Batches = Iterator[Any]
"""Arrow's record batches."""


def predicting(model: LoadedModel) -> Callable[[Batches], Batches]:
    """A function from record batches to the same without their last columns, with predictions instead.

    The last columns are feature numbers, in the booster's order. It is made here so that it travels
    to the workers whole: they need XGBoost, but not this package.
    """
    width, content, called = len(model.manifest.feature_names), model.booster, PREDICTION

    def predict(batches: Batches) -> Batches:
        numpy, arrow = import_module("numpy"), import_module("pyarrow")
        booster = import_module("xgboost").Booster({"nthread": 1})
        booster.load_model(bytearray(content))
        for batch in batches:
            first = batch.num_columns - width
            # The booster computes with single precision, whatever it is given.
            numbers = numpy.empty((len(batch), width), numpy.float32)
            for place, column in enumerate(batch.columns[first:]):
                numbers[:, place] = column.to_numpy(zero_copy_only=False)
            found = booster.inplace_predict(numbers) if len(batch) else []
            named = [*batch.schema.names[:first], called]
            values = [*batch.columns[:first], arrow.array(found, arrow.float64())]
            yield arrow.RecordBatch.from_arrays(values, named)

    return predict


def with_predictions(
    frame: DataFrame, kept: Sequence[str], model: LoadedModel, contract: Contract
) -> DataFrame:
    """Some columns of the feature table, and `prediction` as DOUBLE, made by the workers."""
    inputs = features.feature_numbers(model.manifest.features, contract, "_x")
    types = {
        column.name: stored(ColumnType.parse(column.type)).simpleString()
        for column in contract.columns
    }
    # Spark looks up what it hands to `mapInArrow` by name, and takes a dot in a name for a field of a
    # struct: on their way the columns are called by their place.
    ways = {f"_k{place}": (name, types[name]) for place, name in enumerate(kept)}
    # The version of the table that is read may be older than a contract that has widened a column.
    given = [F.col(quoted(name)).cast(type).alias(way) for way, (name, type) in ways.items()]
    made = ", ".join(f"{way} {type}" for way, (_, type) in ways.items())
    schema = f"{made}, {PREDICTION} double"
    mapped = frame.select(*given, *inputs).mapInArrow(predicting(model), schema)
    # Of a text, what a client of Connect declares has a collation, which others do not know.
    found = [F.col(way).cast(type).alias(name) for way, (name, type) in ways.items()]
    return mapped.select(*found, PREDICTION)


def predicted_here(model: LoadedModel, numbers: pd.DataFrame) -> Values:
    """The predictions for a bounded frame of feature numbers, in the booster's order."""
    columns = [pa.array(numbers[name].to_numpy("float64")) for name in numbers.columns]
    batch = pa.RecordBatch.from_arrays(columns, [str(name) for name in numbers.columns])
    (found,) = predicting(model)(iter([batch]))
    predictions: Values = found[PREDICTION].to_numpy()
    return predictions


def run(spark: SparkSession, spec: ScoreSpec) -> ScoreReport:
    """Replace the partition's predictions; an empty partition where no champion serves yet."""
    model, key = spec.model, spec.partition.key
    rows = tables.read(spark, spec.features, [key])
    kept = list(dict.fromkeys((*features.row_key(model, spec.contract), model.event_time)))
    if spec.champion is None:
        named = [F.col(quoted(name)) for name in kept]
        frame = rows.where(F.lit(False)).select(
            *named, F.lit(None).cast("double").alias(PREDICTION)
        )
    else:
        champion = Registry().load(model.name, spec.champion)
        frame = with_predictions(rows, kept, champion, spec.contract)
    version = spec.champion.version if spec.champion else None
    frame = frame.select("*", F.lit(version).cast("string").alias("model_version"))
    note = {
        "job": spec.job,
        "job_id": spec.job_id,
        "run_id": spec.run_id,
        "features": spec.features.name,
        "features_version": spec.features.version,
        "model_version": version,
    }
    # What must not differ between equal rows stands beside the commit.
    spark.conf.set(tables.COMMIT_NOTE, json.dumps(note))
    name = f"predictions.{model.name}"
    history.declare(spark, spec.history_days, (name, spec.predictions_uri))
    written = tables.replace(spark, frame, spec.predictions_uri, name, key)
    return report(spec, written, version)


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
