"""Profiles of a window's labels."""

import numpy as np
import pytest

from headrace_jobs.statistics.labels import label_profiles
from headrace_schemas.declarations.model import Task

RANDOM = np.random.default_rng(4)
ROWS = RANDOM.normal(size=(1500, 4))
CHANCE = 1 / (1 + np.exp(-2 * ROWS[:, 0]))
TARGET = (RANDOM.random(1500) < CHANCE).astype(float)
LEFT = ROWS[:, 1] < 0


def test_labels_have_skill_and_stand_upright_when_they_follow_the_inputs() -> None:
    (found,) = label_profiles(Task.BINARY, ROWS, TARGET, CHANCE, {})
    assert found.rows == 1500
    assert found.mean == pytest.approx(TARGET.mean())
    assert found.skill is not None
    assert found.skill > 0.15
    assert found.flipped is not None
    assert found.flipped < 0


def test_flipped_labels_are_seen_in_their_slice_when_the_rest_is_right() -> None:
    target = np.where(LEFT, 1 - TARGET, TARGET)
    found = {
        profile.slice: profile
        for profile in label_profiles(
            Task.BINARY, ROWS, target, CHANCE, {"left": LEFT, "right": ~LEFT}
        )
    }
    assert list(found) == ["", "left", "right"]
    assert (found["left"].flipped or 0) > 0 > (found["right"].flipped or 0)


def test_labels_have_no_skill_when_they_are_drawn_by_lot() -> None:
    (found,) = label_profiles(Task.BINARY, ROWS, RANDOM.permutation(TARGET), None, {})
    assert found.flipped is None
    assert found.skill is not None
    assert found.skill < 0.02


def test_numbers_have_skill_when_one_of_them_is_an_outlier() -> None:
    target = ROWS[:, 0] + RANDOM.normal(0, 0.5, 1500)
    target[0] = 1e40
    (found,) = label_profiles(Task.REGRESSION, ROWS, target, None, {})
    assert found.skill is not None
    assert found.skill > 0.5


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_skill_is_not_known_when_labels_do_not_vary(task: Task, value: float) -> None:
    (found,) = label_profiles(task, ROWS, np.full(1500, value), CHANCE, {})
    assert found.skill is None
    assert found.deviation == 0


def test_skill_is_not_known_when_rows_are_few() -> None:
    assert label_profiles(Task.BINARY, ROWS[:50], TARGET[:50], None, {})[0].skill is None


def test_there_is_no_profile_when_no_row_has_a_label() -> None:
    assert label_profiles(Task.BINARY, ROWS, np.full(1500, np.nan), CHANCE, {}) == ()
