"""What tells broken labels from a changed concept.

A concept that changed leaves labels that can be learnt: a model of the window alone predicts them as well
as models of earlier windows did theirs (`LabelProfile.skill`), even if the base rate moved. Labels that
are broken cannot, or they are upside down in one slice while its siblings stand still. Nobody can
tell a concept that turned around everywhere from labels that did: it is drift, unless the base rate
was mirrored as well.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from headrace_schemas.decisions.bounds import (
    Bounds,
    history_bounds,
    is_chance,
    log_share,
    log_share_error,
    share_error,
    student_quantile,
)
from headrace_schemas.decisions.column_incidents import LEAST, span
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.profile import LabelProfile, WindowProfile
from headrace_schemas.decisions.units import Quantiles, find_move

ONE_VALUE = 0.1
"""Share of the rarer labels that is left of labels that stopped varying."""

FEW_LEFT = 0.25
"""Share of the rarer labels that is surely not reached, whatever the rows happen to say."""

SMALL_EFFECT = 0.2
"""A move of a mean below it, in standard deviations, is small (J. Cohen, Statistical Power Analysis, 1988)."""

LESS_SKILL = 2.5
"""Standard deviations below its history from which skill is less; it never decides alone."""

LEARNABLE = 0.05
"""Skill from which labels are said to depend on features."""

CLOSE = 2.0
"""Standard errors within which labels are as they were, exchanged."""

STILL = 0.25
"""Share of the way to the opposite; a concept that changed moves all slices further."""

MANY = 100
"""Labelled rows of a slice from which a step of its base rate counts though its skill is not known."""

FEWEST = 3
"""Windows with a skill from which another one can be compared with them."""


@dataclass(frozen=True)
class LabelHistory:
    """The labels of a window, or of a slice of it, beside those before, which are never empty."""

    now: LabelProfile
    before: Sequence[LabelProfile]

    @property
    def is_binary(self) -> bool:
        """Whether labels have always been 0 and 1: their variance follows from their mean."""
        return all(
            0 <= each.mean <= 1
            and abs(each.deviation**2 - each.mean * (1 - each.mean)) <= 0.5 / each.rows
            for each in self.before
        )

    @property
    def name(self) -> str:
        """For a reader."""
        return self.now.slice or "all rows"

    def bounds_of_mean(self) -> Bounds:
        """Bounds of the base rate or the mean."""
        means = [each.mean for each in self.before]
        if self.is_binary:
            return history_bounds(means, share_error(median(means), self.now.rows), LEAST)
        spread = median(each.deviation for each in self.before)
        return history_bounds(means, spread / math.sqrt(self.now.rows), SMALL_EFFECT * spread)

    @property
    def is_stepped(self) -> bool:
        """Whether the base rate or mean is out of the ordinary."""
        low, high = self.bounds_of_mean()
        return not low <= self.now.mean <= high

    @property
    def is_unlearnable(self) -> bool | None:
        """Whether labels depend less on features than they did: half, at most; None if nobody knows."""
        skills = [each.skill for each in self.before if each.skill is not None]
        if self.now.skill is None or len(skills) < FEWEST or median(skills) < LEARNABLE:
            return None
        usual, degrees = median(skills), len(skills) - 1
        spread = math.sqrt(sum((skill - usual) ** 2 for skill in skills) / degrees)
        less = usual - student_quantile(LESS_SKILL, degrees) * spread
        return self.now.skill <= min(usual / 2, less)

    @property
    def is_upside_down(self) -> bool:
        """Whether labels are what they were, exchanged, within the spread that they always had.

        The champion loses clearly less on exchanged labels, as it never did, and all of the way there: where
        another concept holds, neither the labels nor their opposite are what it had learnt.
        The ratio's logarithm is about the mean of the signed logit over the loss, and its standard error
        1 / sqrt(n) for a champion whose logits spread by 1. Its bounds are those of the logarithm, as the share
        that is lost less is skewed, and at most 1.
        """
        if self.now.flipped is None or self.way is None:
            return False
        ratios, error = exchanged_ratios(self.before), 1 / math.sqrt(self.now.rows)
        (now,) = exchanged_ratios([self.now])
        if self.now.flipped <= max(LEAST, 3 * error) or now >= history_bounds(ratios, error).low:
            return False
        error = max(deviation_of(ratios), error)
        return self.way >= 1 - CLOSE * error / (2 * median(ratios))

    @property
    def way(self) -> float | None:
        """How far labels are on the way from what they were, 0, to their opposite, 1.

        Exchanging labels turns log(loss on exchanged labels / loss) into its opposite. None where the champion
        never told the labels apart.
        """
        ratios, now = exchanged_ratios(self.before), exchanged_ratios([self.now])
        if not now or not ratios or median(ratios) <= LEAST:
            return None
        return (median(ratios) - now[0]) / (2 * median(ratios))

    @property
    def stands_still(self) -> bool:
        """Whether labels are about as far from their opposite as they were."""
        return self.way is None or self.way < STILL

    def stopped_varying(self) -> Incident | None:
        """Nearly all labels have become one value."""
        if self.is_binary:
            side = self.now.mean <= 0.5
            rest, *rests = [
                each.mean if side else 1 - each.mean for each in (self.now, *self.before)
            ]
            error = log_share_error(median(rests), self.now.rows)
            logs = [log_share(share, self.now.rows) for share in rests]
            low = history_bounds(logs, error, TENTH).low
            if log_share(rest, self.now.rows) >= low or is_chance(
                rest, FEW_LEFT * median(rests), self.now.rows
            ):
                return None
            return self.incident("constant", self.now.mean, f"mean is {self.now.mean:.3g}")
        spreads = [math.log(each.deviation) for each in self.before if each.deviation > 0]
        if not spreads:
            return None
        low = math.exp(history_bounds(spreads, least=TENTH).low)
        if self.now.deviation >= low:
            return None
        words = f"deviation is {self.now.deviation:.3g}, {span(low, None)} by its history"
        return self.incident("constant", self.now.deviation, words, low)

    def changed_unit(self) -> Incident | None:
        """Numbers in another unit, by their mean and deviation."""
        before = [numbers for each in self.before if (numbers := about_mean(each))]
        if self.is_binary or not before or not self.now.deviation:
            return None
        found = find_move(about_mean(self.now), before, self.now.rows)
        if found is None or found.conversion is None:
            return None
        return self.incident("unit", self.now.mean, f"are {found.conversion} of what they were")

    def lost_skill(self) -> Incident | None:
        """Labels that depended on features do no more, though the base rate may be as it was."""
        skills = [each.skill for each in self.before if each.skill is not None]
        if not self.is_unlearnable or self.now.skill is None:
            return None
        low = min(history_bounds(skills).low, median(skills) / 10)
        if self.now.skill >= low:
            return None
        words = f"skill of a model of their own is {self.now.skill:.3g}, {span(low, None)} by its history"
        return self.incident("skill", self.now.skill, words, low)

    def stepped(self) -> Incident:
        """The base rate or mean, said to be out of its bounds."""
        low, high = self.bounds_of_mean()
        words = f"mean is {self.now.mean:.3g}, {span(low, high)} by its history"
        return self.incident("base rate", self.now.mean, words, low, high)

    def turned(self) -> Incident:
        """Labels said to be upside down."""
        flipped = self.now.flipped or 0.0
        words = f"exchanged, the champion would lose {flipped:.0%} less"
        return self.incident("upside down", flipped, words)

    def incident(
        self,
        sign: str,
        value: float,
        words: str,
        low: float | None = None,
        high: float | None = None,
    ) -> Incident:
        """A sign with its words."""
        return Incident(
            scope=Scope.LABEL,
            subject=self.now.slice,
            sign=sign,
            value=value,
            low=low,
            high=high,
            text=f"labels of {self.name}: {words}",
        )


TENTH = -math.log(ONE_VALUE)


def label_incidents(
    now: WindowProfile, before: Sequence[WindowProfile], inputs_moved: bool
) -> Iterator[Incident]:
    """All signs that the labels are broken; those of slices only where the whole shows none.

    Args:
        before: Oldest first.
        inputs_moved: Then another base rate, or a loss of skill, is what inputs explain.
    """
    histories = label_histories(now, before)
    whole = [each for each in histories if not each.now.slice]
    found = [incident for each in whole for incident in of_whole(each, inputs_moved)]
    yield from found
    if not found:
        yield from of_slices([each for each in histories if each.now.slice], inputs_moved)


def label_histories(now: WindowProfile, before: Sequence[WindowProfile]) -> list[LabelHistory]:
    """Slices that have labels now and had before."""
    found = []
    for labels in now.labels:
        earlier = [
            each
            for window in before
            for each in window.labels
            if each.slice == labels.slice and each.rows
        ]
        if labels.rows and earlier:
            found.append(LabelHistory(labels, earlier))
    return found


def of_whole(history: LabelHistory, inputs_moved: bool) -> Iterator[Incident]:
    """Signs in all rows together."""
    for sign in (history.changed_unit(), history.stopped_varying()):
        if sign is not None:
            yield sign
            return
    if history.is_upside_down and is_mirrored(history):
        yield history.turned()
    elif not inputs_moved:
        if history.is_stepped and history.is_unlearnable:
            yield history.stepped()
        elif (lost := history.lost_skill()) is not None:
            yield lost


def is_mirrored(history: LabelHistory) -> bool:
    """Whether the base rate has become what 1 minus it was, which differs from it."""
    mirrored = LabelHistory(
        history.now.model_copy(update={"mean": 1 - history.now.mean}), history.before
    )
    return history.is_stepped and not mirrored.is_stepped


def of_slices(histories: Sequence[LabelHistory], inputs_moved: bool) -> Iterator[Incident]:
    """Signs in one slice, or few, while its siblings by the same column stand still."""
    by_column: dict[str, list[LabelHistory]] = {}
    for each in histories:
        by_column.setdefault(each.now.slice.partition("=")[0], []).append(each)
    for siblings in by_column.values():
        if len(siblings) < 2:
            continue
        turned = [each for each in siblings if each.is_upside_down]
        constant = [found for each in siblings if (found := each.stopped_varying()) is not None]
        stepped = [each for each in siblings if each.is_stepped]
        if turned and 2 * sum(each.stands_still for each in siblings) >= len(siblings):
            yield from (each.turned() for each in turned)
        elif constant and is_minority(constant, siblings):
            yield from constant
        elif len(stepped) == 1 and not inputs_moved and is_beyond_learning(stepped[0]):
            yield stepped[0].stepped()


def is_beyond_learning(history: LabelHistory) -> bool:
    """Whether a step is no concept that changed: surely, or where nobody knows and rows are not few."""
    found = history.is_unlearnable
    return history.now.rows >= MANY if found is None else found


def is_minority(some: Sequence[object], siblings: Sequence[LabelHistory]) -> bool:
    """Whether at least half of the slices stand still."""
    return 2 * len(some) <= len(siblings)


def exchanged_ratios(profiles: Sequence[LabelProfile]) -> list[float]:
    """log(loss on exchanged labels / loss) of each that is known."""
    return [
        math.log(1 - each.flipped)
        for each in profiles
        if each.flipped is not None and each.flipped < 1
    ]


def deviation_of(values: Sequence[float]) -> float:
    """Standard deviation around the median; 0 for a single one."""
    middle = median(values)
    return math.sqrt(sum((each - middle) ** 2 for each in values) / max(len(values) - 1, 1))


def about_mean(labels: LabelProfile) -> Quantiles:
    """Mean and deviation, as quantiles of a symmetric distribution; empty if they are not finite."""
    mean, deviation = labels.mean, labels.deviation
    found = tuple(mean + times * deviation for times in (-2, -1, 0, 1, 2))
    return found if all(map(math.isfinite, found)) else ()
