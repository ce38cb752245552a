"""Worlds of our own: inputs, a concept, and what breaks."""

from collections.abc import Callable

import numpy as np
from benchmarks.decisions.worlds import Draw, Fault, Numbers, Scenario, Values

from headrace_schemas.declarations.model import Task

Random = np.random.Generator
Inputs = Callable[[Random, int, int], Numbers]
Concept = Callable[[Random, int, Numbers], Values]

MIXED = ("number", "number", "number", "number", "flag", "category")
COARSE = ("flag", "flag", "category")

OLD = np.array([1.2, -1.0, 0.8, 0.5, 0.6])
NEW = np.array([-1.0, 1.2, 0.8, -0.5, 0.6])
OTHER = np.array([-0.2, 0.4, -0.8, 1.2, 0.6])
"""Of a slice: as different, and not nearly the old one upside down, which nobody could tell from labels that are."""

OF_KIND = np.array([0.0, 0.5, -0.5, 0.8, -0.8, 0.3])
CHANGE = 18
"""Month at which what changes does so."""


def monthly(inputs: Inputs, concept: Concept) -> Draw:
    """Months drawn one by one; a number's errors are Student's t of 2.5 degrees of freedom."""

    def draw(scenario: Scenario, random: Random) -> list[tuple[Numbers, Values, Values]]:
        months = []
        for month in range(scenario.months):
            numbers = inputs(random, month, scenario.rows)
            expected = concept(random, month, numbers)
            if scenario.task is Task.BINARY:
                labels = (random.random(len(expected)) < expected).astype(float)
            else:
                labels = expected + random.standard_t(2.5, len(expected))
            months.append((numbers, expected, labels))
        return months

    return draw


def mixed(random: Random, month: int, rows: int) -> Numbers:  # noqa: ARG001 - one form for all inputs
    """Four normal numbers, a flag and a category of five values."""
    numbers = random.normal(size=(rows, 6))
    numbers[:, 4] = random.random(rows) < 0.5
    numbers[:, 5] = random.integers(0, 5, rows)
    return numbers


def coarse(random: Random, month: int, rows: int) -> Numbers:  # noqa: ARG001 - one form for all inputs
    """Two flags and a category: twelve cells, which few rows teach."""
    flags = random.random((rows, 2)) < 0.5
    return np.column_stack([flags, random.integers(0, 3, rows)]).astype(float)


def chance(logit: Values) -> Values:
    """Probabilities of these log odds."""
    found: Values = 1 / (1 + np.exp(-logit))
    return found


def logit(numbers: Numbers, weights: Values, intercept: float = -0.7) -> Values:
    """Log odds of mixed inputs; a value of the category that nobody knows counts like the last."""
    kind = np.nan_to_num(numbers[:, 5], nan=5).astype(int).clip(0, 5)
    found: Values = numbers[:, :5] @ weights + OF_KIND[kind] + intercept
    return found + 0.7 * np.sin(2 * numbers[:, 1]) * numbers[:, 0]


def same(random: Random, month: int, numbers: Numbers) -> Values:  # noqa: ARG001 - one form for all concepts
    """The old concept for ever."""
    return chance(logit(numbers, OLD))


def steps(random: Random, month: int, numbers: Numbers) -> Values:  # noqa: ARG001 - one form for all concepts
    """A concept of twelve cells."""
    return chance(2.4 * (numbers[:, 0] - 0.5) + 0.8 * (numbers[:, 2] - 1) - 0.3)


def mixing(share: Callable[[int], float]) -> Concept:
    """Each row by the new concept with a chance that depends on the month."""

    def concept(random: Random, month: int, numbers: Numbers) -> Values:
        is_new = random.random(len(numbers)) < share(month)
        return chance(np.where(is_new, logit(numbers, NEW), logit(numbers, OLD)))

    return concept


def slow(random: Random, month: int, numbers: Numbers) -> Values:  # noqa: ARG001 - one form for all concepts
    """A concept that wanders towards the new one all the time."""
    return chance(logit(numbers, OLD + (NEW - OLD) * month / 60))


def sliced(random: Random, month: int, numbers: Numbers) -> Values:  # noqa: ARG001 - one form for all concepts
    """Another concept in two of the five kinds."""
    is_new = (month >= CHANGE) & (numbers[:, 5] <= 1)
    return chance(np.where(is_new, logit(numbers, OTHER), logit(numbers, OLD)))


def few_steps(random: Random, month: int, numbers: Numbers) -> Values:  # noqa: ARG001 - one form for all concepts
    """One step of one number, and a flag."""
    return chance(2.4 * ((numbers[:, 0] > 0) - 0.5) + 0.8 * numbers[:, 4] - 0.8)


def seasonal(random: Random, month: int, rows: int) -> Numbers:
    """Two numbers that follow the year; only one of them matters to the label."""
    numbers = mixed(random, month, rows)
    numbers[:, [0, 1]] += 1.5 * np.sin(2 * np.pi * month / 12)
    return numbers


def shifted(random: Random, month: int, rows: int) -> Numbers:
    """From a month on the inputs lie elsewhere, within what was seen before."""
    numbers = mixed(random, month, rows)
    if month >= CHANGE + 15:
        numbers[:, 0] = 0.6 * numbers[:, 0] + 0.7
        numbers[:, 4] = random.random(rows) < 0.8
        numbers[:, 5] = random.choice(5, rows, p=[0.5, 0.2, 0.1, 0.1, 0.1])
    return numbers


def tied(random: Random, month: int, rows: int) -> Numbers:
    """Counts that are mostly zero, and a rounded number."""
    numbers = mixed(random, month, rows)
    numbers[:, 0] = random.poisson(0.3, rows)
    numbers[:, 1] = np.round(numbers[:, 1])
    numbers[:, 2] = np.where(random.random(rows) < 0.9, 0.0, numbers[:, 2])
    return numbers


def tied_steps(random: Random, month: int, numbers: Numbers) -> Values:  # noqa: ARG001 - one form for all concepts
    """By a count above zero, and a flag."""
    return chance(2.4 * ((numbers[:, 0] > 0) - 0.5) + 0.8 * numbers[:, 4] - 0.1)


def constant(random: Random, month: int, rows: int) -> Numbers:
    """Two columns that never vary, of which one comes to life without meaning anything."""
    numbers = mixed(random, month, rows)
    numbers[:, 1] = 7.0
    numbers[:, 2] = 0.0
    if month >= CHANGE + 15:
        numbers[:, 2] = random.random(rows) < 0.03
    return numbers


def rare(random: Random, month: int, numbers: Numbers) -> Values:  # noqa: ARG001 - one form for all concepts
    """One label in a hundred."""
    return chance(1.2 * (numbers[:, 0] - 0.5) - 4.75)


def rare_turned(random: Random, month: int, numbers: Numbers) -> Values:  # noqa: ARG001 - one form for all concepts
    """One label in a hundred, by the other flag from a month on."""
    flag = numbers[:, 0 if month < CHANGE else 1]
    return chance(4.0 * (flag - 0.5) - 5.6)


def tailed(random: Random, month: int, numbers: Numbers) -> Values:  # noqa: ARG001 - one form for all concepts
    """A number by a step and a flag."""
    return 3 * (numbers[:, 0] > 0) + 2 * numbers[:, 4]


def tailed_turned(random: Random, month: int, numbers: Numbers) -> Values:  # noqa: ARG001 - one form for all concepts
    """The same, by another number from a month on."""
    cause = numbers[:, 0 if month < CHANGE else 1]
    return 3 * (cause > 0) + 2 * numbers[:, 4]


def during(months: range, change: Callable[[Random, Numbers, Values], None]) -> Fault:
    """A fault of these months, which changes rows and labels in place."""

    def fault(
        random: Random, month: int, numbers: Numbers, target: Values
    ) -> tuple[Numbers, Values]:
        if month in months:
            change(random, numbers, target)
        return numbers, target

    return fault


def labels_of_one(random: Random, numbers: Numbers, target: Values) -> None:  # noqa: ARG001 - one form for all faults
    """Nearly all labels are 1."""
    target[random.random(len(target)) < 0.98] = 1.0


def labels_flipped(random: Random, numbers: Numbers, target: Values) -> None:  # noqa: ARG001 - one form for all faults
    """Labels of one kind are upside down."""
    wrong = numbers[:, 5] == 1
    target[wrong] = 1 - target[wrong]


def other_unit(random: Random, numbers: Numbers, target: Values) -> None:  # noqa: ARG001 - one form for all faults
    """The first number comes in inches instead of centimetres, the second one in thousandths."""
    numbers[:, 0] /= 2.54
    numbers[:, 1] *= 1000


def all_missing(random: Random, numbers: Numbers, target: Values) -> None:  # noqa: ARG001 - one form for all faults
    """The first column is missing."""
    numbers[:, 0] = np.nan


def all_the_same(random: Random, numbers: Numbers, target: Values) -> None:  # noqa: ARG001 - one form for all faults
    """The first column is one number."""
    numbers[:, 0] = 0.0


def coded_anew(random: Random, numbers: Numbers, target: Values) -> None:  # noqa: ARG001 - one form for all faults
    """Half of the first column is a code for missing."""
    numbers[random.random(len(numbers)) < 0.5, 0] = -999.0


def new_category(random: Random, month: int, rows: int) -> Numbers:
    """A sixth kind from a month on, as frequent as a tenth of all rows."""
    numbers = mixed(random, month, rows)
    if month >= CHANGE:
        numbers[random.random(rows) < 0.1, 5] = 5
    return numbers


ONCE, FOR_GOOD = range(CHANGE, CHANGE + 1), range(CHANGE, 1000)
REGRESSION = Task.REGRESSION
