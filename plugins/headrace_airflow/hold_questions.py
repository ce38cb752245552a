"""What a person is asked about a held window: the incident in words and numbers, and what follows."""

from collections.abc import Sequence
from math import isinf

from headrace_schemas.decisions.decision import Decision, as_of_label
from headrace_schemas.decisions.evidence_codec import read_evidence
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.declarations.model import Model

HEAD = "| what | where | measured | its history allows | importance |\n|---|---|---|---|---|"


def question(model: Model, decision: Decision, incidents: Sequence[Incident]) -> str:
    """The question in Markdown.

    Args:
        decision: The one that holds the window.
        incidents: What holds it.
    """
    evidence = read_evidence(decision)
    of_labels = any(incident.scope is Scope.LABEL for incident in incidents)
    held = f"{evidence.rows:,} rows of {model.table}, {evidence.labelled:,} of them with labels"
    what = (
        "Its labels are held, and with them training and promotion" if of_labels else "It is held"
    )
    return "\n\n".join(
        [
            f"**{decision.window} looks broken rather than changed.** {decision.reason}.",
            "\n".join([HEAD, *map(row, incidents)]),
            f"{what}: {held}, known as of {as_of_label(decision.as_of)}. No training learns from "
            "them, no holdout has them, and later windows are not compared with them.",
            "**Approve**: the change is real. The rows are learnt from again, and your words are "
            "written into the ledger.",
            "**Reject**, or no answer: they stay held. A corrected delivery of the window releases "
            "them by itself, without an answer here.",
        ]
    )


def row(incident: Incident) -> str:
    """One incident as a row of the table."""
    cells = [
        incident.sign,
        incident.subject or "all rows",
        f"{incident.value:.4g}",
        allowed(incident),
        f"{incident.weight:.0%}",
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def allowed(incident: Incident) -> str:
    """The bounds of an incident's history, in words."""
    low, high = (
        None if end is None or isinf(end) else f"{end:.4g}" for end in (incident.low, incident.high)
    )
    if low and high:
        return f"{low} to {high}"
    if low or high:
        return f"at least {low}" if low else f"at most {high}"
    return "-"
