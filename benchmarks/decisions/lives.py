"""Worlds played by several processes, which import this module by its name, as a program's own they could not."""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.decisions.figures import of_world
from benchmarks.decisions.scenarios import SCENARIOS

Task = tuple[str, int, tuple[float, ...]]
"""A scenario's name, a seed, and multiples of the default cost."""


def lives(tasks: Sequence[Task], processes: int, kept: Path | None) -> list[dict[str, object]]:
    """The figures of all worlds; of those that a file has, its figures."""
    began, lines = time.monotonic(), kept.read_text().splitlines() if kept and kept.exists() else []
    rows = [json.loads(line) for line in lines]
    known = {(row["scenario"], row["seed"], row["costs"]) for row in rows}
    missing = [
        (name, seed, tuple(cost for cost in costs if (name, seed, cost) not in known))
        for name, seed, costs in tasks
    ]
    left = [task for task in missing if task[2]]
    for number, found in enumerate(played(left, processes), start=1):
        rows += found
        if kept is not None:
            with kept.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in found)
        print(f"\r{number} of {len(left)}", end="", file=sys.stderr, flush=True)
    print(f", {time.monotonic() - began:.0f} s", file=sys.stderr)
    asked = {task[:2] for task in tasks}
    return [row for row in rows if (row["scenario"], row["seed"]) in asked]


def played(tasks: Sequence[Task], processes: int) -> Iterator[list[dict[str, object]]]:
    """The figures of each world, in any order; in this process where one is enough."""
    if processes == 1:
        yield from map(one_world, tasks)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(one_world, tasks)


def one_world(task: Task) -> list[dict[str, object]]:
    """The figures of one world."""
    name, seed, costs = task
    return of_world(SCENARIOS[name], seed, costs)
