"""Lives of models whose truth is known: Headrace's policy beside others on the same months.

python -m benchmarks.decisions [--seeds 20] [--scenarios NAMES] [--costs 0.1,1,10] [--processes 2]
    [--kept FILE] [--json FILE] [--write PAGE]
"""

import argparse
import json
import sys
from itertools import product
from pathlib import Path

from benchmarks.decisions.lives import lives
from benchmarks.decisions.page import DEFAULT_COST, summed, tables, written
from benchmarks.decisions.scenarios import SCENARIOS
from benchmarks.decisions.streams import PACKAGE, is_there


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


if __name__ == "__main__":
    main()
