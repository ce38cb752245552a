"""What tables hold, read by DuckDB: an independent reader in a process of its own."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

READER = """
import duckdb, json, sys
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")
connection.execute(f"LOAD '{sys.argv[1]}'")
answers = {}
for line in sys.stdin:
    name, query = json.loads(line)
    cursor = connection.execute(query)
    columns = [one[0] for one in cursor.description]
    answers[name] = [dict(zip(columns, row)) for row in cursor.fetchall()]
print(json.dumps(answers, default=str))
"""


def delta_extension() -> str:
    """The extension's file, as its package ships it: DuckDB would fetch it otherwise."""
    spec = find_spec("duckdb_extension_delta")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations)))
    return str(next(folder.rglob("*.duckdb_extension")))


def ask(queries: dict[str, str]) -> dict[str, list[dict]]:
    """The rows of each query."""
    lines = "".join(json.dumps([name, query]) + "\n" for name, query in queries.items())
    command = [sys.executable, "-c", READER, delta_extension()]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def delta_tables(lake: Path) -> dict[str, Path]:
    """Every Delta table below a lake's root, by its place."""
    logs = sorted(lake.rglob("_delta_log"))
    return {str(one.parent.relative_to(lake)): one.parent for one in logs}


def contents(lake: Path) -> dict[str, tuple[int, str]]:
    """Rows and a hash of each table's rows, in whatever order and files they lie."""
    queries = {
        name: f"SELECT count(*) AS n, sum(hash(t)::HUGEINT) AS h FROM delta_scan('{path}') t"
        for name, path in delta_tables(lake).items()
    }
    return {name: (rows[0]["n"], str(rows[0]["h"])) for name, rows in ask(queries).items()}
