"""What a retrained model would have gained on a window, measured on rows that it had not seen."""

from headrace_schemas.decisions.signal import Evidence


class Moments(Evidence):
    """Losses of a window's rows: how many, their mean and their variance."""

    rows: int
    mean: float
    variance: float


class Gain(Evidence):
    """One shadow challenger against the champion, paired row by row.

    Attributes:
        family: How its rows were chosen, such as `all` or `last 3`.
        since: Key of the first window that it learnt from.
        learnt_rows: That it learnt from.
        difference: The champion's loss minus the challenger's: positive is better.
        is_pilot: Both were fitted on samples, and the difference is extrapolated to all rows.
    """

    family: str
    since: str
    learnt_rows: int
    difference: Moments
    is_pilot: bool = False
