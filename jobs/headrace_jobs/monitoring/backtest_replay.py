"""A history under a policy and under another one, beside the best schedule: a function of arrays."""

import numpy as np

from headrace_jobs.monitoring.backtest_boosters import Boosters
from headrace_jobs.monitoring.backtest_life import Life, Played
from headrace_jobs.monitoring.backtest_oracle import Oracle
from headrace_schemas.declarations.model import Model
from headrace_schemas.wire.backtest_job import BacktestedPolicy, BacktestedWindow, BacktestTotals


def replayed(
    boosters: Boosters, model: Model, other: Model | None
) -> tuple[BacktestedPolicy, BacktestedPolicy | None]:
    """What comes of both policies; the second is None where there is none.

    Nobody is asked for an approval.
    """
    models = [model] if other is None else [model, other]
    lives = [Life(boosters, each.model_copy(update={"approval": "none"})) for each in models]
    for life in lives:
        life.live()
    windows = boosters.windows
    starts = [min(life.played.served, default=len(windows)) for life in lives]
    live, held = range(max(starts), len(windows)), lives[0].held()
    left_out = {number for number, window in enumerate(windows) if window.key in held}
    unlabelled = {number for number in live if np.isnan(windows[number].truth).all()}
    uncounted, oracle = left_out | unlabelled, None
    if set(live) - uncounted:
        oracle = Oracle(boosters, live, left_out, uncounted)
    found = [
        BacktestedPolicy(
            windows=tuple(told(life, number) for number in range(len(windows))),
            totals=None
            if oracle is None
            else totals(oracle, life.played, uncounted, cost_of(boosters, life.model)),
        )
        for life in lives
    ]
    return found[0], found[1] if other is not None else None


def cost_of(boosters: Boosters, model: Model) -> float:
    """Of one training: as it is declared, or the default on average over the windows."""
    declared = model.retraining.cost
    return boosters.cost if declared is None else declared


def told(life: Life, number: int) -> BacktestedWindow:
    """One window."""
    played, window = life.played, life.windows[number]
    asked = [each.is_promoted for each in played.trainings if each.window == number]
    is_judged = number in played.served and not np.isnan(window.truth).all()
    return BacktestedWindow(
        window=window.key,
        verdict=played.verdicts[number],
        reason=played.reasons[number],
        served=played.served.get(number),
        loss=played.losses[number] if is_judged else None,
        metric=played.metrics.get(number),
        is_promoted=asked[0] if asked else None,
        is_held=window.key in life.held(),
    )


def totals(oracle: Oracle, played: Played, uncounted: set[int], cost: float) -> BacktestTotals:
    """Costs over the windows that count.

    Args:
        cost: Of one training.
    """
    live, best = oracle.live, oracle.best(cost)
    counted = [number for number in live if number not in uncounted]
    trainings = [each for each in played.trainings if each.window in live]
    loss = sum(played.losses[number] for number in counted)
    return BacktestTotals(
        windows=len(counted),
        asked=len(trainings),
        promoted=sum(each.is_promoted for each in trainings),
        training=cost,
        loss=loss,
        cost=loss + cost * len(trainings),
        best=best.cost,
        best_trainings=best.trainings,
        never=sum(oracle.never()),
        every=oracle.every() + cost * (len(live) - 1),
    )
