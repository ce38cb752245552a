"""Labels: those that come late, and those that are broken."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.learning import train
from headrace_jobs.monitoring import monitor
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.partition import Partition, PartitionUnit
from tests.jobs.learning import (
    MAY_3,
    MONTHS,
    Learned,
    april,
    monitor_spec,
    publish,
    scored,
    train_spec,
    trips,
)

pytestmark = pytest.mark.spark

MARCH_3 = datetime(2024, 3, 3, tzinfo=UTC)
MONTH_OF = {key: Partition.parse(PartitionUnit.MONTH, key) for key in MONTHS}


def test_results_are_estimated_when_no_label_has_come(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    early = train_spec(learned.model, learned.features, request_id="unlabelled").model_copy(
        update={"as_of": datetime(2024, 3, 3, tzinfo=UTC)}
    )
    version = str(train.run(spark, early).model_version)
    rows = learned.rows.copy()
    rows.loc[april(rows), "known_at"] = MAY_3 + timedelta(days=1)
    features = publish(spark, tmp_path / "features", rows)
    predictions = scored(spark, learned.model, features, tmp_path, version)
    spec = monitor_spec(
        learned.model, features, predictions, tmp_path / "monitoring", version, version
    )

    evidence = monitor.run(spark, spec).monitor_evidence

    assert evidence is not None
    assert (evidence.labelled, evidence.performance) == (0, None)
    assert evidence.split is not None
    assert evidence.split.realised is None
    assert evidence.split.metric is not None
    assert evidence.split.metric.metric == "auc"
    assert 0.5 < evidence.split.metric.low < evidence.split.metric.high < 1
    decided = decide_retraining(learned.model, evidence, [], MAY_3 + timedelta(days=1))
    assert decided.reason.startswith("too early: 0% of the labels")
    assert evidence.split.metric.text in decided.reason


def test_labels_known_later_do_not_count_when_a_window_is_monitored(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    rows, window = learned.rows.copy(), april(learned.rows)
    late = rows.index[window][:150]
    rows.loc[late, "known_at"] = MAY_3 + timedelta(days=1)
    rows.loc[late, "is_late"] = ~rows.loc[late, "is_late"]
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
    assert evidence.labelled == 250
    assert evidence.rows == 400
    assert evidence.performance is not None
    assert evidence.performance.current > 0.75


def test_results_are_of_the_newest_due_window_when_labels_are_late(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    early = train_spec(learned.model, learned.features, request_id="slow labels").model_copy(
        update={"as_of": MARCH_3}
    )
    version = str(train.run(spark, early).model_version)
    rows, months = learned.rows.copy(), learned.rows["starts_at"].dt.strftime("%Y-%m")
    slow = (months == "2024-03") & (rows.index % 2 == 0)
    rows.loc[slow, "known_at"] = MAY_3 - timedelta(days=1)
    rows.loc[april(rows) & (rows.index % 2 == 0), "known_at"] = MAY_3 + timedelta(days=30)
    features = publish(spark, tmp_path / "features", rows)
    for key in ("2024-03", "2024-04"):
        predictions = scored(spark, learned.model, features, tmp_path, version, MONTH_OF[key])
    spec = monitor_spec(
        learned.model, features, predictions, tmp_path / "monitoring", version, version
    )
    march = {"partition": MONTH_OF["2024-03"], "as_of": datetime(2024, 4, 3, tzinfo=UTC)}
    then = monitor.run(spark, spec.model_copy(update=march)).monitor_evidence

    evidence = monitor.run(spark, spec).monitor_evidence

    assert (then.due, then.labelled, then.matured) == (0.5, 200, None)
    assert (evidence.window, evidence.due, evidence.labelled) == ("2024-04", 0.5, 200)
    matured = evidence.matured
    assert matured is not None
    assert (matured.window, matured.due, matured.labelled) == ("2024-03", 1, 400)
    assert (matured.champion, matured.signals, matured.incidents) == (version, (), ())
    assert {gain.family for gain in matured.gains} == {"this window", "all with this window"}
    decided = decide_retraining(learned.model, evidence, [], MAY_3)
    assert "50% of the labels are known, so results are of 2024-03" in decided.reason
    assert decided.verdict in (Verdict.KEEP, Verdict.WATCH)


def test_a_window_is_held_when_labels_of_one_category_are_upside_down(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    gates = learned.model.gates.model_copy(update={"slices": None})
    model = learned.model.model_copy(update={"gates": gates})
    rows = trips(seed=5, a_month=1_500)
    wrong = april(rows) & (rows["depot"] == "south")
    rows.loc[wrong, "is_late"] = ~rows.loc[wrong, "is_late"]
    features = publish(spark, tmp_path / "features", rows)
    for month in MONTH_OF.values():
        predictions = scored(spark, model, features, tmp_path, learned.version, month)
        spec = monitor_spec(
            model, features, predictions, tmp_path / "monitoring", learned.version, learned.version
        ).model_copy(update={"partition": month})
        evidence = monitor.run(spark, spec).monitor_evidence

    assert [(one.subject, one.sign) for one in evidence.incidents] == [
        ("depot=south", "upside down")
    ]
    assert decide_retraining(model, evidence, [], MAY_3).verdict is Verdict.HOLD
