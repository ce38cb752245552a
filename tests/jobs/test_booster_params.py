"""The table of XGBoost's parameters beside the XGBoost that is installed."""

import inspect
import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xgboost

from headrace_schemas.declarations.booster_params import (
    ALIASES,
    CONSTRAINTS,
    NARROWED,
    NOT_TAKEN,
    TAKEN,
    Choice,
    as_xgboost_reads,
    wrong,
)
from headrace_schemas.declarations.model import Task

FEATURES = ("age", "price", "region")
RANDOM = np.random.default_rng(0)
ROWS = RANDOM.random((60, len(FEATURES))).astype(np.float32)
TARGET = (ROWS[:, 0] > 0.5).astype(np.float32)

OF_THE_BOOSTER = {
    "num_feature",
    "num_trees",
    "rng_state",
    "boost_from_average",
    "debug_synchronize",
    "fail_on_invalid_gpu_id",
    "extmem_single_page",
    "size_leaf_vector",
    "num_output_group",
    "num_pbuffer",
    "num_nodes",
    "num_deleted",
    "max_row_perbatch",
    "tolerance",
    "deterministic_histogram",
}
"""Names in a booster's own record that nobody sets."""


def fitted(params: dict[str, Any], task: Task = Task.BINARY) -> xgboost.Booster:
    """A tiny booster; whatever XGBoost ignores or warns of is an error."""
    given = {"nthread": 1, "tree_method": "hist", "objective": task.objective}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = xgboost.DMatrix(ROWS, label=TARGET)
        return xgboost.train(given | as_xgboost_reads(params, FEATURES), rows, 2)


def fit_values(name: str) -> Iterator[Any]:
    taken = TAKEN[ALIASES.get(name, name)]
    if isinstance(taken, Choice):
        yield from taken.values
        return
    low = 0 if taken.low == -np.inf else taken.low
    if not taken.excludes_low and name != "base_score":
        yield low
    if taken.is_whole:
        yield from (low + 1, str(low + 2))
    else:
        yield from (0.5, "5e-1", *([taken.high] if np.isfinite(taken.high) else [1, 30.5]))


def unfit_values(name: str) -> Iterator[Any]:
    taken = TAKEN[ALIASES.get(name, name)]
    yield from ("nonsense", "")
    if isinstance(taken, Choice):
        yield 1
        return
    if np.isfinite(taken.low) and name != "max_cached_hist_node":  # XGBoost reads -1 as the most
        yield taken.low - 1
    if taken.high == 1:
        yield 1.5
    if taken.is_whole:
        yield from (2.5, 2.0, 2**31 if name != "max_cached_hist_node" else "x")


@pytest.mark.parametrize("name", [*TAKEN, *ALIASES])
def test_table_says_what_xgboost_says_when_a_value_fits_or_not(name: str) -> None:
    for value in fit_values(name):
        task = Task.BINARY if name != "base_score" or float(value) < 1 else Task.REGRESSION
        assert wrong(name, value) is None, value
        assert len(fitted({name: value}, task).get_dump()) >= 2
    for value in unfit_values(name):
        assert wrong(name, value) is not None, value
        with pytest.raises((xgboost.core.XGBoostError, ValueError)):
            fitted({name: value})


NUMBERS = (
    "1e-3",
    "+.5",
    "5.",
    " 3 ",
    "03",
    "1_0",
    "0x3",
    "0.1f",
    "",
    "-",
    "1e400",
    "inf",
    "nan",
    "3 4",
    "\u0663",
    1e-60,
    1e-38,
    1e39,
    3.4e38,
    10**30,
    float("nan"),
    float("inf"),
    -0.0,
    True,
)


@pytest.mark.parametrize("name", ["gamma", "max_depth", "subsample"])
def test_xgboost_reads_whatever_number_the_table_takes(name: str) -> None:
    taken = [one for one in NUMBERS if wrong(name, one) is None]

    assert taken
    for value in taken:
        fitted({name: value})


def test_every_name_of_xgboost_is_taken_or_refused_with_a_reason() -> None:
    known = {*TAKEN, *ALIASES, *CONSTRAINTS, *NOT_TAKEN, *OF_THE_BOOSTER}
    recorded = set()
    for method in ("hist", "approx"):
        recorded |= set(
            leaves(json.loads(fitted({"tree_method": method}).save_config())["learner"])
        )
    signature = set(inspect.signature(xgboost.XGBModel.__init__).parameters) - {"self", "kwargs"}
    trained = set(inspect.signature(xgboost.XGBModel.fit).parameters)

    assert {name for name in recorded if name not in known} == set()
    assert signature - known == set()
    assert "xgb_model" in trained  # a version is learnt from the beginning


def leaves(content: dict[str, Any]) -> Iterator[str]:
    """Names of parameters in a booster's record."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value)
        elif key.endswith("_param") or key in ("name", "specified_updater"):
            continue
        elif not isinstance(value, list):
            yield key
        else:
            for one in value:
                if isinstance(one, dict):
                    yield from leaves(one)


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, one) for name in ("tree_method", "booster") for one in NARROWED[name]],
)
def test_refusal_has_a_reason_when_the_value_is_xgboost_s_own(name: str, value: str) -> None:
    problem = wrong(name, value)
    assert problem is not None
    assert f"'{value}': " in problem


def test_constraints_are_heeded_when_features_are_named() -> None:
    booster = fitted({"monotone_constraints": {"age": 1}, "interaction_constraints": [["age"]]})
    line = np.linspace(0, 1, 50, dtype=np.float32)
    rows = np.stack([line, np.zeros_like(line), np.zeros_like(line)], axis=1)
    predicted = booster.predict(xgboost.DMatrix(rows))

    assert (np.diff(predicted) >= 0).all()
    assert predicted[-1] > predicted[0]
