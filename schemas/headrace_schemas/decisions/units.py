"""Whether numbers moved, and whether a change of their unit or sign explains it."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from headrace_schemas.decisions.bounds import allowed

Quantiles = tuple[float, ...]
"""The same levels of several windows, symmetric about the median, which stands in the middle."""

FACTORS = (10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1.609, 2.54, 24.0, 60.0, 1 / 0.4536, 3.281)
"""Tens, miles, inches, days, minutes, pounds, feet; their inverses count as well."""

INNER = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The levels of quantiles that are compared."""

FEWEST = 3
"""Quantiles other than 0 from which a common factor says something."""

MANY, LARGE = 50, 5.0
"""Rows below which only factors beyond `LARGE` are told: the 95 % quantile of 20 skewed values, such as amounts,
differs by a factor of 2 from that of 20 others."""

MATTERS = 0.1
"""Of the range from 5 % to 95 %, which is 3.3 standard deviations of a normal variable: a move of less
than a third of one is small to medium (J. Cohen, Statistical Power Analysis, 1988)."""


class Conversion(NamedTuple):
    """A linear change of numbers: new = factor * old + shift."""

    name: str
    factor: float
    shift: float = 0.0

    def undo(self, numbers: Quantiles) -> Quantiles:
        """What numbers were before it, in ascending order."""
        return tuple(sorted((number - self.shift) / self.factor for number in numbers))


def conversions() -> Iterator[Conversion]:
    """All that are looked for."""
    for factor in FACTORS:
        yield Conversion(f"x {factor:.4g}", factor)
        yield Conversion(f"/ {factor:.4g}", 1 / factor)
    yield Conversion("x -1", -1.0)
    yield Conversion("Celsius to Fahrenheit", 1.8, 32.0)
    yield Conversion("Fahrenheit to Celsius", 1 / 1.8, -32 / 1.8)
    yield Conversion("Celsius to Kelvin", 1.0, 273.15)
    yield Conversion("Kelvin to Celsius", 1.0, -273.15)


CONVERSIONS = tuple(conversions())


class Move(NamedTuple):
    """How far a window's numbers are from earlier ones.

    Attributes:
        distance: From the history's median, in ranges from the least to the greatest quantile.
        high: Greatest one that the history allows.
        conversion: That explains the whole of it; None if none does.
    """

    distance: float
    high: float
    conversion: str | None


def find_move(now: Quantiles, before: Sequence[Quantiles], rows: int) -> Move | None:
    """Whether quantiles are out of the ordinary, by their level and by the step from the last window.

    A unit has changed if the window is out of the ordinary as it is, and once the change is undone no
    further from the others than they are from each other. A column that wanders by such factors allows
    as much, and of mostly zeros a factor cannot be told.
    From few rows a change of spread about 0 cannot be told from a unit's, and counts as one.

    Args:
        before: Of earlier windows, oldest first.
        rows: That the quantiles of `now` are of.
    """
    usual = tuple(median(level) for level in zip(*before, strict=True))
    if not all(map(math.isfinite, now)) or rows < 1:
        return None
    levels = [apart(window, usual) for window in before]
    steps = [apart(one, other) for one, other in pairwise(before)]
    noise = max(sampling_distance(rows), distance_by_chance(usual, now, rows))
    # Both are samples: of all windows together, and of the last one alone.
    chances = (noise * math.sqrt(1 + 1 / len(before)), noise * math.sqrt(2))
    anchors = ((usual, levels), (before[-1], steps))
    limits = [
        high_of(distances, chance, len(before))
        for (_, distances), chance in zip(anchors, chances, strict=True)
    ]
    moved = [apart(now, anchor) for anchor, _ in anchors]
    if any(far <= limit for far, limit in zip(moved, limits, strict=True)):
        return None
    near = [
        min(max([2 * noise, *distances]), far / 2)
        for (_, distances), far in zip(anchors, moved, strict=True)
    ]
    is_telling = sum(number != 0 for number in now) >= FEWEST and sum(map(bool, usual)) >= FEWEST
    explaining = [
        (far, conversion.name)
        for conversion in (CONVERSIONS if is_telling else ())
        if rows >= MANY or is_large(conversion)
        for (anchor, _), limit in zip(anchors, near, strict=True)
        if scales(conversion, now, before) and (far := apart(conversion.undo(now), anchor)) <= limit
    ]
    return Move(moved[0], limits[0], min(explaining)[1] if explaining else None)


def is_large(conversion: Conversion) -> bool:
    """Whether numbers become many times larger or smaller."""
    return not 1 / LARGE <= abs(conversion.factor) <= LARGE or conversion.factor == 1


def scales(conversion: Conversion, now: Quantiles, before: Sequence[Quantiles]) -> bool:
    """Whether the spread has changed as the conversion changes it: a warm day is no other unit.

    Some factor fits nearly every other level, but a level that moved by itself keeps its spread. So the range
    has to lie outside of those of all earlier windows, and nearer to what the factor makes of the
    usual one than to that. Of values that never spread, nothing is known.
    """
    ranges = [window[-1] - window[0] for window in before]
    usual, factor = median(ranges), abs(conversion.factor)
    if not usual or factor == 1:
        return True
    own = now[-1] - now[0]
    if min(ranges) <= own <= max(ranges):
        return False
    nearer = own > usual * math.sqrt(factor)
    return nearer if factor > 1 else own < usual * math.sqrt(factor)


def high_of(distances: Sequence[float], noise: float, windows: int) -> float:
    """Greatest ordinary distance.

    Args:
        noise: The mean distance by chance, which spreads by about half of it.
    """
    middle = max(median(distances), noise) if distances else noise
    least = MATTERS * (1 + 1 / windows)
    spread = [far - middle for far in distances]
    return middle + allowed(spread, len(spread) - 1, noise / 2, least)


def sampling_distance(rows: int) -> float:
    """Mean distance of quantiles of so many rows by sampling alone.

    The standard error of a quantile is sqrt(q (1 - q) / n) / density, for a normal variable 0.38 of the
    range from 5 % to 95 % / sqrt(n) at the median and 0.64 at its ends: 0.4 on average, since the mean of
    a normal deviation's size is 0.8 of its standard error.
    """
    return 0.4 / math.sqrt(rows)


def distance_by_chance(usual: Quantiles, now: Quantiles, rows: int) -> float:
    """The same for numbers of any shape, whose density follows from their usual quantiles.

    Between two levels it is their difference over that of the quantiles; at the ends half of what it is
    beside them, as for a normal variable. In units of `apart`.
    """
    scales = [scale for scale in (scale_of(usual), scale_of(now)) if scale]
    if len(usual) != len(INNER) or not scales:
        return 0.0
    last, total = len(INNER) - 1, 0.0
    for place, level in enumerate(INNER):
        low, high = max(place - 1, 0), min(place + 1, last)
        slope = (usual[high] - usual[low]) / (INNER[high] - INNER[low])
        total += math.sqrt(level * (1 - level)) * slope * (2 if place in (0, last) else 1)
    return 0.8 * total / len(INNER) / math.sqrt(rows) / min(scales)


def apart(one: Quantiles, other: Quantiles) -> float:
    """Distance in units of the smaller of both scales, so that shrinking counts as much as growing."""
    scales = [scale for scale in (scale_of(one), scale_of(other)) if scale]
    return distance(one, other, min(scales)) if scales else 0.0


def distance(one: Quantiles, other: Quantiles, scale: float) -> float:
    """Mean distance of quantiles, in units of the scale."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / (len(one) * scale)


def scale_of(numbers: Quantiles) -> float:
    """The range of quantiles; of constant ones their size."""
    return numbers[-1] - numbers[0] or abs(numbers[-1])
