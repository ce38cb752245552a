"""Rows committed to S3 without Spark: two writers at once, Spark among them, and answers that are lost.

What is acknowledged is compared with what is there, by readers in a process of their own.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from headrace_lake.commits import insert
from headrace_lake.fsck.check import check
from headrace_lake.fsck.depth import Depth
from headrace_lake.versions import newest_version
from headrace_schemas.accounts import job_account
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.wire.jobs import JOBS
from headrace_schemas.wire.spark_settings import LOG_STORE
from tests.fault_proxy import FaultProxy, Gate, lose_answer
from tests.faults.row_writer import ROWS, Numbered
from tests.faults.writers import PROJECT, START_SECONDS, Writer, writers
from tests.launcher.stores import Place, write_keys
from tests.object_store import ObjectStore

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

BUCKET, ROUNDS, MEET_SECONDS = "lake", 20, 100


@dataclass(frozen=True)
class Table:
    """A table on S3 that processes write to, each through a proxy of its own."""

    store: ObjectStore
    key: str
    proxies: tuple[FaultProxy, FaultProxy]

    @property
    def uri(self) -> str:
        return f"s3a://{BUCKET}/{self.key}"

    def next_commit(self) -> str:
        """Matches the request that makes the next version."""
        version = newest_version(self.uri)
        assert version is not None
        return rf"^PUT /{BUCKET}/{self.key}/_delta_log/{version + 1:020}\.json$"

    def meet(self, gate: Gate) -> None:
        """Keep the next commit of each writer back until both are there."""
        for proxy in self.proxies:
            proxy.on(self.next_commit(), gate, times=1)

    def read(self) -> dict[str, list[int]]:
        """The numbers that are there, by reader."""
        ended = subprocess.run(
            [sys.executable, "-m", "tests.faults.read_rows", BUCKET, self.key],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, list[int]] = json.loads(ended.stdout)
        return found

    def has(self, count: int) -> bool:
        """Whether each reader finds as many rows, each number once, in a table that is well."""
        expected = list(range(count))
        damages = [one for one in check(self.uri, Depth.FULL) if not one.is_harmless]
        return self.read() == {"delta-rs": expected, "duckdb": expected} and damages == []

    def all_conditional(self) -> bool:
        """Whether every commit that was sent asks the store not to replace one."""
        sent = [
            one for proxy in self.proxies for one in proxy.seen(r"^PUT .*/_delta_log/\d{20}\.json$")
        ]
        return len(sent) > 1 and all(one.is_conditional for one in sent)


@contextmanager
def row_writer(folder: Path, uri: str, environment: Mapping[str, str]) -> Iterator[Writer]:
    """A process of `tests.faults.row_writer`, ready to write."""
    log = folder / "row-writer.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.row_writer", uri],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
            env={**os.environ, **environment},
        )
    try:
        made = Writer(process, log)
        assert made.answer(START_SECONDS) == "ready"
        yield made
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("store")) as made:
        made.make_bucket(BUCKET)
        yield made


@pytest.fixture
def table(
    store: ObjectStore, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Table]:
    """A table with its first row; this process reaches the store without a proxy."""
    for name, value in store.environment().items():
        monkeypatch.setenv(name, value)
    with FaultProxy(store.endpoint) as first, FaultProxy(store.endpoint) as second:
        made = Table(store, re.sub(r"\W", "-", request.node.name), (first, second))
        insert(ROWS, made.uri, Numbered(row_id=0), "{}")
        yield made


def places(table: Table) -> list[dict[str, str]]:
    """Where each of two writers finds the store."""
    return [table.store.environment(proxy.endpoint) for proxy in table.proxies]


@pytest.fixture
def two(table: Table, tmp_path: Path) -> Iterator[list[Writer]]:
    """Two processes that put rows."""
    with ExitStack() as stack:
        made = [row_writer(tmp_path, table.uri, place) for place in places(table)]
        yield [stack.enter_context(one) for one in made]


@pytest.fixture
def spark_and_one(table: Table, tmp_path: Path) -> Iterator[list[Writer]]:
    """A Spark that appends rows, and a process that puts rows."""
    first, second = places(table)
    with (
        writers(tmp_path, table.uri, LOG_STORE, [first]) as (spark,),
        row_writer(tmp_path, table.uri, second) as one,
    ):
        yield [spark, one]


def write_together(made: list[Writer], *rows: int) -> list[str | None]:
    """Have each writer write a row at once; what came of each."""
    for writer, row in zip(made, rows, strict=True):
        writer.tell(row)
    return [writer.answer() for writer in made]


@pytest.mark.parametrize("pair", ["two", "spark_and_one"])
def test_both_rows_are_there_when_two_writers_commit_the_same_version(
    table: Table, pair: str, request: pytest.FixtureRequest
) -> None:
    made: list[Writer] = request.getfixturevalue(pair)
    gate = Gate(2, MEET_SECONDS)
    for number in range(1, 2 * ROUNDS, 2):
        table.meet(gate)
        assert write_together(made, number, number + 1) == [None, None]
    assert gate.met == ROUNDS
    assert table.has(1 + 2 * ROUNDS)
    assert table.all_conditional()


def test_one_row_is_there_when_both_writers_have_the_same(table: Table, two: list[Writer]) -> None:
    gate = Gate(2, MEET_SECONDS)
    table.meet(gate)
    assert write_together(two, 1, 1) == [None, None]
    assert gate.met == 1
    assert table.has(2)


def test_commits_stay_conditional_when_the_environment_says_otherwise(
    table: Table, tmp_path: Path
) -> None:
    unsafe = {"AWS_S3_ALLOW_UNSAFE_RENAME": "true", "AWS_CONDITIONAL_PUT": "disabled"}
    first, second = (place | unsafe for place in places(table))
    gate = Gate(2, MEET_SECONDS)
    table.meet(gate)
    with (
        row_writer(tmp_path, table.uri, first) as one,
        row_writer(tmp_path, table.uri, second) as other,
    ):
        assert write_together([one, other], 1, 2) == [None, None]
    assert gate.met == 1
    assert table.has(3)
    assert table.all_conditional()


def test_row_is_there_once_when_the_answer_to_its_commit_is_lost(
    table: Table, two: list[Writer]
) -> None:
    lost = table.proxies[0].on(table.next_commit(), lose_answer)
    assert two[0].write(1) is None
    assert lost.seen == 1
    assert table.has(2)


def test_a_job_writes_the_ledger_by_its_own_account_and_by_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ObjectStore(tmp_path / "store") as server:
        place = Place(server, "headrace", stages=write_keys(tmp_path / "keys"))
        place.provision()
        uri = "s3a://headrace/lake/ledger/rows"

        def become(job: str) -> None:
            own = job_account(JOBS.named(job).account, place.environment)
            for name, value in (place.environment | own).items():
                monkeypatch.setenv(name, value)

        become("decide")
        for number in range(12):  # with a checkpoint
            insert(ROWS, uri, Numbered(row_id=number), "{}")
        become("load")
        with pytest.raises(EngineUnavailable):
            insert(ROWS, uri, Numbered(row_id=12), "{}")
        assert [one.row_id for one in ROWS.read(uri)] == list(range(12))
        log = [name for name in place.objects() if name.startswith("lake/ledger/rows/_delta_log/")]
        assert [name for name in log if name.endswith(".checkpoint.parquet")] != []
