"""XGBoost's parameters: what each one takes, and which are not a model's to choose.

A wrong parameter fails inside a cluster's training, as the error of a lost machine, or is ignored.
The table says before a run what XGBoost says during one; a test compares it with the XGBoost that is
installed.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

LARGEST = 2**31 - 1
"""XGBoost counts in 32 bits."""

LEAST_FLOAT, GREATEST_FLOAT = 1.1754944e-38, 3.4028235e38
"""And its other numbers have as many; it refuses those that are nearer to zero, but for zero."""

PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""Texts that XGBoost and Python read as the same number; `1_000` is not one."""


@dataclass(frozen=True)
class Number:
    """A number within [low, high], or above `low` where that is excluded.

    Attributes:
        is_whole: Whether it has no decimal places.
        excludes_low: XGBoost may take `low` itself, but learns nothing or nonsense with it.
    """

    is_whole: bool = False
    low: float = 0
    high: float = math.inf
    excludes_low: bool = False

    @property
    def said(self) -> str:
        """What it takes, in words."""
        kind = "a whole number" if self.is_whole else "a number"
        bound = f", above {self.low:g}" if self.excludes_low else f", {self.low:g} or more"
        most = "" if self.high >= LARGEST else f", up to {self.high:g}"
        return f"{kind}{bound if math.isfinite(self.low) else ''}{most}"

    def takes(self, value: Any) -> bool:
        """Whether XGBoost can use the value. Texts are read: to YAML `1e-3` is one."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return False
        if isinstance(value, str) and not PLAIN.fullmatch(value):
            return False
        if self.is_whole and not str(value).lstrip("+-").isdigit():
            return False  # XGBoost cannot read 3.0 as a whole number
        number = float(f"{value}")  # of a text, as a whole number may be too large for a float
        size = LEAST_FLOAT <= abs(number) <= GREATEST_FLOAT or not number
        lowest = number > self.low if self.excludes_low else number >= self.low
        return size and lowest and number <= self.high


@dataclass(frozen=True)
class Choice:
    """One of some texts."""

    values: tuple[str, ...]

    @property
    def said(self) -> str:
        """What it takes, in words."""
        return f"one of {', '.join(self.values)}"

    def takes(self, value: Any) -> bool:
        """Whether it is one of them."""
        return value in self.values


SHARE = Number(high=1, excludes_low=True)
COUNT = Number(is_whole=True, high=LARGEST)

TAKEN: Mapping[str, Number | Choice] = {
    "learning_rate": Number(excludes_low=True),
    "min_split_loss": Number(),
    "max_depth": COUNT,
    "max_leaves": COUNT,
    "min_child_weight": Number(),
    "max_delta_step": Number(),
    "subsample": SHARE,
    "sampling_method": Choice(("uniform",)),
    "colsample_bytree": SHARE,
    "colsample_bylevel": SHARE,
    "colsample_bynode": SHARE,
    "reg_lambda": Number(),
    "reg_alpha": Number(),
    "scale_pos_weight": Number(excludes_low=True),
    "base_score": Number(low=-math.inf),
    "tree_method": Choice(("auto", "hist", "approx")),
    "grow_policy": Choice(("depthwise", "lossguide")),
    "max_bin": Number(is_whole=True, low=2, high=LARGEST),
    "num_parallel_tree": Number(is_whole=True, low=1, high=LARGEST),
    "max_cached_hist_node": Number(is_whole=True, low=1, high=LARGEST),
    "booster": Choice(("gbtree",)),
    "device": Choice(("cpu",)),
}
"""What a model may set, by XGBoost's name."""

CONSTRAINTS = ("monotone_constraints", "interaction_constraints")
"""What a model may set by the names of its features."""

ALIASES: Mapping[str, str] = {
    "eta": "learning_rate",
    "gamma": "min_split_loss",
    "lambda": "reg_lambda",
    "alpha": "reg_alpha",
}
"""XGBoost's other names."""

NARROWED: Mapping[str, Mapping[str, str]] = {
    "tree_method": {
        "exact": "it cannot be trained by several workers: take `hist`, with more of `max_bin`",
        "gpu_hist": "Headrace trains on CPUs: take `hist`",
    },
    "booster": {
        "dart": "versions of XGBoost differ in it: take `gbtree`",
        "gblinear": "it has no gain that importances could be made of: take `gbtree`",
    },
    "sampling_method": {"gradient_based": "not every version of XGBoost has it on CPUs"},
    "device": dict.fromkeys(("cuda", "gpu"), "Headrace trains on CPUs"),
}
"""Values of XGBoost that a training here cannot use, and why."""

DROPOUT = "it belongs to the booster `dart`, which differs between versions of XGBoost"
CODES = "categories reach the booster as numbers, by their mean target"
COLUMNS = "it follows from `target` and `features`"
OTHER_LOSS = "it belongs to an objective that no `task` has"
UPDATER = "it follows from `tree_method`"

NOT_TAKEN: Mapping[str, str] = {
    "objective": "it follows from `task`",
    "num_class": "it follows from `task`, and there is no task with several classes",
    "num_target": "a model has one `target`",
    "multi_strategy": "a model has one `target`",
    "seed": "it is `training.seed`",
    "random_state": "it is `training.seed`",
    "seed_per_iteration": "it is `training.seed` that makes bytes repeat",
    "n_estimators": "it is `training.num_boost_round`",
    "num_boost_round": "it stands beside `params`: `training.num_boost_round`",
    "num_workers": "it stands beside `params`: `training.num_workers`",
    "n_jobs": "a worker has the threads of one Spark task, `spark.task.cpus`",
    "nthread": "a worker has the threads of one Spark task, `spark.task.cpus`",
    "missing": "what is NULL in the table is missing: make it NULL there",
    "early_stopping_rounds": "no rows are set aside for it: set `training.num_boost_round`",
    "eval_metric": "nothing is measured while it trains: `gates` and `monitors` name the metrics",
    "disable_default_eval_metric": "nothing is measured while it trains",
    "verbosity": "the job's log says what a training does",
    "verbose": "the job's log says what a training does",
    "verbose_eval": "the job's log says what a training does",
    "silent": "the job's log says what a training does",
    "validate_parameters": "they are checked before",
    "callbacks": "a declaration holds no code",
    "importance_type": "importances are shares of the total gain",
    "xgb_model": "every version is learnt from the beginning",
    "process_type": "every version is learnt from the beginning",
    "refresh_leaf": "every version is learnt from the beginning",
    "updater": UPDATER,
    "updater_seq": UPDATER,
    "predictor": UPDATER,
    "sparse_threshold": UPDATER,
    "enable_categorical": CODES,
    "feature_types": CODES,
    "max_cat_to_onehot": CODES,
    "max_cat_threshold": CODES,
    "feature_weights": "features weigh the same: leave out what is not wanted",
    "rate_drop": DROPOUT,
    "one_drop": DROPOUT,
    "skip_drop": DROPOUT,
    "normalize_type": DROPOUT,
    "sample_type": DROPOUT,
    "feature_selector": "it belongs to the booster `gblinear`",
    "top_k": "it belongs to the booster `gblinear`",
    "huber_slope": OTHER_LOSS,
    "quantile_alpha": OTHER_LOSS,
    "tweedie_variance_power": OTHER_LOSS,
    "features_col": COLUMNS,
    "label_col": COLUMNS,
    "weight_col": COLUMNS,
    "base_margin_col": COLUMNS,
    "validation_indicator_col": COLUMNS,
    "qid_col": COLUMNS,
    "use_gpu": "Headrace trains on CPUs",
    "gpu_id": "Headrace trains on CPUs",
}
"""Names that XGBoost knows and a model does not set, and why."""

MONOTONE = (-1, 0, 1)


def wrong_params(
    params: Mapping[str, Any], features: Sequence[str] | None = None, is_share: bool | None = None
) -> list[str]:
    """What is wrong with a model's parameters, a sentence each.

    Args:
        features: That constraints may name; None where they are not known.
        is_share: Whether the target is 0 or 1; None where that is not known.
    """
    problems = [problem for name, value in params.items() if (problem := wrong(name, value))]
    doubled = sorted(
        f"{name} and {ALIASES[name]}" for name in params if ALIASES.get(name) in params
    )
    problems += [f"{both} are two names of one parameter" for both in doubled]
    if is_share is False and "scale_pos_weight" in params:
        problems.append("scale_pos_weight is not set here: a number has no positive class")
    if not problems and is_share and not 0 < float(params.get("base_score", 0.5)) < 1:
        problems.append(
            f"base_score: {params['base_score']!r} is not between 0 and 1, as the target is"
        )
    if not problems and features is not None:
        named = set(params.get("monotone_constraints", ()))
        named |= {name for group in params.get("interaction_constraints", ()) for name in group}
        if unknown := sorted(named - set(features)):
            problems.append(f"constraints name {', '.join(unknown)}, which are not in `features`")
    return problems


def wrong(name: str, value: Any) -> str | None:
    """What is wrong with one parameter; None if nothing is."""
    if reason := NOT_TAKEN.get(name):
        return f"{name} is not set here: {reason}"
    if name in CONSTRAINTS:
        return wrong_constraint(name, value)
    taken = TAKEN.get(ALIASES.get(name, name))
    if taken is None:
        known = [*TAKEN, *ALIASES, *CONSTRAINTS]
        near = get_close_matches(name, [*known, *NOT_TAKEN], 1)
        hint = f", did you mean {near[0]}?" if near else f". It has: {', '.join(sorted(known))}"
        return f"XGBoost has no parameter {name}{hint}"
    if taken.takes(value):
        return None
    reason = NARROWED.get(name, {}).get(value) if isinstance(value, str) else None
    return (
        f"{name}: {value!r} is not {taken.said}"
        if reason is None
        else f"{name}: {value!r}: {reason}"
    )


def wrong_constraint(name: str, value: Any) -> str | None:
    """What is wrong with a constraint by the names of features."""
    if name == "monotone_constraints":
        if isinstance(value, Mapping) and all(
            constraint in MONOTONE for constraint in value.values()
        ):
            return None
        return f"{name}: is not features with -1, 0 or 1 each, such as {{age: 1, price: -1}}"
    if isinstance(value, list | tuple) and all(isinstance(group, list | tuple) for group in value):
        return None
    return f"{name}: is not lists of features, such as [[age, price], [region]]"


def as_xgboost_reads(params: Mapping[str, Any], features: Sequence[str]) -> dict[str, Any]:
    """Parameters with constraints by position, as a booster without names takes them."""
    given = dict(params)
    position = {name: index for index, name in enumerate(features)}
    if (monotone := given.get("monotone_constraints")) is not None:
        each = ",".join(str(monotone.get(name, 0)) for name in features)
        given["monotone_constraints"] = f"({each})"
    if (groups := given.get("interaction_constraints")) is not None:
        given["interaction_constraints"] = json.dumps(
            [[position[name] for name in group] for group in groups]
        )
    return given
