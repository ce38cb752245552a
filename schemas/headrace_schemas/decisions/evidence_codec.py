"""Evidence of monitoring as any release wrote it, read as this one knows it."""

import json
from collections.abc import Iterable
from typing import Any

from headrace_schemas.decisions.decision import Decision, Kind
from headrace_schemas.decisions.evidence import MonitorEvidence
from headrace_schemas.decisions.psi import psi_signal


def newest_evidence(decision: Decision, history: Iterable[Decision]) -> MonitorEvidence:
    """The same, or what was measured of the window when its corrected delivery released it.

    Args:
        history: Rows of the ledger, releases among them.
    """
    for word in history:
        if word.kind is Kind.RELEASE and word.window == decision.window:
            content = json.loads(word.evidence)
            if "matured_partitions" in content:  # a person's word has measured nothing
                return MonitorEvidence.model_validate(content)
    return read_evidence(decision)


def read_evidence(decision: Decision) -> MonitorEvidence:
    """What a decision on retraining was made on, with the thresholds that were in force."""
    content = json.loads(decision.evidence)
    if "shifts" not in content:
        return MonitorEvidence.model_validate(content)
    policy = json.loads(decision.policy)
    return as_signals(content, float(policy["monitors"]["inputs"]["psi"]))


def as_signals(content: dict[str, Any], threshold: float) -> MonitorEvidence:
    """Evidence, of which an older release has kept `shifts` of features.

    Args:
        threshold: Population stability index from which a feature counted as drifted.
    """
    rest = dict(content)
    rows = int(rest.get("rows", 0))
    drifted = [
        psi_signal(
            shift["feature"],
            float(shift["psi"]),
            float(shift["importance"]),
            rows,
            threshold,
            shift.get("bins"),
            shift.get("trained_rows"),
        )
        for shift in rest.pop("shifts", ())
    ]
    found = MonitorEvidence.model_validate(rest)
    return found.model_copy(update={"signals": (*drifted, *found.signals)})
