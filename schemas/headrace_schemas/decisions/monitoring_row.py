"""What monitoring keeps of a window: numbers to look at, and all of the evidence."""

from headrace_schemas.declarations.declaration import Frozen


class MonitoringRow(Frozen):
    """One row of a model's monitoring table; a window that is measured again replaces its own.

    Attributes:
        window: Partition key.
        champion: Version that served the window; None if none did.
        labelled: Rows with a matured label and a prediction.
        metric: Which one `current`, `reference` and `first` are of; None where none was measured.
        moved_importance: Share of the champion's gain that lies in features that drifted, 0 to 1.
        evidence: A `MonitorEvidence`, as JSON.
        profile: A `WindowProfile`, as JSON; None of windows from before there were profiles.
    """

    window: str
    champion: str | None = None
    rows: int
    labelled: int
    metric: str | None = None
    current: float | None = None
    reference: float | None = None
    first: float | None = None
    moved_importance: float | None = None
    evidence: str
    profile: str | None = None
