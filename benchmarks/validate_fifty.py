"""How long `headrace validate` takes for fifty tables, the start of Python included.

    python benchmarks/validate_fifty.py [tables]

The tables are the flagship's wide one under other names: 44 columns with their rules each. Half of
them are made by a query.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCHEMAS = Path(__file__).parents[1] / "schemas"
WIDE = "gold.flight_features"


def write(root: Path, tables: int) -> None:
    """The flagship's declarations, and as many more tables as there are fewer than `tables`."""
    for kind in ("contracts", "pipelines", "models"):
        shutil.copytree(SCHEMAS / kind, root / kind)
    pipeline = root / "pipelines" / "flights.yaml"
    contract = (root / "contracts/gold/flight_features.odcs.yaml").read_text()
    entries = [pipeline.read_text().rstrip("\n")]
    for number in range(tables - len(list((root / "contracts").rglob("*.yaml")))):
        name = f"copy_{number}"
        text = contract.replace(WIDE, f"gold.{name}")
        (root / f"contracts/gold/{name}.odcs.yaml").write_text(text)
        entry = f"  gold.{name}:\n    inputs: {{features: {WIDE}}}"
        if number % 2:
            (root / f"pipelines/{name}.sql").write_text("SELECT f.* FROM features f\n")
            entry += f"\n    transform: {name}.sql"
        entries.append(entry)
    pipeline.write_text("\n".join(entries) + "\n")


def main() -> None:
    """Run the command five times and print each time."""
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as folder:
        write(Path(folder), tables)
        command = [sys.executable, "-m", "headrace_launcher", "validate", folder]
        for _ in range(5):
            started, before = time.perf_counter(), os.times()
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seconds, after = time.perf_counter() - started, os.times()
            used = sum(after[2:4]) - sum(before[2:4])
            print(f"{seconds:6.2f} s, {used:5.2f} s of processor: {said.strip()}")


if __name__ == "__main__":
    main()
