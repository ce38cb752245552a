"""Job `train`: fit a booster on what was known by a time and register it as a candidate.

The same rows, workers and seed give the same bytes: rows are spread over the workers by the hash of
their key and sorted by it, and each worker has the threads of one task.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import xgboost
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.commit_note import commit_note
from headrace_jobs.engine.errors import query_errors, refused_by_xgboost
from headrace_jobs.lake import tables
from headrace_jobs.learning import barrier_stage, features, holdout, learnable
from headrace_jobs.learning.manifest import Feature, Judged, Manifest, TrainingWindow
from headrace_jobs.learning.registry import Registry, sha256
from headrace_jobs.learning.run_notes import notes_of
from headrace_jobs.learning.slots import most_workers, require_start, slots_for
from headrace_jobs.learning.version_ledger import record_version, recorded_version
from headrace_jobs.statistics import histograms
from headrace_schemas.decisions.model_version import ModelVersion
from headrace_schemas.declarations.booster_params import as_xgboost_reads
from headrace_schemas.declarations.model import Model
from headrace_schemas.model_errors import ModelTampered, TrainingRefused
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.model_jobs import TrainReport, TrainSpec
from headrace_schemas.wire.report import Counts

log = logging.getLogger(__name__)

REFERENCE_ROWS = 100_000
"""Training rows that reference histograms are made from: enough for a thousandth of a share."""


def run(spark: SparkSession, spec: TrainSpec) -> TrainReport:
    """Select, check, encode, fit, fit once more with the holdout, describe, register."""
    model, contract = spec.model, spec.contract
    slots = slots_for(spark, model)  # first: without any, not even a count would ever end
    registry = Registry()
    declared = [features.declared_feature(model, contract, name) for name in model.features]
    delivered = features.delivered_rows(
        tables.read(spark, spec.features), spec.as_of, spec.learn_from, spec.left_out
    )
    known = features.known_rows(delivered, model, spec.as_of)
    found = learnable.check_known(known, model, contract, declared)
    holdout_start = holdout.begins(known, spec, found)
    rows = known.where(F.col(quoted(model.event_time)) < features.instant(holdout_start))
    coded = learnable.learn_codes(rows, model, contract, declared)
    window = TrainingWindow(
        train_start=found.first,
        holdout_start=holdout_start,
        holdout_end=found.last,
        train_rows=coded.rows,
        holdout_rows=found.rows - coded.rows,
    )
    log.info("model %s: %d rows, %d held out", model.name, coded.rows, window.holdout_rows)
    workers = model.training.num_workers or most_workers(slots, coded.rows)
    cluster_note = f"trained by {workers} workers; Spark has {slots} task slots"
    log.info("model %s: %s", model.name, cluster_note)
    require_start(spark, model, workers)
    booster = fit(rows, spec, coded.features, workers)
    content, judged, as_judged = bytes(booster.save_raw("ubj")), None, None
    if model.training.refit:
        judged = content
        as_judged = Judged(features=tuple(coded.features), sha256=sha256(judged))
        rows, coded = known, learnable.learn_codes(known, model, contract, declared)
        booster = fit(rows, spec, coded.features, workers)
        content = bytes(booster.save_raw("ubj"))
    manifest = Manifest(
        model=model.name,
        task=model.task,
        declaration_hash=declaration_hash(model),
        features=tuple(described(rows, spec, coded, booster)),
        table=spec.features.name,
        table_version=spec.features.version,
        contract_hash=contract.hash,
        as_of=spec.as_of,
        window=window,
        workers=workers,
        sha256=sha256(content),
        xgboost=xgboost.__version__,
        learn_from=spec.learn_from,
        left_out=spec.left_out,
        judged=as_judged,
    )
    version = registered(spec, registry, content, manifest, judged)
    log.info("model %s: version %s, sha256 %s", model.name, version, manifest.sha256)
    return TrainReport(
        job_id=spec.job_id,
        model_version=version,
        counts=Counts(rows_in=found.rows, rows_out=coded.rows),
        metrics={
            "holdout_rows": float(window.holdout_rows),
            "model_bytes": float(len(content)),
            "workers": float(workers),
            "slots": float(slots),
        },
        notes=(cluster_note,),
    )


def registered(
    spec: TrainSpec, registry: Registry, content: bytes, manifest: Manifest, judged: bytes | None
) -> str:
    """The number under which a booster is registered and written down; the same for a repeated run.

    Such a run may have read a later version of the table, with the same rows by `as_of`: it is the
    first one's version all the same.
    """
    name, uri, request_id = spec.model.name, spec.versions_uri, spec.request_id
    known = recorded_version(uri, name, request_id, manifest.sha256)
    if known is not None:
        with suppress(ModelTampered):  # then there is none that could be used
            return registry.load_judged(name, known).version
    notes = notes_of(spec, manifest)
    kept = registry.register(name, content, manifest, {"answers": request_id}, notes, judged)
    recorded = ModelVersion(
        model=name,
        version=kept.version,
        booster_sha256=kept.booster_sha256,
        manifest_sha256=kept.manifest_sha256,
        table=manifest.table,
        table_version=manifest.table_version,
        as_of=spec.as_of,
        request_id=request_id,
    )
    record_version(uri, recorded, commit_note(spec))
    return kept.version


def declaration_hash(model: Model) -> str:
    """sha256 of a model's declaration."""
    return hashlib.sha256(model.model_dump_json().encode()).hexdigest()


def fit(
    rows: DataFrame, spec: TrainSpec, inputs: Sequence[Feature], workers: int
) -> xgboost.Booster:
    """Train on the cluster."""
    training = spec.model.training
    log.info("model %s: fits %d rounds", spec.model.name, training.num_boost_round)
    key = [quoted(name) for name in features.row_key(spec.model, spec.contract)]
    numbers = features.feature_numbers(inputs, spec.contract, "_x")
    frame = (
        rows.repartition(workers, *key)
        .sortWithinPartitions(*key)
        .select(features.target_number(spec.model, spec.contract), *numbers)
    )
    params = {
        "objective": spec.model.task.objective,
        "seed": training.seed,
        "disable_default_eval_metric": True,
        **as_xgboost_reads(training.params, spec.model.features),
    }
    with refusals_named(spec.model):
        content = barrier_stage.fitted(frame, params, training.num_boost_round)
    booster = xgboost.Booster(model_file=bytearray(content))
    booster.feature_names = [feature.booster_name for feature in inputs]
    booster.feature_types = ["float"] * len(inputs)
    return booster


@contextmanager
def refusals_named(model: Model) -> Iterator[None]:
    """What XGBoost itself refuses is no outage, though Spark's stage fails for it like for one.

    Raises:
        TrainingRefused: With XGBoost's own words.
    """
    try:
        yield
    except query_errors() as error:
        if problem := refused_by_xgboost(error):
            raise TrainingRefused(model.name, problem) from error
        raise


def described(
    rows: DataFrame, spec: TrainSpec, coded: learnable.CodedFeatures, booster: xgboost.Booster
) -> list[Feature]:
    """The features with their shares of the gain and the spread of their training values."""
    gains = booster.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    key = features.row_key(spec.model, spec.contract)
    columns = [features.raw_value(feature).alias(feature.name) for feature in coded.features]
    sample = features.sample(rows, key, columns, coded.rows, REFERENCE_ROWS)
    return [
        feature.model_copy(
            update={
                "importance": float(gains.get(feature.booster_name, 0.0)) / total,
                "histogram": histograms.reference(feature, sample[feature.name]),
            }
        )
        for feature in coded.features
    ]
