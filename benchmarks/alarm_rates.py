"""How often inputs are called drifted: on windows of one distribution, and on planted shifts.

    python benchmarks/alarm_rates.py [--windows 500]

Windows of 1,000 rows are drawn and sketched one by one. Windows of 100,000 and 10,000,000 rows are drawn as
the counts of bins that a sketch of 100,000 rows gives: multinomial, which counts of independent rows are.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.statistics.bin_counts import Counts, counts, feature_of
from headrace_jobs.statistics.divergence import psi
from headrace_jobs.statistics.sketches import ColumnSketch, sketch

EFFECT = 0.2
"""PSI from which on an input counts as drifted: the default of `monitors.inputs.psi`."""

TRAINED = 100_000
"""Rows that the reference is made of."""

SIZES = (1_000, 100_000, 10_000_000)

Rows = NDArray[Any]
Draw = Callable[[np.random.Generator, int], Rows]


@dataclass(frozen=True)
class Distribution:
    """How values are drawn, and a shift of them that is to be found.

    Attributes:
        shift: In words.
    """

    name: str
    kind: FeatureKind
    draw: Draw
    shift: str
    shifted: Draw


def normal(random: np.random.Generator, rows: int) -> Rows:
    """Standard normal."""
    return random.normal(size=rows)


def lognormal(random: np.random.Generator, rows: int) -> Rows:
    """Heavy tails: the logarithm is normal with a standard deviation of 2."""
    return np.exp(2 * random.normal(size=rows))


def mostly_zero(random: np.random.Generator, rows: int) -> Rows:
    """70 % zeros, the rest exponential."""
    return np.where(random.random(rows) < 0.7, 0.0, random.exponential(size=rows))


def constant(_: np.random.Generator, rows: int) -> Rows:
    """One value."""
    return np.full(rows, 5.0)


def few_categories(random: np.random.Generator, rows: int) -> Rows:
    """Five categories."""
    return random.choice(list("abcde"), rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])


def many_categories(random: np.random.Generator, rows: int) -> Rows:
    """200 categories, the rarest two hundred times as rare as the most frequent one."""
    weights = 1 / np.arange(1, 201)
    return random.choice([f"c{i:03}" for i in range(200)], rows, p=weights / weights.sum())


def ties(random: np.random.Generator, rows: int) -> Rows:
    """Counts: eight values hold nearly all rows."""
    return random.poisson(3, rows).astype(np.float64)


def some(share: float, draw: Draw, other: Callable[[Rows], Rows]) -> Draw:
    """A share of the rows changed."""

    def mixed(random: np.random.Generator, rows: int) -> Rows:
        values = draw(random, rows)
        return np.where(random.random(rows) < share, other(values), values)

    return mixed


NUMBER, CATEGORY = FeatureKind.NUMBER, FeatureKind.CATEGORY

DISTRIBUTIONS = (
    Distribution("normal", NUMBER, normal, "mean + 0.7 sd", lambda r, n: normal(r, n) + 0.7),
    Distribution("lognormal", NUMBER, lognormal, "all by 4", lambda r, n: lognormal(r, n) * 4),
    Distribution(
        "70 % zeros",
        NUMBER,
        mostly_zero,
        "a quarter missing",
        some(0.25, mostly_zero, lambda v: np.full(len(v), np.nan)),
    ),
    Distribution(
        "constant",
        NUMBER,
        constant,
        "a tenth sinks below",
        some(0.1, constant, lambda v: v - 1),
    ),
    Distribution(
        "5 categories",
        CATEGORY,
        few_categories,
        "a tenth never seen",
        some(0.1, few_categories, lambda v: np.full(len(v), "new")),
    ),
    Distribution(
        "200 categories",
        CATEGORY,
        many_categories,
        "a tenth never seen",
        some(0.1, many_categories, lambda v: np.full(len(v), "new")),
    ),
    Distribution("heavy ties", NUMBER, ties, "all + 2", lambda r, n: ties(r, n) + 2),
)


def sketched(distribution: Distribution, values: Rows) -> ColumnSketch:
    """The sketch of drawn values."""
    dtype = object if distribution.kind is CATEGORY else "float32"
    return sketch(distribution.kind, pd.Series(values, dtype=dtype))


def windows(
    distribution: Distribution, feature: Feature, draw: Draw, rows: int, number: int
) -> Iterator[Counts]:
    """The counts of so many windows of a size."""
    random = np.random.default_rng(rows)
    if rows < TRAINED:
        for _ in range(number):
            yield counts(feature, sketched(distribution, draw(random, rows)))
        return
    whole = counts(feature, sketched(distribution, draw(random, TRAINED * 10)))
    for _ in range(number):
        yield random.multinomial(rows, whole / whole.sum()).astype(np.float64)


def rate(
    distribution: Distribution, draw: Draw, rows: int, number: int, effect: float = EFFECT
) -> float:
    """Share of windows with an alarm."""
    random = np.random.default_rng(1)
    reference = sketched(distribution, distribution.draw(random, TRAINED))
    feature = feature_of(distribution.name, reference)
    trained = counts(feature, reference)
    found = windows(distribution, feature, draw, rows, number)
    alarms = [
        psi(trained, window, f"{distribution.name} {index}").low >= effect
        for index, window in enumerate(found)
    ]
    return sum(alarms) / number


def true_effect(distribution: Distribution) -> float:
    """The index of the planted shift, of a million rows."""
    random = np.random.default_rng(2)
    reference = sketched(distribution, distribution.draw(random, TRAINED * 10))
    feature = feature_of(distribution.name, reference)
    shifted = counts(feature, sketched(distribution, distribution.shifted(random, TRAINED * 10)))
    return psi(counts(feature, reference), shifted, distribution.name).value


def table(number: int) -> Iterator[str]:
    """Lines of a table in Markdown."""
    sizes = [f"{rows:,} rows" for rows in SIZES]
    yield f"| distribution | {' | '.join(sizes)} | planted shift | its PSI | {' | '.join(sizes)} |"
    yield "|---" * (2 * len(sizes) + 3) + "|"
    for each in DISTRIBUTIONS:
        false = [f"{rate(each, each.draw, rows, number):.1%}" for rows in SIZES]
        found = [f"{rate(each, each.shifted, rows, number):.1%}" for rows in SIZES]
        cells = [each.name, *false, each.shift, f"{true_effect(each):.2f}", *found]
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=500, help="of each kind")
    for line in table(parser.parse_args().windows):
        print(line, flush=True)


if __name__ == "__main__":
    main()
