"""What a gate saw of a batch, by the record that it left."""

import json

from headrace_lake.objects import folder
from headrace_schemas.places import Lake
from headrace_schemas.wire.model_jobs import GateOutcome


def gate_outcome(lake: Lake, name: str, batch: str) -> GateOutcome | None:
    """The outcome for a table's batch; None where no record is left.

    Raises:
        EngineUnavailable: The lake cannot be read.
    """
    try:
        content = folder(lake.gate_record(name, batch)).read("result.json")
    except FileNotFoundError:
        return None
    meta = json.loads(content)["meta"]
    counts = meta["counts"]
    return GateOutcome(
        rows_in=counts["rows_in"],
        quarantined=counts.get("rows_quarantined", 0),
        warnings=meta.get("warnings", {}),
    )
