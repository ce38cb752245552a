"""Commits to S3: two Sparks at once, lost answers, and a store that is away.

What is acknowledged is compared with what is there, by readers that are not Spark and in a process
of their own.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

from headrace_schemas.wire.spark_settings import LOG_STORE
from tests.fault_proxy import Exchange, FaultProxy, Gate, lose_answer, lose_request, slow_down
from tests.faults.writers import Writer, writers
from tests.object_store import ObjectStore

STOCK = "io.delta.storage.S3SingleDriverLogStore"
BUCKET = "lake"
ROUNDS = int(os.environ.get("HEADRACE_RACES", "12"))
MEET_SECONDS = 100
PROJECT = Path(__file__).parents[2]


@dataclass
class Table:
    """A table on S3, and two Sparks that write to it, each through a proxy of its own."""

    store: ObjectStore
    key: str
    proxies: list[FaultProxy]
    writers: list[Writer]
    acknowledged: list[int] = field(default_factory=list)
    rows: Iterator[int] = field(default_factory=count)

    def write(self, writer: int = 0) -> str | None:
        """Have a row written; None if it was acknowledged, else the problem."""
        row = next(self.rows)
        problem = self.writers[writer].write(row)
        if problem is None:
            self.acknowledged.append(row)
        return problem

    def write_together(self) -> None:
        """Have each Spark write a row."""
        rows = [next(self.rows) for _ in self.writers]
        for writer, row in zip(self.writers, rows, strict=True):
            writer.tell(row)
        for writer, row in zip(self.writers, rows, strict=True):
            if writer.answer() is None:
                self.acknowledged.append(row)

    def version(self) -> int:
        """The newest version, as the names of the log's objects tell it."""
        found = self.store.client.list_objects(BUCKET, f"{self.key}/_delta_log/")
        names = (re.search(r"/(\d{20})\.json$", one.object_name or "") for one in found)
        return max(int(name[1]) for name in names if name)

    def next_commit(self, method: str = "PUT") -> str:
        """Matches the requests that make the next version."""
        return rf"^{method} /{BUCKET}/{self.key}/_delta_log/{self.version() + 1:020}\.json$"

    def read(self) -> dict[str, list[int]]:
        """The table's row ids, by reader."""
        ended = subprocess.run(
            [sys.executable, "-m", "tests.faults.read_rows", BUCKET, self.key],
            env={**os.environ, **self.store.environment()},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, list[int]] = json.loads(ended.stdout)
        return found

    def is_exact(self) -> bool:
        """Whether each reader finds what was acknowledged, each row once."""
        expected = sorted(self.acknowledged)
        return self.read() == {"delta-rs": expected, "duckdb": expected}


@contextmanager
def table(store: ObjectStore, folder: Path, log_store: str) -> Iterator[Table]:
    """A new table with its first row."""
    folder.mkdir()
    key = folder.name
    with ExitStack() as stack:
        proxies = [stack.enter_context(FaultProxy(store.endpoint)) for _ in range(2)]
        places = [store.environment(proxy.endpoint) for proxy in proxies]
        uri = f"s3a://{BUCKET}/{key}"
        made = Table(
            store, key, proxies, stack.enter_context(writers(folder, uri, log_store, places))
        )
        assert made.write() is None
        yield made


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("store")) as made:
        made.make_bucket(BUCKET)
        yield made


@pytest.fixture(scope="module")
def shared(store: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    """A table with Headrace's log store."""
    with table(store, tmp_path_factory.mktemp("shared") / "safe", LOG_STORE) as made:
        yield made


@pytest.fixture
def safe(shared: Table) -> Iterator[Table]:
    """The same, and no fault from an earlier test."""
    yield shared
    for proxy in shared.proxies:
        proxy.forget()


def race(table: Table, rounds: int) -> None:
    """Both Sparks commit the same version, in every round.

    The proxies keep the two commits back until both are there: each Spark has then seen that the
    version is free. A commit that comes again, after another's, is not kept back.
    """
    gate = Gate(2, MEET_SECONDS)
    for _ in range(rounds):
        for proxy in table.proxies:
            proxy.on(table.next_commit(), gate, times=1)
        table.write_together()
    assert gate.met == rounds


def test_acknowledged_rows_are_all_there_when_two_sparks_commit_at_once(safe: Table) -> None:
    before = safe.version()
    race(safe, ROUNDS)
    assert len(safe.acknowledged) >= 2 * ROUNDS
    assert safe.version() == before + 2 * ROUNDS
    assert safe.is_exact()
    for proxy in safe.proxies:
        commits = proxy.seen(r"^PUT .*/_delta_log/\d{20}\.json$")
        assert len(commits) >= ROUNDS
        assert all(one.is_conditional for one in commits)


def test_acknowledged_rows_are_lost_when_delta_s_own_log_store_commits(
    store: ObjectStore, tmp_path: Path
) -> None:
    with table(store, tmp_path / "stock", STOCK) as stock:
        before = stock.version()
        race(stock, ROUNDS)
        assert len(stock.acknowledged) == 1 + 2 * ROUNDS  # nobody is told of a loss
        assert stock.version() == before + ROUNDS
        found = stock.read()
    assert found["delta-rs"] == found["duckdb"]
    assert len(set(stock.acknowledged) - set(found["delta-rs"])) == ROUNDS


def test_row_is_there_once_when_the_answer_is_lost_every_time(safe: Table) -> None:
    lost = safe.proxies[0].on(safe.next_commit(), lose_answer)
    before = safe.version()
    assert safe.write() is None
    assert lost.seen > 1
    assert safe.version() == before + 1
    assert safe.is_exact()


def test_row_is_there_once_when_the_store_is_busy_for_a_moment(safe: Table) -> None:
    busy = safe.proxies[0].on(safe.next_commit(), slow_down, times=2)
    before = safe.version()
    assert safe.write() is None
    assert busy.seen == 2
    assert safe.version() == before + 1
    assert safe.is_exact()


def test_row_is_there_once_when_the_store_is_killed_and_comes_back(safe: Table) -> None:
    proxy = safe.proxies[0]

    def kill(exchange: Exchange) -> None:
        safe.store.kill()
        exchange.reset()

    # Killed when the commit arrives, and back once it has been tried again in vain.
    killed = proxy.on(safe.next_commit(), kill, times=1)
    gone = proxy.on(safe.next_commit(), lose_request, times=2)
    before = safe.version()

    def come_back() -> None:
        proxy.wait_for(killed, 1, MEET_SECONDS)
        proxy.wait_for(gone, 2, MEET_SECONDS)
        safe.store.start()

    keeper = Thread(target=come_back)
    keeper.start()
    assert safe.write() is None
    keeper.join()
    assert safe.version() == before + 1
    assert safe.is_exact()


def test_writer_is_told_so_when_it_cannot_know_what_became_of_its_commit(safe: Table) -> None:
    before = safe.version()
    safe.proxies[0].on(safe.next_commit(), slow_down)
    safe.proxies[0].on(safe.next_commit("HEAD"), slow_down)
    problem = safe.write()
    assert problem is not None
    assert "commit outcome unknown" in problem
    assert f"{before + 1:020}.json" in problem
    safe.proxies[0].forget()
    assert safe.version() == before
    assert safe.write() is None
    assert safe.is_exact()
