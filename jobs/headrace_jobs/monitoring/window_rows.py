"""The rows of a window and of those before it, brought to one place; of many rows a sample."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.learning import features
from headrace_jobs.learning.manifest import Feature, FeatureKind, Manifest
from headrace_jobs.monitoring.learner import Numbers, Rows
from headrace_jobs.monitoring.shadows import NEWEST
from headrace_schemas.declarations.model import Task
from headrace_schemas.partition import Partition
from headrace_schemas.planning.planner import matured_at
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.backtest_job import BacktestSpec
from headrace_schemas.wire.model_jobs import MonitorSpec

PREDICTION, AT = "_prediction", "_at"
"""The served prediction and the event's time, beside the feature table's columns."""

HASH = "_hash"
"""Where a row stands in the order that samples are taken in: by the hash of its key."""

REFERENCE_ROWS = 10_000
"""Of the holdout that a window's loss is compared with."""

STEPS = 1 << 20
"""Of the scale that hashes are put on; a share of rows is so many of them."""


@dataclass(frozen=True)
class Counted:
    """A window before, as it is counted.

    Attributes:
        labelled: Rows whose labels were known.
        positive: Of these, rows of class 1; None for a number.
    """

    key: str
    rows: int
    labelled: int
    positive: int | None


@dataclass
class Values:
    """Numbers for the values of categories, the same for the same value in all windows."""

    features: Sequence[Feature]
    known: dict[int, dict[str, int]] = field(default_factory=dict)

    @property
    def categories(self) -> tuple[int, ...]:
        """Positions of the features that are categories."""
        return tuple(
            index
            for index, feature in enumerate(self.features)
            if feature.kind is FeatureKind.CATEGORY
        )

    def numbers(self, rows: pd.DataFrame) -> Numbers:
        """The features of some rows, a column each."""
        found = np.empty((len(rows), len(self.features)), dtype=np.float32)
        for index, feature in enumerate(self.features):
            column = rows[f"_input.{feature.name}"]
            if feature.kind is FeatureKind.CATEGORY:
                column = column.map(self.numbered(index, column.dropna().unique()))
            found[:, index] = column.to_numpy(dtype=np.float32)
        return found

    def numbered(self, index: int, values: Iterable[str]) -> dict[str, int]:
        """The number of each value, new ones included."""
        known = self.known.setdefault(index, {})
        for value in values:
            known.setdefault(value, len(known))
        return known

    def learnt(self) -> dict[int, NDArray[np.int64]]:
        """Of each category, the numbers of values that the champion has codes for."""
        found = {}
        for index in self.categories:
            if codes := self.features[index].codes:
                numbers = self.numbered(index, sorted(codes))
                found[index] = np.array([numbers[name] for name in sorted(codes)], dtype=np.int64)
        return found


def counted(spark: SparkSession, spec: MonitorSpec) -> list[Counted]:
    """The partitions of the feature table up to this one, oldest first."""
    known = features.is_known(spec.model, spec.as_of)
    is_positive = features.target_number(spec.model, spec.contract) == 1
    found = (
        tables.read(spark, spec.features)
        .where(F.col(tables.PARTITION) <= spec.partition.key)
        .groupBy(tables.PARTITION)
        .agg(
            F.count("*").alias("rows"),
            F.count_if(known).alias("labelled"),
            F.count_if(known & is_positive).alias("positive"),
        )
        .collect()
    )
    is_binary = spec.model.task is Task.BINARY
    windows = [
        Counted(
            row[tables.PARTITION],
            row["rows"],
            row["labelled"],
            row["positive"] if is_binary else None,
        )
        for row in found
    ]
    return sorted(windows, key=lambda window: window.key)


def due(windows: Sequence[Counted], key: str) -> float | None:
    """Of the labels of a window that will come, the share that is known.

    At least as many will come, of its rows, as have come by now of the older half of the windows before:
    labels of the newer ones may be late as well. Some rows may never have a label.
    """
    now = next((window for window in windows if window.key == key), None)
    before = [window for window in windows if window.key < key and window.rows]
    settled = [window.labelled / window.rows for window in before[: -(-len(before) // 2)]]
    if now is None or not now.rows or not settled or not (least := min(settled)):
        return None
    return min(1.0, now.labelled / now.rows / least)


def known_by_now(windows: Sequence[Counted]) -> dict[str, int | None]:
    """Labelled rows of all windows together: what a first model could learn from."""
    positive = [window.positive for window in windows]
    is_counted = all(count is not None for count in positive)
    return {
        "known_rows": sum(window.labelled for window in windows),
        "known_positive": sum(count or 0 for count in positive) if is_counted else None,
    }


def learnable(spec: MonitorSpec, windows: Sequence[Counted]) -> list[Counted]:
    """The windows that a model which serves this one could have learnt from.

    Their labels had matured before its end, as the champion's had, and they are not held.
    """
    unit, model = spec.partition.unit, spec.model
    return [
        window
        for window in windows
        if window.key < spec.partition.key
        and window.labelled
        and window.key not in spec.left_out
        and matured_at(model, Partition.parse(unit, window.key)) < spec.partition.end
    ]


def shares(windows: Sequence[Counted], since: int, most_rows: int) -> dict[str, float]:
    """The share of each window's rows that is needed, so that each family has as many as it may have.

    Args:
        since: Position of the first window that the champion learnt from.
        most_rows: That one booster learns from.
    """
    starts = {0, since, *(max(0, len(windows) - length) for length in NEWEST)}
    found = dict.fromkeys((window.key for window in windows), 0.0)
    for start in starts:
        chosen = windows[start:]
        share = min(1.0, most_rows / max(sum(window.labelled for window in chosen), 1))
        for window in chosen:
            found[window.key] = max(found[window.key], share)
    return found


def categories(inputs: Sequence[Feature]) -> list[str]:
    """Features whose values make slices that labels are looked at in, beside the declared ones."""
    return [feature.name for feature in inputs if feature.kind is FeatureKind.CATEGORY]


def raw_inputs(inputs: Sequence[Feature]) -> list[Column]:
    """The features as histograms look at them."""
    return [features.raw_value(feature).alias(f"_input.{feature.name}") for feature in inputs]


def hashed(spec: MonitorSpec | BacktestSpec) -> Column:
    """Where a row stands in the order of samples."""
    key = features.row_key(spec.model, spec.contract)
    return F.pmod(F.xxhash64(*[quoted(name) for name in key]), F.lit(STEPS))


def window_frame(
    spark: SparkSession,
    spec: MonitorSpec,
    inputs: Sequence[Feature],
    first: Sequence[Feature],
    count: int,
) -> pd.DataFrame:
    """The partition's features, predictions and matured labels; a sample if it is large.

    Args:
        inputs: Features that are compared, called `_input.` and their name.
        first: Features of the first model, as the booster sees them, called `_first.0` and so on.
        count: Rows of the partition.
    """
    model, contract, partition = spec.model, spec.contract, [spec.partition.key]
    key = features.row_key(model, contract)
    frame = tables.read(spark, spec.features, partition)
    target = features.target_number(model, contract)
    columns = [
        F.when(features.is_known(model, spec.as_of), target).alias(features.TARGET),
        hashed(spec).alias(HASH),
        F.unix_micros(F.col(quoted(model.event_time))).alias(AT),
        *raw_inputs(inputs),
        *features.feature_numbers(first, contract, "_first."),
    ]
    if model.gates.slices is not None:
        columns += [
            F.col(quoted(name)).cast("string").alias(f"_slice.{name}")
            for name in model.gates.slices.columns
        ]
    if spec.predictions is None:
        frame = frame.withColumn(PREDICTION, F.lit(None).cast("double"))
    else:
        predictions = tables.read(spark, spec.predictions, partition)
        prediction = F.col("prediction").alias(PREDICTION)
        predictions = predictions.select(*[quoted(name) for name in key], prediction)
        frame = frame.join(predictions, list(key), "left")
    return features.sample(frame, key, [F.col(PREDICTION), *columns], count)


def reference_frame(spark: SparkSession, spec: MonitorSpec, manifest: Manifest) -> pd.DataFrame:
    """Rows of the champion's holdout with what it sees of them; a sample if they are many."""
    model, contract = spec.model, spec.contract
    delivered = features.delivered_rows(tables.read(spark, spec.features), manifest.as_of)
    known = features.known_rows(delivered, model, manifest.as_of)
    start = features.instant(manifest.window.holdout_start)
    left_out = {*spec.left_out, *manifest.left_out}
    kept = known.where(F.col(quoted(model.event_time)) >= start)
    if left_out:
        kept = kept.where(~F.col(tables.PARTITION).isin(*left_out))
    key = features.row_key(model, contract)
    columns = [
        features.target_number(model, contract),
        *raw_inputs(manifest.features),
        *features.feature_numbers(manifest.features, contract, "_own."),
    ]
    return features.sample(kept, key, columns, manifest.window.holdout_rows, REFERENCE_ROWS)


def labelled_before(
    spark: SparkSession,
    spec: MonitorSpec,
    values: Values,
    windows: Sequence[Counted],
    wanted: Mapping[str, float],
) -> list[Rows]:
    """Labelled rows of windows before this one, a share of each; oldest window first."""
    if not windows:
        return []
    model, contract = spec.model, spec.contract
    steps = F.create_map(
        *[F.lit(part) for key, share in wanted.items() for part in (key, round(share * STEPS))]
    )
    frame: DataFrame = tables.read(spark, spec.features, [window.key for window in windows])
    kept = frame.where(
        features.is_known(model, spec.as_of) & (hashed(spec) < steps[F.col(tables.PARTITION)])
    )
    rows = kept.select(
        F.col(tables.PARTITION),
        hashed(spec).alias(HASH),
        features.target_number(model, contract),
        *raw_inputs(values.features),
    ).toPandas()
    numbers = values.numbers(rows)
    order = np.lexsort((*numbers.T[::-1], rows[HASH].to_numpy()))  # equal hashes: by their values
    rows, numbers = rows.iloc[order], numbers[order]
    keys, target = rows[tables.PARTITION].to_numpy(), rows[features.TARGET].to_numpy()
    return [
        Rows(window.key, numbers[keys == window.key], target[keys == window.key], window.labelled)
        for window in windows
        if (keys == window.key).any()
    ]
