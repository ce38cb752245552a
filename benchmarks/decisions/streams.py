"""Worlds of river's generators (J. Montiel and others, JMLR 22, 2021), each drawn afresh for a seed."""

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from itertools import islice
from typing import Any

import numpy as np
from benchmarks.decisions.worlds import Draw, Numbers, Scenario, Values

from headrace_schemas.declarations.model import Task

CHANGE, BACK = 18, 28
PACKAGE = "river"


def is_there() -> bool:
    """Whether river is installed."""
    return find_spec(PACKAGE) is not None


def streamed(parts: Callable[[Any, int, int, int], list[tuple[Any, int]]]) -> Draw:
    """Months cut from streams.

    Args:
        parts: Of `river.datasets.synth`, a seed, the rows of a month and the months: streams in their order,
            with how many rows each gives. Each stream has a seed of its own, or they replay the same rows.
    """

    def draw(
        scenario: Scenario, random: np.random.Generator
    ) -> list[tuple[Numbers, Values, Values]]:
        from river.datasets import synth  # it is installed only where it is asked for

        seed = int(random.integers(1, 2**30))
        found = [
            taken(stream, count)
            for stream, count in parts(synth, seed, scenario.rows, scenario.months)
        ]
        numbers = np.concatenate([part[0] for part in found])
        target = np.concatenate([part[1] for part in found])
        cuts = [scenario.rows * month for month in range(1, scenario.months)]
        labels = np.split(target, cuts)
        return list(zip(np.split(numbers, cuts), labels, labels, strict=True))

    return draw


def taken(stream: Iterable[tuple[dict[Any, float], float]], count: int) -> tuple[Numbers, Values]:
    """The first rows of a stream."""
    rows = list(islice(stream, count))
    numbers = np.array([list(features.values()) for features, _ in rows], dtype=np.float64)
    return numbers, np.array([float(target) for _, target in rows])


def agrawal(synth: Any, seed: int, rows: int, months: int) -> list[tuple[Any, int]]:
    """Loan decisions by one rule, then by another."""
    old = synth.Agrawal(classification_function=0, seed=seed, perturbation=0.05)
    new = synth.Agrawal(classification_function=2, seed=seed + 1, perturbation=0.05)
    before = rows * CHANGE
    return [(old, before), (new, rows * months - before)]


def sea(synth: Any, seed: int, rows: int, months: int) -> list[tuple[Any, int]]:
    """Three numbers of which two matter, 10 % noise; thresholds 8, then 9.5: a small change."""
    before = rows * CHANGE
    return [
        (synth.SEA(variant=0, seed=seed, noise=0.1), before),
        (synth.SEA(variant=3, seed=seed + 1, noise=0.1), rows * months - before),
    ]


def friedman(synth: Any, seed: int, rows: int, months: int) -> list[tuple[Any, int]]:
    """A number whose rule changes and comes back."""
    stream = synth.FriedmanDrift(
        "gra", position=(CHANGE * rows, BACK * rows), seed=seed, transition_window=0
    )
    return [(stream, rows * months)]


def hyperplane(synth: Any, seed: int, rows: int, months: int) -> list[tuple[Any, int]]:
    """A plane that turns all the time."""
    stream = synth.Hyperplane(
        seed=seed, n_features=10, n_drift_features=5, mag_change=0.0005, noise_percentage=0.05
    )
    return [(stream, rows * months)]


def plane(synth: Any, seed: int, rows: int, months: int) -> list[tuple[Any, int]]:
    """A plane that stays, which trees learn the better the more rows there are."""
    return [(synth.Hyperplane(seed=seed, n_features=4, noise_percentage=0.05), rows * months)]


def number(count: int) -> tuple[str, ...]:
    """So many numbers."""
    return ("number",) * count


STREAMS = (
    Scenario(
        "Agrawal, abrupt",
        "rules 0, then 2",
        streamed(agrawal),
        number(9),
        changes=(CHANGE,),
        rarer=0.3,
        needs=PACKAGE,
    ),
    Scenario("SEA, abrupt", "thresholds 8, then 9.5", streamed(sea), number(3), needs=PACKAGE),
    Scenario(
        "Friedman, recurring",
        "a rule that comes back",
        streamed(friedman),
        number(10),
        task=Task.REGRESSION,
        changes=(CHANGE, BACK),
        needs=PACKAGE,
    ),
    Scenario(
        "Hyperplane, turning", "all the time", streamed(hyperplane), number(10), needs=PACKAGE
    ),
    Scenario("Hyperplane", "stationary", streamed(plane), number(4), needs=PACKAGE),
)
