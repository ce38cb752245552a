"""Parameters of a booster, as a model's file may set them."""

from typing import Any

import pytest
from pydantic import ValidationError

from headrace_schemas.declarations.booster_params import as_xgboost_reads
from headrace_schemas.declarations.model import Model

DECLARED: dict[str, Any] = {
    "name": "load",
    "description": "Load.",
    "owner": "grid",
    "table": "gold.readings",
    "task": "binary",
    "target": "is_high",
    "event_time": "read_at",
    "known_time": "known_at",
    "label_delay_days": 1,
    "features": ["age", "price", "region"],
    "split": {"holdout_days": 2, "first_after_partitions": 3},
    "gates": {"floors": {"auc": 0.6}, "champion": {"metric": "auc"}},
    "monitors": {"performance": {"metric": "auc", "max_drop": 0.05}},
}


def declared(**params: Any) -> Model:
    return Model.model_validate(DECLARED | {"training": {"params": params}})


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"max_depht": 3}, "XGBoost has no parameter max_depht, did you mean max_depth?"),
        ({"zzz": 3}, "XGBoost has no parameter zzz. It has: alpha, base_score, booster"),
        ({"max_depth": "three"}, "max_depth: 'three' is not a whole number, 0 or more"),
        ({"max_depth": 3.5}, "max_depth: 3.5 is not a whole number"),
        ({"max_depth": 3.0}, "max_depth: 3.0 is not a whole number"),
        ({"max_depth": -1}, "max_depth: -1 is not a whole number, 0 or more"),
        ({"max_depth": True}, "max_depth: True is not a whole number"),
        ({"max_depth": None}, "max_depth: None is not a whole number"),
        ({"max_depth": 2**31}, "max_depth: 2147483648 is not a whole number"),
        ({"eta": 10**400}, "is not a number, above 0"),
        ({"base_score": "half"}, "base_score: 'half' is not a number"),
        ({"max_bin": 1}, "max_bin: 1 is not a whole number, 2 or more"),
        ({"eta": 0}, "eta: 0 is not a number, above 0"),
        ({"eta": float("nan")}, "eta: nan is not a number"),
        ({"gamma": float("inf")}, "gamma: inf is not a number"),
        ({"subsample": 1.5}, "subsample: 1.5 is not a number, above 0, up to 1"),
        ({"subsample": 0}, "subsample: 0 is not a number, above 0, up to 1"),
        ({"lambda": -1}, "lambda: -1 is not a number, 0 or more"),
        ({"tree_method": "exact"}, "'exact': it cannot be trained by several workers"),
        ({"tree_method": "gpu_hist"}, "Headrace trains on CPUs"),
        ({"tree_method": "fast"}, "tree_method: 'fast' is not one of auto, hist, approx"),
        ({"booster": "gblinear"}, "'gblinear': it has no gain"),
        ({"booster": "dart"}, "'dart': versions of XGBoost differ in it"),
        ({"rate_drop": 0.1}, "rate_drop is not set here: it belongs to the booster `dart`"),
        ({"device": "cuda"}, "device: 'cuda': Headrace trains on CPUs"),
        ({"num_class": 3}, "num_class is not set here: it follows from `task`"),
        ({"objective": "reg:tweedie"}, "objective is not set here: it follows from `task`"),
        ({"missing": -999}, "missing is not set here: what is NULL in the table is missing"),
        ({"early_stopping_rounds": 10}, "early_stopping_rounds is not set here: no rows are set"),
        (
            {"eval_metric": "auc"},
            "eval_metric is not set here: nothing is measured while it trains",
        ),
        ({"n_jobs": 2}, "n_jobs is not set here: a worker has the threads of one Spark task"),
        ({"seed": 1}, "seed is not set here: it is `training.seed`"),
        ({"n_estimators": 1}, "n_estimators is not set here: it is `training.num_boost_round`"),
        ({"eta": 0.1, "learning_rate": 0.2}, "eta and learning_rate are two names of one"),
        ({"base_score": 3}, "base_score: 3 is not between 0 and 1, as the target is"),
        ({"monotone_constraints": "(1,0,0)"}, "monotone_constraints: is not features with -1"),
        ({"monotone_constraints": {"age": 2}}, "monotone_constraints: is not features with -1"),
        ({"monotone_constraints": {"aeg": 1}}, "constraints name aeg, which are not in `features`"),
        ({"interaction_constraints": [0, 1]}, "interaction_constraints: is not lists of features"),
        ({"interaction_constraints": [["aeg"]]}, "constraints name aeg, which are not in"),
        ({"max_depht": 3, "eta": -1}, "did you mean max_depth?; eta: -1 is not a number, above 0"),
    ],
    ids=str,
)
def test_a_model_is_refused_when_xgboost_would_fail_on_or_ignore_a_parameter(
    params: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        declared(**params)

    assert problem in str(refused.value)


def test_weights_of_a_class_are_refused_when_the_target_is_a_number() -> None:
    number = {
        "task": "regression",
        "training": {"params": {"scale_pos_weight": 2, "base_score": 30}},
        "gates": {"floors": {"rmse": 9}, "champion": {"metric": "rmse"}},
        "monitors": {"performance": {"metric": "rmse", "max_drop": 1}},
    }

    with pytest.raises(ValidationError, match="a number has no positive class"):
        Model.model_validate(DECLARED | number)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"max_depth": 6, "learning_rate": 0.05, "min_child_weight": 50, "subsample": 0.7},
        {"max_depth": 0, "grow_policy": "lossguide", "max_leaves": 31, "max_bin": 512},
        {"eta": "1e-3", "max_depth": "4"},
        {"tree_method": "approx", "booster": "gbtree", "device": "cpu", "base_score": 0.2},
        {"scale_pos_weight": 20, "colsample_bynode": 1, "alpha": 0, "lambda": 0, "gamma": 0},
        {"monotone_constraints": {"age": 1, "price": -1}},
        {"interaction_constraints": [["age", "price"], ["region"]]},
    ],
    ids=str,
)
def test_parameters_stay_as_they_were_written_when_xgboost_takes_them(
    params: dict[str, Any],
) -> None:
    model = declared(**params)

    assert model.training.params == params
    assert {name: type(one) for name, one in model.training.params.items()} == {
        name: type(one) for name, one in params.items()
    }
    assert Model.model_validate_json(model.model_dump_json()) == model


def test_constraints_go_by_position_when_a_booster_takes_them() -> None:
    params = {
        "eta": 0.1,
        "monotone_constraints": {"price": -1},
        "interaction_constraints": [["price", "region"], ["age"]],
    }

    assert as_xgboost_reads(params, ("age", "price", "region")) == {
        "eta": 0.1,
        "monotone_constraints": "(0,-1,0)",
        "interaction_constraints": "[[1, 2], [0]]",
    }


def test_settings_of_one_run_are_checked_when_they_replace_the_file_s() -> None:
    model = declared(max_depth=4, eta=0.1)

    assert model.with_training({"max_depth": 3}, num_boost_round=7).training.params == {
        "max_depth": 3,
        "eta": 0.1,
    }
    with pytest.raises(ValueError, match="max_depth: -3 is not a whole number"):
        model.with_training({"max_depth": -3})
    with pytest.raises(ValueError, match="num_boost_round"):
        model.with_training({}, num_boost_round=0)
