"""The folders of jobs, as those see them who clean up: which jobs run, and what became of the others.

A folder without a report belongs to a job that runs or that was cut off; it counts as running until
its time limit has passed since it was asked for.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from headrace_schemas.declarations.pipeline import LONGEST_MINUTES
from headrace_schemas.planning.pins import Pin, PinKind

LIMIT = "time_limit_minutes"


@dataclass(frozen=True)
class JobFolder:
    """One attempt at one job, seen from outside."""

    path: Path

    @cached_property
    def spec(self) -> dict[str, Any]:
        """What was asked; empty if it cannot be read."""
        return content_of(self.path / "spec.json")

    @cached_property
    def report(self) -> dict[str, Any]:
        """What came back; empty if nothing did."""
        return content_of(self.path / "report.json")

    @cached_property
    def asked_at(self) -> datetime:
        """When the job was asked for."""
        spec = self.path / "spec.json"
        return datetime.fromtimestamp((spec if spec.exists() else self.path).stat().st_mtime, UTC)

    @property
    def limit(self) -> timedelta:
        """How long the job may run: as its spec carries it, else as long as any may."""
        model = self.spec.get("model") or {}
        training = model.get("training") or {} if self.spec.get("job") == "train" else {}
        for declared in (training, self.spec.get("build") or {}, model, self.spec):
            if LIMIT in declared:
                return timedelta(minutes=int(declared[LIMIT]))
        return timedelta(minutes=LONGEST_MINUTES)

    def is_running(self, now: datetime) -> bool:
        """Whether the job may still be at work."""
        return not (self.path / "report.json").exists() and now < self.asked_at + self.limit

    @property
    def has_succeeded(self) -> bool:
        """Whether its work is done."""
        return self.report.get("status") == "succeeded"


def content_of(file: Path) -> dict[str, Any]:
    """A JSON file's content; empty while it is not there, or half written."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def job_folders(root: Path) -> list[JobFolder]:
    """Every job's folder, in the order of their names."""
    if not root.is_dir():
        return []
    return [JobFolder(path) for path in sorted(root.iterdir()) if path.is_dir()]


def job_pins(folders: Sequence[JobFolder], now: datetime) -> list[Pin]:
    """The versions that running jobs read."""
    return [
        Pin(
            table=table["name"],
            version=table["version"],
            kind=PinKind.JOB,
            why=f"{folder.path.name} reads it",
            since=folder.asked_at,
        )
        for folder in folders
        if folder.is_running(now)
        for table in pinned_tables(folder.spec)
    ]


def pinned_tables(content: object) -> Iterator[dict[str, Any]]:
    """Every table with a version that a spec's JSON names; an older release's spec, too."""
    if isinstance(content, dict):
        if {"name", "uri", "version"} <= content.keys() and isinstance(content["version"], int):
            yield content
        for value in content.values():
            yield from pinned_tables(value)
    elif isinstance(content, list):
        for value in content:
            yield from pinned_tables(value)


def texts(content: object) -> Iterator[str]:
    """Every text in a spec's JSON."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from texts(value)


def written_tables(folders: Sequence[JobFolder], now: datetime) -> set[str]:
    """URIs of the tables that running jobs write."""
    keys = ("table_uri", "quarantine_uri", "predictions_uri", "monitoring_uri", "ledger_uri")
    return {
        str(folder.spec[key])
        for folder in folders
        if folder.is_running(now) and folder.spec.get("job") != "load"
        for key in keys
        if folder.spec.get(key)
    }


def staged_by_running(folders: Sequence[JobFolder], now: datetime, staging: str) -> set[str]:
    """Staging folders that running jobs write or read."""
    return {
        text
        for folder in folders
        if folder.is_running(now)
        for text in texts(folder.spec)
        if text.startswith(f"{staging}/")
    }


def published_staging(folders: Sequence[JobFolder]) -> set[str]:
    """Staging folders whose batch is in its table."""
    published = {
        str(folder.spec["gated_uri"])
        for folder in folders
        if folder.spec.get("job") == "publish" and folder.has_succeeded
    }
    staged = {
        str(folder.spec["staged_uri"])
        for folder in folders
        if folder.spec.get("job") == "gate" and folder.spec.get("gated_uri") in published
    }
    rebuilt = {
        str(batch[key])
        for folder in folders
        if folder.spec.get("job") == "rebuild" and folder.has_succeeded
        for batch in folder.spec["batches"]
        for key in ("staged_uri", "gated_uri")
    }
    return published | staged | rebuilt
