"""Drift of inputs, as the ledger's decisions hold it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from headrace_schemas.decisions.decision import Decision
from headrace_schemas.decisions.drift import Drift, drift_in
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.decisions.signal import Question, Signal
from headrace_schemas.declarations.model import Model, load_model
from tests.schemas.test_decisions import AS_OF, MODEL, days_ago, monitored

Decide = Callable[..., Decision]


@pytest.fixture
def decided(tmp_path: Path) -> Decide:
    """Makes a decision on what was monitored, `age` days ago."""
    file = tmp_path / "delay.yaml"
    file.write_text(MODEL)
    model: Model = load_model(file)

    def decide(ago: float = 0, **evidence: object) -> Decision:
        return decide_retraining(model, monitored(**evidence), [], days_ago(ago))  # type: ignore[arg-type]  # as given

    return decide


def test_drift_is_found_when_features_that_matter_moved_though_results_hold(
    decided: Decide,
) -> None:
    asked = decided(psi=0.3)
    found = drift_in([asked], "delay")
    assert found == Drift(
        window="2024-05",
        decision=asked.id,
        signals=("60% of the importance lies in features that drifted (temp)",),
    )


def test_newest_window_counts_unless_one_is_named(decided: Decide) -> None:
    earlier = decided(ago=31, psi=0.3, window="2024-04")
    history = [decided(psi=0.0), earlier]
    assert drift_in(history, "delay") is None
    named = drift_in(history, "delay", "2024-04")
    assert named is not None
    assert named.decision == earlier.id
    assert drift_in(history, "delay", "2024-03") is None
    assert drift_in(history, "other") is None


def test_signal_of_an_extension_counts_by_itself(decided: Decide) -> None:
    signal = Signal(
        question=Question.INPUTS, subject="temp", method="wasserstein", value=2.0, threshold=1.0
    )
    asked = decided(signals=(signal,))
    assert asked.as_of == AS_OF
    found = drift_in([asked], "delay")
    assert found is not None
    assert found.signals == ("wasserstein of temp 2, 1 asked for",)
