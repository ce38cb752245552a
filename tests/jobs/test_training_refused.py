"""What XGBoost itself refuses in the middle of a training, told from a worker that was lost."""

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.engine.errors import job_error, refused_by_xgboost
from headrace_jobs.learning import train
from headrace_jobs.learning.registry import Registry
from headrace_schemas.model_errors import TrainingRefused
from tests.jobs.learning import Learned, train_spec


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"max_depth": "three"}, "Invalid Parameter format for max_depth expect int but value="),
        ({"num_class": 3}, "Check failed: "),
    ],
    ids=["no number", "not this objective's"],
)
def test_xgboosts_own_words_come_back_at_once_when_it_refuses_a_parameter(
    spark: SparkSession, learned: Learned, params: dict[str, object], problem: str
) -> None:
    training = learned.model.training.model_copy(update={"params": params})  # past all checks
    unchecked = learned.model.model_copy(update={"name": "unchecked", "training": training})

    spec = train_spec(learned.model, learned.features).model_copy(update={"model": unchecked})

    with pytest.raises(TrainingRefused) as refused:
        train.run(spark, spec)

    assert str(refused.value).startswith("model unchecked: XGBoost refuses to train: ")
    assert problem in refused.value.fields["problem"]
    assert not job_error(refused.value, "Spark").retryable
    assert Registry().client.search_model_versions("name = 'unchecked'") == []


LOST_BY_ONE = (
    "Job aborted due to stage failure: Could not recover from a failed barrier ResultStage.\n"
    "xgboost.core.XGBoostError: [02:19:32] /workspace/src/collective/socket.cc:10: Failed to recv\n"
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LOST_BY_ONE, None),
        (
            LOST_BY_ONE + "xgboost.core.XGBoostError: value 0 for Parameter max_bin is low\n",
            "value 0 for Parameter max_bin is low",
        ),
        (LOST_BY_ONE + "xgboost.core.XGBoostError: Check failed: x\nExecutorLostFailure", None),
        (
            "xgboost._c_api.XGBoostError: [02:19:32] /workspace/src/gbm/gbm.cc:25: Unknown gbm type x",
            "Unknown gbm type x",
        ),
        ("Could not recover from a failed barrier ResultStage", None),
    ],
    ids=["a worker left", "a worker left after it", "an executor was lost", "said plainly", "else"],
)
def test_a_lost_worker_is_no_refusal_when_others_tell_of_it(text: str, problem: str | None) -> None:
    assert refused_by_xgboost(RuntimeError(text)) == problem
