"""Job `score`: predict one partition with the champion of its time."""

import json
import logging
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pandas as pd
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

from headrace_jobs.lake import history, tables
from headrace_jobs.learning import features
from headrace_jobs.learning.registry import LoadedModel, Registry
from headrace_jobs.statistics.metrics import Values
from headrace_lake.tables import rows_of
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.model_jobs import ScoreReport, ScoreSpec
from headrace_schemas.wire.report import Counts
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)

Predict = Callable[[Iterator[pd.DataFrame]], Iterator[pd.Series]]


def predicting(model: LoadedModel) -> Predict:
    """A function from feature numbers, in the booster's order, to predictions.

    It is made here so that it travels to the workers whole: they need XGBoost, but not this
    package.
    """
    names, content = model.manifest.feature_names, model.booster

    def predict(batches: Iterator[pd.DataFrame]) -> Iterator[pd.Series]:
        trees = import_module("xgboost")
        booster = trees.Booster({"nthread": 1})
        booster.load_model(bytearray(content))
        for batch in batches:
            named = batch.set_axis(names, axis="columns")
            found = booster.inplace_predict(named) if len(named) else []
            yield pd.Series(found, dtype="float64")

    return predict


def predicted(model: LoadedModel, contract: Contract) -> Column:
    """The prediction for each row of the feature table, as DOUBLE, made by the workers."""
    udf: Any = pandas_udf  # its stubs do not know iterators of frames
    inputs = features.feature_numbers(model.manifest.features, contract, "_x")
    prediction: Column = udf(predicting(model), "double")(F.struct(*inputs))
    return prediction


def predicted_here(model: LoadedModel, numbers: pd.DataFrame) -> Values:
    """The predictions for a bounded frame of feature numbers."""
    (found,) = predicting(model)(iter([numbers]))
    return found.to_numpy()


def run(spark: SparkSession, spec: ScoreSpec) -> ScoreReport:
    """Replace the partition's predictions; an empty partition where no champion serves yet."""
    model, key = spec.model, spec.partition.key
    rows = tables.read(spark, spec.features, [key])
    if spec.champion is None:
        prediction, rows = F.lit(None).cast("double"), rows.where(F.lit(False))
    else:
        prediction = predicted(Registry().load(model.name, spec.champion), spec.contract)
    version = spec.champion.version if spec.champion else None
    named = dict.fromkeys((*features.row_key(model, spec.contract), model.event_time))
    frame = rows.select(
        *[F.col(quoted(name)) for name in named],
        prediction.alias("prediction"),
        F.lit(version).cast("string").alias("model_version"),
    )
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
