"""What tells a broken column from one whose values changed because the world did.

Values that move smoothly are drift. Missing values, a value that takes the place of others, another
unit and another coding are signs of an incident, though a world could in principle make each of them
overnight: nobody can tell from the column alone, and what stays becomes the new normal.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from headrace_schemas.decisions.bounds import (
    Bounds,
    history_bounds,
    is_chance,
    log_share,
    log_share_error,
    share_error,
)
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.profile import LEVELS, ColumnProfile, WindowProfile
from headrace_schemas.decisions.units import (
    Move,
    Quantiles,
    distance,
    find_move,
    sampling_distance,
    scale_of,
)

LEAST = 0.05
"""A share of rows below which a change does not matter."""

NEW_CATEGORY = 0.2
"""Share that a category may come with and be just new: all others are still there."""

CONSTANT = 0.25
"""Share of what varied that is left of a column that is (nearly) constant."""

LENGTHENED = 1.5
"""Factor from which another mean length of texts matters."""

STILL = 0.08
"""Mean distance, in ranges from 5 % to 95 %, of quantiles that zeros explain, beside sampling's; those of
a Poisson variable whose mean goes from 3 to 2 are further away."""

ENDS = 2
"""Of `LEVELS`, so many on each side are outliers': 5 % to 95 % are compared."""


class ColumnHistory:
    """One column of a window beside the same of windows before it, which is never empty."""

    def __init__(self, now: ColumnProfile, before: Sequence[ColumnProfile], weight: float) -> None:
        """Of profiles of one kind.

        Args:
            before: Oldest first.
            weight: Share of the champion's gain that lies in the column.
        """
        self.now, self.before, self.weight = now, before, weight

    @property
    def is_moved(self) -> bool:
        """Whether its values changed in any way, as an incident or as drift."""
        if self.move is not None or any(self.incidents()):
            return True
        shares = ("missing", "top", "unseen")
        return any(self.value_of(share) > self.bounds_of(share).high for share in shares)

    @property
    def move(self) -> Move | None:
        """How far a number's quantiles moved; None for a usual distance."""
        now = inner(self.now)
        before = [numbers for each in self.before if (numbers := inner(each))]
        present = round(self.now.rows * (1 - self.now.missing))
        return find_move(now, before, present) if now and before else None

    def value_of(self, share: str) -> float:
        """A share of the window."""
        return float(getattr(self.now, share))

    def bounds_of(self, share: str, least: float = LEAST) -> Bounds:
        """Bounds of a share by its history."""
        values = [float(getattr(each, share)) for each in self.before]
        return history_bounds(values, share_error(median(values), self.now.rows), least)

    def incidents(self) -> Iterator[Incident]:
        """All signs that the column is broken."""
        yield from self.of_share("missing", "missing share")
        yield from self.of_constant()
        yield from self.of_runs()
        if self.now.kind == "number":
            yield from self.of_spike()
            yield from self.of_zeros()
            yield from self.of_unit()
        if self.now.kind == "category":
            yield from self.of_unseen()
            yield from self.of_length()

    def of_share(self, share: str, sign: str, least: float = LEAST) -> Iterator[Incident]:
        """A share that rose beyond its bounds; one that fell is not held against a column."""
        value, bounds = self.value_of(share), self.bounds_of(share, least)
        if value > bounds.high:
            yield self.incident(sign, value, high=bounds.high)

    def of_constant(self) -> Iterator[Incident]:
        """Little is left of what varied: the rest beside the most frequent value, as a logarithm.

        A share of 5 % that falls to 1 % is as much of a sign as one of 50 % that falls to 10 %.
        """
        if any(self.of_share("missing", "")):
            return
        present = max(self.now.rows * (1 - self.now.missing), 0.0)
        varied = [varying(each) for each in self.before if each.missing < 1]
        if not present or not varied:
            return
        rest = varying(self.now)
        error = log_share_error(median(varied), present)
        logs = [log_share(share, present) for share in varied]
        bounds = history_bounds(logs, error, -math.log(CONSTANT))
        if log_share(rest, present) < bounds.low and not is_chance(rest, median(varied), present):
            yield self.incident("constant", 1 - rest, high=1 - math.exp(bounds.low))

    def of_runs(self) -> Iterator[Incident]:
        """One value stands still for long, such as of a sensor that hangs.

        Of independent values the longest run of one with share p is about log(n (1 - p)) / log(1 / p)
        with spreads of 1 / log(1 / p) (M. Schilling, College Mathematics Journal 21, 1990): with 12 of
        them, chance does the same in 6 of a million windows.
        """
        value, bounds = self.now.longest_run, self.bounds_of("longest_run")
        rows = max(self.now.rows, 1)
        top = min(max(self.now.top, 1 / (rows + 1)), 1 - 1 / (rows + 1))
        chance = (math.log(rows * (1 - top) + 1) + 12) / -math.log(top) / rows
        high = max(bounds.high, chance)
        if value > high:
            yield self.incident("longest run", value, high=high)

    def of_spike(self) -> Iterator[Incident]:
        """One value takes a share of numbers of which none was frequent.

        Where some value always was, as of counts, another most frequent one is drift.
        """
        if max(each.top for each in self.before) <= LEAST:
            yield from self.of_share("top", "share of one value")

    def of_zeros(self) -> Iterator[Incident]:
        """Zeros take the place of other values, of which the rest is as it was.

        Where the rest moved as well, as of counts that become less, more zeros are drift.
        """
        value, bounds = self.now.zero, self.bounds_of("zero")
        if value <= bounds.high:
            return
        before = [each.quantiles for each in self.before if inner(each)]
        if before and inner(self.now):
            old = tuple(median(level) for level in zip(*before, strict=True))
            usual_zero = median(each.zero for each in self.before)
            mixed = with_zeros(old, (value - usual_zero) / max(1 - usual_zero, 1e-9))
            scale = scale_of(old[ENDS:-ENDS])
            ordinary = STILL + sampling_distance(self.now.rows)
            if scale and distance(inner(self.now), mixed, scale) > ordinary:
                return
        yield self.incident("zero share", value, high=bounds.high)

    def of_unit(self) -> Iterator[Incident]:
        """Another unit or sign."""
        found = self.move
        if found is not None and found.conversion is not None:
            text = f"{self.now.column} is {found.conversion} of what it was"
            yield self.incident("unit", found.distance, high=found.high, text=text)

    def of_unseen(self) -> Iterator[Incident]:
        """Other codes for what there was, or a new one that takes much at once.

        A new category beside all old ones, with less, is the world's.
        """
        grew = self.now.distinct > max(each.distinct for each in self.before)
        yield from self.of_share("unseen", "unseen share", NEW_CATEGORY if grew else LEAST)

    def of_length(self) -> Iterator[Incident]:
        """Texts are much longer or shorter than they were."""
        before = [each.length for each in self.before if each.length]
        if not self.now.length or not before:
            return
        bounds = history_bounds(list(map(math.log, before)), least=math.log(LENGTHENED))
        low, high = math.exp(bounds.low), math.exp(min(bounds.high, 700.0))
        if not low <= self.now.length <= high:
            yield self.incident("text length", self.now.length, low=low, high=high)

    def incident(
        self,
        sign: str,
        value: float,
        low: float | None = None,
        high: float | None = None,
        text: str | None = None,
    ) -> Incident:
        """A sign with its words."""
        words = f"{sign} of {self.now.column} is {value:.3g}, {span(low, high)} by its history"
        return Incident(
            scope=Scope.COLUMN,
            subject=self.now.column,
            sign=sign,
            value=value,
            low=low,
            high=high,
            weight=self.weight,
            text=text or words,
        )


def column_histories(
    now: WindowProfile, before: Sequence[WindowProfile], importances: Mapping[str, float]
) -> list[ColumnHistory]:
    """The columns that have rows now and had before."""
    found = []
    for column in now.columns:
        earlier = [
            each
            for window in before
            for each in window.columns
            if (each.column, each.kind) == (column.column, column.kind) and each.rows
        ]
        if column.rows and earlier:
            found.append(ColumnHistory(column, earlier, importances.get(column.column, 0.0)))
    return found


def varying(column: ColumnProfile) -> float:
    """Share of present values that are not the most frequent one."""
    present = 1 - column.missing
    return min(max(1 - column.top / present, 0.0), 1.0) if present > 0 else 0.0


def inner(column: ColumnProfile) -> Quantiles:
    """The quantiles that are compared; empty without any."""
    return (
        column.quantiles[ENDS:-ENDS]
        if all(map(math.isfinite, column.quantiles[ENDS:-ENDS]))
        else ()
    )


def with_zeros(old: Quantiles, share: float) -> Quantiles:
    """Inner quantiles of numbers of which a share has become zero, from those at all `LEVELS`.

    F(x) = share * (x >= 0) + (1 - share) * F_old(x), turned around.
    """
    rest = max(1 - share, 1e-9)
    found = []
    for level in LEVELS[ENDS:-ENDS]:
        below = quantile(old, min(level / rest, 1.0))
        above = quantile(old, max((level - share) / rest, 0.0))
        found.append(below if below < 0 else max(above, 0.0))
    return tuple(found)


def quantile(known: Quantiles, level: float) -> float:
    """Between known quantiles, linearly."""
    place = next(i for i, upper in enumerate(LEVELS[1:], 1) if level <= upper)
    share = (level - LEVELS[place - 1]) / (LEVELS[place] - LEVELS[place - 1])
    return known[place - 1] + share * (known[place] - known[place - 1])


def span(low: float | None, high: float | None) -> str:
    """Bounds in words."""
    if low is None:
        return f"at most {high:.3g}"
    return f"at least {low:.3g}" if high is None else f"{low:.3g} to {high:.3g}"
