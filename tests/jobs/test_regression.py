"""A model of a number from training to the decision to retrain."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.learning import evaluate, score, train
from headrace_jobs.learning.registry import Registry
from headrace_jobs.monitoring import decide, monitor
from headrace_schemas.decisions.decision import Verdict
from tests.jobs.learning import (
    Learned,
    aliased,
    decide_spec,
    evaluate_spec,
    monitor_spec,
    publish,
    regression,
    score_spec,
    train_spec,
)

pytestmark = pytest.mark.spark


def test_a_number_is_learnt_served_and_watched_when_the_task_is_regression(
    spark: SparkSession, mlflow_uri: str, tmp_path: Path
) -> None:
    learned = Learned(spark, tmp_path, regression("minutes"))
    promotion = learned.promoted(tmp_path / "ledger")
    scored = score.run(
        spark, score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)
    )

    rows = learned.rows.copy()
    rows.loc[rows["starts_at"].dt.month == 4, "minutes"] += 6
    changed = publish(spark, tmp_path / "features", rows)
    spec = monitor_spec(
        learned.model,
        changed,
        scored.table,
        tmp_path / "monitoring",
        learned.version,
        learned.version,
    )
    evidence = monitor.run(spark, spec).monitor_evidence
    assert evidence is not None
    asked = decide.run(decide_spec(learned.model, evidence, tmp_path / "ledger"))

    assert set(learned.evidence.metrics) == {"rmse", "mae", "r2"}
    assert learned.evidence.metrics["r2"] > 0.7
    assert promotion.verdict is Verdict.PROMOTE
    assert aliased(Registry(), "minutes") == learned.version
    assert evidence.performance is not None
    assert evidence.performance.current > evidence.performance.reference + 1
    assert asked.decision is not None
    assert asked.decision.verdict is Verdict.TRAIN
    assert asked.decision.reason.startswith("retraining pays: a model of this window")

    again = train_spec(learned.model, changed, request_id=asked.decision.id)
    challenger = str(train.run(spark, again).model_version)
    report = evaluate.run(spark, evaluate_spec(again, challenger, learned.version))
    assert challenger != learned.version
    assert report.promotion_evidence is not None
    assert report.promotion_evidence.comparison is not None
