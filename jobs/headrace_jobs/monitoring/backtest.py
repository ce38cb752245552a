"""Job `backtest`: what a policy would have made of a model's history, beside the best schedule."""

import logging

import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.learning import features
from headrace_jobs.learning.features import MOST_CELLS
from headrace_jobs.monitoring import window_rows
from headrace_jobs.monitoring.backtest_boosters import Boosters
from headrace_jobs.monitoring.backtest_replay import replayed
from headrace_jobs.monitoring.backtest_windows import PastWindow
from headrace_jobs.monitoring.learner import FEWEST_ROWS, Learner
from headrace_jobs.monitoring.window_rows import AT, HASH, STEPS, Values
from headrace_jobs.statistics import losses
from headrace_schemas.model_errors import PolicyIncomparable
from headrace_schemas.partition import partition_of
from headrace_schemas.planning.planner import matured_at
from headrace_schemas.rules.rule import quoted
from headrace_schemas.wire.backtest_job import BacktestReport, BacktestSpec

log = logging.getLogger(__name__)

KNOWN = "_known"
"""When a label became known, beside `AT`."""

A_DAY = 86_400e6
"""Microseconds."""


def run(spark: SparkSession, spec: BacktestSpec) -> BacktestReport:
    """Replay the history that the feature table's version has.

    Raises:
        PolicyIncomparable: The other policy watches a metric whose loss is another one.
    """
    model, other = spec.model, spec.other
    loss = losses.of_metric(model.monitors.performance.metric, model.task)
    if other is not None:
        watched = other.monitors.performance.metric
        if losses.of_metric(watched, model.task) is not loss:
            raise PolicyIncomparable(model.name, watched, model.monitors.performance.metric)
    values = Values([features.declared_feature(model, spec.contract, n) for n in model.features])
    windows = windows_of(spark, spec, values)
    rows = sum(window.total for window in windows)
    is_pilot = Learner.of(model, values.categories, rows).is_pilot
    boosters = Boosters(model, values.features, windows, is_pilot)
    declared, tried = replayed(boosters, model, other)
    log.info("model %s: %d windows replayed, %s", model.name, len(windows), declared.totals)
    return BacktestReport(
        job_id=spec.job_id,
        metric=model.monitors.performance.metric,
        loss=loss.value,
        share=sum(len(window.target) for window in windows) / max(rows, 1),
        is_pilot=is_pilot,
        declared=declared,
        other=tried,
    )


def windows_of(spark: SparkSession, spec: BacktestSpec, values: Values) -> list[PastWindow]:
    """All partitions of the feature table, oldest first; of many rows a sample of each."""
    model, contract = spec.model, spec.contract
    table = tables.read(spark, spec.features)
    found = table.groupBy(tables.PARTITION).agg(F.count("*").alias("rows")).collect()
    totals = {row[tables.PARTITION]: row["rows"] for row in sorted(found)}
    if not totals:
        return []
    most = max(MOST_CELLS // len(model.features) // len(totals), FEWEST_ROWS)
    steps = F.create_map(
        *[
            F.lit(part)
            for key, rows in totals.items()
            for part in (key, round(min(1.0, most / rows) * STEPS))
        ]
    )
    columns = model.gates.slices.columns if model.gates.slices else ()
    hashed = window_rows.hashed(spec)
    frame = (
        table.where(hashed < steps[F.col(tables.PARTITION)])
        .select(
            F.col(tables.PARTITION),
            hashed.alias(HASH),
            features.target_number(model, contract),
            F.unix_micros(F.col(quoted(model.event_time))).cast("double").alias(AT),
            F.unix_micros(F.col(quoted(model.known_time))).cast("double").alias(KNOWN),
            *window_rows.raw_inputs(values.features),
            *[F.col(quoted(name)).cast("string").alias(f"_slice.{name}") for name in columns],
        )
        .toPandas()
    )
    numbers = values.numbers(frame)
    order = np.lexsort((*numbers.T[::-1], frame[HASH].to_numpy()))  # equal hashes: by their values
    frame, numbers = frame.iloc[order], numbers[order]
    windows = []
    for key, total in totals.items():
        kept, partition = frame[tables.PARTITION].to_numpy() == key, partition_of(key)
        rows = frame[kept]
        target = rows[features.TARGET].to_numpy(dtype=np.float64)
        known = rows[KNOWN].to_numpy(dtype=np.float64) / A_DAY
        sliced = {name: f"_input.{name}" for name in window_rows.categories(values.features)}
        sliced |= {name: f"_slice.{name}" for name in columns}
        slices = {name: rows[column].to_numpy(dtype=object) for name, column in sliced.items()}
        windows.append(
            PastWindow(
                key=key,
                starts=partition.start,
                ends=partition.end,
                as_of=matured_at(model, partition),
                numbers=numbers[kept],
                target=target,
                truth=np.where(np.isnan(known), np.nan, target),
                at=rows[AT].to_numpy(dtype=np.float64) / A_DAY,
                known=np.where(np.isnan(known), np.inf, known),
                total=total,
                slices=slices,
            )
        )
    return windows
