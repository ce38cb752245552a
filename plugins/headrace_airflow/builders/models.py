"""The Dags of a model: score, monitor, retrain, train, and promote where a person must approve."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, Param

from headrace_airflow.access.roles import DagKind, access_control
from headrace_airflow.assets import (
    candidate_asset,
    hold_asset,
    predictions_asset,
    retrain_asset,
    table_asset,
)
from headrace_airflow.builders.tables import ONE_WRITER, RUNS_AT_ONCE, TRIES, partitioned_by
from headrace_airflow.late_windows import decision_deadline
from headrace_airflow.operators.holds import AnnounceHoldOperator
from headrace_airflow.operators.models import (
    DecideOperator,
    EvaluateOperator,
    HandOverOperator,
    MonitorOperator,
    PlanTrainingOperator,
    PromoteOperator,
    ScoreOperator,
    TrainOperator,
)
from headrace_airflow.sensors.labels import AwaitLabelsSensor
from headrace_airflow.sensors.retrain_request import RetrainRequestSensor
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model

ACCESS = {
    "score": DagKind.PIPELINE,
    "monitor": DagKind.PIPELINE,
    "retrain": DagKind.PIPELINE,
    "train": DagKind.TRAINING,
    "promote": DagKind.APPROVAL,
    "release": DagKind.APPROVAL,
}

REQUEST_CHECK = "0 6 * * *"
"""The watcher hears a request within seconds; this is for the day on which it does not run."""

DATE_TIME = (
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-][01]\d:[0-5]\d)?$"
)
"""The form's `date-time` is only a hint to the browser: Airflow itself does not check formats."""

REQUEST_WAIT = timedelta(hours=1)

WAITING_RUNS = 64
"""Runs that wait for labels take no slot; with short partitions and late labels there are many."""


def model_dag(catalog: Catalog, model: Model, kind: str, schedule: Any, **kwargs: Any) -> DAG:
    """A Dag `kind.model` with what all of a model's Dags share."""
    given: dict[str, Any] = {"catchup": False, "max_active_runs": RUNS_AT_ONCE, **kwargs}
    return DAG(
        dag_id=f"{kind}.{model.name}",
        schedule=schedule,
        dag_display_name=f"{model.name}: {kind}",
        tags=["model", model.name, kind],
        default_args={
            "owner": model.owner,
            "pool": catalog.pipeline_of(model.table).pool,
            **TRIES,
        },
        access_control=access_control(ACCESS[kind]),
        **given,
    )


def score_dag(catalog: Catalog, model: Model) -> DAG:
    """Predict every partition of the feature table once it is published."""
    doc = (
        f"### Predict with {model.name}\n{model.description}\n\nEach partition of `{model.table}` "
        "is scored by the champion of its time, so scoring an old one again changes nothing. "
        "Before the first champion nothing is predicted."
    )
    asked: dict[str, Any] = {"model": model.name, "catalog": catalog}
    schedule = partitioned_by([table_asset(model.table)])
    with model_dag(catalog, model, "score", schedule=schedule, doc_md=doc) as dag:
        ScoreOperator(
            task_id="score", outlets=[predictions_asset(model.name)], **asked, **ONE_WRITER
        )
    return dag


def monitor_dag(catalog: Catalog, model: Model) -> DAG:
    """Measure every scored partition once its labels have matured, and decide."""
    doc = (
        f"### Watch {model.name}\nTwo questions: did the inputs move, and is the model worse? "
        f"Labels count as matured {model.label_delay_days:g} days after a partition's end. "
        "`decide` weighs both and writes its verdict and reason into the ledger; an open request "
        f"to train then starts `train.{model.name}`. A window with a data incident is held: "
        f"`release.{model.name}` asks a person about it."
    )
    asked: dict[str, Any] = {"model": model.name, "catalog": catalog}
    schedule = partitioned_by([predictions_asset(model.name)])
    with model_dag(
        catalog,
        model,
        "monitor",
        schedule=schedule,
        doc_md=doc,
        max_active_runs=WAITING_RUNS,
        deadline=decision_deadline(model),
    ) as dag:
        await_labels = AwaitLabelsSensor(task_id="await_labels", **asked)
        monitor = MonitorOperator(task_id="monitor", **asked, **ONE_WRITER)
        decide = DecideOperator(task_id="decide", **asked, **ONE_WRITER)
        announce = AnnounceHoldOperator(
            task_id="announce_hold", outlets=[hold_asset(model.name)], **asked
        )
        await_labels >> monitor >> decide >> announce
    return dag


def retrain_dag(catalog: Catalog, model: Model) -> DAG:
    """Ask for the training that monitoring wants, where no watcher does."""
    doc = (
        f"### Does {model.name} have to be retrained?\nWaits up to "
        f"{REQUEST_WAIT.total_seconds() / 3600:g} h for an unanswered request in the ledger. "
        "The asset's watcher asks the same question all the time; this Dag is the safety net, "
        "and can be started by hand. Skipped means: nothing asked for a training."
    )
    schedule = CronTriggerTimetable(REQUEST_CHECK, timezone="UTC")
    with model_dag(
        catalog, model, "retrain", schedule=schedule, doc_md=doc, max_active_runs=1
    ) as dag:
        RetrainRequestSensor(
            task_id="await_request",
            model=model.name,
            poke_interval=timedelta(seconds=30),
            timeout=REQUEST_WAIT,
            soft_fail=True,
            outlets=[retrain_asset(model.name)],
        )
    return dag


def train_dag(catalog: Catalog, model: Model) -> DAG:
    """Retrain: when monitoring asks, when the calendar says, or when a person wants it."""
    doc = (
        f"### Train {model.name}\n{model.description}\n\n`plan` looks into the ledger and skips "
        "the run when there is nothing to do. `train` learns from labels known by then, "
        "`evaluate` compares with the champion on the same rows, `promote` decides and writes "
        "down why. A refused candidate is an answer, not an error."
    )
    asked: dict[str, Any] = {"model": model.name, "catalog": catalog}
    with model_dag(
        catalog,
        model,
        "train",
        schedule=train_schedule(model),
        doc_md=doc,
        max_active_runs=1,
        params=train_form(model),
    ) as dag:
        candidates = [candidate_asset(model.name)] if model.approval == "required" else []
        plan = PlanTrainingOperator(task_id="plan", inlets=candidates, **asked)
        train = TrainOperator(task_id="train", **asked)
        evaluate = EvaluateOperator(task_id="evaluate", **asked)
        promote = PromoteOperator(task_id="promote", **asked)
        plan >> train >> evaluate >> promote
        if model.approval == "required":
            evaluate >> HandOverOperator(task_id="ask_for_approval", outlets=candidates, **asked)
    return dag


def train_schedule(model: Model) -> Any:
    """The retraining asset, and the calendar if the model has one."""
    requests = [retrain_asset(model.name)]
    if model.retraining.schedule is None:
        return requests
    calendar = CronTriggerTimetable(model.retraining.schedule, timezone="UTC")
    return AssetOrTimeSchedule(timetable=calendar, assets=requests)


def train_form(model: Model) -> Mapping[str, Param]:
    """What a person may say when they start a training by hand."""
    training = model.training
    depth = training.params.get("max_depth", 6)
    return {
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date-time",
            pattern=DATE_TIME,
            title="Learn as of",
            description="Only labels that were known at this time are learnt from, and the model "
            "serves from then on. UTC, such as 2013-06-03T00:00:00Z. Empty: the time up to which "
            "labels have matured.",
        ),
        "reason": Param(
            "asked for by hand",
            type="string",
            minLength=3,
            maxLength=500,
            title="Reason",
            description="Why this training is needed. It is kept with the run.",
        ),
        "learn_from": Param(
            None,
            type=["null", "string"],
            maxLength=20,
            title="Learn from",
            description=f"The first partition of {model.table} that is learnt from, such as the first "
            "one after the world changed. Empty: from where the serving version learnt from; the "
            "oldest partition: from everything.",
        ),
        "num_boost_round": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=2000,
            title="Number of trees",
            description=f"Empty: {training.num_boost_round}, as the model's file says.",
        ),
        "max_depth": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=16,
            title="Depth of a tree",
            description=f"Empty: {depth}, as the model's file says.",
        ),
    }


def promote_dag(catalog: Catalog, model: Model) -> DAG:
    """Ask a person about a candidate that has passed its gates."""
    from airflow.providers.standard.operators.hitl import ApprovalOperator  # only some models

    from headrace_airflow.operators.models import PromoteApprovedOperator

    doc = (
        f"### Approve {model.name}\nA candidate that is good enough waits for a person. "
        "Approved, it serves; rejected, or unanswered for a week, the refusal is written down "
        "and the champion stays."
    )
    asset = candidate_asset(model.name)
    asked: dict[str, Any] = {"model": model.name, "catalog": catalog, "asked_in": "approve"}
    event = "{{ (triggering_asset_events.values() | list)[-1][-1].extra.%s }}"
    with model_dag(catalog, model, "promote", schedule=[asset], doc_md=doc) as dag:
        approve = ApprovalOperator(
            task_id="approve",
            subject=f"May the new {model.name} model serve?",
            body="\n\n".join(
                [
                    f"**Judgement**: {event % 'judgement'}",
                    f"**Asked for because**: {event % 'asked_because'}",
                    f"**Learnt as of**: {event % 'as_of'}",
                    f"**Version**: {event % 'evidence.challenger'}",
                ]
            ),
            defaults=ApprovalOperator.REJECT,
            response_timeout=timedelta(days=7),
        )
        promote = PromoteApprovedOperator(
            task_id="promote", is_approved=True, **asked, **ONE_WRITER
        )
        refuse = PromoteApprovedOperator(
            task_id="refuse", is_approved=False, trigger_rule="all_skipped", **asked, **ONE_WRITER
        )
        approve >> promote >> refuse
    return dag
