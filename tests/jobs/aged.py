"""Lakes that are older than they look: what was written is dated back, the clock is left alone."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

DAY = 86_400.0


def age(table: Path, days_ago: Callable[[int], float]) -> None:
    """Date each commit back, with the files that it added, as if it had been made then.

    Args:
        days_ago: Version → how long ago it was committed.
    """
    for commit in sorted((table / "_delta_log").glob("*.json")):
        then = time.time() - days_ago(int(commit.stem)) * DAY
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        for action in actions:
            for kind, key in (
                ("commitInfo", "timestamp"),
                ("remove", "deletionTimestamp"),
                ("add", "modificationTime"),
            ):
                if kind in action:
                    action[kind][key] = int(then * 1000)
            if "add" in action:
                date(table / action["add"]["path"].replace("%3D", "="), then)
        commit.write_text("".join(f"{json.dumps(action)}\n" for action in actions))
        date(commit, then)
    for checked in (table / "_delta_log").glob("*.crc"):
        checked.unlink()  # of the log's bytes before
    for checked in (table / "_delta_log").glob(".*.crc"):
        checked.unlink()
    for checkpoint in (table / "_delta_log").glob("*.checkpoint.parquet"):
        date(checkpoint, time.time() - days_ago(int(checkpoint.name[:20])) * DAY)


def date(path: Path, then: float) -> None:
    """Give a file, or all in a folder, the time of another day."""
    if path.is_dir():
        for inner in path.rglob("*"):
            os.utime(inner, (then, then))
    if path.exists():
        os.utime(path, (then, then))
