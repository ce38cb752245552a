"""Evaluation: the holdout, the champion on the same rows, slices and what is kept."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from headrace_jobs.learning import evaluate, features, train
from headrace_jobs.learning.registry import Registry
from headrace_schemas.decisions.evidence import Comparison
from headrace_schemas.decisions.promotion import decide_promotion
from headrace_schemas.errors import SchemaBroken
from headrace_schemas.wire.model_jobs import EvaluateReport
from tests.jobs.learning import (
    CONTRACT,
    MAY_3,
    Learned,
    evaluate_spec,
    model,
    pinned,
    publish,
    train_spec,
    trips,
)

pytestmark = pytest.mark.spark


@pytest.fixture(scope="session")
def weak(spark: SparkSession, learned: Learned) -> str:
    """A version of the same model that learnt hardly anything."""
    training = {
        "num_workers": 1,
        "num_boost_round": 1,
        "refit": False,
        "params": {"max_depth": 1, "eta": 0.01},
    }
    declared = model("late", training=training)
    report = train.run(spark, train_spec(declared, learned.features, request_id="weak"))
    return str(report.model_version)


def compared(spark: SparkSession, learned: Learned, challenger: str, champion: str) -> Comparison:
    report = evaluate.run(spark, evaluate_spec(learned.spec, challenger, champion))
    assert report.promotion_evidence is not None
    assert report.promotion_evidence.comparison is not None
    return report.promotion_evidence.comparison


def test_only_the_newest_days_are_judged_when_a_model_is_evaluated(learned: Learned) -> None:
    start = learned.rows["starts_at"].max() - timedelta(days=21)
    newest = int((learned.rows["starts_at"] >= start).sum())

    assert learned.evidence.holdout_rows == newest
    assert learned.evaluated.counts is not None
    assert learned.evaluated.counts.rows_out == newest
    assert set(learned.evidence.metrics) == {"auc", "pr_auc", "logloss", "brier"}
    assert learned.evidence.metrics["auc"] > 0.75
    assert learned.evidence.comparison is None
    assert learned.evaluated.metrics == learned.evidence.metrics


def test_everything_measured_is_kept_when_a_model_is_evaluated(
    spark: SparkSession, learned: Learned
) -> None:
    # Again: other tests judge the same version on other rows, and the newest judgement counts.
    evaluate.run(spark, evaluate_spec(learned.spec, learned.version))
    kept = Registry().evaluation("late", pinned("late", learned.version))

    assert kept["metrics"] == learned.evidence.metrics
    assert len(kept["calibration"]) == 10
    assert {one["slice"] for one in kept["slices"]} == {"depot=north", "depot=south", "depot=east"}
    assert kept["rows_measured"] == learned.evidence.holdout_rows
    assert set(kept["errors"]) == set(kept["metrics"])
    assert 0.01 < kept["errors"]["auc"] < 0.04
    assert kept["holdout"][0] < kept["holdout"][1] < kept["as_of"]


def test_the_same_evidence_comes_back_when_a_run_is_repeated(
    spark: SparkSession, learned: Learned
) -> None:
    evaluate.run(spark, evaluate_spec(learned.spec, learned.version))
    before = Registry().entry("late", learned.version).tags

    again = evaluate.run(spark, evaluate_spec(learned.spec, learned.version))

    assert again.promotion_evidence == learned.evidence
    assert Registry().entry("late", learned.version).tags == before


def test_the_better_one_wins_when_both_judge_the_same_rows(
    spark: SparkSession, learned: Learned, weak: str
) -> None:
    better = compared(spark, learned, learned.version, weak)
    worse = compared(spark, learned, weak, learned.version)

    assert better.share_better == 1.0
    assert better.challenger == worse.champion == learned.evidence.metrics["auc"]
    assert worse.share_better == 0.0
    assert worse.worst_slice is not None
    assert worse.worst_slice_drop > 0


def test_it_is_a_tie_when_a_model_meets_itself(spark: SparkSession, learned: Learned) -> None:
    report = evaluate.run(spark, evaluate_spec(learned.spec, learned.version, learned.version))
    evidence = report.promotion_evidence
    assert evidence is not None
    assert evidence.comparison is not None

    decision = decide_promotion(learned.model, evidence, [], MAY_3, "run-2")

    assert evidence.comparison.share_better == 0.0
    assert evidence.comparison.worst_slice is None
    assert decision.reason.startswith("tie, the champion stays")


def test_a_note_says_so_when_the_champion_learnt_from_the_holdout(
    spark: SparkSession, learned: Learned
) -> None:
    short = model("late", split={"holdout_days": 5, "first_after_partitions": 3})
    champion = train.run(spark, train_spec(short, learned.features, request_id="short"))

    report = evaluate.run(
        spark, evaluate_spec(learned.spec, learned.version, champion.model_version)
    )

    assert len(report.notes) == 1
    assert "the comparison favours the champion" in report.notes[0]


def test_a_fixed_share_is_measured_when_the_holdout_is_large(
    spark: SparkSession, learned: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "MOST_CELLS", 1000)

    reports: list[EvaluateReport] = [
        evaluate.run(spark, evaluate_spec(learned.spec, learned.version)) for _ in range(2)
    ]

    assert reports[0].promotion_evidence == reports[1].promotion_evidence
    assert reports[0].counts is not None
    assert 60 < reports[0].counts.rows_out < learned.evidence.holdout_rows
    assert reports[0].notes[0].endswith("holdout rows, by key hash")
    monkeypatch.undo()  # the newest judgement counts, for other tests too
    evaluate.run(spark, evaluate_spec(learned.spec, learned.version))


def test_a_metric_is_left_out_when_the_holdout_has_one_class(
    spark: SparkSession, mlflow_uri: str, tmp_path: Path
) -> None:
    rows = trips()
    newest = rows["starts_at"] >= rows["starts_at"].max() - timedelta(days=21)
    rows.loc[newest, "is_late"] = False
    spec = train_spec(model("one_sided"), publish(spark, tmp_path / "features", rows))
    version = str(train.run(spark, spec).model_version)

    report = evaluate.run(spark, evaluate_spec(spec, version, version))

    assert set(report.metrics) == {"logloss", "brier"}
    assert report.promotion_evidence is not None
    assert report.promotion_evidence.comparison is None
    decision = decide_promotion(spec.model, report.promotion_evidence, [], MAY_3, "run-1")
    evidence = report.promotion_evidence
    assert (evidence.measured, evidence.positive) == (evidence.holdout_rows, 0)
    assert decision.reason == (
        f"it cannot be judged: {evidence.holdout_rows} holdout rows, all of one class; lengthen "
        "`split.holdout_days`"
    )


def test_evaluation_is_refused_when_the_champions_columns_are_gone(
    spark: SparkSession, learned: Learned
) -> None:
    columns = tuple(one for one in CONTRACT.columns if one.name != "fare")
    spec = evaluate_spec(learned.spec, learned.version)

    with pytest.raises(SchemaBroken, match=r"gold\.trips: the model learnt from columns that are"):
        evaluate.run(
            spark,
            spec.model_copy(update={"contract": CONTRACT.model_copy(update={"columns": columns})}),
        )


def test_small_slices_are_not_judged_when_rows_are_few() -> None:
    declared = model("m")
    rows = pd.DataFrame(
        {
            features.TARGET: [0.0, 1.0] * 20,
            "_slice.depot": ["a"] * 30 + ["b"] * 10,
            "_challenger": [0.1, 0.9] * 20,
            "_champion": [0.9, 0.1] * 20,
        }
    )

    found = evaluate.slices(declared, rows)

    assert [one["slice"] for one in found] == ["depot=a"]
    assert found[0]["drop"] == -1.0
    assert found[0]["too_few"] == "30 labelled rows, 15 of the rarer class, 50 of each are needed"


@pytest.mark.parametrize(("rows", "worst"), [(98, None), (100, "depot=b")])
def test_a_slice_decides_nothing_when_it_has_too_few_rows_of_a_class(
    rows: int, worst: str | None
) -> None:
    other = [0.0, 1.0] * (rows // 2)
    found = pd.DataFrame(
        {
            features.TARGET: [0.0, 1.0] * 200 + other,
            "_slice.depot": ["a"] * 400 + ["b"] * rows,
            "_challenger": [0.1, 0.9] * 200 + other[::-1],
            "_champion": [0.1, 0.9] * 200 + other,
        }
    )

    compared = evaluate.compare(model("m"), found)

    assert compared is not None
    assert compared.worst_slice == worst
