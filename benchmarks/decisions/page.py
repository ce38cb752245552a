"""The tables, as Markdown."""

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.decisions.figures import NEVER, OWN, SUMS, regret
from benchmarks.decisions.others import POLICIES
from benchmarks.decisions.scenarios import SCENARIOS

DEFAULT_COST = 1.0
BEGIN, END = "<!-- made by `make bench-decisions` -->", "<!-- end -->"

Row = dict[str, Any]
Sums = dict[str, float | None]


def summed(rows: Sequence[Row]) -> list[Row]:
    """The sums of every scenario, policy and cost."""
    names = dict.fromkeys((row["scenario"], row["policy"], row["costs"]) for row in rows)
    return [
        {"scenario": scenario, "policy": policy, "costs": costs}
        | {
            name: of(
                [
                    row
                    for row in rows
                    if (row["scenario"], row["policy"], row["costs"]) == (scenario, policy, costs)
                ]
            )
            for name, of in SUMS.items()
        }
        for scenario, policy, costs in names
    ]


def tables(rows: Sequence[Row], names: Sequence[str], costs: Sequence[float]) -> str:
    """What is printed: aims, Headrace in detail, then side by side."""
    found = {(row["scenario"], row["policy"], row["costs"]): row for row in summed(rows)}
    names = [name for name in names if (name, OWN, DEFAULT_COST) in found]
    seeds = len({row["seed"] for row in rows})
    head = f"{len(names)} scenarios, {seeds} worlds each."
    return "\n\n".join(
        [head, aims(rows, found, names, costs), own(found, names, costs), beside(found, names)]
    )


def own(found: dict[Any, Row], names: Sequence[str], costs: Sequence[float]) -> str:
    """Headrace's policy, scenario by scenario."""
    plain = [name for name in SUMS if name not in ("regret", "best schedule's trainings")]
    heads = ["scenario", *plain, *(f"regret at {cost:g}" for cost in costs)]
    lines = []
    for name in names:
        row = found[name, OWN, DEFAULT_COST]
        regrets = [found[name, OWN, cost]["regret"] for cost in costs]
        lines.append([name, *(number(row[one]) for one in plain), *map(number, regrets)])
    return table(heads, lines)


def beside(found: dict[Any, Row], names: Sequence[str]) -> str:
    """All policies: trainings per 100 months, and regret where a training can pay."""
    policies = [OWN, *POLICIES, NEVER]
    lines = []
    for name in names:
        of = [found[name, policy, DEFAULT_COST] for policy in policies]
        lines.append(
            [name, number(of[0]["best schedule's trainings"])]
            + [f"{number(row['trainings per 100 months'])} / {number(row['regret'])}" for row in of]
        )
    return table(["scenario", "best schedule's trainings", *policies], lines)


def aims(
    rows: Sequence[Row], found: dict[Any, Row], names: Sequence[str], costs: Sequence[float]
) -> str:
    """Each aim, and what was reached."""
    own_rows = [row for row in rows if row["policy"] == OWN and row["costs"] == DEFAULT_COST]
    still = [name for name in names if SCENARIOS[name].is_still]
    paying = [
        (name, found[name, OWN, cost]["regret"], f"{name} at {cost:g}")
        for name in names
        for cost in costs
        if found[name, OWN, cost]["regret"] is not None
    ]

    def of(one: str, some: Sequence[str] = names) -> float | None:
        return SUMS[one]([row for row in own_rows if row["scenario"] in some])

    worst = max(
        ((found[name, OWN, DEFAULT_COST]["trainings per 100 months"], name) for name in still),
        default=(None, ""),
    )
    together = regret([row for row in own_rows if row["scenario"] in {name for name, *_ in paying}])
    _, *worst_regret = max(paying, key=lambda each: each[1], default=("", None, ""))
    within = sum(value <= 0.15 for _, value, _ in paying)
    lines = [
        [
            "trainings per 100 months where nothing is to be gained, worst scenario",
            "at most 1",
            f"{number(worst[0])} ({worst[1]}); all: {number(of('trainings per 100 months', still))}",
        ],
        ["asked again after a refusal there", "0", number(of("asked again", still))],
        [
            "changed concepts learnt within two months",
            "at least 0.95",
            number(of("changes learnt soon")),
        ],
        ["incidents held", "at least 0.95", number(of("incidents held"))],
        ["trainings on incidents", "0", number(of("trainings on incidents"))],
        ["false holds per 100 months", "", number(of("false holds per 100 months"))],
        [
            "regret where a training pays, worst",
            "at most 0.15",
            f"{number(worst_regret[0])} ({worst_regret[1]}); within: {within} of {len(paying)}",
        ],
        ["regret of all of these together", "", number(together)],
    ]
    return table(["aim", "asked for", "reached"], lines)


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns stand below each other."""
    rows = [list(heads), *map(list, lines)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(heads))]
    rows.insert(1, ["-" * width for width in widths])
    pad: Callable[[Sequence[str]], str] = lambda row: " | ".join(  # noqa: E731 - of this table alone
        cell.ljust(width) for cell, width in zip(row, widths, strict=True)
    )
    return "\n".join(f"| {pad(row)} |" for row in rows)


def number(value: float | None) -> str:
    """A figure in few characters."""
    if value is None:
        return "-"
    return (
        f"{value:.0f}"
        if value == round(value)
        else f"{value:.2f}"
        if abs(value) < 100
        else f"{value:.0f}"
    )


def written(page: str, text: str) -> str:
    """A page with other tables between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"
