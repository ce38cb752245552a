"""Rows of the ledger, and how readers that are not Headrace see them."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from headrace_schemas.decisions.decision import Decision, Kind, Verdict

AT = datetime(2024, 6, 3, 1, 2, 3, 456, tzinfo=UTC)


def decision(id: str, model: str = "late", **fields: Any) -> Decision:
    """A promotion with every field given."""
    found = {
        "id": id,
        "model": model,
        "kind": Kind.PROMOTION,
        "window": "2",
        "as_of": AT,
        "verdict": Verdict.PROMOTE,
        "reason": "better: auc 0.7",
        "request_id": 'it\'s "run" 1',
        "model_version": "2",
        "effective_from": AT + timedelta(days=1),
        "evidence": '{"a": 1}',
        "policy": "{}",
    }
    return Decision(**(found | fields))


def seen_by_duckdb(table: Path, column: str) -> list[Any]:
    """A column's values in their order, each row's; by DuckDB, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", DUCKDB, str(table), column],
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[Any] = json.loads(done.stdout)
    return found


DUCKDB = """
import duckdb, duckdb_extension_delta, json, pathlib, sys
table, column = sys.argv[1:]
extension, = pathlib.Path(duckdb_extension_delta.__file__).parent.rglob("*.duckdb_extension")
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")  # it goes to stdout after two seconds
connection.execute(f"LOAD '{extension}'")
rows = connection.execute(f"SELECT {column} FROM delta_scan('{table}') ORDER BY 1").fetchall()
print(json.dumps([row[0] for row in rows]))
"""
