"""Incidents told from drift: by generated histories, with rates, and by hand-made edge cases."""

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.incidents import find_incidents
from headrace_schemas.decisions.profile import ColumnProfile, WindowProfile
from tests.schemas.windows import Make, Numbers, categories, labels, numbers, window

Rng = np.random.Generator
CODES = np.array(["DL", "AA", "UA", "B6", "WN"])
SHARES = np.array([0.35, 0.25, 0.2, 0.15, 0.05])
LEARNT = set(CODES)
FEWEST = 6
SIZES = (200, 500, 5_000)


def codes(rng: Rng, rows: int, shares: Numbers = SHARES) -> Numbers:
    return rng.choice(CODES, rows, p=shares / shares.sum())


def still(rng: Rng, place: int, rows: int) -> WindowProfile:
    """Numbers, counts, mostly zeros, heavy tails, a rare flag as number, categories, labels."""
    rows = int(rng.poisson(rows))
    flag = (rng.random(rows) < 0.03).astype(float)
    return window(
        place,
        rows,
        [
            numbers("distance", rng.uniform(100, 2_000, rows).round()),
            numbers("temperature", rng.normal(15, 8, rows).round(1), missing=0.02),
            numbers("stops", rng.poisson(1.5, rows)),
            numbers("rain", np.where(rng.random(rows) < 0.8, 0.0, rng.exponential(3, rows))),
            numbers("amount", rng.lognormal(3, 1.2, rows)),
            numbers("hour", rng.integers(0, 24, rows)),
            numbers("constant", np.full(rows, 7.0)),
            numbers("flag", flag).model_copy(update={"kind": "flag"}),
            categories("carrier", codes(rng, rows), LEARNT, missing=0.1),
        ],
        [
            labels(rng, rows, 0.3),
            *(labels(rng, rows // 4, 0.3, f"origin={name}") for name in ("JFK", "LGA", "EWR")),
        ],
    )


def seasonal(rng: Rng, place: int, rows: int) -> WindowProfile:
    """A year of twelve windows: the mean goes up and down by 1.5 times the spread, and so do others."""
    phase = math.sin(2 * math.pi * place / 12)
    rows = int(rng.poisson(rows * (1 + 0.4 * phase)))
    dry = 0.7 - 0.25 * phase
    tilt = SHARES * np.exp(np.array([0.6, -0.4, 0.2, -0.3, 0.3]) * phase)
    return window(
        place,
        rows,
        [
            numbers("temperature", rng.normal(50 + 30 * phase, 10, rows).round()),
            numbers("rain", np.where(rng.random(rows) < dry, 0.0, rng.exponential(3, rows))),
            numbers("visibility", np.minimum(rng.normal(9 + phase, 2, rows), 10).round(1)),
            numbers("month", np.full(rows, float(place % 12 + 1))),
            categories("carrier", codes(rng, rows, tilt), LEARNT, 0.05 + 0.03 * phase),
        ],
        [labels(rng, rows, 0.3 + 0.08 * phase, skill=0.25 + 0.05 * phase)],
    )


def trending(rng: Rng, place: int, rows: int) -> WindowProfile:
    """Rows, prices, zeros and shares of a category go one way."""
    rows = int(rng.poisson(rows * 1.05**place))
    tilt = SHARES * np.exp(np.array([0.03, -0.02, 0.01, -0.03, 0.05]) * place)
    return window(
        place,
        rows,
        [
            numbers("price", rng.lognormal(3 + 0.03 * place, 0.5, rows)),
            numbers("stops", rng.poisson(3 * 0.97**place, rows)),
            categories("carrier", codes(rng, rows, tilt), LEARNT, 0.01 * place),
        ],
        [labels(rng, rows, 0.2 + 0.01 * place)],
    )


def walked(rng: Rng, place: int, rows: int, walk: Numbers) -> WindowProfile:
    """One place of a random walk of rows, a mean, zeros, missing values and shares."""
    rows = int(rng.poisson(rows * math.exp(0.1 * walk[place, 0])))
    level = 1 / (1 + np.exp(-walk[place] * 0.3))
    tilt = SHARES * np.exp(np.array([0.2, -0.2, 0.1, -0.1, 0.3]) * walk[place])
    return window(
        place,
        rows,
        [
            numbers("level", rng.normal(5 * walk[place, 1], 5, rows)),
            numbers("zeros", np.where(rng.random(rows) < level[2], 0, rng.normal(9, 2, rows))),
            categories("carrier", codes(rng, rows, tilt), LEARNT, 0.5 * float(level[3])),
        ],
        [labels(rng, rows, 0.2 + 0.3 * float(level[4]))],
    )


def wandering(rng: Rng, place: int, rows: int) -> WindowProfile:
    """A random walk, which all windows of a history share: it is drawn by the history's seed."""
    seeded = np.random.default_rng(rng.bit_generator.seed_seq.entropy)
    return walked(rng, place, rows, np.cumsum(seeded.normal(0, 1, (40, 5)), 0))


def history(make: Make, seed: int, rows: int, windows: int = 40) -> list[WindowProfile]:
    """Windows of one history."""
    rng = np.random.default_rng(seed)
    return [make(rng, place, rows) for place in range(windows)]


WEIGHTS = {"distance": 0.3, "temperature": 0.2, "carrier": 0.2, "amount": 0.1}
SOURCES = {"temperature": "weather", "rain": "weather", "visibility": "weather"}


def found_in(windows: list[WindowProfile], moved: bool = False) -> tuple[Incident, ...]:
    """Incidents of the last window by those before."""
    return find_incidents(windows[-1], windows[:-1], WEIGHTS, moved, SOURCES)


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("make", [still, seasonal, trending, wandering])
def test_hardly_any_window_is_an_incident_when_none_is(make: Make, rows: int) -> None:
    found: Counter[str] = Counter()
    windows = false = 0
    for seed in range(6 if rows < 5_000 else 3):
        past = history(make, seed, rows)
        for upto in range(FEWEST, len(past)):
            signs = found_in(past[: upto + 1])
            found.update(f"{each.sign} {each.subject}" for each in signs)
            windows, false = windows + 1, false + bool(signs)
    assert false <= 0.01 * windows, f"{false} of {windows} windows: {dict(found)}"


Plant = Callable[[Rng, WindowProfile], WindowProfile]


def changed(name: str, make: Callable[[Rng, int], ColumnProfile]) -> Plant:
    """A window of which one column is another."""

    def plant(rng: Rng, made: WindowProfile) -> WindowProfile:
        columns = [make(rng, made.rows) if each.column == name else each for each in made.columns]
        return made.model_copy(update={"columns": tuple(columns)})

    return plant


def distances(rng: Rng, rows: int) -> Numbers:
    return rng.uniform(100, 2_000, rows).round()


def degrees(rng: Rng, rows: int) -> Numbers:
    return rng.normal(15, 8, rows).round(1)


def part(rng: Rng, values: Numbers, share: float, other: object) -> Numbers:
    """Values, of which a share has become another one."""
    return np.where(rng.random(len(values)) < share, other, values)


def counted(times: float) -> Plant:
    return lambda _, made: made.model_copy(
        update={"rows": round(made.rows * times), "delivered": round(made.rows * times)}
    )


def quarantining(share: float) -> Plant:
    return lambda _, made: made.model_copy(update={"quarantined": share})


def labelled(*which: tuple[str, float, dict[str, float | None]]) -> Plant:
    """Other labels of some slices: name, rate and what is measured of them."""

    def plant(rng: Rng, made: WindowProfile) -> WindowProfile:
        others = {name: (rate, measured) for name, rate, measured in which}
        found = []
        for each in made.labels:
            if each.slice in others:
                rate, measured = others[each.slice]
                found.append(labels(rng, each.rows, rate, each.slice, **measured))
            else:
                found.append(each)
        return made.model_copy(update={"labels": tuple(found)})

    return plant


PLANTED = [
    *(("rows", counted(times)) for times in (0.0, 0.1, 0.4, 2.0, 10.0)),
    *(("quarantined share", quarantining(share)) for share in (0.2, 0.5, 1.0)),
    *(
        (
            "missing share",
            changed("distance", lambda r, n, s=share: numbers("distance", distances(r, n), s)),
        )
        for share in (0.2, 0.5, 1.0)
    ),
    *(
        (
            "zero share",
            changed(
                "distance",
                lambda r, n, s=share: numbers("distance", part(r, distances(r, n), s, 0)),
            ),
        )
        for share in (0.16, 0.4, 0.9)
    ),
    *(
        (
            "zero share",
            changed(
                "temperature",
                lambda r, n, s=share: numbers("temperature", part(r, degrees(r, n), s, 0), 0.02),
            ),
        )
        for share in (0.16, 0.4)
    ),
    *(
        (
            "share of one value",
            changed(
                "distance",
                lambda r, n, s=share: numbers("distance", part(r, distances(r, n), s, -999)),
            ),
        )
        for share in (0.16, 0.5)
    ),
    ("constant", changed("distance", lambda _, n: numbers("distance", np.full(n, 300.0)))),
    (
        "constant",
        changed("hour", lambda r, n: numbers("hour", part(r, r.integers(0, 24, n), 0.9, 1))),
    ),
    (
        "constant",
        changed("carrier", lambda _, n: categories("carrier", np.full(n, "DL"), LEARNT, 0.1)),
    ),
    *(
        (
            "longest run",
            changed(
                "temperature",
                lambda r, n, s=share: numbers(
                    "temperature",
                    np.concatenate([np.full(round(s * n), 4.0), degrees(r, n)[round(s * n) :]]),
                ),
            ),
        )
        for share in (0.2, 0.5)
    ),
    *(
        (
            "unit",
            changed("distance", lambda r, n, f=factor: numbers("distance", distances(r, n) * f)),
        )
        for factor in (1.609, 1 / 1.609, 2.54, 0.4536, 3.281, 24, 60, 100, 1e3, 1e-6, -1)
    ),
    ("unit", changed("temperature", lambda r, n: numbers("temperature", degrees(r, n) * 1.8 + 32))),
    ("unit", changed("amount", lambda r, n: numbers("amount", r.lognormal(3, 1.2, n) * 100))),
    (
        "unseen share",
        changed(
            "carrier", lambda r, n: categories("carrier", np.char.lower(codes(r, n)), LEARNT, 0.1)
        ),
    ),
    (
        "unseen share",
        changed(
            "carrier",
            lambda r, n: categories(
                "carrier", np.char.replace(codes(r, n), "AA", "XX"), LEARNT, 0.1
            ),
        ),
    ),
    (
        "text length",
        changed(
            "carrier", lambda r, n: categories("carrier", np.char.add(codes(r, n), "   "), LEARNT)
        ),
    ),
    *(("constant", labelled(("", rate, {"skill": 0.0}))) for rate in (0.0, 0.99, 1.0)),
    ("base rate", labelled(("", 0.6, {"skill": 0.0}))),
]


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize(
    ("sign", "plant"), PLANTED, ids=[f"{place}-{sign}" for place, (sign, _) in enumerate(PLANTED)]
)
def test_an_incident_is_found_when_it_is_planted(
    sign: str, plant: Plant, rows: int, stationary: dict[int, list[list[WindowProfile]]]
) -> None:
    found: Counter[str] = Counter()
    tries = hits = 0
    for seed, windows in enumerate(stationary[rows]):
        rng = np.random.default_rng(seed)
        for upto in (10, 25, 39):
            signs = found_in([*windows[:upto], plant(rng, windows[upto])])
            found.update({each.sign for each in signs})
            tries, hits = tries + 1, hits + any(each.sign == sign for each in signs)
    assert hits >= 0.95 * tries, f"{hits} of {tries}: {dict(found)}"


@pytest.fixture(scope="module")
def stationary() -> dict[int, list[list[WindowProfile]]]:
    """Histories without any incident, by rows of a window."""
    return {rows: [history(still, seed, rows) for seed in range(7)] for rows in SIZES}


@pytest.mark.parametrize("rows", SIZES[1:])
@pytest.mark.parametrize(
    ("sign", "rate", "measured"),
    [
        ("constant", 1.0, {"skill": None}),
        ("upside down", 0.7, {"flipped": 0.6}),
        ("base rate", 0.7, {"skill": None}),
    ],
)
def test_labels_of_a_slice_are_held_when_they_alone_are_broken(
    sign: str,
    rate: float,
    measured: dict[str, float | None],
    rows: int,
    stationary: dict[int, list[list[WindowProfile]]],
) -> None:
    test_an_incident_is_found_when_it_is_planted(
        sign, labelled(("origin=JFK", rate, measured)), rows, stationary
    )


@pytest.mark.parametrize("rows", [2_000, 10_000])
def test_labels_are_held_when_they_depend_on_features_no_more(rows: int) -> None:
    windows = history(still, 1, rows, 12)
    plant = labelled(("", 0.3, {"skill": 0.0}))
    (found,) = found_in([*windows, plant(np.random.default_rng(2), windows[-1])])
    assert (found.scope, found.sign) == (Scope.LABEL, "skill")
    assert not found_in([*windows, plant(np.random.default_rng(2), windows[-1])], moved=True)


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("step", [-0.2, -0.1, 0.0, 0.1, 0.2])
@pytest.mark.parametrize("slices", [("",), ("origin=JFK",)])
def test_a_changed_concept_is_no_incident_when_it_is_learnable(
    slices: tuple[str, ...],
    step: float,
    rows: int,
    stationary: dict[int, list[list[WindowProfile]]],
) -> None:
    found: Counter[str] = Counter()
    tries = held = 0
    plant = labelled(*((name, 0.3 + step, {"flipped": -0.05, "skill": 0.28}) for name in slices))
    for seed, windows in enumerate(stationary[rows]):
        rng = np.random.default_rng(seed)
        for upto in range(8, 40, 2):
            signs = found_in([*windows[:upto], plant(rng, windows[upto])])
            found.update({each.sign for each in signs})
            tries, held = tries + 1, held + bool(signs)
    assert held <= 0.01 * tries, f"{held} of {tries}: {dict(found)}"
