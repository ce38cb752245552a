"""What is kept of a model beside its bytes: enough to score with it, judge it and trace it."""

import operator
import re
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.declarations.model import UNSAID, Task

FORBIDDEN = re.compile(r"[][<%]")
"""Written as in a URL within a booster; `%` too, so that no two names become one."""


class FeatureKind(StrEnum):
    """How a column becomes a number."""

    NUMBER = "number"
    FLAG = "flag"
    CATEGORY = "category"


class Histogram(Frozen):
    """How a feature's values spread over bins in the training window.

    A number's bins, in order: below `lowest`, up to each of the edges, up to `highest`, above it, a
    bin for each heavy value, missing. Without `lowest`, as of flags and in manifests from before
    there was one: up to each of the edges, above them, missing.

    Attributes:
        edges: Upper bounds, inclusive, of all but the last bin of a number or flag; heavy values,
            whose bins are their own, lie in none of these bins.
        lowest: Least training value.
        highest: Greatest training value.
        heavy: Values that many rows hold, each with a bin of its own.
        categories: The most frequent values of a category; the other known ones share a bin, and
            those that training never saw share another.
        shares: Of the rows, bin by bin; the last is the share of missing values.
        rows: How many rows these are shares of; 0 where they were not counted.
    """

    edges: tuple[float, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    heavy: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    rows: int = 0


class Feature(Frozen):
    """One input of the booster.

    Attributes:
        type: Spark SQL type of the column.
        codes: Of a category: its number by the training rows' mean target, lowest first.
        importance: Share of the booster's total gain, 0 to 1.
    """

    name: str
    type: str
    kind: FeatureKind
    codes: dict[str, int] = {}
    importance: float = 0.0
    histogram: Histogram = Histogram()

    @property
    def booster_name(self) -> str:
        """What the booster calls it: XGBoost takes no brackets and no `<` in a name."""
        return FORBIDDEN.sub(lambda found: f"%{ord(found.group()):02X}", self.name)


class TrainingWindow(Frozen):
    """Which rows were trained on and which were kept for judging, by event time.

    Attributes:
        train_start: Earliest event that was trained on.
        holdout_start: First instant of the holdout; all that was trained on lies before it.
        holdout_end: Latest event of the holdout.
    """

    train_start: datetime
    holdout_start: datetime
    holdout_end: datetime
    train_rows: int
    holdout_rows: int

    @property
    def holdout_days(self) -> float:
        """How long the holdout is."""
        return round((self.holdout_end - self.holdout_start) / timedelta(days=1), 3)


class Judged(Frozen):
    """The booster that is judged, where another one serves, which has learnt from the holdout as well.

    Attributes:
        features: As it knows them: their codes follow from fewer rows.
        sha256: Of its bytes.
    """

    features: tuple[Feature, ...]
    sha256: str


class Manifest(Frozen):
    """Where a booster comes from and what it expects.

    Attributes:
        declaration_hash: sha256 of the model's declaration.
        features: In the booster's order.
        table: The feature table, read at `table_version`.
        as_of: Labels known later were not looked at.
        workers: How many trained together; with as many, the same rows give the same bytes.
        sha256: Of the booster's bytes.
        xgboost: Version that fitted it.
        learn_from: Key of the first partition that it learnt from; None for all.
        left_out: Keys of partitions that it neither learnt from nor is judged on.
        judged: The booster that is judged in its place, as it has learnt from the holdout as well;
            None if it has not, and is judged itself.
    """

    model: str
    task: Task
    declaration_hash: str
    features: tuple[Feature, ...]
    table: str
    table_version: int
    contract_hash: str
    as_of: datetime
    window: TrainingWindow
    workers: int
    sha256: str
    xgboost: str
    learn_from: str | None = Field(default=None, exclude_if=operator.not_)
    left_out: tuple[str, ...] = UNSAID
    judged: Judged | None = Field(default=None, exclude_if=operator.not_)

    @property
    def as_judged(self) -> "Manifest":
        """The manifest of the booster that is judged."""
        if self.judged is None:
            return self
        own = {"features": self.judged.features, "sha256": self.judged.sha256, "judged": None}
        return self.model_copy(update=own)

    @property
    def learnt_before(self) -> datetime:
        """All events that it learnt from lie before this instant."""
        if self.judged is None:
            return self.window.holdout_start
        return self.window.holdout_end + timedelta(microseconds=1)

    @property
    def feature_names(self) -> list[str]:
        """Names as the booster knows them, in its order."""
        return [feature.booster_name for feature in self.features]
