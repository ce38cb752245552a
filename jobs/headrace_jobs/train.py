"""Job `train`: fit a booster on what was known by a time and register it as a candidate.

The same rows, workers and seed give the same bytes: rows are spread over the workers by the hash of their
key and sorted by it, and each worker has the threads of one task.
"""

import hashlib
import logging
import math
import time
from datetime import timedelta

import numpy as np
import xgboost
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBClassifier, SparkXGBRegressor

from headrace_jobs import features, histograms, tables
from headrace_jobs.manifest import Feature, FeatureKind, Histogram, Manifest, Window
from headrace_jobs.registry import Registry
from headrace_schemas.errors import SlotsShort
from headrace_schemas.job import Counts, JobReport, TrainSpec
from headrace_schemas.model import Model, Task

log = logging.getLogger(__name__)

EDGE_ROWS = 50_000
"""Rows from which the quantile bins are cut; shares are counted on all rows."""

SLOT_WAIT_SECONDS = 15.0
"""How long executors of a cluster may take to report after the first job has run."""


def run(spark: SparkSession, spec: TrainSpec) -> JobReport:
    """Select, check, encode, fit, describe, register."""
    model = spec.model
    known = features.known_rows(tables.read(spark, spec.features), model, spec.as_of)
    known_rows, first, last = features.event_bounds(known, model)
    holdout_start = last - timedelta(days=model.split.holdout_days)
    rows = training_rows(known.where(F.col(model.event_time) < features.instant(holdout_start)), spec)
    rows.persist()
    try:
        inputs, count = prepared(rows, spec)
        window = Window(
            train_start=first, holdout_start=holdout_start, holdout_end=last, train_rows=count,
            holdout_rows=known_rows - count,
        )  # fmt: skip
        check_slots(spark, model)
        log.info("model %s: fitting on %d rows, holdout %d", model.name, count, known_rows - count)
        booster = fit(rows, model, inputs)
        inputs = described(rows, inputs, booster)
    finally:
        rows.unpersist()
    content = bytes(booster.save_raw("ubj"))
    manifest = Manifest(
        model=model.name, task=model.task, declaration_hash=declaration_hash(model),
        features=tuple(inputs), table=spec.features.name, table_version=spec.features.version,
        contract_hash=spec.contract.hash, as_of=spec.as_of, window=window,
        sha256=hashlib.sha256(content).hexdigest(), xgboost=xgboost.__version__,
    )  # fmt: skip
    version = Registry().register(model.name, content, manifest, {"answers": spec.answers})
    log.info("model %s: version %s, sha256 %s", model.name, version, manifest.sha256)
    return JobReport(
        job="train", job_id=spec.job_id, status="succeeded", model_version=version,
        counts=Counts(rows_in=known_rows, rows_out=count),
        metrics={"holdout_rows": float(window.holdout_rows), "model_bytes": float(len(content))},
    )  # fmt: skip


def declaration_hash(model: Model) -> str:
    """sha256 of a model's declaration."""
    return hashlib.sha256(model.model_dump_json().encode()).hexdigest()


def training_rows(known: DataFrame, spec: TrainSpec) -> DataFrame:
    """Target and feature columns, spread and sorted by key so that a repeated fit sees the same order."""
    model, contract = spec.model, spec.contract
    key = features.row_key(model, contract)
    columns = dict.fromkeys((*key, *model.features))
    return (
        known.select(*columns, features.target_number(model, contract).alias(features.TARGET))
        .repartition(model.training.num_workers, *key)
        .sortWithinPartitions(*key)
    )


def prepared(rows: DataFrame, spec: TrainSpec) -> tuple[list[Feature], int]:
    """The features with the codes and bins that these rows give, and how many rows there are.

    Raises:
        TrainingDataInvalid: The rows cannot be learnt from.
    """
    model, contract = spec.model, spec.contract
    declared = []
    for name in model.features:
        kind, type_ = features.kind_of(model, contract, name)
        declared.append(Feature(name=name, type=type_, kind=kind))
    measured = [one for one in declared if one.kind is not FeatureKind.CATEGORY]
    numbers = features.numbers(measured, contract)
    count, mean = features.check_learnable(rows, model, measured, numbers)
    categories = [one.name for one in declared if one.kind is FeatureKind.CATEGORY]
    codes = features.category_codes(rows, model, categories, mean)
    sample = features.sampled(rows, features.row_key(model, contract), count, EDGE_ROWS)
    cut = sample.select(
        *[column.alias(f"_{index}") for index, column in enumerate(numbers)]
    ).toPandas()
    edges = {
        one.name: histograms.quantile_edges(cut[f"_{index}"].to_numpy(dtype=np.float32))
        for index, one in enumerate(measured)
    }
    filled = []
    for one in declared:
        if one.kind is FeatureKind.CATEGORY:
            numbered, frequent = codes[one.name]
            shown = Histogram(categories=frequent[: histograms.SHOWN_CATEGORIES])
            filled.append(one.model_copy(update={"codes": numbered, "histogram": shown}))
        else:
            bins = Histogram(edges=edges[one.name])
            filled.append(one.model_copy(update={"histogram": bins}))
    return filled, count


def check_slots(spark: SparkSession, model: Model) -> None:
    """Refuse a training that would wait for ever: its workers must all run at once.

    Raises:
        SlotsShort: The cluster has fewer task slots.
    """
    context = spark.sparkContext._jsc.sc()  # only the JVM knows  # noqa: SLF001
    profile = context.resourceProfileManager().resourceProfileFromId(0)
    wanted = model.training.num_workers
    deadline = time.monotonic() + SLOT_WAIT_SECONDS
    slots = int(context.maxNumConcurrentTasks(profile))
    while slots < wanted and not context.isLocal() and time.monotonic() < deadline:
        time.sleep(0.5)
        slots = int(context.maxNumConcurrentTasks(profile))
    if slots < wanted:
        raise SlotsShort(model.name, wanted, slots)


def fit(rows: DataFrame, model: Model, inputs: list[Feature]) -> xgboost.Booster:
    """Train on the cluster.

    Columns go by position: `xgboost.spark` takes columns called `weight` or `label` for its own.
    """
    columns = [f"_{index}" for index in range(len(inputs))]
    frame = rows.select(
        features.TARGET,
        *[features.number(one).alias(name) for one, name in zip(inputs, columns, strict=True)],
    )
    estimator = SparkXGBClassifier if model.task is Task.BINARY else SparkXGBRegressor
    fitted = estimator(
        features_col=columns, label_col=features.TARGET, missing=math.nan,
        num_workers=model.training.num_workers, n_estimators=model.training.num_boost_round,
        random_state=model.training.seed, **model.training.params,
    ).fit(frame)  # fmt: skip
    booster: xgboost.Booster = fitted.get_booster()
    booster.feature_names = [one.name for one in inputs]
    return booster


def described(rows: DataFrame, inputs: list[Feature], booster: xgboost.Booster) -> list[Feature]:
    """The features with their shares of the gain and the histograms of the training rows."""
    gains = booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    counted = histograms.shares(rows, inputs, [features.number(one) for one in inputs])
    return [
        one.model_copy(
            update={
                "importance": float(gains.get(one.name, 0.0)) / total,
                "histogram": one.histogram.model_copy(update={"shares": shares}),
            }
        )
        for one, shares in zip(inputs, counted, strict=True)
    ]
