"""The way of a window with a data incident: people are notified, one is asked, and it is released."""

from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from headrace_airflow.approvals import approver
from headrace_airflow.assets import hold_asset
from headrace_airflow.hold_questions import question
from headrace_airflow.notifications import tell
from headrace_airflow.operators.models import ModelOperator
from headrace_airflow.settings import DeploymentSettings
from headrace_lake.decision_story import decision_on
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.decision import Decision, Verdict
from headrace_schemas.decisions.holds import held_windows
from headrace_schemas.decisions.incident_notices import notice_of
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.model_jobs import ReleaseReport, ReleaseSpec

NOTIFIED = "headrace_notified"
"""Key in the hold asset's state store: ids of the decisions that people were notified of, newest last."""

REMEMBERED = 50
"""How many of them: runs of older windows that come once more are not expected."""

ASKED = "headrace_asked"
"""Key in the hold asset's state store: the run that asks about each held window."""


def notify_once(model: Model, decision: Decision, context: Context) -> None:
    """Notify of the beginning or the end of an incident, however often the decision comes by."""
    store = context["asset_state_store"][hold_asset(model.name)]
    notified: Any = store.get(NOTIFIED, default=[])
    history = DECISIONS.read(DeploymentSettings.current().lake.ledger, model.name)
    kind = notice_of(decision, history)
    if kind is None or decision.id in notified:
        return
    message = f"{decision.window}: {decision.reason}"
    tell(model.notify, context, kind, model.name, decision.verdict.value, message)
    store.set(NOTIFIED, [*notified, decision.id][-REMEMBERED:])


class AnnounceHoldOperator(BaseOperator):
    """Announces a held window, for a person to say whether the change is real; skipped without one."""

    shallow_copy_attrs = ("catalog",)

    def __init__(self, *, model: str, catalog: Catalog, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.catalog = catalog

    def execute(self, context: Context) -> None:
        """Notify people once, and put the window on the asset's event."""
        found = context["ti"].xcom_pull(task_ids="decide")["decision"]
        decision = Decision.model_validate(found)
        notify_once(self.catalog.models[self.model], decision, context)
        if decision.verdict is not Verdict.HOLD:
            raise AirflowSkipException(f"{self.model}: {decision.window} is not held")
        context["outlet_events"][hold_asset(self.model)].extra = {
            "decision": decision.id,
            "window": decision.window,
            "reason": decision.reason,
        }


class PlanReleaseOperator(BaseOperator):
    """Finds, in the ledger alone, a held window that nobody was asked about yet: the oldest.

    So a run that an event started twice, or that the calendar started after a lost event, asks about
    each window once. A person who names a window is asked about that one, once more if need be.
    """

    shallow_copy_attrs = ("catalog",)

    def __init__(self, *, model: str, catalog: Catalog, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.catalog = catalog

    def execute(self, context: Context) -> dict[str, Any]:
        """Put the window and the question together, or skip the run and say why."""
        declared = self.catalog.models[self.model]
        history = DECISIONS.read(DeploymentSettings.current().lake.ledger, self.model)
        held = held_windows(history, self.model, declared.retraining.normal_after_windows)
        store, run = context["asset_state_store"][hold_asset(self.model)], context["run_id"]
        kept: Any = store.get(ASKED, default={})
        asked = {window: by for window, by in kept.items() if window in held}
        window = context["params"]["window"]
        if window is None:
            unasked = [one for one in held if asked.get(one, run) == run]
            if not unasked:
                raise AirflowSkipException(
                    f"{self.model}: no window is held that nobody was asked about"
                )
            window = unasked[0]
        elif window not in held:
            known = ", ".join(held) or "none"
            raise AirflowFailException(f"{self.model}: {window} is not held. Held are: {known}.")
        store.set(ASKED, {**asked, window: run})
        decision = decision_on(history, window)
        assert decision is not None  # noqa: S101 - it holds the window
        return {
            "decision": decision.model_dump(mode="json"),
            "window": window,
            "question": question(declared, decision, held[window]),
        }


class ReleaseOperator(ModelOperator):
    """Writes a person's word into the ledger: the window's rows are learnt from again."""

    job = "release"

    def batch(self, context: Context) -> str:
        """The window that was asked about."""
        return str(self.result_of(context, "plan")["window"])

    def plan(self, context: Context, planner: Planner, job_id: str) -> ReleaseSpec:
        """Release the window in the name of who approved it."""
        held = Decision.model_validate(self.result_of(context, "plan")["decision"])
        answer = self.result_of(context, "ask")
        reason = str((answer.get("params_input") or {}).get("reason") or "the change is real")
        return planner.release(self.declared, held, reason, approver(answer), job_id)

    def handle_report(self, report: ReleaseReport, context: Context) -> dict[str, Any]:
        """Say who released it."""
        self.log.info("%s: %s", self.model, report.decision.reason)
        notify_once(self.declared, report.decision, context)
        return super().handle_report(report, context)
