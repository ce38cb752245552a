"""What a training run does, by what started it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from headrace_airflow.operators.models import WAITING, PlanTrainingOperator
from headrace_airflow.training_plan import TrainingPlan
from headrace_schemas.decisions.decision import Decision, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, canonical
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.declarations.catalog import Catalog
from tests.plugins.ledger import FEBRUARY, decision, write_ledger, write_table

Context = Callable[..., Any]


def held(window: str, as_of: datetime = FEBRUARY, scope: Scope = Scope.LABEL) -> Decision:
    """A window whose data is not believed."""
    sign = Incident(scope=scope, subject="is_long", sign="base rate", value=1, text="all are long")
    evidence = MonitorEvidence(window=window, matured_partitions=2, incidents=(sign,))
    return decision(Verdict.HOLD, as_of, window=window, evidence=canonical(evidence))


def promoted(learn_from: str | None, as_of: datetime = FEBRUARY - timedelta(days=50)) -> Decision:
    """A version that serves."""
    return decision(
        Verdict.PROMOTE,
        as_of,
        request_id="before",
        model_version="1",
        effective_from=as_of,
        learn_from=learn_from,
    )


@pytest.fixture
def plan(catalog: Catalog) -> PlanTrainingOperator:
    return PlanTrainingOperator(task_id="plan", model="long_trip", catalog=catalog)


def test_run_answers_the_request_when_monitoring_asked(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    asked = decision(Verdict.TRAIN, learn_from="2013-02")
    write_ledger(home, [held("2012-12", FEBRUARY - timedelta(days=60)), asked])
    planned = plan.execute(run_context(kind="asset_triggered"))
    assert planned == {
        "as_of": FEBRUARY.isoformat(),
        "request_id": asked.id,
        "reason": asked.reason,
        "overrides": {},
        "learn_from": "2013-02",
        "left_out": ["2012-12"],
    }


@pytest.mark.parametrize("verdict", [Verdict.PROMOTE, Verdict.REFUSE])
def test_run_is_skipped_when_the_request_is_answered(
    home: Path, plan: PlanTrainingOperator, run_context: Context, verdict: Verdict
) -> None:
    asked = decision(Verdict.TRAIN)
    write_ledger(home, [asked, decision(verdict, request_id=asked.id)])
    with pytest.raises(AirflowSkipException, match="every request to train has been answered"):
        plan.execute(run_context(kind="asset_triggered"))


def test_run_is_skipped_when_nothing_was_ever_decided(
    plan: PlanTrainingOperator, run_context: Context
) -> None:
    with pytest.raises(AirflowSkipException):
        plan.execute(run_context(kind="asset_triggered"))


def test_run_is_skipped_when_the_candidate_waits_for_a_person(
    home: Path, catalog: Catalog, run_context: Context
) -> None:
    asked = decision(Verdict.TRAIN, model="duration")
    write_ledger(home, [asked])
    plan = PlanTrainingOperator(task_id="plan", model="duration", catalog=catalog)
    context = run_context(kind="asset_triggered")
    assert plan.execute(context)["request_id"] == asked.id
    store = next(iter(context["asset_state_store"].values()))
    store.set(WAITING, asked.id)
    with pytest.raises(AirflowSkipException, match=r"waits for approval in promote\.duration"):
        plan.execute(context)


def test_calendar_waits_when_there_is_too_little_history(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    with pytest.raises(AirflowSkipException, match="0 of 2 partitions"):
        plan.execute(run_context(kind="scheduled"))
    write_table(home, "gold.trip_features", ["2013-01"])
    with pytest.raises(AirflowSkipException, match="1 of 2 partitions"):
        plan.execute(run_context(kind="scheduled"))


def test_calendar_learns_from_the_newest_matured_partition_when_there_is_enough(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    write_table(home, "gold.trip_features", ["2013-02", "2013-01", "2999-01"])
    planned = TrainingPlan.from_json(plan.execute(run_context(kind="scheduled")))
    assert planned.as_of == FEBRUARY
    assert planned.request_id == "scheduled:scheduled__1"


def test_calendar_skips_when_no_labels_matured_since_the_last_training(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    write_table(home, "gold.trip_features", ["2013-01", "2013-02"])
    write_ledger(home, [decision(Verdict.REFUSE, request_id="something")])
    with pytest.raises(AirflowSkipException, match="no labels have matured since"):
        plan.execute(run_context(kind="scheduled"))
    write_table(home, "gold.trip_features", ["2013-03"])
    assert plan.execute(run_context(kind="scheduled"))["as_of"] == "2013-04-03T00:00:00+00:00"


def test_calendar_learns_from_where_the_champion_did_and_leaves_held_rows_out(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    write_table(home, "gold.trip_features", ["2012-12", "2013-01", "2013-02"])
    broken = held("2013-01", FEBRUARY - timedelta(days=28))
    write_ledger(home, [promoted("2012-12"), broken, decision(Verdict.KEEP)])
    planned = TrainingPlan.from_json(plan.execute(run_context(kind="scheduled")))
    assert (planned.learn_from, planned.left_out) == ("2012-12", ("2013-01",))


def test_calendar_skips_when_the_newest_labels_are_held(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    write_table(home, "gold.trip_features", ["2013-01", "2013-02"])
    write_ledger(home, [promoted(None), held("2013-02")])
    with pytest.raises(AirflowSkipException, match="labels of 2013-02 are held: all are long"):
        plan.execute(run_context(kind="scheduled"))


def test_calendar_goes_on_without_the_rows_when_no_labels_are_held(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    write_table(home, "gold.trip_features", ["2013-01", "2013-02"])
    write_ledger(home, [promoted(None), held("2013-02", scope=Scope.ROWS)])
    assert plan.execute(run_context(kind="scheduled"))["left_out"] == ["2013-02"]


def test_person_s_training_goes_on_and_says_so_when_labels_are_held(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    write_table(home, "gold.trip_features", ["2013-01", "2013-02"])
    write_ledger(home, [promoted("2013-02"), held("2013-02")])
    planned = TrainingPlan.from_json(plan.execute(run_context(conf={"reason": "let us see"})))
    assert planned.reason == (
        "let us see (the labels of 2013-02 are held: all are long: it cannot be promoted)"
    )
    assert (planned.learn_from, planned.left_out) == ("2013-02", ("2013-02",))


def test_person_says_from_where_is_learnt_when_the_champion_should_not(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    write_table(home, "gold.trip_features", ["2013-01", "2013-02"])
    write_ledger(home, [promoted("2013-02")])
    assert plan.execute(run_context())["learn_from"] == "2013-02"
    assert plan.execute(run_context(conf={"learn_from": "2013-01"}))["learn_from"] == "2013-01"


def test_person_gets_what_the_form_says_when_a_run_is_started_by_hand(
    plan: PlanTrainingOperator, run_context: Context, catalog: Catalog
) -> None:
    form = {"as_of": "2013-02-10T12:00:00+02:00", "reason": "new tyres", "max_depth": 3}
    planned = TrainingPlan.from_json(plan.execute(run_context(conf=form)))
    assert planned.as_of == datetime(2013, 2, 10, 10, tzinfo=UTC)
    assert planned.request_id == "manual:manual__1"
    assert planned.reason == "new tyres"
    model = planned.apply_to(catalog.models["long_trip"])
    assert model.training.params["max_depth"] == 3
    assert model.training.num_boost_round == 20
    assert catalog.models["long_trip"].training.params["max_depth"] == 4


def test_person_gets_the_matured_data_time_when_as_of_is_left_empty(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    write_table(home, "gold.trip_features", ["2013-01", "2013-02"])
    assert TrainingPlan.from_json(plan.execute(run_context())).as_of == FEBRUARY


def test_person_s_model_serves_after_the_last_one_when_both_know_the_same(
    home: Path, plan: PlanTrainingOperator, run_context: Context
) -> None:
    write_table(home, "gold.trip_features", ["2013-02"])
    own = decision(
        Verdict.PROMOTE, request_id="manual:manual__1", as_of=FEBRUARY + timedelta(days=9)
    )
    write_ledger(home, [decision(Verdict.PROMOTE, request_id="asked"), own])
    planned = TrainingPlan.from_json(plan.execute(run_context()))
    assert planned.as_of == FEBRUARY + timedelta(seconds=1)


def test_person_gets_now_when_there_is_no_data_yet(
    plan: PlanTrainingOperator, run_context: Context
) -> None:
    before = datetime.now(tz=UTC)
    assert TrainingPlan.from_json(plan.execute(run_context())).as_of >= before


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"as_of": "2999-01-01T00:00:00Z"}, "lies in the future"),
        ({"as_of": "2013-02-31T00:00:00Z"}, "model long_trip: "),
        (
            {"learn_from": "2013-13"},
            r"'2013-13' is no partition .* They go from 2013-01 to 2013-02",
        ),
        (
            {"learn_from": "2013-02", "as_of": "2013-02-10T12:00:00Z"},
            "'2013-02' is no partition .* They go from 2013-01 to 2013-01",
        ),
        ({"max_dept": 3}, "the form has no max_dept. It has: as_of, reason,"),
    ],
)
def test_run_fails_without_retry_when_the_form_makes_no_sense(
    home: Path, plan: PlanTrainingOperator, run_context: Context, form: dict[str, Any], message: str
) -> None:
    write_table(home, "gold.trip_features", ["2013-01", "2013-02"])
    with pytest.raises(AirflowFailException, match=message):
        plan.execute(run_context(conf=form))


def test_run_is_refused_when_the_form_s_settings_are_none_that_xgboost_has(
    plan: PlanTrainingOperator, run_context: Context
) -> None:
    form = {"as_of": "2013-02-10T12:00:00Z", "reason": "deeper", "max_depth": -2}
    with pytest.raises(
        AirflowFailException, match="max_depth: -2 is not a whole number, 0 or more"
    ):
        plan.execute(run_context(conf=form))
