"""Job `score`: predict one partition with the champion of its time."""

import json
import logging
from collections.abc import Iterator

import pandas as pd
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from headrace_jobs import features, tables
from headrace_jobs.manifest import Manifest
from headrace_jobs.registry import Registry
from headrace_schemas.contract import Contract
from headrace_schemas.job import Counts, JobReport, PinnedTable, ScoreSpec

log = logging.getLogger(__name__)

COMMIT_NOTE = "spark.databricks.delta.commitInfo.userMetadata"


def predicted(booster: bytes, manifest: Manifest, contract: Contract) -> Column:
    """The booster's prediction for each row of the feature table, as DOUBLE.

    The bytes travel to the workers within the function, which is made here so that workers need XGBoost
    but not this package.
    """
    names = manifest.feature_names

    def predict(batches: Iterator[pd.DataFrame]) -> Iterator[pd.Series]:
        import xgboost  # in the worker only

        model = xgboost.Booster({"nthread": 1})
        model.load_model(bytearray(booster))
        for batch in batches:
            batch.columns = pd.Index(names)
            yield pd.Series(model.inplace_predict(batch), dtype="float64")

    inputs = features.numbers(manifest.features, contract)
    columns = [column.alias(f"_{index}") for index, column in enumerate(inputs)]
    return F.pandas_udf(predict, "double")(F.struct(*columns))


def run(spark: SparkSession, spec: ScoreSpec) -> JobReport:
    """Replace the partition's predictions; an empty partition where no champion serves yet."""
    model, key = spec.model, spec.partition.key
    rows = tables.read(spark, spec.features, [key])
    if spec.champion is None:
        prediction, rows = F.lit(None).cast("double"), rows.where(F.lit(False))
    else:
        booster, manifest = Registry().load(model.name, spec.champion)
        prediction = predicted(booster, manifest, spec.contract)
    named = dict.fromkeys((*features.row_key(model, spec.contract), model.event_time))
    frame = rows.select(
        *named,
        prediction.alias("prediction"),
        F.lit(spec.champion).cast("string").alias("model_version"),
    )
    note = {"run_id": spec.run_id, "features": spec.features.name,
            "features_version": spec.features.version, "model_version": spec.champion}  # fmt: skip
    spark.conf.set(COMMIT_NOTE, json.dumps(note))
    try:
        written = tables.replace(
            spark, frame, spec.predictions_uri, f"predictions.{model.name}", key
        )
    finally:
        spark.conf.unset(COMMIT_NOTE)
    return report(spark, spec, written)


def report(spark: SparkSession, spec: ScoreSpec, written: PinnedTable) -> JobReport:
    """What was written, counted from the table itself."""
    key = spec.partition.key
    scored = tables.read(spark, written, [key]).count()
    log.info("%s %s: %d rows scored by version %s", written.name, key, scored, spec.champion)
    notes = () if spec.champion else (f"no champion of {spec.model.name} serves {key}",)
    return JobReport(
        job="score", job_id=spec.job_id, status="succeeded", table=written,
        counts=Counts(rows_in=scored, rows_out=scored), notes=notes, model_version=spec.champion,
    )  # fmt: skip
