"""A Delta table as readers see it that are not Spark; run as a module it prints what they see.

In a process of its own: deltalake may end it at its exit.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def read(uri: str, order: str) -> list[dict[str, Any]]:
    """The table's rows in order of a column; DuckDB, deltalake and its partition list agree."""
    command = [sys.executable, "-m", "tests.jobs.readers", uri, order]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "TZ": "UTC"},
    )
    assert done.stdout, done.stderr
    seen = json.loads(done.stdout)
    assert seen["duckdb"] == seen["deltalake"]
    keys = {row.get("_partition") for row in seen["deltalake"]}
    assert {one.get("_partition") for one in seen["partitions"]} <= keys | {None}
    found: list[dict[str, Any]] = seen["deltalake"]
    return found


def seen(uri: str, order: str) -> dict[str, Any]:
    """What both see, as JSON holds it."""
    import duckdb
    from deltalake import DeltaTable, QueryBuilder

    table = DeltaTable(uri)
    rows = QueryBuilder().register("t", table).execute("SELECT * FROM t").read_all()
    columns = {name: rows.column(index).to_pylist() for index, name in enumerate(rows.column_names)}
    by_deltalake = [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ]
    spec = find_spec("duckdb_extension_delta")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (extension,) = Path(next(iter(spec.submodule_search_locations))).rglob("*.duckdb_extension")
    connection = duckdb.connect()
    connection.execute(f"LOAD '{extension}'")
    found = connection.execute(f"SELECT * FROM delta_scan('{uri}')")
    names = [one[0] for one in found.description]
    by_duckdb = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {
        "deltalake": sorted(by_deltalake, key=lambda row: str(row[order])),
        "duckdb": sorted(by_duckdb, key=lambda row: str(row[order])),
        "partitions": table.partitions() if table.metadata().partition_columns else [],
    }


def as_json(value: object) -> str:
    """A value that JSON has no form for; instants as UTC."""
    return str(value).removesuffix("+00:00")


if __name__ == "__main__":
    print(json.dumps(seen(sys.argv[1], sys.argv[2]), default=as_json), flush=True)
