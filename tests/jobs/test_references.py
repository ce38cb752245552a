"""What a window's inputs are compared with, and from when on they count as drifted."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.statistics.bin_counts import feature_of
from headrace_jobs.statistics.divergence import Effect
from headrace_jobs.statistics.references import (
    ALL_INPUTS,
    ALPHA,
    BEFORE_METHOD,
    METHOD,
    SEASON_METHOD,
    Comparison,
    binned,
    conformal_p,
    conformal_threshold,
    input_signals,
    levels,
    season_of,
    sign_test,
    statable,
)
from headrace_jobs.statistics.sketches import ColumnSketch, merged, sketch
from headrace_schemas.decisions.signal import Signal

ROWS = 2000

Windows = list[dict[str, ColumnSketch]]


def window(seed: int, **means: float) -> dict[str, ColumnSketch]:
    """Columns that are normal around a mean."""
    random = np.random.default_rng(seed)
    return {
        name: sketch(FeatureKind.NUMBER, pd.Series(random.normal(mean, 1, ROWS), dtype="float32"))
        for name, mean in means.items()
    }


def features(windows: Windows, **importances: float) -> list[Feature]:
    """Features whose bins all rows of the windows make."""
    return [
        feature_of(name, merged(each[name] for each in windows), importance)
        for name, importance in importances.items()
    ]


def of(signals: Sequence[Signal], subject: str) -> Signal:
    """The signal that counts of a subject."""
    return next(each for each in signals if each.subject == subject)


STILL = [window(seed, x=0, y=0) for seed in range(30)]


def test_nothing_counts_when_a_window_is_one_more_of_the_references() -> None:
    inputs = features(STILL[:24], x=0.7, y=0.3)

    found = input_signals(inputs, window(99, x=0, y=0), STILL, range(24))

    assert [each.subject for each in found] == ["x", "y", "x", "y", ALL_INPUTS]
    assert [each.weight for each in found] == [0.7, 0.3, None, None, None]
    assert [each.method for each in found[:4]] == [METHOD] * 2 + [BEFORE_METHOD] * 2
    assert not any(each.counts for each in found)
    assert all(each.why_not is None for each in found)


def test_a_shift_counts_when_it_is_beyond_the_effect_and_the_references_own_windows() -> None:
    inputs = features(STILL[:24], x=0.7, y=0.3)

    found = input_signals(inputs, window(99, x=1, y=0), STILL, range(24))

    assert of(found, "x").counts
    assert of(found, "x").threshold == 0.2
    assert not of(found, "y").counts
    assert of(found, ALL_INPUTS).counts
    before = next(each for each in found if each.method == BEFORE_METHOD)
    assert before.value > 0.2
    assert not before.counts


def test_a_shift_is_no_drift_when_the_references_windows_differ_as_much() -> None:
    means = np.random.default_rng(5).choice([-4, 0, 4], 24)
    restless = [window(seed, x=mean, y=0) for seed, mean in enumerate(means)]
    inputs = features(restless, x=0.5, y=0.5)

    as_ever = input_signals(inputs, window(99, x=4, y=0), restless, range(24))
    never = input_signals(inputs, window(99, x=30, y=0), restless, range(24))

    assert of(as_ever, "x").value > 0.2
    assert not of(as_ever, "x").counts
    assert of(as_ever, "x").threshold > 0.2
    assert of(never, "x").counts


def seasonal(number: int) -> Windows:
    """Windows whose `x` comes and goes every twelfth."""
    angles = 2 * np.pi * np.arange(number) / 12
    return [window(i, x=3 * np.sin(angle), y=0) for i, angle in enumerate(angles)]


def test_a_season_is_found_when_there_are_two_full_ones() -> None:
    windows = seasonal(36)
    inputs = features(windows, x=0.9, y=0.1)

    def known(number: int) -> int | None:
        found = [binned(each, {}, (), windows[:number]) for each in inputs]
        return season_of(found).windows

    assert [known(number) for number in (0, 7, 23, 24, 36)] == [None, None, None, 12, 12]
    unknown = season_of([binned(each, {}, (), windows[:7]) for each in inputs])
    assert "two full" in str(unknown.why_not)


def test_there_is_no_season_when_windows_are_all_alike() -> None:
    inputs = features(STILL, x=0.5, y=0.5)

    assert season_of([binned(each, {}, (), STILL) for each in inputs]).windows is None


def test_what_comes_back_each_year_is_no_drift_when_the_champion_learnt_from_it() -> None:
    windows = seasonal(33)
    learnt = [2, 3, 4]  # of the top of the season; now it is at its bottom
    inputs = features([windows[place] for place in learnt], x=0.9, y=0.1)
    now = window(99, x=-3, y=0)
    another = window(99, x=8, y=0)

    never_learnt = of(input_signals(inputs, now, windows, learnt), "x")
    had_learnt = of(input_signals(inputs, now, windows, [*learnt, 9]), "x")
    is_new = of(input_signals(inputs, another, windows, [*learnt, 9]), "x")

    assert (never_learnt.method, never_learnt.counts) == (METHOD, True)
    assert (had_learnt.method, had_learnt.counts) == (SEASON_METHOD, False)
    assert is_new.counts


def test_a_rate_is_said_when_windows_are_too_few_to_state_it() -> None:
    inputs = features(STILL[:12], x=0.7, y=0.3)

    few = of(input_signals(inputs, window(99, x=0, y=0), STILL[:12], range(12)), ALL_INPUTS)

    assert few.why_not == "with 12 windows the smallest false-alarm rate that can be stated is 7.7%"
    assert statable(19) is None
    assert "nothing is known" in str(statable(0))


def test_a_conformal_threshold_is_the_distance_from_which_p_is_small() -> None:
    own = [float(each) for each in np.random.default_rng(0).permutation(40)]

    limit = conformal_threshold(own)

    assert conformal_p(limit + 1e-9, own) <= ALPHA < conformal_p(limit, own)
    assert conformal_threshold([1.0, 3.0, 2.0]) == 3.0
    assert conformal_threshold([]) == 0.0


@pytest.mark.parametrize("number", [19, 40, 99])
def test_false_alarms_are_as_rare_as_stated_when_windows_are_exchangeable(number: int) -> None:
    random = np.random.default_rng(number)
    draws = random.exponential(size=(4000, number + 1))

    alarms = [line[-1] > conformal_threshold(line[:-1].tolist()) for line in draws]

    assert np.mean(alarms) == pytest.approx(
        np.floor(ALPHA * (number + 1)) / (number + 1), abs=0.012
    )


def test_no_windows_and_no_rows_are_said_when_there_is_nothing_to_compare() -> None:
    inputs = features(STILL[:5], x=1.0)
    nothing = {"x": sketch(FeatureKind.NUMBER, pd.Series([], dtype="float32"))}

    gone, none, bare = (input_signals(inputs, found) for found in ({}, nothing, window(99, x=3)))

    assert of(gone, "x").why_not == "the window has no such column"
    assert of(none, "x").why_not == "there are no rows"
    assert of(gone, ALL_INPUTS).why_not == "there is nothing to compare"
    assert of(bare, "x").counts
    assert "nothing is known" in str(of(bare, ALL_INPUTS).why_not)
    assert [each.subject for each in input_signals([], {})] == [ALL_INPUTS]


def comparisons(**margins: float) -> Mapping[str, Comparison]:
    """Effects that are so many standard errors beyond their thresholds."""
    effects = {
        name: Effect(0.2 + margin, 0.2 + margin - 1.645, 0.2 + margin + 1.645)
        for name, margin in margins.items()
    }
    return {name: Comparison(METHOD, effect, 0.2) for name, effect in effects.items()}


def test_intervals_widen_when_one_of_many_features_is_chosen() -> None:
    judged = comparisons(a=2.0, **{f"n{i}": 0.0 for i in range(9)})
    equal = [Feature(name=name, type="FLOAT", kind=FeatureKind.NUMBER) for name in judged]
    heavy = [each.model_copy(update={"importance": float(each.name == "a")}) for each in equal]

    alone = levels(equal[:1], {"a": judged["a"]})
    among = levels(equal, judged)
    important = levels(heavy, judged)

    assert alone == [ALPHA]
    assert among[0] == pytest.approx(ALPHA / 10)
    assert important[0] > among[0]
    ends = [judged["a"].at_level(each[0])[0] for each in (alone, among, important)]
    assert [end >= 0.2 for end in ends] == [True, False, True]


def test_all_count_when_all_of_many_features_moved() -> None:
    judged = comparisons(**{f"n{i}": 2.0 for i in range(10)})
    equal = [Feature(name=name, type="FLOAT", kind=FeatureKind.NUMBER) for name in judged]

    assert levels(equal, judged) == pytest.approx([ALPHA] * 10)


def test_a_coin_is_fair_in_the_sign_test() -> None:
    assert sign_test(0, 5) == 1
    assert sign_test(5, 5) == pytest.approx(1 / 32)
