"""Waiting, within a Dag, for inputs of a model that drifted."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from headrace_airflow.settings import DeploymentSettings
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.drift import drift_in


class DriftSensor(BaseSensorOperator):
    """Succeeds when monitoring found that a model's inputs drifted, whether it is trained or not.

    Its result is a `Drift` as a dictionary: window, decision and signals. It takes no worker slot
    between two looks, unless `mode="poke"` asks for it. `RetrainRequestSensor` waits for what follows
    from drift and from all else: that a training is asked for.

    Args:
        model: Name of the model.
        window: Key of the partition that is looked at, which may be a template; None for the newest
            one that was decided on.
    """

    template_fields: Sequence[str] = ("model", "window")

    def __init__(
        self, *, model: str, window: str | None = None, mode: str = "reschedule", **kwargs: Any
    ) -> None:
        super().__init__(mode=mode, **kwargs)
        self.model = model
        self.window = window

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Look once."""
        history = DECISIONS.read(DeploymentSettings.current().lake.ledger, self.model)
        found = drift_in(history, self.model, self.window)
        if found is None:
            return PokeReturnValue(is_done=False)
        self.log.info("%s: inputs drifted in %s: %s", self.model, found.window, found.signals)
        return PokeReturnValue(is_done=True, xcom_value=found.model_dump(mode="json"))
