"""Models: what is learnt from a table, when it is good enough, and when it must be retrained."""

import operator
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from headrace_schemas.declarations import model_checks
from headrace_schemas.declarations.booster_params import wrong_params
from headrace_schemas.declarations.declaration import Declaration, FormVersion, Frozen, Misfits
from headrace_schemas.declarations.metrics import METRICS, MetricName
from headrace_schemas.declarations.monitors import AddedMonitor
from headrace_schemas.declarations.pipeline import LONGEST_MINUTES, TIME_LIMIT_MINUTES
from headrace_schemas.declarations.reading import loaded
from headrace_schemas.names import PLAIN_NAME, TABLE_NAME
from headrace_schemas.notifications import NotifierName


class Task(StrEnum):
    """What kind of target is learnt."""

    BINARY = "binary"
    REGRESSION = "regression"

    @property
    def objective(self) -> str:
        """XGBoost's name of the loss."""
        return "binary:logistic" if self is Task.BINARY else "reg:squarederror"

    @property
    def metrics(self) -> tuple[str, ...]:
        """What Headrace itself measures on labelled rows."""
        return tuple(metric.name for metric in METRICS.own if self.value in metric.tasks)


FEWEST_ROWS = 100
"""Rows below which no model is trained."""

FEWEST_ROWS_A_WORKER = 50
"""With fewer, the hash of the key may leave a worker without a row."""


class Training(Frozen):
    """How the booster is fitted.

    Attributes:
        num_workers: Spark tasks that train together; each needs a slot. Without one: as many as
            Spark has slots.
        num_boost_round: How many rounds of boosting; each adds a tree.
        seed: Start of the random numbers of sampling; with the same rows and workers the model's
            bytes repeat.
        refit: Whether the version that serves has also learnt from the holdout's rows. It is fitted
            beside the one that is judged on them, in the same way.
        params: XGBoost's own parameters, by XGBoost's names. Constraints name features.
        time_limit_minutes: Minutes after which a training is ended.
    """

    num_workers: int | None = Field(default=None, ge=1, le=1024)
    num_boost_round: int = Field(default=100, ge=1, le=10_000)
    seed: int = Field(default=7, ge=0)
    refit: bool = True
    params: dict[str, float | int | str | dict[str, int] | list[list[str]]] = Field(
        default_factory=dict
    )
    time_limit_minutes: int = Field(default=24 * 60, ge=1, le=LONGEST_MINUTES)

    @property
    def fewest_rows(self) -> int:
        """Rows below which nothing is trained; with fewer a worker may be left without a row."""
        return max(FEWEST_ROWS, FEWEST_ROWS_A_WORKER * (self.num_workers or 1))

    @field_validator("params", mode="before")
    @classmethod
    def is_what_xgboost_takes(cls, params: Any) -> Any:
        """Refuse what fails, or is ignored, in the middle of a training."""
        if isinstance(params, dict) and (problems := wrong_params(params)):
            raise Misfits(model_checks.of_params(params, problems))
        return params


def without_default(schema: dict[str, Any]) -> None:
    """Editors are not shown what stands there until it is derived."""
    schema.pop("default", None)


DERIVED: Any = Field(default=None, json_schema_extra=without_default)
"""What other declarations say where the file does not: it is there once the catalogue has been read."""


class Split(Frozen):
    """Which rows are learnt from and which are kept for judging.

    What is learnt from grows; its newest `holdout_days` are the holdout.

    Attributes:
        holdout_days: Length of the holdout in days, by event time. Without one: a fifth of the time
            that the rows span, but no more than a partition's length, unless judging needs more rows;
            never more than a third.
        first_after_partitions: How many partitions with matured labels the first model waits for.
            Without one: for 3 and enough labelled rows to learn and to judge.
    """

    holdout_days: float | None = Field(default=None, gt=0)
    first_after_partitions: int | None = Field(default=None, ge=1)


class ChampionGate(Frozen):
    """When a challenger replaces the champion: on the same rows, by paired bootstrap.

    Attributes:
        metric: What both are measured by. Without one `auc` of two classes; of a number `mae`, which a
            few very large errors do not decide.
        min_gain: Improvement below which it is a tie; a tie keeps the champion. Without one: the
            standard error of the difference.
        confidence: Share of the resamples in which the challenger must be better.
        resamples: How many resamples are drawn.
    """

    metric: MetricName = DERIVED
    min_gain: float | None = None
    confidence: float = Field(default=0.9, gt=0.5, lt=1)
    resamples: int = Field(default=300, ge=50, le=10_000)


class SliceGate(Frozen):
    """By how much a challenger may be worse than the champion within any one slice.

    Attributes:
        columns: Columns whose values make the slices.
        max_drop: Largest loss of the champion gate's metric.
        min_rows: Slices with fewer labelled rows are not judged, nor are those with fewer than 50, of
            two classes 50 of each.
    """

    columns: tuple[str, ...] = Field(min_length=1)
    max_drop: float = Field(gt=0)
    min_rows: int = Field(default=500, ge=2)


class Gates(Frozen):
    """What a new version must pass before it serves.

    Attributes:
        floors: The least (of losses and errors the largest) value of each metric that is named.
            Without any, a first model must be better than a constant prediction.
        champion: When it replaces the version that serves.
        slices: How much it may lose within a slice; without, slices are not looked at.
    """

    floors: dict[MetricName, float] = Field(default_factory=dict)
    champion: ChampionGate = ChampionGate()
    slices: SliceGate | None = None


class InputMonitor(Frozen):
    """When inputs count as drifted.

    Attributes:
        psi: Population stability index from which a feature counts as drifted.
        importance_share: Share of the champion's gain that drifted features must hold.
    """

    psi: float = Field(default=0.2, gt=0)
    importance_share: float = Field(default=0.5, gt=0, le=1)


class PerformanceMonitor(Frozen):
    """When a model counts as worse: against its own holdout, on matured labels.

    Attributes:
        metric: What it is measured by. Without one, the champion gate's.
        max_drop: Loss of the metric above which it counts as worse, if chance does not explain it.
            Without one: two standard errors of the metric on the holdout.
    """

    metric: MetricName = DERIVED
    max_drop: float | None = Field(default=None, gt=0)


UNSAID: Any = Field(default=(), exclude_if=operator.not_)
"""A list that most models do without: where it is empty, nothing is written of it, so that what was
hashed or recorded before there was such a list stays what it was."""


class Monitors(Frozen):
    """What is watched once a model serves.

    Attributes:
        inputs: When inputs count as drifted.
        performance: When results count as worse.
        added: Monitors of extensions, whose signals are weighed with the others.
    """

    inputs: InputMonitor = InputMonitor()
    performance: PerformanceMonitor = PerformanceMonitor()
    added: tuple[AddedMonitor, ...] = UNSAID


class Retraining(Frozen):
    """When the model is retrained.

    Attributes:
        schedule: Five fields of a cron expression in UTC: when a training is due by the calendar;
            without, never.
        cost: What one retraining costs, in units of the loss that belongs to the monitored metric,
            summed over windows: it pays when it lowers the mean losses of the windows to come
            by more than this together. Without one, 3 % of the loss of a constant prediction.
        horizon_windows: Windows for which a retrained model is expected to serve at least; one whose
            gain was seen over more windows is expected to serve as many.
        confidence: Of the lower bound of a measured gain, at each window.
        cooldown_days: Least days between two trainings that monitoring asks for.
        most_a_year: How many trainings monitoring may ask for within 365 days.
        max_age_days: Days since the last training after which the model is retrained although
            no gain could be measured; without, never.
        normal_after_windows: Windows in a row with the same data incident after which it counts as
            the new normal.
    """

    schedule: str | None = None
    cost: float | None = Field(default=None, ge=0)
    horizon_windows: int = Field(default=6, ge=1, le=1000)
    confidence: float = Field(default=0.99, gt=0.5, lt=1)
    cooldown_days: float = Field(default=0, ge=0)
    most_a_year: int = Field(default=24, ge=1)
    max_age_days: float | None = Field(default=None, gt=0)
    normal_after_windows: int = Field(default=3, ge=1)


class Model(Declaration):
    """What is learnt from a gold table, and when it must be retrained.

    Attributes:
        version: Of the form of this file; another one than 1 is for a newer Headrace, and refused.
        name: What it is called: in the registry, and in the names of its Dags.
        description: What it predicts and for whom, for people.
        owner: Who answers for it: the owner of its Dags in Airflow. Without one, its table's.
        table: The feature table, one with partitions.
        task: What kind of target is learnt: `binary` for one that is 0 or 1, `regression` for a
            number. Without one the target's column says it: `binary` if it is a BOOLEAN, or if the
            contract allows 0 and 1 alone; `regression` if it is a number with a fraction.
        target: Column to predict; NULL while it is unknown.
        event_time: TIMESTAMP the prediction is for.
        known_time: TIMESTAMP at which the target became known; NULL if never.
        label_delay_days: Days after a partition's end until its labels count as matured.
        features: Columns that are learnt from, in the booster's order.
        training: How the booster is fitted.
        split: Which rows are learnt from and which are kept for judging.
        gates: What a new version must pass before it serves.
        monitors: What is watched once a version serves.
        retraining: When the model is retrained.
        approval: Whether a person must approve a promotion.
        time_limit_minutes: Minutes after which any other of its jobs than a training is ended.
        notify: Notifiers that are sent what is decided, refused, or to be approved.
    """

    version: FormVersion = Field(default=1, exclude=True)  # of the file, so specs go without
    name: str = Field(pattern=PLAIN_NAME)
    description: str = DERIVED
    owner: str = DERIVED
    table: str = Field(pattern=TABLE_NAME)
    task: Task = DERIVED
    target: str
    event_time: str
    known_time: str
    label_delay_days: float = Field(default=0, ge=0)
    features: tuple[str, ...] = Field(min_length=1)
    training: Training = Training()
    split: Split = Split()
    gates: Gates = Gates()
    monitors: Monitors = Monitors()
    retraining: Retraining = Retraining()
    approval: Literal["none", "required"] = "none"
    time_limit_minutes: int = Field(default=TIME_LIMIT_MINUTES, ge=1, le=LONGEST_MINUTES)
    notify: tuple[NotifierName, ...] = UNSAID

    checks: ClassVar = model_checks.CHECKS

    @property
    def metrics(self) -> tuple[str, ...]:
        """What is measured of its predictions: the task's own metrics, and others that it names."""
        named = (metric for _, metric in model_checks.used_metrics(self))
        return tuple(dict.fromkeys([*self.task.metrics, *named]))

    def with_training(self, params: Mapping[str, Any], **settings: Any) -> "Model":
        """The model with other parameters and settings of its training, checked as a file's are.

        Raises:
            ValueError: Naming the parameter and its value.
        """
        training = self.training.model_dump() | settings
        training["params"] = {**self.training.params, **params}
        changed = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate(changed | {"training": training})


def load_model(file: Path) -> Model:
    """Read one model file.

    Raises:
        DeclarationInvalid: For all that is wrong, naming file, line, key and the known keys.
    """
    return loaded(Model, file)
