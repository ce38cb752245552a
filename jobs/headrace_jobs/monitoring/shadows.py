"""Shadow challengers: what a retrained model would have gained on a window, measured and not guessed.

For each window some challengers are fitted that could have been trained before it, each from another
stretch of history, since neither all of it nor the newest part is always the better teacher. They are
compared with the champion row by row on the window, which neither has seen. So the comparison holds
whatever changed: inputs, the world, or only the number of rows.

Two more are fitted within the window, on one half of its rows and compared on the other: after an
abrupt change they are the only ones that know the new world already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from headrace_jobs.monitoring.learner import FEWEST_ROWS, Fitted, Learner, Rows
from headrace_jobs.statistics.losses import Loss, by_row, moments
from headrace_jobs.statistics.metrics import Values
from headrace_schemas.decisions.gain import Gain
from headrace_schemas.decisions.gains import ALL, WITH_ALL, WITHIN

NEWEST = (1, 3, 12)
"""Lengths, in windows, of the families that learn from the newest ones."""

CURVE = sqrt(2) - 1
"""Twice the rows shorten the way to the asymptote by this much more than 1, where a loss falls as one
over the root of the rows."""


@dataclass(frozen=True)
class Champion:
    """What served the window.

    Attributes:
        windows: That it learnt from, oldest first.
        predicted: Its predictions for the window's rows.
    """

    windows: tuple[Rows, ...]
    predicted: Values


def families(windows: Sequence[Rows], champion: Champion) -> dict[str, int]:
    """Which windows each family learns from: its name, and the position of the first one."""
    found = {ALL: 0}
    if champion.windows:
        first = champion.windows[0].key
        since = next((i for i, rows in enumerate(windows) if rows.key >= first), 0)
        if since:
            found[f"all since {windows[since].key}"] = since
    for length in NEWEST:
        if length < len(windows):
            found[f"the newest {length}"] = len(windows) - length
    return found


def gains(
    learner: Learner,
    loss: Loss,
    champion: Champion,
    before: Sequence[Rows],
    window: Rows,
    is_late: NDArray[np.bool_],
) -> list[Gain]:
    """Each family's gain on the window.

    Args:
        before: Labelled windows before it that may be learnt from, oldest first.
        is_late: Which of the window's rows are the later half.
    """
    served = by_row(loss, window.target, champion.predicted)
    found = within(learner, loss, served, before, window, is_late)
    comparison = Comparison(learner, loss, window, served, {})
    if champion.windows and is_newer(before, champion):
        own = comparison.losses(champion.windows) if learner.is_pilot else served
        for name, first in families(before, champion).items():
            chosen = before[first:]
            theirs = comparison.losses(chosen)
            if own is None or theirs is None:
                continue
            found.append(
                Gain(
                    family=name,
                    since=chosen[0].key,
                    learnt_rows=sum(rows.total for rows in chosen),
                    difference=moments(loss, own - theirs),
                    is_pilot=learner.is_pilot,
                )
            )
    return [gain for gain in found if gain.difference.rows]


def is_newer(before: Sequence[Rows], champion: Champion) -> bool:
    """Whether there is anything that the champion has not learnt from."""
    return bool(before) and before[-1].key > champion.windows[-1].key


@dataclass(frozen=True)
class Comparison:
    """Losses on one window of boosters that learnt from some others."""

    learner: Learner
    loss: Loss
    window: Rows
    served: Values
    known: dict[tuple[str, str, float], Values | None]

    def losses(self, windows: Sequence[Rows]) -> Values | None:
        """Of a booster that learnt from these, extrapolated where they are a sample.

        A loss is taken to fall as a + b / sqrt(rows): what half the sample loses more than the sample
        tells b, and with it what all rows would lose less (C. Cortes, L. Jackel, S. Solla, V. Vapnik and
        J. Denker, Learning curves, NIPS 1993).
        """
        total = max(sum(rows.total for rows in windows), 1)
        share = min(self.learner.most_rows / total, *(rows.share for rows in windows), 1.0)
        found = self.of_sample(windows, share)
        if found is None or share == 1:
            return found
        half = self.of_sample(windows, share / 2)
        if half is None:
            return None
        extrapolated: Values = found - (1 - sqrt(share)) / CURVE * (half - found)
        return extrapolated

    def of_sample(self, windows: Sequence[Rows], share: float) -> Values | None:
        """Of a booster that learnt from a share of their rows."""
        name = (windows[0].key, windows[-1].key, share)
        if name not in self.known:
            fitted = self.learner.fit([rows.sampled(share) for rows in windows])
            self.known[name] = None if fitted is None else lost(self.loss, fitted, self.window)
        return self.known[name]


def lost(loss: Loss, fitted: Fitted, window: Rows) -> Values:
    """The losses of a booster on a window."""
    return by_row(loss, window.target, fitted.predict(window.numbers))


def within(
    learner: Learner,
    loss: Loss,
    served: Values,
    before: Sequence[Rows],
    window: Rows,
    is_late: NDArray[np.bool_],
) -> list[Gain]:
    """The gains of challengers that know the window itself, alone or beside all before it.

    Each half is predicted from the other. The halves are the earlier and the later rows, as rows of one
    hour or day know too much of each other (S. Roberts and others, Cross-validation strategies for data
    with temporal structure, Ecography 40, 2017).
    """
    if min(is_late.sum(), (~is_late).sum()) < FEWEST_ROWS:
        return []
    known = {WITHIN: [], WITH_ALL: list(before)} if before else {WITHIN: []}
    found = []
    for family, windows in known.items():
        losses = np.full(len(window.target), np.nan)
        for learnt in (is_late, ~is_late):
            own = Rows(window.key, window.numbers[learnt], window.target[learnt], int(learnt.sum()))
            fitted = learner.fit(sampled(learner, [*windows, own]))
            if fitted is not None:
                predicted = fitted.predict(window.numbers[~learnt])
                losses[~learnt] = by_row(loss, window.target[~learnt], predicted)
        if np.isnan(losses).any():
            continue
        gain = Gain(
            family=family,
            since=windows[0].key if windows else window.key,
            learnt_rows=sum(rows.total for rows in windows) + len(window.target) // 2,
            difference=moments(loss, served - losses),
            is_pilot=learner.is_pilot,
        )
        found.append(gain)
    return found


def sampled(learner: Learner, windows: Sequence[Rows]) -> list[Rows]:
    """As many rows of them as one booster learns from, of each the same share."""
    total = max(sum(rows.total for rows in windows), 1)
    share = min(learner.most_rows / total, *(rows.share for rows in windows), 1.0)
    return [rows.sampled(share) for rows in windows]
