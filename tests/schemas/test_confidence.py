"""Bounds of mean losses: what they promise at all looks at once, by simulation with known truth."""

import math
import random
import statistics
from collections.abc import Callable

import pytest

from headrace_schemas.decisions.confidence import bounds, pooled, worse
from headrace_schemas.decisions.gain import Moments

ALPHA = 0.05
SEQUENCES = 40
LOOKS = 60
MOST = 8
"""Sequences of 40 that may fail: at a true share of 5 %, more do with a probability of 0.0001; the seeds
are fixed, so what passes once passes always."""

LOSSES: dict[str, tuple[Callable[[random.Random], float], float]] = {
    "bernoulli": (lambda dice: float(dice.random() < 0.2), 0.2),
    "lognormal": (lambda dice: dice.lognormvariate(0, 0.8), math.exp(0.32)),
    "two-sided, fat tails": (lambda dice: dice.choice((-1, 1)) * dice.paretovariate(3), 0.0),
}


def window(dice: random.Random, loss: str, rows: int, shift: float = 0.0) -> Moments:
    """Moments of so many losses."""
    values = [LOSSES[loss][0](dice) + shift for _ in range(rows)]
    return Moments(rows=rows, mean=statistics.fmean(values), variance=statistics.pvariance(values))


def normal(dice: random.Random, rows: int, mean: float = 1.0, between: float = 0.0) -> Moments:
    """Moments of normal losses of variance 1, whose windows differ by so many deviations."""
    mean += dice.gauss(0, between) + dice.gauss(0, 1 / math.sqrt(rows))
    return Moments(rows=rows, mean=mean, variance=1.0)


@pytest.mark.parametrize("loss", LOSSES)
def test_bounds_hold_at_all_looks_when_losses_are_skewed_or_fat(loss: str) -> None:
    dice, truth, low, high = random.Random(3), LOSSES[loss][1], 0, 0
    for _ in range(SEQUENCES):
        windows = [window(dice, loss, 200) for _ in range(LOOKS)]
        looks = [bounds(windows[:count], ALPHA) for count in range(1, LOOKS + 1)]
        low += any(look.low > truth for look in looks)
        high += any(look.high < truth for look in looks)
    assert low <= MOST
    assert high <= MOST


@pytest.mark.parametrize("rows", [500, 5000])
def test_bounds_hold_at_all_looks_when_windows_are_large(rows: int) -> None:
    dice, off = random.Random(4), 0
    for _ in range(SEQUENCES):
        windows = [normal(dice, rows) for _ in range(LOOKS)]
        off += any(
            not bounds(windows[:count], ALPHA / 2).low
            <= 1
            <= bounds(windows[:count], ALPHA / 2).high
            for count in range(1, LOOKS + 1)
        )
    assert off <= MOST


def test_bounds_hold_when_windows_differ_more_than_their_rows_explain() -> None:
    dice, off = random.Random(5), 0
    for _ in range(SEQUENCES):
        windows = [normal(dice, 5000, between=0.1) for _ in range(LOOKS)]
        off += any(bounds(windows[:count], ALPHA).low > 1 for count in range(3, LOOKS + 1))
    assert off <= MOST


def test_bounds_are_wider_when_windows_differ_than_when_they_do_not() -> None:
    alike = [Moments(rows=1000, mean=1.0, variance=1.0)] * 4
    apart = [Moments(rows=1000, mean=1.0 + move, variance=1.0) for move in (-0.2, 0.2, -0.2, 0.2)]
    assert bounds(alike, ALPHA).between == 0
    assert bounds(apart, ALPHA).between == pytest.approx(0.16 / 3, rel=0.02)
    assert bounds(apart, ALPHA).high > 3 * bounds(alike, ALPHA).high - 2


def test_one_window_is_as_uncertain_as_others_vary_when_they_are_given() -> None:
    one = [Moments(rows=1000, mean=1.0, variance=1.0)]
    others = [Moments(rows=1000, mean=move, variance=1.0) for move in (5.0, 5.5, 4.5, 5.2)]
    assert bounds(one, ALPHA, [others]).low < bounds(one, ALPHA).low - 0.5


@pytest.mark.parametrize("windows", [[], [Moments(rows=1, mean=2.0, variance=0.0)] * 3])
def test_nothing_is_bounded_when_rows_are_too_few(windows: list[Moments]) -> None:
    found = bounds(windows, ALPHA)
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert not worse(windows, windows, 0.0, ALPHA).counts


def test_moments_are_those_of_all_rows_when_windows_are_pooled() -> None:
    dice = random.Random(6)
    values = [
        [dice.gauss(mean, 2) for _ in range(rows)] for mean, rows in ((0, 3), (5, 50), (1, 1))
    ]
    windows = [
        Moments(rows=len(rows), mean=statistics.fmean(rows), variance=statistics.pvariance(rows))
        for rows in values
    ]
    every = [value for rows in values for value in rows]
    assert pooled(windows).mean == pytest.approx(statistics.fmean(every))
    assert pooled(windows).variance == pytest.approx(statistics.pvariance(every))


@pytest.mark.parametrize("between", [0.0, 0.1])
def test_no_alarm_when_the_loss_did_not_rise(between: float) -> None:
    dice, alarms = random.Random(7), 0
    for _ in range(SEQUENCES):
        reference = [normal(dice, 1000, between=between)]
        windows = [normal(dice, 1000, between=between) for _ in range(12)]
        alarms += any(
            worse(windows[:count], reference, 0.0, ALPHA).counts for count in range(1, 13)
        )
    assert alarms <= MOST


def test_no_alarm_when_few_rows_have_all_of_the_loss() -> None:
    dice, alarms = random.Random(8), 0
    for _ in range(SEQUENCES):
        windows = []
        for _ in range(16):
            hits = sum(dice.random() < 0.01 for _ in range(60))
            share = hits / 60
            windows.append(Moments(rows=60, mean=share, variance=share * (1 - share)))
        alarms += any(
            worse(windows[1:count], windows[:1], 0.0, ALPHA).counts for count in range(2, 17)
        )
    assert alarms <= MOST


def test_a_rise_is_found_in_two_windows_when_it_comes_after_many_good_ones() -> None:
    dice = random.Random(9)
    reference = [normal(dice, 2000) for _ in range(4)]
    windows = [normal(dice, 2000) for _ in range(20)] + [normal(dice, 2000, 1.4) for _ in range(2)]
    assert not worse(windows[:20], reference, 0.02, ALPHA).counts
    alarm = worse(windows, reference, 0.02, ALPHA)
    assert alarm.counts
    assert alarm.method == "rise over 2 windows"
    assert alarm.low is not None
    assert alarm.high is not None
    assert alarm.low < 0.4 < alarm.high


def test_no_alarm_when_the_rise_is_tolerated() -> None:
    dice = random.Random(10)
    reference = [normal(dice, 5000) for _ in range(4)]
    assert not worse([normal(dice, 5000, 1.1) for _ in range(9)], reference, 0.15, ALPHA).counts
