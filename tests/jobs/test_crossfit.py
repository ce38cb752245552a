"""Small boosters over rows that are more than one learns from."""

import numpy as np
import pytest

from headrace_jobs.statistics.crossfit import Sample, cross_fitted
from headrace_schemas.declarations.model import Task


def test_all_rows_have_a_share_in_what_is_learnt_when_they_are_many_and_in_order() -> None:
    target = (np.arange(24_000) >= 21_000).astype(float)
    rows = target[:, None]
    found, (others,) = cross_fitted(
        Task.BINARY, Sample(rows), target, None, (Sample(np.array([[0.0], [1.0]])),)
    )
    assert others == pytest.approx([0, 1], abs=0.05)
    assert found == pytest.approx(target, abs=0.05)


def test_no_row_predicts_itself_when_labels_are_drawn_by_lot() -> None:
    random = np.random.default_rng(3)
    target = (random.random(2000) < 0.5).astype(float)
    found, _ = cross_fitted(Task.BINARY, Sample(random.normal(size=(2000, 8))), target, None)
    assert abs(np.corrcoef(found, target)[0, 1]) < 0.06
