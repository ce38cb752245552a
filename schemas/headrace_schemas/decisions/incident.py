"""Data incidents: windows, columns or labels that are not to be believed, and so not learnt from."""

from enum import StrEnum

from headrace_schemas.decisions.signal import Evidence


class Scope(StrEnum):
    """What of a window an incident is about."""

    ROWS = "rows"
    COLUMN = "column"
    LABEL = "label"


class Incident(Evidence):
    """One sign that a window's data is broken rather than the world changed.

    Attributes:
        subject: The column, the slice of labels, or the table.
        sign: What is off, such as `missing share`, `unit`, `base rate`.
        value: As measured.
        low: Least value that its history allows; None where there is no such bound.
        high: Greatest value that its history allows; None where there is no such bound.
        weight: Share of the champion's gain that lies in the column; 1 for rows and labels.
        text: In words, with the numbers.
    """

    scope: Scope
    subject: str
    sign: str
    value: float
    low: float | None = None
    high: float | None = None
    weight: float = 1.0
    text: str
