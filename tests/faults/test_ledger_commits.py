"""Rows committed to S3 without Spark: two writers at once, Spark among them, and answers that are lost.

What is acknowledged is compared with what is there, by readers in a process of their own.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from headrace_lake.commits import Written, insert
from headrace_lake.fsck.check import check
from headrace_lake.fsck.depth import Depth
from headrace_lake.ledger import RowTable
from headrace_lake.versions import newest_version
from headrace_schemas.accounts import job_account
from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.errors import EngineUnavailable
from headrace_schemas.wire.spark_settings import LOG_STORE
from tests.fault_proxy import FaultProxy, Gate, lose_answer
from tests.faults.writers import Writer, writers
from tests.launcher.stores import Place, write_keys
from tests.object_store import ObjectStore

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

BUCKET, ROUNDS, MEET_SECONDS = "lake", 20, 100
PROJECT = Path(__file__).parents[2]


class Numbered(Frozen):
    """A row of which each reader tells the number."""

    row_id: int


ROWS = RowTable("test.rows", Numbered, ("row_id",), lambda row: row.row_id, None)


@dataclass(frozen=True)
class Table:
    """A table on S3, written through a proxy."""

    store: ObjectStore
    proxy: FaultProxy
    key: str

    @property
    def uri(self) -> str:
        return f"s3a://{BUCKET}/{self.key}"

    def insert(self, number: int) -> Written[Numbered]:
        return insert(ROWS, self.uri, Numbered(row_id=number), "{}")

    def next_commit(self) -> str:
        """Matches the request that makes the next version."""
        version = newest_version(self.uri)
        assert version is not None
        return rf"^PUT /{BUCKET}/{self.key}/_delta_log/{version + 1:020}\.json$"

    def read(self) -> dict[str, list[int]]:
        """The numbers that are there, by reader."""
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

    def has(self, count: int) -> bool:
        """Whether each reader finds as many rows, each number once, in a table that is well."""
        expected = list(range(count))
        damages = [one for one in check(self.uri, Depth.FULL) if not one.is_harmless]
        return self.read() == {"delta-rs": expected, "duckdb": expected} and damages == []


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("store")) as made:
        made.make_bucket(BUCKET)
        yield made


@pytest.fixture
def table(
    store: ObjectStore, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Table]:
    """A table with its first row; this process finds the store through the proxy."""
    with FaultProxy(store.endpoint) as proxy:
        for name, value in store.environment(proxy.endpoint).items():
            monkeypatch.setenv(name, value)
        made = Table(store, proxy, re.sub(r"\W", "-", request.node.name))
        made.insert(0)
        yield made


def test_both_rows_are_there_when_two_writers_commit_the_same_version(table: Table) -> None:
    gate = Gate(2, MEET_SECONDS)
    with ThreadPoolExecutor(2) as pool:
        for number in range(1, 2 * ROUNDS, 2):
            table.proxy.on(table.next_commit(), gate, times=2)
            told = list(pool.map(table.insert, (number, number + 1)))
            assert [one.row.row_id for one in told] == [number, number + 1]
    assert gate.met == ROUNDS
    assert table.has(1 + 2 * ROUNDS)
    commits = table.proxy.seen(r"^PUT .*/_delta_log/\d{20}\.json$")
    assert len(commits) > 2 * ROUNDS
    assert all(one.is_conditional for one in commits)


def test_one_row_is_there_when_both_writers_have_the_same(table: Table) -> None:
    table.proxy.on(table.next_commit(), Gate(2, MEET_SECONDS), times=2)
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(table.insert, (1, 1)))
    assert told[0] == told[1]
    assert table.has(2)


def test_commits_stay_conditional_when_the_environment_says_otherwise(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_S3_ALLOW_UNSAFE_RENAME", "true")
    monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
    table.proxy.on(table.next_commit(), Gate(2, MEET_SECONDS), times=2)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(table.insert, (1, 2)))
    assert table.has(3)
    assert all(one.is_conditional for one in table.proxy.seen(r"^PUT .*/_delta_log/\d{20}\.json$"))


def test_row_is_there_once_when_the_answer_to_its_commit_is_lost(table: Table) -> None:
    lost = table.proxy.on(table.next_commit(), lose_answer)
    assert table.insert(1).row.row_id == 1
    assert lost.seen == 1
    assert table.has(2)


@pytest.fixture
def spark(table: Table, tmp_path: Path) -> Iterator[tuple[Writer, FaultProxy]]:
    """A Spark that writes to the same table, through a proxy of its own."""
    with (
        FaultProxy(table.store.endpoint) as proxy,
        writers(tmp_path, table.uri, LOG_STORE, [table.store.environment(proxy.endpoint)]) as (
            one,
        ),
    ):
        yield one, proxy


def test_both_rows_are_there_when_spark_commits_the_same_version(
    table: Table, spark: tuple[Writer, FaultProxy]
) -> None:
    writer, proxy = spark
    gate = Gate(2, MEET_SECONDS)
    for number in range(1, 2 * ROUNDS, 2):
        for one in (proxy, table.proxy):
            one.on(table.next_commit(), gate, times=1)
        writer.tell(number)
        assert table.insert(number + 1).row.row_id == number + 1
        assert writer.answer() is None
    assert gate.met == ROUNDS
    assert table.has(1 + 2 * ROUNDS)


def test_a_job_writes_the_ledger_by_its_own_account_and_by_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ObjectStore(tmp_path / "store") as server:
        place = Place(server, "headrace", stages=write_keys(tmp_path / "keys"))
        place.provision()
        uri = "s3a://headrace/lake/ledger/rows"

        def become(job: str) -> None:
            for name, value in (place.environment | job_account(job, place.environment)).items():
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
