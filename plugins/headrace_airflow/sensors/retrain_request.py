"""Waiting, within a Dag, for monitoring to ask for a training."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from headrace_airflow.retrain_requests import Request, look_for_request
from headrace_airflow.triggers.retrain_request import RetrainRequestTrigger


class RetrainRequestSensor(BaseSensorOperator):
    """Succeeds when the model's ledger holds an unanswered request to train.

    Deferred by default: it takes no worker slot while it waits. With `soft_fail=True` a timeout
    ends SKIPPED, which reads as "nothing asked for a training in the meantime".
    """

    template_fields: Sequence[str] = ("model",)

    def __init__(self, *, model: str, deferrable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.deferrable = deferrable

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Look once."""
        found = look_for_request(self.model)
        return PokeReturnValue(found is not None, found)

    def execute(self, context: Context) -> Any:
        """Look once; if there is nothing, wait in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        if found := look_for_request(self.model):  # spares the way through the triggerer
            return self.execute_complete(context, found)
        self.defer(
            trigger=RetrainRequestTrigger(model=self.model, poke_interval=self.poke_interval),
            method_name="execute_complete",
            timeout=timedelta(seconds=self.timeout),
        )

    def execute_complete(self, context: Context, event: Request) -> Request:  # noqa: ARG002 - as above
        """Hand the request on."""
        self.log.info("%s: training is asked for: %s", self.model, event["reason"])
        return event
