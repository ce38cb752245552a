"""Monitoring: which inputs moved, and how good the served predictions were."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession

from headrace_jobs.learning import train
from headrace_jobs.learning.registry import Registry
from headrace_jobs.monitoring import monitor
from headrace_jobs.statistics import metrics
from headrace_jobs.statistics.window_sketches import kept_sketches
from headrace_lake.ledger import monitoring
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence
from headrace_schemas.decisions.profile import WindowProfile
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.partition import Partition, PartitionUnit
from tests.jobs.learning import (
    MAY_3,
    Learned,
    april,
    content,
    model,
    monitor_spec,
    pinned,
    publish,
    scored,
    train_spec,
)

pytestmark = pytest.mark.spark


def test_results_are_those_of_the_served_predictions_when_labels_have_matured(
    engine: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    predictions = scored(engine, learned.model, learned.features, tmp_path, learned.version)
    spec = monitor_spec(
        learned.model,
        learned.features,
        predictions,
        tmp_path / "monitoring",
        learned.version,
        learned.version,
    )
    served = engine.read.format("delta").load(predictions.uri).toPandas()
    truth = learned.rows[april(learned.rows)].merge(served, on=["line", "trip"])
    expected = metrics.measure(
        "auc", truth["is_late"].to_numpy(dtype=float), truth["prediction"].to_numpy()
    )

    report = monitor.run(engine, spec)

    evidence = report.monitor_evidence
    assert evidence is not None
    assert (evidence.window, evidence.matured_partitions) == ("2024-04", 4)
    assert (evidence.rows, evidence.labelled) == (400, 400)
    assert (evidence.champion, evidence.champion_as_of) == (learned.version, MAY_3)
    assert evidence.performance is not None
    assert evidence.performance.current == pytest.approx(expected)
    assert evidence.performance.reference == learned.evidence.metrics["auc"]
    assert evidence.performance.first == evidence.performance.current
    assert evidence.positive == int(truth["is_late"].sum())
    assert evidence.performance.error is not None
    assert 0.01 < evidence.performance.error < evidence.performance.standard_error < 0.05
    assert evidence.signals[0].subject == "wind"
    assert sum(one.weight or 0 for one in evidence.signals) == pytest.approx(1)
    row = engine.read.format("delta").load(spec.monitoring_uri).collect()[0]
    assert (row["window"], row["_partition"], row["champion"]) == (
        "2024-04",
        "2024-04",
        learned.version,
    )
    assert MonitorEvidence.model_validate_json(row["evidence"]) == evidence
    assert (row["metric"], row["current"]) == ("auc", evidence.performance.current)


def test_a_profile_and_sketches_are_kept_when_a_window_is_monitored(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    spec = monitor_spec(learned.model, learned.features, None, tmp_path / "monitoring", None)

    monitor.run(spark, spec)

    (row,) = monitoring(learned.model.name).read(spec.monitoring_uri)
    profile = WindowProfile.model_validate_json(row.profile or "")
    assert [column.column for column in profile.columns] == list(learned.model.features)
    assert (profile.rows, profile.labels[0].rows) == (400, 400)
    (kept,) = kept_sketches(learned.model.name, spec.sketches_uri).values()
    assert {name: each.rows for name, each in kept.items()} == dict.fromkeys(
        learned.model.features, 400
    )


def test_challengers_are_compared_when_windows_came_since_the_champion_learnt(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    early = train_spec(learned.model, learned.features, request_id="early").model_copy(
        update={"as_of": datetime(2024, 3, 3, tzinfo=UTC)}
    )
    version = str(train.run(spark, early).model_version)
    predictions = scored(spark, learned.model, learned.features, tmp_path, version)
    spec = monitor_spec(
        learned.model, learned.features, predictions, tmp_path / "monitoring", version, version
    )

    evidence = monitor.run(spark, spec).monitor_evidence

    assert evidence is not None
    families = {gain.family: gain for gain in evidence.gains}
    assert families.keys() == {"this window", "all with this window", "all", "the newest 1"}
    assert families["all"].since == "2024-01"
    assert families["all"].learnt_rows == 1_200
    assert families["the newest 1"].since == "2024-03"
    assert families["all"].difference.mean > families["this window"].difference.mean
    assert evidence.loss is not None
    assert evidence.base_loss is not None
    assert evidence.loss.mean < evidence.base_loss
    assert evidence.no_gains is None


def test_a_window_is_an_incident_when_a_column_that_matters_went_missing(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    rows, window = learned.rows.copy(), april(learned.rows)
    rows.loc[window, "wind"] = np.nan
    features = publish(spark, tmp_path / "features", rows)
    predictions = scored(spark, learned.model, features, tmp_path, learned.version)
    spec = monitor_spec(
        learned.model,
        features,
        predictions,
        tmp_path / "monitoring",
        learned.version,
        learned.version,
    )
    for month in ("2024-01", "2024-02", "2024-03"):
        partition = Partition.parse(PartitionUnit.MONTH, month)
        monitor.run(spark, spec.model_copy(update={"partition": partition, "predictions": None}))

    evidence = monitor.run(spark, spec).monitor_evidence

    assert evidence is not None
    assert ("wind", "missing share") in {(one.subject, one.sign) for one in evidence.incidents}
    decided = decide_retraining(learned.model, evidence, [], MAY_3 + timedelta(days=1))
    assert decided.verdict is Verdict.HOLD
    apart = spec.model_copy(update={"seasons": ("month 04",)})
    assert monitor.run(spark, apart).monitor_evidence.incidents == (), "there was no other April"


def test_the_same_row_stays_when_a_window_is_monitored_again(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    predictions = scored(spark, learned.model, learned.features, tmp_path, learned.version)
    spec = monitor_spec(
        learned.model,
        learned.features,
        predictions,
        tmp_path / "monitoring",
        learned.version,
        learned.version,
    )
    monitor.run(spark, spec)
    before = content(spark, spec.monitoring_uri)

    monitor.run(spark, spec.model_copy(update={"run_id": "another"}))

    assert len(before) == 1
    assert content(spark, spec.monitoring_uri) == before


def test_only_what_moved_is_high_when_some_inputs_moved(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    rows, window = learned.rows.copy(), april(learned.rows)
    rows.loc[window, "wind"] += 4
    rows.loc[window, "depot"] = rows.loc[window, "depot"].replace("north", "west")
    features = publish(spark, tmp_path / "features", rows)
    predictions = scored(spark, learned.model, features, tmp_path, learned.version)
    spec = monitor_spec(
        learned.model,
        features,
        predictions,
        tmp_path / "monitoring",
        learned.version,
        learned.version,
    )

    evidence = monitor.run(spark, spec).monitor_evidence

    assert evidence is not None
    psi = {one.subject: one.value for one in evidence.weighed}
    assert min(psi["wind"], psi["depot"]) > 0.5
    assert max(psi["stops"], psi["fare"], psi["is_peak"]) < 0.1
    assert 0.5 < evidence.moved_importance < 1
    counting = {one.subject for one in evidence.weighed if one.counts}
    assert counting == {"wind", "depot"}
    row = spark.read.format("delta").load(spec.monitoring_uri).collect()[0]
    assert row["moved_importance"] == evidence.moved_importance


@pytest.mark.parametrize(
    ("count", "note", "reason"),
    [
        (
            12,
            "12 labelled rows, ",
            "nothing to go by: results cannot be judged: 12 labelled rows, ",
        ),
        (
            109,
            "109 labelled rows, all of one class",
            "nothing to go by: results cannot be judged: 109 labelled rows, all of one class; 0%",
        ),
    ],
    ids=["a dozen rows", "one class"],
)
def test_nothing_is_asked_for_when_a_window_has_few_rows_or_one_class(
    spark: SparkSession, learned: Learned, tmp_path: Path, count: int, note: str, reason: str
) -> None:
    rows, window = learned.rows.copy(), april(learned.rows)
    few = rows[~window | (rows.index < rows.index[window][count])]
    if count > 100:
        few = few.assign(is_late=few["is_late"] & ~window)
    features = publish(spark, tmp_path / "features", few)
    predictions = scored(spark, learned.model, features, tmp_path, learned.version)
    spec = monitor_spec(
        learned.model,
        features,
        predictions,
        tmp_path / "monitoring",
        learned.version,
        learned.version,
    )

    report = monitor.run(spark, spec)

    evidence = report.monitor_evidence
    assert evidence is not None
    assert (evidence.rows, evidence.labelled) == (count, count)
    assert report.notes[0].startswith(note)
    decided = decide_retraining(learned.model, evidence, [], MAY_3 + timedelta(days=1))
    assert decided.verdict is Verdict.KEEP
    assert decided.reason.startswith(reason)


def test_the_first_model_is_judged_on_the_same_rows_when_another_one_serves(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    training = {"num_workers": 1, "num_boost_round": 1, "params": {"max_depth": 1}}
    weak = model("late", training=training, features=("wind", "depot"))
    first = str(
        train.run(spark, train_spec(weak, learned.features, request_id="first")).model_version
    )
    predictions = scored(spark, learned.model, learned.features, tmp_path, learned.version)
    spec = monitor_spec(
        learned.model,
        learned.features,
        predictions,
        tmp_path / "monitoring",
        learned.version,
        first,
    )

    evidence = monitor.run(spark, spec).monitor_evidence

    assert evidence is not None
    assert evidence.performance is not None
    assert evidence.performance.first is not None
    assert 0.55 < evidence.performance.first < evidence.performance.current


def test_only_rows_are_counted_when_no_champion_served(
    engine: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    spec = monitor_spec(learned.model, learned.features, None, tmp_path / "monitoring", None)

    report = monitor.run(engine, spec)

    found = report.monitor_evidence
    assert (found.window, found.matured_partitions, found.rows) == ("2024-04", 4, 400)
    assert (found.champion, found.labelled, found.signals, found.gains) == (None, 0, (), ())
    assert report.notes == ("no champion served 2024-04",)
    row = engine.read.format("delta").load(spec.monitoring_uri).collect()[0]
    assert (row["rows"], row["champion"], row["current"]) == (400, None, None)


def test_inputs_are_still_measured_when_there_are_no_predictions(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    spec = monitor_spec(
        learned.model,
        learned.features,
        None,
        tmp_path / "monitoring",
        learned.version,
        learned.version,
    )

    report = monitor.run(spark, spec)

    assert report.monitor_evidence is not None
    assert report.monitor_evidence.performance is None
    assert report.monitor_evidence.labelled == 0
    assert len(report.monitor_evidence.weighed) == 5
    assert report.notes == ("none of 400 labelled rows was scored",)
    assert report.monitor_evidence.unmeasured == report.notes[0]


def test_a_note_says_so_when_the_champion_was_never_evaluated(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    unjudged = str(
        train.run(spark, learned.spec.model_copy(update={"request_id": "unjudged"})).model_version
    )
    predictions = scored(spark, learned.model, learned.features, tmp_path, unjudged)
    spec = monitor_spec(
        learned.model, learned.features, predictions, tmp_path / "monitoring", unjudged, unjudged
    )

    report = monitor.run(spark, spec)

    assert report.notes == (f"version {unjudged} was never evaluated with auc",)
    assert Registry().evaluation("late", pinned("late", unjudged)) == {}


def test_nothing_moved_when_the_partition_is_empty(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    features = publish(spark, tmp_path / "features", learned.rows[~april(learned.rows)])
    spec = monitor_spec(
        learned.model, features, None, tmp_path / "monitoring", learned.version, learned.version
    )

    evidence = monitor.run(spark, spec).monitor_evidence

    assert evidence is not None
    assert (evidence.rows, evidence.matured_partitions) == (0, 3)
    assert np.all([one.value == 0 for one in evidence.signals])
