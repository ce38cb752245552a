"""The retraining decision as a job."""

from datetime import UTC, datetime
from pathlib import Path

from headrace_jobs.monitoring import decide
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, Performance
from tests.jobs.learning import decide_spec, model

LATE = model("late")


def evidence(current: float) -> MonitorEvidence:
    return MonitorEvidence(
        window="2024-04",
        matured_partitions=4,
        champion="1",
        champion_as_of=datetime(2024, 4, 3, tzinfo=UTC),
        rows=900,
        labelled=900,
        positive=300,
        performance=Performance(metric="auc", current=current, reference=0.8),
    )


def test_one_row_is_written_when_evidence_is_weighed(tmp_path: Path) -> None:
    report = decide.run(decide_spec(LATE, evidence(0.7), tmp_path / "ledger"))

    assert report.decision is not None
    assert report.decision.verdict is Verdict.TRAIN
    assert report.decision.id == "late/retraining/2024-04/2024-05-03T00:00:00Z"
    assert report.table is not None
    assert report.table.name == "ledger.decisions"
    assert DECISIONS.read(str(tmp_path / "ledger"), "late") == [report.decision]


def test_the_first_answer_stands_when_the_window_is_decided_again(tmp_path: Path) -> None:
    first = decide.run(decide_spec(LATE, evidence(0.7), tmp_path / "ledger"))

    again = decide.run(decide_spec(LATE, evidence(0.9), tmp_path / "ledger"))

    assert again.decision == first.decision
    assert DECISIONS.read(str(tmp_path / "ledger"), "late") == [first.decision]


def test_history_is_heeded_when_it_holds_a_training(tmp_path: Path) -> None:
    earlier = decide_spec(LATE, evidence(0.7), tmp_path / "ledger").model_copy(
        update={"as_of": datetime(2024, 5, 1, tzinfo=UTC)}
    )
    asked = decide.run(earlier).decision
    assert asked is not None

    report = decide.run(decide_spec(LATE, evidence(0.7), tmp_path / "ledger", (asked,)))

    assert report.decision is not None
    assert report.decision.verdict is Verdict.KEEP
    assert report.decision.reason.startswith("cooldown: trained at 2024-05-01")
