"""A model of days: weekends differ, and are no incidents for long."""

from datetime import UTC, datetime, timedelta

import numpy as np

from headrace_jobs.learning.manifest import Feature, FeatureKind
from headrace_jobs.monitoring.backtest_boosters import Boosters
from headrace_jobs.monitoring.backtest_life import Life, Played
from headrace_jobs.monitoring.backtest_windows import PastWindow, days
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.declarations.model import Model

MODEL = Model.model_validate(
    {
        "name": "orders",
        "description": "Returned or not.",
        "owner": "shop",
        "table": "gold.orders",
        "task": "binary",
        "target": "is_returned",
        "event_time": "at",
        "known_time": "known_at",
        "label_delay_days": 0,
        "features": ["amount", "items"],
        "training": {"num_boost_round": 20, "params": {"max_depth": 3}},
        "gates": {"champion": {"metric": "auc"}},
        "monitors": {"performance": {"metric": "auc"}},
    }
)
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def day(random: np.random.Generator, number: int, rows: int, factor: float) -> PastWindow:
    starts = MONDAY + timedelta(days=number)
    numbers = np.column_stack([random.lognormal(3, 0.6, rows) * factor, random.poisson(2, rows)])
    chance = 1 / (1 + np.exp(-0.05 * (numbers[:, 0] / factor - 20) - 0.5 * (numbers[:, 1] - 2)))
    target = (random.random(rows) < chance).astype(np.float64)
    at = days(starts) + np.sort(random.random(rows))
    return PastWindow(
        key=f"{starts:%Y-%m-%d}",
        starts=starts,
        ends=starts + timedelta(days=1),
        as_of=starts + timedelta(days=1),
        numbers=numbers.astype(np.float32),
        target=target,
        truth=target,
        at=at,
        known=at,
        total=rows,
    )


def lived(counts: dict[int, int], length: int) -> Played:
    """Days of which weekends have a third of the rows and larger amounts; and some days' own rows."""
    random = np.random.default_rng(3)
    windows = []
    for number in range(length):
        is_weekend = number % 7 >= 5
        rows = counts.get(number, 130 if is_weekend else 400)
        windows.append(day(random, number, rows, 1.6 if is_weekend else 1.0))
    features = [
        Feature(name=name, type="DOUBLE", kind=FeatureKind.NUMBER) for name in MODEL.features
    ]
    return Life(Boosters(MODEL, features, windows), MODEL).live()


def test_weekends_are_held_no_longer_when_they_came_back_three_times() -> None:
    saturday, sunday, monday = 40, 41, 42

    played = lived({saturday: 4, monday: 120}, 50)

    held = {number for number, verdict in played.verdicts.items() if verdict is Verdict.HOLD}
    weekends = {number for number in range(21) if number % 7 >= 5}
    assert {5, 6} <= held <= weekends | {saturday, monday}
    assert {saturday, monday} <= held, "few rows even for a Saturday, and Saturday's on a Monday"
    assert sunday not in held
