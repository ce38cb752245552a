"""Models whose files say the least are trained and judged by what their rows give."""

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.learning import evaluate, train
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.promotion import decide_promotion
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.model_defaults import completed
from tests.jobs.learning import (
    CONTRACT,
    FEATURES,
    MAY_3,
    TABLE,
    Learned,
    evaluate_spec,
    loaded,
    train_spec,
)

pytestmark = pytest.mark.spark


@pytest.mark.parametrize(("target", "metric"), [("is_late", "auc"), ("minutes", "mae")])
def test_a_first_model_serves_when_its_file_says_the_least(
    spark: SparkSession, learned: Learned, target: str, metric: str
) -> None:
    short = Model(
        name=f"short_{metric}",
        table=TABLE,
        target=target,
        event_time="starts_at",
        known_time="known_at",
        features=FEATURES,
    )
    model = completed(short, CONTRACT, "lines")
    spec = train_spec(model, learned.features)
    version = str(train.run(spark, spec).model_version)
    evidence = evaluate.run(spark, evaluate_spec(spec, version)).promotion_evidence
    decision = decide_promotion(model, evidence, [], MAY_3, "run-1")

    window = loaded(model.name, version).manifest.window
    span = window.holdout_end - window.train_start
    assert span / 5.01 < window.holdout_end - window.holdout_start < span / 2.99
    assert evidence.holdout_days == window.holdout_days
    assert evidence.measured is not None
    assert min(evidence.measured, evidence.positive or evidence.measured) > 50
    assert evidence.refit is not None
    assert evidence.baseline is not None
    assert evidence.baseline.metric == metric
    assert evidence.baseline.min_gain is not None
    assert evidence.baseline.min_gain > 0
    assert decision.verdict is Verdict.PROMOTE
    assert decision.reason.startswith(f"first model: {metric}")
