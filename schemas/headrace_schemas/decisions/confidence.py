"""What is surely true of mean losses, however often one looks at them.

All works on the moments of windows, never on their rows. A mean over windows is uncertain in two
ways: the rows of a window are few, and windows differ among themselves more than their rows explain.
"""

import math
from collections.abc import Sequence

from headrace_schemas.decisions.gain import Moments
from headrace_schemas.decisions.signal import Evidence, Question, Signal

LEAST_ROWS = 30
"""Below it nothing is bounded: the bounds hold by the central limit theorem."""

LEAST_EVENTS = 10
"""Rows that a loss of 0 or 1 must have hit before its mean is taken for normal; see `events`."""

LEAST_COMPARED = 2
"""Degrees of freedom from which on windows say how much they differ: two agree easily by chance."""

LEAST_DUE = 0.95
"""Share of a window's labels that are due before it counts: fast labels are no fair sample."""

TIGHTEST_AFTER = 4
"""Windows after which the bounds are tightest; they hold at any number of windows."""


class Bounds(Evidence):
    """The mean of a loss over windows, each row counting the same.

    Attributes:
        low: Lower bound, infinite where there are too few rows.
        high: Upper bound, likewise.
        rows: Of all windows.
        windows: How many there are.
        between: Variance of the windows' own means, beyond what their rows explain.
        compared: Degrees of freedom of `between`; 0 where no two windows could be compared, so that
            the bounds know of rows alone.
    """

    mean: float
    low: float
    high: float
    rows: int
    windows: int
    between: float
    compared: int


def pooled(windows: Sequence[Moments]) -> Moments:
    """Moments of the rows of all windows together: the parallel formula of T. Chan, G. Golub and R.

    LeVeque (Stanford STAN-CS-79-773, 1979). Variances are of the rows at hand, divided by their number.
    """
    windows = present(windows)
    rows = sum(window.rows for window in windows)
    if not rows:
        return Moments(rows=0, mean=0.0, variance=0.0)
    mean = sum(window.rows * window.mean for window in windows) / rows
    squares = sum(window.rows * (window.variance + (window.mean - mean) ** 2) for window in windows)
    return Moments(rows=rows, mean=mean, variance=squares / rows)


def present(windows: Sequence[Moments]) -> list[Moments]:
    """Those that have rows and finite moments."""
    return [
        window
        for window in windows
        if window.rows > 0 and math.isfinite(window.mean) and math.isfinite(window.variance)
    ]


def bounds(
    windows: Sequence[Moments], alpha: float, others: Sequence[Sequence[Moments]] = ()
) -> Bounds:
    """Bounds of a mean that hold after each window at once, each with probability 1 - `alpha`.

    The one-sided asymptotic confidence sequence by a normal mixture, in the form for variances that
    change (I. Waudby-Smith, D. Arbour, R. Sinha, E. Kennedy and A. Ramdas, Time-uniform central limit
    theory and asymptotic confidence sequences, Annals of Statistics 52, 2024): with the sum's variance V,
    mean -+ sqrt(2 (V q + 1) / q * ln(1 + sqrt(V q + 1) / (2 alpha))) / rows. V has the rows' part
    and that of windows among themselves, `variance_between`. Where V itself is estimated from
    little, its radius is stretched as Student's t is against the normal distribution.

    The stitched empirical Bernstein bound of S. Howard, A. Ramdas, J. McAuliffe and J. Sekhon (Annals of
    Statistics 49, 2021), which needs no limit but losses within [0, 1], is wider at each size used here.

    Args:
        windows: In order of time. Their weights are their rows.
        alpha: Probability, for each of both sides, of ever excluding the true mean.
        others: Windows of other times, each group with a mean of its own: how much windows and rows
            vary within them says how much these may, even if few rows happen to agree.
    """
    windows = present(windows)
    groups = [group for group in (windows, *map(present, others)) if group]
    total = pooled(windows)
    between, compared = variance_between(groups)
    low, high = -math.inf, math.inf
    row_degrees = total.rows - len(windows)
    if total.rows >= LEAST_ROWS and row_degrees:
        of_row = max(variance_within([windows]), variance_within(groups))
        by_rows, by_windows = total.rows * of_row, between * sum(one.rows**2 for one in windows)
        first = windows[0].rows * of_row + windows[0].rows ** 2 * between
        deviations, spread = 0.0, by_rows + by_windows
        if spread:
            uncertain = by_rows**2 / row_degrees + by_windows**2 / max(compared, 1)
            deviations = stretched(mixture_radius(spread / first, alpha), spread**2 / uncertain)
        radius = deviations * math.sqrt(spread) / total.rows
        low, high = total.mean - radius, total.mean + radius
    return Bounds(
        mean=total.mean,
        low=low,
        high=high,
        rows=total.rows,
        windows=len(windows),
        between=between,
        compared=compared,
    )


def variance_within(groups: Sequence[Sequence[Moments]]) -> float:
    """Variance of a row around the mean of its window; 0 where no window has two rows."""
    squares = sum(window.rows * window.variance for group in groups for window in group)
    degrees = sum(window.rows - 1 for group in groups for window in group)
    return squares / degrees if degrees else 0.0


def variance_between(groups: Sequence[Sequence[Moments]]) -> tuple[float, int]:
    """How much the means of windows vary beyond their rows, and with how many degrees of freedom.

    The analysis-of-variance estimator of a random effect (S. Searle, G. Casella and C. McCulloch,
    Variance Components, Wiley 1992), where each group has its own mean. Rows vary as much in all
    windows of a group.
    """
    surplus, weight, degrees = 0.0, 0.0, 0
    for group in groups:
        rows = sum(window.rows for window in group)
        if len(group) < 2 or rows <= len(group):
            continue
        mean = pooled(group).mean
        squares = sum(window.rows * (window.mean - mean) ** 2 for window in group)
        surplus += squares - (len(group) - 1) * variance_within([group])
        weight += rows - sum(window.rows**2 for window in group) / rows
        degrees += len(group) - 1
    return (max(0.0, surplus / weight) if weight else 0.0), degrees


def mixture_radius(time: float, alpha: float) -> float:
    """How many standard deviations a normal sum may be off, at whatever time one looks.

    Args:
        time: Variance of the sum in units of that of its first window.
        alpha: Probability of ever being beyond it, on one side.
    """
    doubled = -2 * math.log(min(2 * alpha, 0.5))
    mixed = time / TIGHTEST_AFTER * (doubled + math.log(doubled) + 1)
    return math.sqrt(2 * (mixed + 1) / mixed * math.log1p(math.sqrt(mixed + 1) / (2 * alpha)))


def stretched(deviations: float, degrees: float) -> float:
    """Student's t as unlikely as so many deviations of a normal distribution.

    D. Wallace, Bounds on normal approximations to Student's and the chi-square distributions, Annals
    of Mathematical Statistics 30, 1959; within 1 % from 3 degrees of freedom on, too wide below.
    """
    normal = deviations * (8 * degrees + 3) / (8 * degrees + 1)
    exponent = normal**2 / degrees
    return math.sqrt(degrees * math.expm1(exponent)) if exponent < 600 else math.inf


def worse(
    windows: Sequence[Moments],
    reference: Sequence[Moments],
    max_drop: float,
    alpha: float,
    subject: str = "loss",
) -> Signal:
    """How much a loss has surely risen, over the newest windows where that is surest.

    A. Podkopaev and A. Ramdas, Tracking the risk of a deployed model and detecting harmful distribution
    shifts (ICLR 2022): the alarm is that the lower bound of the risk exceeds the upper bound of the
    reference's by more than is tolerated. A mean over all windows since the champion learnt dilutes what
    changed lately, so every window may be the start; the start at the j-th has alpha / (j (j + 1)) of
    the probability, which adds up to alpha. Without any rise beyond `max_drop` the signal ever counts
    with a probability of at most `alpha`, however many windows are looked at.

    Args:
        windows: Since the reference, in order of time, of at least `LEAST_DUE` due labels each.
        reference: Windows of the level that was promised: a holdout, or windows known as healthy.
        max_drop: By how much the loss may rise, in its own unit.
        subject: What the loss is of, such as a metric or a slice.

    Returns:
        Its `value` is the rise, `low` and `high` its bounds, `threshold` is `max_drop`.
    """
    windows, reference = present(windows), present(reference)
    starts = []
    for start in range(max(len(windows), 1)):
        before, since = windows[:start], windows[start:]
        spent = alpha / 2 / ((start + 1) * (start + 2))
        now = bounds(since, spent, others=(reference, before))
        promised = bounds(reference, alpha / 2, others=(before, since))
        starts.append((now, promised))
    now, promised = max(starts, key=lambda pair: pair[0].low - pair[1].high)
    why_not = None
    if not all(
        group.rows >= LEAST_ROWS and events(group) >= LEAST_EVENTS
        for group in (pooled(windows[-now.windows :]), pooled(reference))
    ):
        why_not = "there are too few rows"
    elif now.compared < LEAST_COMPARED:
        why_not = "there are too few windows to know how much they differ"
    return Signal(
        question=Question.RESULTS,
        subject=subject,
        method=f"rise over {now.windows} windows",
        value=now.mean - promised.mean,
        low=now.low - promised.high,
        high=now.high - promised.low,
        threshold=max_drop,
        why_not=why_not,
    )


def events(losses: Moments) -> float:
    """How many rows of loss 1 among rows of loss 0 would be as uncertain, relative to their mean.

    That is rows * mean**2 / variance. A share is normal enough from about ten events on; a loss that
    few rows have all of says less than its rows promise.
    """
    return losses.rows * losses.mean**2 / losses.variance if losses.variance else 0.0
