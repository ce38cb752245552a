"""Other policies on the same months: the one before this one, by the calendar, and by peers' alarms.

What stands for Evidently and NannyML are the rules that their documentation calls defaults, written
down here, since their packages ask for other versions of Python and pandas than this project has. An
alarm is followed by a training from all months, as their examples have it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from benchmarks.decisions.boosters import Boosters
from benchmarks.decisions.worlds import DAYS
from scipy import stats

from headrace_jobs.monitoring.backtest_boosters import importances
from headrace_jobs.monitoring.backtest_life import Played, Training
from headrace_jobs.monitoring.backtest_windows import days
from headrace_jobs.monitoring.learner import Fitted, Numbers, Rows
from headrace_jobs.statistics import metrics
from headrace_schemas.decisions.evidence import FEWEST_ROWS


@dataclass
class Champion:
    """A model that serves, with what the policies keep of it."""

    fitted: Fitted
    rows: tuple[Rows, ...]
    month: int
    reference: float = np.nan
    error: float = np.nan
    chunks: list[float] = field(default_factory=list)

    @property
    def numbers(self) -> Numbers:
        """All that it learnt from."""
        return np.concatenate([part.numbers for part in self.rows])


Asks = Callable[[Boosters, Champion, int], bool]


def play(
    boosters: Boosters,
    asks: Asks,
    is_gated: bool = False,
    describe: Callable[..., None] | None = None,
) -> Played:
    """Train from all months whenever a policy asks.

    Args:
        is_gated: By the gate of Headrace before: better on the holdout in 90 % of the resamples.
        describe: Adds to a new champion what the policy keeps of it.
    """
    played, months, live = Played(), boosters.world.months, boosters.world.live
    champion = trained(boosters, live.start - 1, is_gated)
    if describe is not None:
        describe(boosters, champion)
    for number in live:
        played.losses[number] = boosters.lost(champion.fitted, months[number])
        if number + 1 == live.stop or not asks(boosters, champion, number):
            continue
        candidate = trained(boosters, number, is_gated)
        promoted = not is_gated or is_better(boosters, candidate, champion, number)
        played.trainings.append(Training(number, tuple(range(number + 1)), promoted))
        if promoted:
            champion = candidate
            if describe is not None:
                describe(boosters, champion)
    return played


def trained(boosters: Boosters, number: int, is_held_out: bool) -> Champion:
    """A model of all months by the end of one, without the holdout where there is one."""
    months, as_of = boosters.world.months, boosters.world.months[number].as_of
    start = holdout_start(boosters, number) if is_held_out else np.inf
    rows = [month.labelled(as_of, until=start) for month in months[: number + 1]]
    learnt = tuple(part for part in rows if len(part.target))
    fitted = boosters.fit(learnt)
    assert fitted is not None
    champion = Champion(fitted, learnt, number)
    if is_held_out:
        target, numbers = holdout(boosters, number)
        predicted, metric = fitted.predict(numbers), boosters.model.monitors.performance.metric
        champion.reference = metrics.measure(metric, target, predicted) or np.nan
        champion.error = metrics.standard_error(metric, target, predicted) or np.nan
    return champion


def holdout_start(boosters: Boosters, number: int) -> float:
    """Where the newest days begin by the end of a month, in days since 1970."""
    asked = boosters.model.split.holdout_days
    assert asked is not None
    return days(boosters.world.months[number].ends) - asked


def holdout(boosters: Boosters, number: int) -> tuple[np.ndarray, Numbers]:
    """Labels and features of the newest days."""
    months, as_of = boosters.world.months, boosters.world.months[number].as_of
    start = holdout_start(boosters, number)
    rows = [month.labelled(as_of, since=start) for month in months[: number + 1]]
    return (
        np.concatenate([part.target for part in rows]),
        np.concatenate([part.numbers for part in rows]),
    )


def is_better(boosters: Boosters, candidate: Champion, champion: Champion, number: int) -> bool:
    """The gate of before: on at least 50 rows of each class, in 90 % of 300 resamples."""
    target, numbers = holdout(boosters, number)
    if is_few(boosters, target):
        return False
    metric = boosters.model.gates.champion.metric
    new, old = candidate.fitted.predict(numbers), champion.fitted.predict(numbers)
    return float(np.mean(metrics.resampled_gains(metric, target, new, old, 300, 7) > 0)) >= 0.9


def is_few(boosters: Boosters, target: np.ndarray) -> bool:
    """Whether no metric is believed."""
    positive = metrics.positive(boosters.model.task, target)
    least = len(target) if positive is None else min(positive, len(target) - positive)
    return least < FEWEST_ROWS


def every_month(boosters: Boosters, champion: Champion, number: int) -> bool:  # noqa: ARG001 - one form
    """By the calendar."""
    return True


def before(boosters: Boosters, champion: Champion, number: int) -> bool:
    """Headrace's rule before this one.

    Results worse than on the own holdout by more than 0.02 and two standard errors; or half of the
    importance in features with a PSI of 0.2, unless the results surely hold; or 90 days of age.
    """
    month = boosters.world.months[number]
    rows = month.labelled(month.as_of)
    metric, lost, error = boosters.model.monitors.performance.metric, np.nan, np.nan
    predicted = champion.fitted.predict(rows.numbers)
    if not is_few(boosters, rows.target):
        current = metrics.measure(metric, rows.target, predicted) or np.nan
        lost = (champion.reference - current) * (1 if metric == "auc" else -1)
        own = metrics.standard_error(metric, rows.target, predicted) or np.nan
        error = float(np.hypot(own, champion.error))
    if lost > max(0.02, 2 * error):
        return True
    shares = importances(champion.fitted, boosters.scenario.features)
    moved = sum(
        shares[name]
        for index, name in enumerate(boosters.scenario.features)
        if has_psi(champion.numbers[:, index], month.numbers[:, index])
    )
    if moved >= 0.5 and not (error <= 0.02 and lost <= 0):
        return True
    return (number - champion.month) * DAYS > 90


def has_psi(reference: np.ndarray, current: np.ndarray) -> bool:
    """PSI of 0.2 on tenths, where chance does not reach it in one window of a hundred."""
    known, now = reference[~np.isnan(reference)], current[~np.isnan(current)]
    distinct = np.unique(known)
    edges = (
        distinct if len(distinct) <= 10 else np.unique(np.quantile(known, np.arange(0.1, 1, 0.1)))
    )
    old, new = (
        np.r_[
            np.bincount(np.searchsorted(edges, part), minlength=len(edges) + 1),
            len(all_) - len(part),
        ]
        / len(all_)
        for part, all_ in ((known, reference), (now, current))
    )
    bins = max(int((old > 0).sum()) - 1, 1)
    chance = stats.chi2.ppf(0.99, bins) * (1 / len(reference) + 1 / len(current))
    old, new = np.maximum(old, 1e-4), np.maximum(new, 1e-4)
    return bool(((new - old) * np.log(new / old)).sum() >= 0.2 >= chance)


def evidently(boosters: Boosters, champion: Champion, number: int) -> bool:
    """Half of the columns drifted.

    Up to 1,000 reference rows by a p-value below 0.05: Kolmogorov-Smirnov for numbers, chi-square for
    categories, a z-test for two values; above by 0.1 of the Wasserstein distance in standard deviations for
    numbers, of Jensen-Shannon for categories.
    """
    month, reference = boosters.world.months[number], champion.numbers
    drifted = [
        evidently_column(kind, reference[:, index], month.numbers[:, index])
        for index, kind in enumerate(boosters.scenario.kinds)
    ]
    return sum(drifted) >= len(drifted) / 2


def evidently_column(kind: str, reference: np.ndarray, current: np.ndarray) -> bool:
    """One column; missing values are left out."""
    old, new = reference[~np.isnan(reference)], current[~np.isnan(current)]
    if not len(new) or not len(old):
        return len(new) != len(old)
    values = np.unique(np.r_[old, new])
    is_number = kind == "number" and len(np.unique(old)) > 5
    counts = (
        np.array([[np.sum(part == value) for value in values] for part in (old, new)])
        if not is_number
        else None
    )
    if len(old) > 1000:
        if counts is None:
            scale = max(float(old.std()), 1e-3)
            return bool(stats.wasserstein_distance(old, new) / scale >= 0.1)
        return jensen_shannon(counts) >= 0.1
    if counts is None:
        return bool(stats.ks_2samp(old, new).pvalue < 0.05)
    if len(values) < 2:
        return False
    return bool(stats.chi2_contingency(counts, correction=False).pvalue < 0.05)


def jensen_shannon(counts: np.ndarray) -> float:
    """The distance: root of the divergence, with the natural logarithm."""
    old, new = counts / counts.sum(axis=1, keepdims=True)
    middle = (old + new) / 2
    return float(np.sqrt((stats.entropy(old, middle) + stats.entropy(new, middle)) / 2))


def nannyml(boosters: Boosters, champion: Champion, number: int) -> bool:
    """The month's metric outside of three standard deviations around the mean of reference chunks."""
    month = boosters.world.months[number]
    value = chunk(boosters, champion.fitted, month.labelled(month.as_of))
    if len(champion.chunks) < 2 or value is None:
        return False
    middle, spread = np.mean(champion.chunks), np.std(champion.chunks, ddof=1)
    return bool(abs(value - middle) > 3 * spread)


def with_chunks(boosters: Boosters, champion: Champion) -> None:
    """The champion's metric on the newest dozen of its months, each half by a model of the other."""
    newest = champion.rows[-12:]
    halves = (newest[::2], newest[1::2])
    for learnt, judged in (halves, halves[::-1]):
        fitted = boosters.fit(learnt) if learnt else None
        for rows in judged if fitted is not None else ():
            value = chunk(boosters, fitted, rows)
            if value is not None:
                champion.chunks.append(value)


def chunk(boosters: Boosters, fitted: Fitted, rows: Rows) -> float | None:
    """The metric of some rows."""
    metric = boosters.model.monitors.performance.metric
    return metrics.measure(metric, rows.target, fitted.predict(rows.numbers))


POLICIES: dict[str, Callable[[Boosters], Played]] = {
    "before": lambda boosters: play(boosters, before, is_gated=True),
    "monthly": lambda boosters: play(boosters, every_month),
    "Evidently's rule": lambda boosters: play(boosters, evidently),
    "NannyML's rule": lambda boosters: play(boosters, nannyml, describe=with_chunks),
}
"""All but Headrace's and never, by name."""
