"""The population stability index of a feature, as a signal: what it says, and from how many rows on."""

import math

from headrace_schemas.decisions.signal import Question, Signal

METHOD = "PSI"

BINS = 10
"""Of a feature whose evidence was kept before bins were counted."""

RARE = 2.326
"""Standard normal quantile of 99 %: what chance does in one window of a hundred."""


def psi_signal(
    feature: str,
    psi: float,
    importance: float,
    rows: int,
    threshold: float,
    bins: int | None = None,
    trained_rows: int | None = None,
) -> Signal:
    """How far one feature drifted from the champion's training window.

    Args:
        psi: Population stability index.
        importance: Share of the champion's total gain, 0 to 1.
        rows: Of the window.
        threshold: From which index on it counts as drifted.
        bins: Bins that training rows fell into; None where they were not counted.
        trained_rows: Rows that the bins' shares were made of; None where they were not counted.
    """
    needed = fewest_rows(threshold, bins, trained_rows)
    why_not = None
    if not (math.isfinite(psi) and math.isfinite(importance)):
        why_not = "it is not a number"
    elif rows < needed:
        why_not = "there are too few rows"
    return Signal(
        question=Question.INPUTS,
        subject=feature,
        method=METHOD,
        value=psi,
        threshold=threshold,
        weight=importance,
        rows_needed=needed,
        why_not=why_not,
    )


def fewest_rows(psi: float, bins: int | None, trained_rows: int | None) -> float:
    """Rows from which chance reaches `psi` in less than one window of a hundred; may be infinite.

    Without any shift, PSI / (1/n + 1/m) of n rows against m is about chi-square distributed with
    bins - 1 degrees of freedom (B. Yurdakul and J. Naranjo, Journal of Risk Model Validation 14,
    2020): n >= 1 / (psi / q - 1 / m), where q is the 99 % quantile.
    """
    rarest = chi_square_quantile((BINS if bins is None else bins) - 1)
    left = psi / rarest - (1 / trained_rows if trained_rows else 0.0)
    return math.ceil(1 / left) if left > 0 else math.inf


def chi_square_quantile(degrees: int) -> float:
    """The 99 % quantile of chi-square, by E. Wilson and M. Hilferty (PNAS 17, 1931).

    With fewer than two bins nothing can move, but a new value makes a bin: one degree is the least.
    """
    degrees = max(degrees, 1)
    spread = 2 / (9 * degrees)
    return degrees * (1 - spread + RARE * math.sqrt(spread)) ** 3
