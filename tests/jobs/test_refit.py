"""The booster that serves has learnt from the holdout as well, and the one that has not is judged."""

from datetime import timedelta

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.learning import evaluate, train
from headrace_jobs.learning.registry import JUDGED, Registry, sha256
from headrace_schemas.model_errors import ModelTampered
from tests.jobs.learning import MAY_3, Learned, evaluate_spec, loaded, model, pinned, train_spec
from tests.jobs.test_registry import artifact, booster, manifest

REFIT = {"num_workers": 2, "num_boost_round": 20, "params": {"max_depth": 3}}


@pytest.fixture(scope="module")
def refitted(spark: SparkSession, learned: Learned) -> tuple[train.TrainSpec, str]:
    """The same training as that of `learned`, with a refit."""
    spec = train_spec(model("refitted", training=REFIT), learned.features)
    return spec, str(train.run(spark, spec).model_version)


@pytest.mark.spark
def test_the_served_booster_knows_the_holdout_when_a_model_is_refitted(
    spark: SparkSession, learned: Learned, refitted: tuple[train.TrainSpec, str]
) -> None:
    spec, version = refitted
    registry, own = Registry(), pinned("refitted", version)
    served, judged = registry.load("refitted", own), registry.load_judged("refitted", own)
    plain = loaded("late", learned.version)

    # The judged one is, to the byte, what is learnt without a refit.
    assert judged.booster == plain.booster
    assert [one.codes for one in judged.manifest.features] == [
        one.codes for one in plain.manifest.features
    ]
    assert served.booster != judged.booster
    assert sha256(served.booster) == served.manifest.sha256 == own.booster_sha256
    assert served.manifest.window == plain.manifest.window
    assert plain.manifest.learnt_before == plain.manifest.window.holdout_start
    latest = learned.rows["starts_at"].max().to_pydatetime()
    assert served.manifest.learnt_before == latest + timedelta(microseconds=1)
    assert train.run(spark, spec).model_version == version


@pytest.mark.spark
def test_the_judged_booster_is_measured_when_a_model_is_refitted(
    spark: SparkSession, learned: Learned, refitted: tuple[train.TrainSpec, str]
) -> None:
    spec, version = refitted
    evidence = evaluate.run(spark, evaluate_spec(spec, version)).promotion_evidence
    found = evidence.refit

    assert evidence.metrics == learned.evidence.metrics
    assert found is not None
    assert (found.metric, found.judged) == ("auc", learned.evidence.metrics["auc"])
    assert found.refitted > found.judged  # it has seen the rows
    assert 0 < found.difference < found.allowed
    assert found.problem is None

    # A champion that has learnt from the holdout is compared by the booster that has not.
    later = train_spec(model("refitted", training=REFIT), learned.features, MAY_3, "again")
    again = str(train.run(spark, later).model_version)
    report = evaluate.run(spark, evaluate_spec(later, again, version))
    assert report.promotion_evidence.comparison is not None
    assert report.promotion_evidence.comparison.champion == found.judged
    assert report.notes == ()


def test_a_model_is_refused_when_its_judged_booster_was_changed(mlflow_uri: str) -> None:
    registry, served, judged = Registry(), booster(3), booster(2)
    whole = manifest(served, "rejudged")
    of_judged = {"features": whole.features, "sha256": sha256(judged)}
    whole = whole.model_validate(whole.model_dump() | {"judged": of_judged})
    kept = registry.register("rejudged", served, whole, {"answers": "run-1"}, judged=judged)
    assert registry.load("rejudged", kept).booster == served
    assert registry.load_judged("rejudged", kept).booster == judged
    again = registry.register("rejudged", served, whole, {"answers": "run-1"}, judged=judged)
    assert again == kept

    artifact(registry, "rejudged", kept.version, JUDGED.rpartition("/")[2]).write_bytes(served)
    with pytest.raises(ModelTampered, match="its judged booster has changed"):
        registry.load_judged("rejudged", kept)
