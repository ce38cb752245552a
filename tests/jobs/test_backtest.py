"""A history replayed under policies, beside the best schedule in hindsight."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from benchmarks.decisions import own
from benchmarks.decisions.boosters import Boosters
from benchmarks.decisions.worlds import Scenario, world_of
from pyspark.sql import SparkSession

from headrace_jobs.monitoring import backtest
from headrace_jobs.monitoring.backtest_oracle import Oracle
from headrace_jobs.monitoring.backtest_replay import replayed
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.model_errors import PolicyIncomparable
from headrace_schemas.wire.backtest_job import BacktestSpec
from tests.jobs.learning import CONTRACT, head, model, publish, trips

CHANGE, HISTORY, MONTHS = 5, 3, 8

ABRUPT = Scenario(
    "abrupt",
    "another concept from the sixth month on",
    own.monthly(own.mixed, own.mixing(lambda month: float(month >= CHANGE))),
    own.MIXED,
    rows=400,
    history=HISTORY,
    months=MONTHS,
    changes=(CHANGE,),
)


def with_cost(declared, cost):
    retraining = declared.retraining.model_copy(update={"cost": cost})
    return declared.model_copy(update={"retraining": retraining})


@pytest.fixture(scope="module")
def boosters():
    return Boosters(world_of(ABRUPT, 0))


@pytest.fixture(scope="module")
def both(boosters):
    return replayed(boosters, boosters.model, with_cost(boosters.model, 100.0))


def test_change_is_learnt_and_costs_less_than_never_when_trainings_are_cheap(both):
    declared, _ = both
    served = [window for window in declared.windows if window.served is not None]
    assert [window.window for window in served] == [f"2020-{month:02}" for month in range(4, 9)]
    assert all(window.loss is not None and window.metric is not None for window in served)
    changed = declared.windows[CHANGE]
    assert (changed.verdict, changed.is_promoted) == (Verdict.TRAIN, True)
    assert declared.windows[CHANGE + 1].served == "2"
    assert declared.windows[CHANGE + 1].loss < changed.loss
    totals = declared.totals
    assert (totals.windows, totals.promoted) == (MONTHS - HISTORY, 1)
    assert totals.cost == pytest.approx(totals.loss + totals.asked * totals.training)
    assert totals.best <= totals.every
    assert totals.cost < totals.never
    assert totals.regret < 0.5


def test_nothing_is_asked_for_and_the_cost_is_nevers_when_trainings_are_dear(both):
    _, other = both
    totals = other.totals
    assert (totals.asked, totals.promoted, totals.best_trainings) == (0, 0, 0)
    # The first model of both has the same rows, of which the policy's served on from its holdout.
    assert totals.cost == pytest.approx(totals.never) == pytest.approx(totals.best)
    assert totals.regret is None


def test_replay_is_the_same_when_it_is_done_again(boosters, both):
    again = Boosters(world_of(ABRUPT, 0))
    assert replayed(again, again.model, with_cost(again.model, 100.0)) == both


def test_best_schedule_is_that_of_all_schedules_when_all_are_tried(boosters):
    live, cost = range(HISTORY, MONTHS), 0.05
    oracle = Oracle(boosters, live)
    tried = []
    for count in range(len(live)):
        for inner in combinations(live[1:], count):
            starts, stops = (live.start, *inner), (*inner, live.stop)
            losses = sum(
                min(oracle.losses[start][:, : stop - start].sum(axis=1))
                for start, stop in zip(starts, stops, strict=True)
            )
            tried.append((losses + cost * count, count))
    best = oracle.best(cost)
    assert best.cost == pytest.approx(min(tried)[0])
    assert best.trainings == min(tried)[1]


def test_held_window_counts_for_no_schedule_when_its_labels_are_broken():
    def all_one(random, month, numbers, labels):
        return numbers, np.ones_like(labels) if month == CHANGE else labels

    broken = Boosters(world_of(replace(ABRUPT, fault=all_one), 0))
    declared, other = replayed(broken, broken.model, None)
    assert other is None
    assert [window.window for window in declared.windows if window.is_held] == ["2020-06"]
    assert declared.windows[CHANGE].verdict is Verdict.HOLD
    assert declared.totals.windows == MONTHS - HISTORY - 1


def test_nothing_is_compared_when_no_model_ever_served(boosters):
    never = boosters.model.model_copy(
        update={"split": boosters.model.split.model_copy(update={"first_after_partitions": 99})}
    )
    declared, _ = replayed(boosters, never, None)
    assert {window.verdict for window in declared.windows} == {Verdict.WAIT}
    assert declared.totals is None


def backtest_spec(features, declared, other=None):
    return BacktestSpec(
        **head("backtest"), model=declared, contract=CONTRACT, features=features, other=other
    )


@pytest.mark.spark
def test_table_is_replayed_when_its_rows_are_read(engine: SparkSession, tmp_path: Path) -> None:
    features = publish(engine, tmp_path / "features", trips())
    declared = model("replayed", split={"holdout_days": 21, "first_after_partitions": 2})
    spec = backtest_spec(features, declared, with_cost(declared, 100.0))
    report = backtest.run(engine, spec)
    assert (report.metric, report.share, report.is_pilot) == ("auc", 1.0, False)
    assert [one.window for one in report.declared.windows] == [
        "2024-01",
        "2024-02",
        "2024-03",
        "2024-04",
    ]
    first, second, third, fourth = report.declared.windows
    assert (first.verdict, second.verdict) == (Verdict.WAIT, Verdict.TRAIN)
    assert "promote: " in second.reason
    assert (second.served, third.served) == (None, "1")
    assert fourth.metric > 0.6
    assert report.declared.totals.windows == 2
    assert report.other.totals.asked == 0
    assert backtest.run(engine, spec) == report


@pytest.mark.spark
def test_policy_is_refused_when_its_losses_have_another_unit(
    engine: SparkSession, tmp_path: Path
) -> None:
    declared = model("compared")
    monitors = {"performance": {"metric": "brier"}}
    features = publish(engine, tmp_path / "features", trips(a_month=20))
    spec = backtest_spec(features, declared, model("compared", monitors=monitors))
    with pytest.raises(PolicyIncomparable, match="losses of brier and of auc"):
        backtest.run(engine, spec)
