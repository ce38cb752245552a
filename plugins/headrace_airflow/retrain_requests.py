"""Whether monitoring asks for a training that nobody has answered yet.

The sensor, its trigger and the asset's watcher ask this one question, so they cannot disagree.
"""

from collections.abc import Sequence
from typing import Any

from headrace_airflow.settings import DeploymentSettings
from headrace_lake.ledger import DECISIONS
from headrace_lake.versions import open_table, refreshed
from headrace_schemas.decisions.decision import Decision, as_of_label, open_request

Request = dict[str, str]
"""An open request as it travels in events: decision id, window, data time and reason."""


def request_in(history: Sequence[Decision], model: str) -> Request | None:
    """The request that the ledger leaves open, if there is one."""
    asked = open_request(history, model)
    if asked is None:
        return None
    return {
        "decision": asked.id,
        "window": asked.window,
        "as_of": as_of_label(asked.as_of),
        "reason": asked.reason,
    }


def look_for_request(model: str) -> Request | None:
    """Read the ledger and ask. Blocking."""
    return request_in(DECISIONS.read(DeploymentSettings.current().lake.ledger, model), model)


class RequestWatch:
    """Asks again and again, and reads only what is new.

    The ledger stays open between two looks: a look lists the commits that have come since, and where
    there is none the answer is the last one. Blocking: a trigger calls it in a thread, one at a time.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self._uri = ""
        self._table: Any = None
        self._version: int | None = None
        self._answer: Request | None = None

    def look(self) -> Request | None:
        """The request that is open now.

        Raises:
            EngineUnavailable: The lake cannot be read.
        """
        uri = DeploymentSettings.current().lake.ledger
        table = refreshed(self._table) if uri == self._uri else None
        self._uri, self._table = uri, open_table(uri) if table is None else table
        if self._table is None:
            return None
        if table is None or self._table.version() != self._version:
            self._version = None  # until the rows are read
            self._answer = request_in(DECISIONS.read_open(self._table, self.model), self.model)
            self._version = self._table.version()
        return self._answer
