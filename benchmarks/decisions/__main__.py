"""Lives of models whose truth is known: Headrace's policy beside others on the same months.

python -m benchmarks.decisions [--seeds 20] [--scenarios NAMES] [--costs 0.1,1,10] [--processes 2]
    [--kept FILE] [--json FILE] [--write PAGE]
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from benchmarks.decisions.figures import of_world
from benchmarks.decisions.page import DEFAULT_COST, summed, tables, written
from benchmarks.decisions.scenarios import SCENARIOS
from benchmarks.decisions.streams import PACKAGE, is_there

Task = tuple[str, int, tuple[float, ...]]


def main() -> None:
    """Play all, print the tables, keep the figures."""
    arguments = read_arguments()
    names = [name.strip() for name in arguments.scenarios.split(";") if name.strip()]
    if unknown := set(names) - set(SCENARIOS):
        sys.exit(f"no scenario {', '.join(sorted(unknown))}; there are: {'; '.join(SCENARIOS)}")
    names = names or list(SCENARIOS)
    if not is_there() and (left := [name for name in names if SCENARIOS[name].needs]):
        print(f"{PACKAGE} is not installed (`uv sync --group bench`), left out: {'; '.join(left)}")
        names = [name for name in names if name not in left]
    costs = tuple(sorted({DEFAULT_COST, *map(float, arguments.costs.split(","))}))
    tasks = [(name, seed, costs) for seed, name in product(range(arguments.seeds), names)]
    rows = lives(tasks, arguments.processes, arguments.kept and Path(arguments.kept))
    text = tables(rows, names, costs)
    print(text)
    if arguments.json:
        found = {"sums": summed(rows), "lives": rows}
        Path(arguments.json).write_text(json.dumps(found, indent=1))
    if arguments.write:
        page = Path(arguments.write)
        page.write_text(written(page.read_text(), text))


def read_arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--scenarios", default="", help="names, between semicolons; all without")
    parser.add_argument("--costs", default="0.1,1,10", help="multiples of the default cost")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--kept", help="a file that each world's figures are kept in: goes on there"
    )
    parser.add_argument("--json", help="a file for all figures")
    parser.add_argument("--write", help="a page of the docs whose tables are exchanged")
    return parser.parse_args()


def lives(tasks: Sequence[Task], processes: int, kept: Path | None) -> list[dict[str, object]]:
    """The figures of all worlds; of those that a file has, its figures."""
    began, lines = time.monotonic(), kept.read_text().splitlines() if kept and kept.exists() else []
    rows = [json.loads(line) for line in lines]
    known = {(row["scenario"], row["seed"], row["costs"]) for row in rows}
    left = [task for task in tasks if not all((*task[:2], cost) in known for cost in task[2])]
    for number, found in enumerate(played(left, processes), start=1):
        rows += found
        if kept is not None:
            with kept.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in found)
        print(f"\r{number} of {len(left)}", end="", file=sys.stderr, flush=True)
    print(f", {time.monotonic() - began:.0f} s", file=sys.stderr)
    return rows


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


if __name__ == "__main__":
    main()
