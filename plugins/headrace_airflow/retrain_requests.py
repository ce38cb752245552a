"""Whether monitoring asks for a training that nobody has answered yet.

The sensor, its trigger and the asset's watcher ask this one question, so they cannot disagree.
"""

from collections.abc import Sequence

from headrace_airflow.lake_reader import read_ledger
from headrace_airflow.settings import Settings
from headrace_schemas.decisions import Decision, as_of_label, open_request

Request = dict[str, str]
"""An open request as it travels in events: decision id, window, data time and reason."""


def request_in(history: Sequence[Decision], model: str) -> Request | None:
    """The request that the ledger leaves open, if there is one."""
    asked = open_request(history, model)
    if asked is None:
        return None
    return {
        "decision": asked.id, "window": asked.window, "as_of": as_of_label(asked.as_of),
        "reason": asked.reason,
    }  # fmt: skip


def look_for_request(model: str) -> Request | None:
    """Read the ledger and ask. Blocking: a trigger calls it in a thread."""
    return request_in(read_ledger(Settings.current().lake.ledger, model), model)
