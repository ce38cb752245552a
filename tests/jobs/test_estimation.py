"""Losses without labels and their split, on simulated rows with known truth."""

import numpy as np
import pytest
from numpy.typing import NDArray

from headrace_jobs.statistics import domain, estimation, metrics
from headrace_jobs.statistics.estimation import Scored
from headrace_jobs.statistics.losses import Loss

REPEATS = 8
LEAST_RIGHT = 6
"""Of 8 intervals of 95 %; fewer would hold with a probability of 0.006, and the seeds are fixed."""


def chance(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log odds as a probability."""
    return 1 / (1 + np.exp(-odds))


def classes(
    seed: int, rows: int = 1500, spread: float = 1.0, concept: float = 0.0, odds: float = 0
) -> Scored:
    """Rows of a champion that knows the truth but for `concept`; nearer to 0 inputs are harder."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, 5)) * [spread, spread, 1, 1, 1]
    known = 2 * inputs[:, 0] + inputs[:, 1] + odds
    truth = chance(known + concept * inputs[:, 2])
    return Scored(inputs, chance(known), (random.random(rows) < truth).astype(float))


def numbers(seed: int, shift: float = 0.0, concept: float = 0.0, rows: int = 1500) -> Scored:
    """Likewise with a noise that grows with the first input, and a tail of Student's t."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, 5))
    inputs[:, 0] += shift
    noise = np.exp(0.5 * inputs[:, 0]) * random.standard_t(4, rows)
    known = inputs[:, 0] + inputs[:, 1]
    return Scored(inputs, known, known + concept * inputs[:, 2] + noise)


def test_harder_inputs_explain_all_when_only_inputs_changed() -> None:
    covered, found = 0, 0
    for seed in range(REPEATS):
        split = estimation.split(Loss.LOG, classes(seed), classes(100 + seed, spread=0.5))
        assert split.concept is not None
        assert split.why_not is None
        covered += split.concept.low <= 0 <= split.concept.high
        found += split.inputs.low > 0
    assert covered >= LEAST_RIGHT
    assert found >= LEAST_RIGHT


def test_a_changed_world_explains_all_when_inputs_stood_still() -> None:
    covered, found = 0, 0
    for seed in range(REPEATS):
        split = estimation.split(Loss.LOG, classes(seed), classes(200 + seed, concept=2.0))
        assert split.concept is not None
        covered += split.inputs.low <= 0 <= split.inputs.high
        found += split.concept.low > 0
    assert covered >= LEAST_RIGHT
    assert found >= LEAST_RIGHT


def test_both_parts_are_found_when_both_changed() -> None:
    split = estimation.split(Loss.LOG, classes(1, 4000), classes(2, 4000, spread=0.5, concept=2.0))
    assert split.concept is not None
    assert split.inputs.low > 0
    assert split.concept.low > 0
    assert split.realised == pytest.approx(split.estimate.value + split.concept.value)


@pytest.mark.parametrize("loss", [Loss.ABSOLUTE, Loss.SQUARED])
def test_harder_inputs_explain_all_when_numbers_have_fat_tails(loss: Loss) -> None:
    covered, found = 0, 0
    for seed in range(REPEATS):
        split = estimation.split(loss, numbers(seed), numbers(300 + seed, shift=0.7))
        assert split.concept is not None
        covered += split.concept.low <= 0 <= split.concept.high
        found += split.inputs.low > 0
    assert covered >= LEAST_RIGHT
    assert found >= LEAST_RIGHT


def test_the_interval_of_the_estimate_covers_the_true_loss_when_positives_are_rare() -> None:
    truth = classes(0, 200_000, spread=1.3, odds=-7.0)
    sure = truth.predicted
    expected = -float((sure * np.log(sure) + (1 - sure) * np.log1p(-sure)).mean())
    covered = 0
    for seed in range(REPEATS):
        window = classes(400 + seed, spread=1.3, odds=-7.0)
        window.target[:] = np.nan
        split = estimation.split(Loss.LOG, classes(seed, odds=-7.0), window)
        assert split.concept is None
        covered += split.estimate.low <= expected <= split.estimate.high
    assert covered >= LEAST_RIGHT


def test_the_split_is_not_reliable_when_inputs_are_far_away() -> None:
    far = classes(1)
    far.rows[:, 3] += 6
    split = estimation.split(Loss.LOG, classes(2), far)
    assert split.why_not is not None
    assert split.score is None


def test_the_split_is_not_reliable_when_the_last_one_was_wrong() -> None:
    split = estimation.split(Loss.LOG, classes(1), classes(2), last_was_outside=True)
    assert split.why_not is not None


@pytest.mark.parametrize("rows", [0, 1, 60])
@pytest.mark.parametrize("label", [0.0, 1.0, np.nan])
def test_numbers_stay_numbers_when_rows_are_few_or_of_one_class(rows: int, label: float) -> None:
    reference, window = classes(1, 300), classes(2, rows)
    reference.rows[:, 0] = 1.0
    reference.rows[:, 1] = np.nan
    reference.rows[:5, 2] = np.inf
    window.rows[:, 1] = np.nan
    window.target[:] = label
    reference.target[:] = 0.0
    for loss in Loss:
        split = estimation.split(loss, reference, window)
        parts = [split.estimate, split.inputs, *([split.concept] if split.concept else [])]
        assert np.isfinite([[part.value, part.error] for part in parts]).all()


def test_a_split_repeats_to_the_last_digit_when_it_is_measured_again() -> None:
    first, second = (estimation.split(Loss.LOG, classes(1), classes(2)) for _ in range(2))
    assert first == second


def test_the_expected_auc_is_the_realised_one_when_chances_are_right() -> None:
    rows = classes(3, 3000)
    found = estimation.expected_metric("auc", rows.predicted, rows.predicted)
    realised = metrics.measure("auc", rows.target, rows.predicted)
    assert found is not None
    assert realised is not None
    assert found[1] < realised < found[2]


def test_no_auc_is_expected_when_there_can_be_one_class_only() -> None:
    assert estimation.expected_metric("auc", np.ones(20), np.zeros(20)) is None


def test_rows_cannot_be_told_apart_when_inputs_stood_still() -> None:
    found = domain.compare(classes(1, 4000).rows, classes(2, 1000).rows)
    assert found.signal.low is not None
    assert found.signal.high is not None
    assert found.signal.low < 0.5 < found.signal.high
    assert found.effective > 0.75


def test_weights_turn_the_reference_into_the_window_when_an_input_moved() -> None:
    reference, moved = classes(1, 9000).rows, classes(2, 9000).rows
    moved[:, 3] += 0.7
    found = domain.compare(reference, moved, threshold=0.6)
    assert found.signal.counts
    assert np.average(reference[:, 3], weights=found.weights) == pytest.approx(0.7, abs=0.15)
    assert found.effective == pytest.approx(np.exp(-(0.7**2)), abs=0.2)
