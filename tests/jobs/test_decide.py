"""The retraining decision as a job."""

from datetime import UTC, datetime
from pathlib import Path

from headrace_jobs.monitoring import decide, release
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, Performance
from headrace_schemas.decisions.gain import Gain, Moments
from headrace_schemas.decisions.holds import held_windows
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.wire.model_jobs import ReleaseSpec
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
        gains=(
            Gain(
                family="all",
                since="2024-01",
                learnt_rows=2000,
                difference=Moments(rows=900, mean=0.8 - current, variance=0.01),
            ),
        ),
        base_loss=0.6,
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


BROKEN = Incident(
    scope=Scope.ROWS, subject="", sign="rows", value=9, low=500, high=2000, text="rows: 9"
)


def broken(current: float = 0.8) -> MonitorEvidence:
    return evidence(current).model_copy(update={"incidents": (BROKEN,)})


def test_window_is_released_when_it_was_held_and_is_no_incident_any_more(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    held = decide.run(decide_spec(LATE, broken(), ledger)).decision
    assert list(held_windows(DECISIONS.read(str(ledger), "late"), "late")) == ["2024-04"]

    corrected = decide_spec(LATE, evidence(0.8), ledger)
    reports = [decide.run(corrected), decide.run(corrected)]

    kept = DECISIONS.read(str(ledger), "late")
    assert [one.verdict for one in (held, reports[0].decision)] == [Verdict.HOLD, Verdict.RELEASE]
    assert reports[0].decision == reports[1].decision
    assert {one.id for one in kept} == {held.id, reports[0].decision.id}
    assert held_windows(kept, "late") == {}
    assert "a corrected delivery" in reports[0].decision.reason


def test_window_stays_held_when_it_is_the_same_incident_again(tmp_path: Path) -> None:
    reports = [decide.run(decide_spec(LATE, broken(), tmp_path / "ledger")) for _ in range(2)]

    assert reports[0].decision == reports[1].decision
    assert DECISIONS.read(str(tmp_path / "ledger"), "late") == [reports[0].decision]


def test_window_is_held_when_it_is_delivered_again_and_broken(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    kept = decide.run(decide_spec(LATE, evidence(0.8), ledger)).decision

    reports = [decide.run(decide_spec(LATE, broken(), ledger)) for _ in range(2)]

    assert reports[0].decision == reports[1].decision
    assert reports[0].decision.id == f"{kept.id}/measured again"
    history = DECISIONS.read(str(ledger), "late")
    assert [one.verdict for one in history] == [Verdict.KEEP, Verdict.HOLD]
    assert list(held_windows(history, "late")) == ["2024-04"]
    decide.run(decide_spec(LATE, evidence(0.8), ledger))
    assert held_windows(DECISIONS.read(str(ledger), "late"), "late") == {}


def test_window_is_released_when_a_person_says_so(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    held = decide.run(decide_spec(LATE, broken(), ledger)).decision
    spec = ReleaseSpec(
        job_id="late-release",
        run_id="test",
        headrace_version="0",
        model=LATE,
        window="2024-04",
        as_of=held.as_of,
        reason="the shop was closed",
        by="Uma",
        ledger_uri=str(ledger),
    )

    words = [release.run(spec).decision, release.run(spec).decision]

    kept = DECISIONS.read(str(ledger), "late")
    assert words[0] == words[1]
    assert words[0].reason == "released by Uma: the shop was closed"
    assert len(kept) == 2
    assert held_windows(kept, "late") == {}


def test_history_is_heeded_when_it_holds_a_training(tmp_path: Path) -> None:
    earlier = decide_spec(LATE, evidence(0.7), tmp_path / "ledger").model_copy(
        update={"as_of": datetime(2024, 5, 1, tzinfo=UTC)}
    )
    asked = decide.run(earlier).decision
    assert asked is not None

    report = decide.run(decide_spec(LATE, evidence(0.7), tmp_path / "ledger", (asked,)))

    assert report.decision is not None
    assert report.decision.verdict is Verdict.KEEP
    assert report.decision.reason == "a training is asked for already, by window 2024-04"
