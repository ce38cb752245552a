"""The split of a loss in words, and slow change summed over windows."""

import random
import statistics

import pytest

from headrace_schemas.decisions.split import (
    LossSplit,
    Part,
    cusum_limit,
    run_length,
    slow_change,
)


def split(realised: float | None, concept: Part | None) -> LossSplit:
    """A split of which only the concept part matters."""
    inputs = Part(value=0.025, error=0.005)
    estimate = Part(value=0.525, error=0.005)
    return LossSplit(
        loss="log loss",
        reference=0.5,
        estimate=estimate,
        inputs=inputs,
        realised=realised,
        concept=concept,
        effective=0.8,
    )


@pytest.mark.parametrize(("shift", "length"), [(0.0, 335), (1.0, 8.4), (2.0, 3.3)])
def test_the_run_length_is_the_published_one_when_the_limit_is_four(
    shift: float, length: float
) -> None:
    assert run_length(4, shift) == pytest.approx(length, rel=0.03)


def test_the_run_length_is_that_of_simulated_scores_when_nothing_changes() -> None:
    dice, lengths = random.Random(1), []
    for _ in range(300):
        total, count = 0.0, 0
        while total < 3:
            total, count = max(0.0, total + dice.gauss(0, 1) - 0.5), count + 1
        lengths.append(count)
    assert statistics.fmean(lengths) == pytest.approx(run_length(3, 0.0), rel=0.2)


def test_the_limit_is_higher_when_a_year_has_more_windows() -> None:
    limits = [cusum_limit(windows) for windows in (1, 12, 52, 365, 8760)]
    assert limits == sorted(limits)
    assert limits[0] == 3
    assert run_length(limits[3], 0.0) == pytest.approx(3650, rel=0.01)


def test_slow_change_is_found_when_no_window_alone_says_it() -> None:
    dice = random.Random(2)
    scores = [dice.gauss(0, 1) for _ in range(10)] + [dice.gauss(1.2, 1) for _ in range(20)]
    assert not slow_change(scores[:10], 12).counts
    assert slow_change(scores, 12).counts


def test_nothing_adds_up_when_scores_vary_more_than_their_errors_say() -> None:
    scores = [-6.0, 5.0, -4.0, 6.0, -5.0, 4.0, -6.0, 5.0, -4.0, 5.0]
    assert not slow_change(scores, 12).counts


def test_slow_change_is_not_said_when_no_window_has_matured() -> None:
    assert slow_change([], 12).why_not is not None


def test_only_the_concept_part_makes_a_score_when_inputs_are_harder() -> None:
    found = split(0.53, Part(value=0.005, error=0.01))
    assert found.score == pytest.approx(0.5)
    assert not found.lies_outside
    assert "inputs explain +0.025" in found.text


def test_the_estimate_is_said_when_there_are_no_labels() -> None:
    assert "expected without labels" in split(None, None).text
    assert split(None, None).score is None
