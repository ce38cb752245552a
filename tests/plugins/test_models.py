"""A model's jobs, as Airflow asks for them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskDeferred

from headrace_airflow.approvals import approver
from headrace_airflow.operators.models import (
    WAITING,
    DecideOperator,
    EvaluateOperator,
    HandOverOperator,
    MonitorOperator,
    PromoteApprovedOperator,
    PromoteOperator,
    ScoreOperator,
    TrainOperator,
)
from headrace_airflow.sensors.labels import AwaitLabelsSensor
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.declarations.catalog import Catalog
from tests.plugins.conftest import FakeSubmit
from tests.plugins.ledger import (
    FEBRUARY,
    decision,
    digests,
    write_ledger,
    write_table,
    write_versions,
)

RunContext = Callable[..., Any]

PLAN = {
    "as_of": FEBRUARY.isoformat(),
    "request_id": "asked",
    "reason": "why",
    "overrides": {"max_depth": 3},
}

GOOD = {"challenger": "7", "champion": None, "holdout_rows": 99, "metrics": {"auc": 0.7, "rmse": 9}}
BAD = {**GOOD, "metrics": {"auc": 0.5, "rmse": 99}}


@pytest.fixture
def asked(catalog: Catalog) -> dict[str, Any]:
    return {"model": "long_trip", "catalog": catalog}


@pytest.fixture
def asked_with_approval(catalog: Catalog) -> dict[str, Any]:
    return {"model": "duration", "catalog": catalog}


@pytest.fixture
def features(home: Path) -> None:
    write_table(home, "gold.trip_features", ["2013-01", "2013-02", "2013-03"])


@pytest.mark.usefixtures("features")
@pytest.mark.parametrize(("partition", "champion"), [("2013-02", None), ("2013-03", "7")])
def test_partition_is_scored_by_the_champion_of_its_time(
    home: Path,
    asked: dict[str, Any],
    fake_submit: FakeSubmit,
    run_context: RunContext,
    partition: str,
    champion: str | None,
) -> None:
    promoted = decision(Verdict.PROMOTE, model_version="7", effective_from=FEBRUARY)
    write_ledger(home, [promoted])
    write_versions(home, "7")
    fake_submit.answer = {"counts": {"rows_out": 5}, "model_version": champion}
    context = run_context(partition)
    ScoreOperator(task_id="score", **asked).execute(context)
    assert fake_submit.spec.champion == (digests(champion) if champion else None)
    assert context["outlet_events"]["predictions.long_trip"].extra == {
        "table": None,
        "version": None,
        "rows": 5,
        "partition": partition,
        "model_version": champion,
        "warnings": {},
    }


@pytest.mark.usefixtures("features")
def test_evidence_goes_on_to_the_decision_when_a_partition_was_monitored(
    asked: dict[str, Any], fake_submit: FakeSubmit, run_context: RunContext
) -> None:
    evidence = {"window": "2013-02", "matured_partitions": 2, "champion": None}
    fake_submit.answer = {"monitor_evidence": evidence}
    monitored = MonitorOperator(task_id="monitor", **asked).execute(run_context("2013-02"))
    assert fake_submit.spec.as_of == FEBRUARY
    decided = decision(Verdict.TRAIN)
    fake_submit.answer = {"decision": decided}
    context = run_context("2013-02", monitor=monitored)
    handed_on = DecideOperator(task_id="decide", **asked).execute(context)
    assert fake_submit.spec.evidence.matured_partitions == 2
    assert handed_on["decision"]["reason"] == decided.reason


def test_labels_are_not_waited_for_when_they_have_matured(
    asked: dict[str, Any], run_context: RunContext
) -> None:
    sensor = AwaitLabelsSensor(task_id="await_labels", **asked)
    sensor.execute(run_context("2013-02"))
    assert not sensor.target_time


def test_labels_are_waited_for_in_the_triggerer_when_they_are_late(
    asked: dict[str, Any], run_context: RunContext
) -> None:
    sensor = AwaitLabelsSensor(task_id="await_labels", **asked)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(run_context("2999-02"))
    assert deferred.value.trigger.moment == datetime(2999, 3, 3, tzinfo=UTC)


@pytest.mark.usefixtures("features")
def test_candidate_is_judged_on_the_version_it_learnt_from_when_the_table_moved_on(
    home: Path,
    asked: dict[str, Any],
    fake_submit: FakeSubmit,
    run_context: RunContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = decision(Verdict.PROMOTE, request_id="asked", model_version="9", effective_from=FEBRUARY)
    before = FEBRUARY - timedelta(days=30)
    champion = decision(
        Verdict.PROMOTE, as_of=before, request_id="first", model_version="6", effective_from=before
    )
    write_ledger(home, [champion, own])
    write_versions(home, "6", "7", "9")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://airflow.test/")
    fake_submit.answer = {"model_version": "7"}
    trained = TrainOperator(task_id="train", **asked).execute(run_context(plan=PLAN))
    assert fake_submit.engines == ["cluster"]
    assert fake_submit.spec.model.training.params["max_depth"] == 3
    assert fake_submit.spec.run_page == "http://airflow.test/dags/dag/runs/manual__1"
    write_table(home, "gold.trip_features", ["2013-04"])
    fake_submit.answer = {"promotion_evidence": GOOD}
    context = run_context(plan=PLAN, train=trained)
    judged = EvaluateOperator(task_id="evaluate", **asked).execute(context)
    assert fake_submit.spec.features.version == 0
    assert fake_submit.spec.challenger == digests("7")
    assert fake_submit.spec.champion == digests(
        "6"
    )  # not what an earlier try of this very run promoted
    unknown = {"comparison": None, "measured": None, "positive": None}
    assert judged["promotion_evidence"] == {**GOOD, **unknown}


@pytest.mark.usefixtures("features")
def test_repeated_training_learns_from_what_it_learnt_from_before(
    home: Path, asked: dict[str, Any], fake_submit: FakeSubmit, run_context: RunContext
) -> None:
    write_table(home, "gold.trip_features", ["2013-04"])
    fake_submit.answer = {"model_version": "7"}
    train = TrainOperator(task_id="train", **asked)
    train.execute(run_context(plan=PLAN))
    assert fake_submit.spec.features.version == 1
    write_versions(home, "7")  # of version 0, for the same asker
    train.execute(run_context(plan=PLAN))
    assert fake_submit.spec.features.version == 0


@pytest.mark.usefixtures("features")
def test_training_fails_for_good_and_starts_nothing_when_its_table_is_damaged(
    home: Path, asked: dict[str, Any], fake_submit: FakeSubmit, run_context: RunContext
) -> None:
    (file,) = (home / "lake/tables/gold/trip_features").glob("_partition=2013-02/*.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    train = TrainOperator(task_id="train", **asked)
    with pytest.raises(
        AirflowFailException, match=rf"gold\.trip_features is damaged: .*{file.name}"
    ):
        train.execute(run_context(plan=PLAN))
    assert fake_submit.specs == []


def test_candidate_is_decided_on_when_no_person_is_asked(
    asked: dict[str, Any], fake_submit: FakeSubmit, run_context: RunContext
) -> None:
    context = run_context(plan=PLAN, evaluate={"promotion_evidence": GOOD})
    PromoteOperator(task_id="promote", **asked).execute(context)
    assert fake_submit.spec.request_id == "asked"
    assert fake_submit.spec.as_of == FEBRUARY
    assert fake_submit.spec.approved_by is None


def test_person_is_asked_when_the_candidate_is_good_enough(
    asked_with_approval: dict[str, Any], fake_submit: FakeSubmit, run_context: RunContext
) -> None:
    context = run_context(plan=PLAN, evaluate={"promotion_evidence": GOOD})
    with pytest.raises(AirflowSkipException, match="waits for approval"):
        PromoteOperator(task_id="promote", **asked_with_approval).execute(context)
    HandOverOperator(task_id="ask", **asked_with_approval).execute(context)
    told = context["outlet_events"]["candidate.duration"].extra
    assert told["evidence"] == GOOD
    assert told["judgement"].startswith("first model")
    assert context["asset_state_store"]["candidate.duration"].get(WAITING) == "asked"
    assert fake_submit.specs == []


def test_refusal_is_written_down_when_the_candidate_is_too_bad_to_ask(
    asked_with_approval: dict[str, Any], fake_submit: FakeSubmit, run_context: RunContext
) -> None:
    context = run_context(plan=PLAN, evaluate={"promotion_evidence": BAD})
    with pytest.raises(AirflowSkipException, match="nobody needs to be asked: rmse"):
        HandOverOperator(task_id="ask", **asked_with_approval).execute(context)
    PromoteOperator(task_id="promote", **asked_with_approval).execute(context)
    assert fake_submit.spec.evidence.metrics["rmse"] == 99


@pytest.mark.parametrize(("is_approved", "name"), [(True, "Uma"), (False, None)])
def test_answer_of_the_person_counts_when_a_candidate_waited(
    asked_with_approval: dict[str, Any],
    fake_submit: FakeSubmit,
    run_context: RunContext,
    is_approved: bool,
    name: str | None,
) -> None:
    context = run_context(approve={"responded_by_user": {"id": "u", "name": "Uma"}})
    older, newer = (
        SimpleNamespace(
            extra={"as_of": FEBRUARY.isoformat(), "request_id": request_id, "evidence": GOOD}
        )
        for request_id in ("older", "newer")
    )
    context["triggering_asset_events"]["candidate.duration"] = [older, newer]
    promote = PromoteApprovedOperator(
        task_id="promote", asked_in="approve", is_approved=is_approved, **asked_with_approval
    )
    promote.execute(context)
    assert fake_submit.spec.approved_by == name
    assert fake_submit.spec.request_id == "newer"


def test_approval_says_what_to_run_when_there_is_no_candidate(
    asked_with_approval: dict[str, Any], run_context: RunContext
) -> None:
    promote = PromoteApprovedOperator(
        task_id="promote", asked_in="approve", is_approved=False, **asked_with_approval
    )
    with pytest.raises(AirflowFailException, match=r"Run train\.duration"):
        promote.execute(run_context())


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ({"responded_by_user": {"id": "7", "name": None}}, "7"),
        ({"responded_by_user": None}, "an unnamed user"),
    ],
)
def test_approver_is_named_when_airflow_knows_little(answer: dict[str, Any], name: str) -> None:
    assert approver(answer) == name
