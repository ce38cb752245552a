"""Promotions at the same moment, and one that is killed between the ledger and the registry's alias."""

import json
import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace_jobs.learning.registry import CHAMPION, Registry
from headrace_schemas.wire.jobs import read_report
from headrace_schemas.wire.model_jobs import PromoteSpec
from tests.e2e.contents import ask
from tests.jobs.conftest import python_of_workers
from tests.jobs.hosts import job_host
from tests.jobs.learning import MAY_3, mlflow_uri, model, promote_spec
from tests.jobs.registry_database import held
from tests.jobs.test_promote import evidence
from tests.jobs.test_registry import register
from tests.waiting import wait_until

__all__ = ["mlflow_uri", "python_of_workers"]

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

NO_SPARK = "sc://localhost:9"
"""Nobody listens there: promotions need no Spark."""

GENERATIONS, RIVALS = 3, 4
TRIES = 4
"""As many as Airflow's."""


@dataclass(frozen=True)
class Jobs:
    """A job host, each of whose jobs is a process of its own."""

    path: Path
    folder: Path

    def start(self, spec: PromoteSpec, attempt: int = 1) -> Path:
        """The job's directory, once the job runs."""
        directory = self.folder / f"{spec.job_id}-{attempt}"
        directory.mkdir(parents=True)
        (directory / "spec.json").write_text(spec.model_dump_json())
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.path))
            client.sendall(json.dumps({"job_dir": str(directory)}).encode() + b"\n")
            assert json.loads(client.makefile().readline())["pid"] > 0
        return directory

    def run(self, *specs: PromoteSpec) -> None:
        """Run jobs at once; one that may be tried again is, as Airflow does."""
        for attempt in range(1, TRIES + 1):
            directories = [self.start(spec, attempt) for spec in specs]
            codes = [ended(one) for one in directories]
            reports = [report(one) for one in directories]
            for one, code in zip(reports, codes, strict=True):
                assert code == ("0" if one.error is None else "1")
                assert one.error is None or one.error.retryable, one.error
            specs = tuple(
                spec for spec, one in zip(specs, reports, strict=True) if one.error is not None
            )
        assert not specs


def ended(directory: Path) -> str:
    """The exit code of a job, once it has ended."""
    wait_until((directory / "rc").exists, f"{directory.name} has ended")
    return (directory / "rc").read_text()


def report(directory: Path) -> Any:
    return read_report((directory / "report.json").read_text())


@pytest.fixture(scope="module")
def jobs(mlflow_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    folder = tmp_path_factory.mktemp("promotions")
    with job_host(NO_SPARK, folder) as (_, path):
        yield Jobs(path, folder / "jobs")


def specs_of(name: str, ledger: Path) -> list[PromoteSpec]:
    """Rivals for each of several generations; the members of one answer the same request."""
    registry, specs = Registry(), []
    for generation in range(GENERATIONS):
        as_of, asked = MAY_3 + timedelta(days=generation), f"request-{generation}"
        for rival in range(RIVALS):
            version = register(registry, name, f"{asked}, rival {rival}")
            spec = promote_spec(model(name), ledger, evidence(version), as_of, asked)
            specs.append(spec.model_copy(update={"job_id": f"{name}-{generation}-{rival}"}))
    return specs


def ledger_rows(ledger: Path) -> list[dict[str, Any]]:
    """Promotions as DuckDB reads them, oldest in force first."""
    query = (
        "SELECT id, answers, model_version, verdict, CAST(effective_from AS VARCHAR) AS since "
        f"FROM delta_scan('{ledger}') ORDER BY effective_from, id"
    )
    return ask({"q": query})["q"]


def test_each_generation_has_one_winner_when_many_are_promoted_at_once(
    jobs: Jobs, mlflow_uri: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    specs = specs_of("crowded", ledger)
    rivals: dict[str, set[str]] = {}
    for spec in specs:
        rivals.setdefault(spec.request_id, set()).add(spec.evidence.challenger)

    jobs.run(*specs)

    rows = ledger_rows(ledger)
    winners = {row["answers"]: row["model_version"] for row in rows}
    assert len(rows) == len(winners) == GENERATIONS
    assert {row["verdict"] for row in rows} == {"promote"}
    assert all(winner in rivals[asked] for asked, winner in winners.items())
    found = held(mlflow_uri, "crowded")
    assert found.aliases == {CHAMPION: rows[-1]["model_version"]}
    promoted = {version for version, status in found.statuses.items() if status == "promoted"}
    assert promoted == set(winners.values())


@contextmanager
def unwritable(database: Path) -> Iterator[None]:
    """Nobody else can write to a database that everybody can read."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=60)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_the_alias_follows_a_repeated_run_when_a_promotion_is_killed_after_the_ledger(
    jobs: Jobs, mlflow_uri: str, tmp_path: Path
) -> None:
    ledger, registry, name = tmp_path / "ledger", Registry(), "between"
    first, second = (
        promote_spec(
            model(name),
            ledger,
            evidence(register(registry, name, asked)),
            MAY_3 + timedelta(days=day),
            asked,
        ).model_copy(update={"job_id": f"{name}-{day}"})
        for day, asked in enumerate(("request-0", "request-1"))
    )
    jobs.run(first)

    with unwritable(Path(mlflow_uri.removeprefix("sqlite:///"))):
        directory = jobs.start(second)
        wait_until(lambda: len(ledger_rows(ledger)) == 2, "the ledger holds the promotion")
        os.killpg(int((directory / "pid").read_text()), signal.SIGKILL)
        assert ended(directory) == "-9"
    assert held(mlflow_uri, name).aliases == {CHAMPION: "1"}

    jobs.run(second.model_copy(update={"job_id": f"{name}-again"}))

    assert [row["model_version"] for row in ledger_rows(ledger)] == ["1", "2"]
    found = held(mlflow_uri, name)
    assert found.aliases == {CHAMPION: "2"}
    assert found.statuses == {"1": "promoted", "2": "promoted"}
