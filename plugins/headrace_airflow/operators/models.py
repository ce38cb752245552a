"""The way of a model: train, evaluate, promote; and of its predictions: score, monitor, decide."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from headrace_airflow.approvals import approver
from headrace_airflow.assets import candidate_asset, predictions_asset
from headrace_airflow.builders.time_limit import model_limit, training_limit
from headrace_airflow.damage import refuse_damaged
from headrace_airflow.notifications import tell
from headrace_airflow.operators.spark_job import SparkJobOperator
from headrace_airflow.operators.tables import (
    event_extra,
    gate_warnings,
    refuse_key,
    run_partition,
)
from headrace_airflow.pages.links import run_page
from headrace_airflow.settings import DeploymentSettings
from headrace_airflow.training_plan import (
    Form,
    NothingToLearn,
    TrainingPlan,
    matured_partitions,
    plan_manual,
    plan_requested,
    plan_scheduled,
)
from headrace_lake.gate_outcome import gate_outcome
from headrace_lake.ledger import DECISIONS, learnt_from
from headrace_lake.tables import partition_keys
from headrace_schemas.decisions.decision import Decision, Verdict
from headrace_schemas.decisions.evidence import PromotionEvidence
from headrace_schemas.decisions.evidence_codec import as_signals
from headrace_schemas.decisions.promotion import judge
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model
from headrace_schemas.notifications import EventKind
from headrace_schemas.partition import Partition
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.model_jobs import (
    DecideReport,
    DecideSpec,
    EvaluateSpec,
    MonitorSpec,
    PromoteReport,
    PromoteSpec,
    ScoreReport,
    ScoreSpec,
    TrainReport,
    TrainSpec,
)
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spec import PinnedTable


class ModelOperator(SparkJobOperator):
    """A job of one model."""

    def __init__(self, *, model: str, catalog: Catalog, **kwargs: Any) -> None:
        kwargs.setdefault("time_limit", model_limit(catalog, model))
        super().__init__(catalog=catalog, **kwargs)
        self.model = model

    @property
    def declared(self) -> Model:
        """The model as its file declares it."""
        return self.catalog.models[self.model]

    def history(self) -> list[Decision]:
        """The model's ledger."""
        return DECISIONS.read(DeploymentSettings.current().lake.ledger, self.model)

    def partition(self, context: Context) -> Partition:
        """The partition that the run is about."""
        unit = self.catalog.model_unit(self.declared)
        return run_partition(context, unit, f"model {self.model}")


class DecidingOperator(ModelOperator):
    """A job that decides something about a model."""

    def handle_report(
        self, report: DecideReport | PromoteReport, context: Context
    ) -> dict[str, Any]:
        """Say what was decided; of incidents there is a notice of its own."""
        verdict, reason = report.decision.verdict, report.decision.reason
        self.log.info("%s: decided to %s: %s", self.model, verdict.value, reason)
        notify = self.declared.notify
        if verdict not in (Verdict.HOLD, Verdict.RELEASE):
            tell(notify, context, EventKind.DECIDED, self.model, verdict.value, reason)
        return super().handle_report(report, context)


class ScoreOperator(ModelOperator):
    """Predicts one partition with the champion of its time; without one, predicts nothing."""

    job = "score"

    def plan(self, context: Context, planner: Planner, job_id: str) -> ScoreSpec:
        """Find the champion of the partition's time."""
        return planner.score(self.declared, self.partition(context), self.history(), job_id)

    def handle_report(self, report: ScoreReport, context: Context) -> dict[str, Any]:
        """Put version and rows on the asset's event, and of what the features' gate warned."""
        known = event_extra(report.table, report.counts, context)
        warnings = gate_warnings(self.declared.table, self.partition(context).key)
        extra = {**known, "model_version": report.model_version, "warnings": warnings}
        context["outlet_events"][predictions_asset(self.model)].extra = extra
        return super().handle_report(report, context)


class MonitorOperator(ModelOperator):
    """Measures whether inputs drifted and whether results got worse."""

    job = "monitor"

    def plan(self, context: Context, planner: Planner, job_id: str) -> MonitorSpec:
        """Find the champion that served the partition, and what its gate saw."""
        partition, lake = self.partition(context), DeploymentSettings.current().lake
        gate = gate_outcome(lake, self.declared.table, partition.key)
        return planner.monitor(self.declared, partition, self.history(), gate, job_id)


class DecideOperator(DecidingOperator):
    """Decides whether to retrain and writes it into the ledger; it starts nothing itself."""

    job = "decide"

    def plan(self, context: Context, planner: Planner, job_id: str) -> DecideSpec:
        """Decide on what `monitor` measured."""
        measured, limit = self.result_of(context, "monitor"), self.declared.monitors.inputs.psi
        evidence = as_signals(measured["monitor_evidence"], limit)
        partition, history = self.partition(context), self.history()
        return planner.decide(self.declared, partition, evidence, history, job_id)


WAITING = "headrace_waiting"
"""Key in the candidate asset's state store: the request whose candidate waits for a person."""


class PlanTrainingOperator(BaseOperator):
    """Decides, from the ledger alone, whether a training run has anything to do."""

    shallow_copy_attrs = ("catalog",)

    def __init__(self, *, model: str, catalog: Catalog, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.catalog = catalog

    def execute(self, context: Context) -> dict[str, Any]:
        """Say what is trained, or skip the run and say why."""
        refuse_key(context, f"a training of {self.model} is about no partition")
        try:
            training = self.plan(context)
        except NothingToLearn as nothing:
            raise AirflowSkipException(str(nothing)) from nothing
        except ValueError as error:
            raise AirflowFailException(f"model {self.model}: {error}") from error
        self.log.info("%s: trains as of %s: %s", self.model, training.as_of, training.reason)
        self.log.info("%s: %s", self.model, training.learnt)
        return training.to_json()

    def plan(self, context: Context) -> TrainingPlan:
        """What the run does, by what started it."""
        run, now = context["dag_run"], datetime.now(tz=UTC)
        declared, lake = self.catalog.models[self.model], DeploymentSettings.current().lake
        history = DECISIONS.read(lake.ledger, self.model)
        kind = str(getattr(run.run_type, "value", run.run_type))
        if kind == "asset_triggered":
            training = plan_requested(declared, history)
            self.skip_if_waiting(training, context)
            return training
        unit = self.catalog.model_unit(declared)
        held = [Partition.parse(unit, key) for key in partition_keys(lake.table(declared.table))]
        matured = matured_partitions(declared, held, now)
        if kind != "manual":
            return plan_scheduled(declared, history, matured, run.run_id)
        form = Form.of(context["params"])
        return plan_manual(declared, history, matured, run.run_id, form, now)

    def skip_if_waiting(self, training: TrainingPlan, context: Context) -> None:
        """A request stays open while a person thinks; that is no reason to train once more."""
        if self.catalog.models[self.model].approval == "required":
            store = context["asset_state_store"][candidate_asset(self.model)]
            if store.get(WAITING) == training.request_id:
                raise NothingToLearn(
                    f"{self.model}: the candidate for {training.request_id} waits for approval in "
                    f"promote.{self.model}"
                )


class TrainOperator(ModelOperator):
    """Learns on the cluster and registers a candidate.

    By spark-submit where there is a cluster to submit to: a training has cores and memory of its own
    there, and nobody else waits for them. On one machine, warm.
    """

    job = "train"
    engine = "cluster"
    conf = {
        "spark.dynamicAllocation.enabled": "false",
        # The job has counted the slots: one that is missing now was lost, and comes back within this
        # minute and a half. Spark's own default waits for ten.
        "spark.scheduler.barrier.maxConcurrentTasksCheck.interval": "1s",
        "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": "90",
    }

    def __init__(self, *, model: str, catalog: Catalog, **kwargs: Any) -> None:
        limit = training_limit(catalog, model)
        super().__init__(model=model, catalog=catalog, time_limit=limit, **kwargs)

    def batch(self, context: Context) -> str:
        """A training run is about no partition."""
        return str(self.result_of(context, "plan")["as_of"])[:10]

    def plan(self, context: Context, planner: Planner, job_id: str) -> TrainSpec:
        """Train what `plan` says, on the newest version of the feature table.

        A run that is repeated learns from what it learnt from the first time, whatever has come since.

        Raises:
            TableDamaged: That table's log shows that it has lost rows.
        """
        training = TrainingPlan.from_json(self.result_of(context, "plan"))
        model = training.apply_to(self.declared)
        asked = planner.train(model, training.as_of, training.request_id, job_id)
        before = learnt_from(planner.lake, self.model, training.request_id)
        if before is not None:
            features = asked.features.model_copy(update={"version": before})
            asked = asked.model_copy(update={"features": features})
        refuse_damaged(asked.features)
        chosen = {"learn_from": training.learn_from, "left_out": training.left_out}
        return asked.model_copy(update={"run_page": run_page(context), **chosen})

    def handle_failure(self, report: JobReport, context: Context) -> None:
        """Tell of rows or parameters that no training can be made of."""
        if report.error is not None and not report.error.retryable:
            said = report.error
            kind, notify = EventKind.TRAINING_REFUSED, self.declared.notify
            tell(notify, context, kind, self.model, said.type, said.message)

    def handle_report(self, report: TrainReport, context: Context) -> dict[str, Any]:
        """Hand on which table version was learnt from: the candidate is judged on the same."""
        features = self.spec().features.model_dump(mode="json")
        return {**super().handle_report(report, context), "features": features}


class EvaluateOperator(ModelOperator):
    """Judges the candidate on its holdout, beside the champion on the same rows."""

    job = "evaluate"

    def plan(self, context: Context, planner: Planner, job_id: str) -> EvaluateSpec:
        """Judge what `train` made."""
        training = TrainingPlan.from_json(self.result_of(context, "plan"))
        trained = self.result_of(context, "train")
        asked = TrainSpec(
            **planner.head(job_id),
            model=training.apply_to(self.declared),
            contract=self.catalog.contract(self.declared.table),
            features=PinnedTable.model_validate(trained["features"]),
            as_of=training.as_of,
            request_id=training.request_id,
            versions_uri=planner.lake.versions,
        )
        return planner.evaluate(asked, trained["model_version"], self.history(), job_id)


class HandOverOperator(BaseOperator):
    """Announces a candidate that passes its gates, for a person to approve."""

    shallow_copy_attrs = ("catalog",)

    def __init__(self, *, model: str, catalog: Catalog, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.catalog = catalog

    def execute(self, context: Context) -> None:
        """Put what a person has to know on the asset's event."""
        training = context["ti"].xcom_pull(task_ids="plan")
        evaluated = context["ti"].xcom_pull(task_ids="evaluate")["promotion_evidence"]
        declared, subject = self.catalog.models[self.model], self.model
        history = DECISIONS.read(DeploymentSettings.current().lake.ledger, self.model)
        plan = TrainingPlan.from_json(training)
        verdict, reason = judged(declared, evaluated, history, plan)
        if verdict is not Verdict.PROMOTE:
            raise AirflowSkipException(f"{self.model}: nobody needs to be asked: {reason}")
        tell(declared.notify, context, EventKind.APPROVAL_WANTED, subject, verdict.value, reason)
        asset = candidate_asset(self.model)
        context["asset_state_store"][asset].set(WAITING, training["request_id"])
        context["outlet_events"][asset].extra = {
            "as_of": training["as_of"],
            "request_id": training["request_id"],
            "asked_because": training["reason"],
            "judgement": reason,
            "evidence": evaluated,
        }


class PromoteOperator(DecidingOperator):
    """Decides on a candidate, writes the ledger, moves the registry's aliases.

    Where the model asks for approval, the training run's own promotion only writes refusals down.
    """

    job = "promote"

    def batch(self, context: Context) -> str:
        """A training run is about no partition."""
        return str(self.result_of(context, "plan")["as_of"])[:10]

    def plan(self, context: Context, planner: Planner, job_id: str) -> PromoteSpec:
        """Decide on what `evaluate` measured."""
        training = TrainingPlan.from_json(self.result_of(context, "plan"))
        evidence = self.result_of(context, "evaluate")["promotion_evidence"]
        model = self.declared
        if model.approval == "required":
            verdict, reason = judged(model, evidence, self.history(), training)
            if verdict is Verdict.PROMOTE:
                raise AirflowSkipException(f"{self.model}: waits for approval: {reason}")
        return planner.promote(
            model,
            training.as_of,
            training.request_id,
            PromotionEvidence.model_validate(evidence),
            self.history(),
            None,
            job_id,
        )


class PromoteApprovedOperator(DecidingOperator):
    """Decides on a candidate that a person was asked about."""

    job = "promote"

    def __init__(self, *, asked_in: str, is_approved: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asked_in = asked_in
        self.is_approved = is_approved

    def plan(self, context: Context, planner: Planner, job_id: str) -> PromoteSpec:
        """Decide on the newest candidate of the event, with the name of who approved it."""
        candidate = self.candidate(context)
        approved_by = approver(self.result_of(context, self.asked_in)) if self.is_approved else None
        return planner.promote(
            self.declared,
            datetime.fromisoformat(candidate["as_of"]),
            candidate["request_id"],
            PromotionEvidence.model_validate(candidate["evidence"]),
            self.history(),
            approved_by,
            job_id,
        )

    def candidate(self, context: Context) -> dict[str, Any]:
        """What the newest event says of the candidate."""
        events = context["triggering_asset_events"][candidate_asset(self.model)]
        if not events:
            raise AirflowFailException(
                f"model {self.model}: no candidate asks for approval. Run train.{self.model}."
            )
        extra: dict[str, Any] = events[-1].extra
        return extra


def judged(
    model: Model, evidence: dict[str, Any], history: Sequence[Decision], training: TrainingPlan
) -> tuple[Verdict, str]:
    """What the model's gates say of a candidate, before any person does."""
    found = PromotionEvidence.model_validate(evidence)
    return judge(model, found, history, training.as_of, training.request_id)
