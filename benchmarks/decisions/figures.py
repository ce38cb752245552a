"""Figures of one life, and of a scenario's lives together."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from benchmarks.decisions.boosters import Boosters
from benchmarks.decisions.life import Life
from benchmarks.decisions.others import POLICIES
from benchmarks.decisions.worlds import Scenario, world_of

from headrace_jobs.monitoring.backtest_life import Played
from headrace_jobs.monitoring.backtest_oracle import Oracle
from headrace_schemas.decisions.decision import Verdict

OWN, NEVER = "Headrace", "never"

SOON = 2
"""Months within which a changed concept is to be learnt, the first one whose labels show it included."""

AGAIN = 3
"""Months after a refusal in which another training counts as asked again."""


@dataclass(frozen=True)
class Figures:
    """Of one policy in one world at one cost.

    Attributes:
        months: That a model served.
        trainings: Asked for, without the first.
        promoted: Of these.
        changes: Concepts that changed.
        learnt_soon: Of these, learnt within `SOON` months.
        broken: Months whose delivery was an incident.
        held: Of these.
        held_falsely: Of the others.
        rotten: Trainings that learnt from a broken month.
        again: Trainings asked for soon after a refused one, with no change between them.
        loss: Mean of a month.
        excess: Cost above that of the best schedule, trainings included.
        possible: The same of no training at all.
        best: Trainings of the best schedule.
        cost: Of one training.
    """

    months: int
    trainings: int
    promoted: int
    changes: int
    learnt_soon: int
    broken: int
    held: int
    held_falsely: int
    rotten: int
    again: int
    loss: float
    excess: float
    possible: float
    best: int
    cost: float


def of_world(scenario: Scenario, seed: int, costs: Sequence[float]) -> list[dict[str, object]]:
    """Figures of every policy in one world: of Headrace's for each cost, of the others at each as well.

    Args:
        costs: Multiples of the default cost of a training; at 1 it is not declared.
    """
    boosters = Boosters(world_of(scenario, seed))
    live = boosters.world.live
    oracle = Oracle(boosters, live, scenario.broken)
    never = Played(losses=dict(zip(live, oracle.never(), strict=True)))
    others = {NEVER: never} | {name: play(boosters) for name, play in POLICIES.items()}
    found: list[dict[str, object]] = []
    for multiple in costs:
        cost = multiple * boosters.cost
        own = Life(boosters, None if multiple == 1 else cost).live()
        for name, played in {OWN: own, **others}.items():
            figures = of_life(boosters, oracle, played, cost)
            found.append(
                {"scenario": scenario.name, "seed": seed, "policy": name, "costs": multiple}
                | asdict(figures)
                | {"asked": [(one.window, one.is_promoted) for one in played.trainings]}
            )
    return found


def of_life(boosters: Boosters, oracle: Oracle, played: Played, cost: float) -> Figures:
    """Figures of one policy in one world."""
    scenario, live, best = boosters.scenario, boosters.world.live, oracle.best(cost)
    losses = [played.losses[month] for month in live]
    broken = [month for month in scenario.broken if month in live]
    held = [month for month in live if played.verdicts.get(month) is Verdict.HOLD]
    usual = [month for month in held if month not in broken and not is_after(scenario, month)]
    return Figures(
        months=len(live),
        trainings=len(played.trainings),
        promoted=sum(one.is_promoted for one in played.trainings),
        changes=len(scenario.changes),
        learnt_soon=sum(is_learnt_soon(scenario, played, month) for month in scenario.changes),
        broken=len(broken),
        held=len(set(held) & set(broken)),
        held_falsely=len(usual),
        rotten=sum(
            (scenario.settled is None or one.window + 1 < scenario.settled)
            and bool(set(one.learnt) & set(broken))
            for one in played.trainings
        ),
        again=asked_again(scenario, played),
        loss=float(np.mean(losses)),
        excess=sum(losses) + cost * len(played.trainings) - best.cost,
        possible=sum(oracle.never()) - best.cost,
        best=best.trainings,
        cost=cost,
    )


def is_after(scenario: Scenario, month: int) -> bool:
    """Whether a month follows on an incident that stays, or is the first one after it."""
    stays = scenario.settled is not None and month >= scenario.settled
    return stays or month - 1 in scenario.broken


def is_learnt_soon(scenario: Scenario, played: Played, change: int) -> bool:
    """Whether a model of a changed concept serves soon after its labels have come."""
    soon = range(change, change + scenario.label_months + SOON)
    return any(one.is_promoted and one.window in soon for one in played.trainings)


def asked_again(scenario: Scenario, played: Played) -> int:
    """Trainings soon after a refused one."""
    return sum(
        not before.is_promoted
        and after.window - before.window <= AGAIN
        and not any(before.window < change <= after.window for change in scenario.changes)
        for before, after in zip(played.trainings, played.trainings[1:], strict=False)
    )


def share(rows: Sequence[dict[str, float]], part: str, whole: str) -> float | None:
    """A sum over another; None where that is nothing."""
    total = sum(row[whole] for row in rows)
    return sum(row[part] for row in rows) / total if total else None


def regret(rows: Sequence[dict[str, float]]) -> float | None:
    """(policy - best) / (never - best), where the best schedule is worth a training or more."""
    possible = sum(row["possible"] for row in rows)
    return (
        None if possible < sum(row["cost"] for row in rows) else share(rows, "excess", "possible")
    )


SUMS: dict[str, Callable[[Sequence[dict[str, float]]], float | None]] = {
    "trainings per 100 months": lambda rows: 100 * (share(rows, "trainings", "months") or 0.0),
    "changes learnt soon": lambda rows: share(rows, "learnt_soon", "changes"),
    "incidents held": lambda rows: share(rows, "held", "broken"),
    "false holds per 100 months": lambda rows: 100 * (share(rows, "held_falsely", "months") or 0.0),
    "trainings on incidents": lambda rows: sum(row["rotten"] for row in rows),
    "asked again": lambda rows: sum(row["again"] for row in rows),
    "promotions": lambda rows: float(np.mean([row["promoted"] for row in rows])),
    "loss": lambda rows: float(np.mean([row["loss"] for row in rows])),
    "regret": regret,
    "excess in trainings": lambda rows: float(
        np.mean([row["excess"] / row["cost"] for row in rows])
    ),
    "best schedule's trainings": lambda rows: float(np.mean([row["best"] for row in rows])),
}
"""What is said of the lives of a scenario under one policy at one cost."""
