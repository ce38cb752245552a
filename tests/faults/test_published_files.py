"""Batches published by their files on S3: two at once, answers that are lost, a process that is killed.

No Spark takes part: the staged batches are what its writer leaves, made by Arrow.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyarrow import fs, parquet

from headrace_jobs.engine.store_errors import store_unavailable
from headrace_jobs.lake import files
from headrace_jobs.lake.data_files import SPARK_SCHEMA
from headrace_lake.commits import CHECKPOINTS
from headrace_lake.fsck.check import check
from headrace_lake.fsck.depth import Depth
from headrace_schemas.accounts import Account
from headrace_schemas.declarations.pipeline import TableBuild
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.planning.table_history import history_properties
from headrace_schemas.wire.table_jobs import PublishSpec
from tests.fault_proxy import (
    Exchange,
    Fault,
    FaultProxy,
    Gate,
    lose_answer,
    lose_request,
    slow_down,
)
from tests.faults.writers import PROJECT
from tests.jobs.batches import contract
from tests.launcher.stores import Place, write_keys
from tests.object_store import ObjectStore

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

BUCKET, SECONDS = "headrace", 100
MAY, JUNE = (Partition.parse(PartitionUnit.MONTH, key) for key in ("2024-05", "2024-06"))

READINGS = "- {name: row_id, logicalType: integer, physicalType: BIGINT}"


class Publisher:
    """A process of `tests.faults.batch_publisher`."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.batch_publisher"],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
                env={**os.environ, **environment},
            )
        self.answers: Queue[str] = Queue()
        Thread(target=self.listen, daemon=True).start()
        assert self.answer() == "ready"

    def listen(self) -> None:
        assert self.process.stdout is not None
        with suppress(ValueError):  # closed: it was killed
            for line in self.process.stdout:
                self.answers.put(line)

    def tell(self, spec: Path) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{spec}\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        try:
            return json.loads(self.answers.get(timeout=SECONDS))
        except Empty:
            raise RuntimeError(self.log.read_text(errors="replace")[-2000:]) from None

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@dataclass
class Table:
    """A table on S3 with a row in May and one in June."""

    place: Place
    folder: Path
    key: str
    proxies: tuple[FaultProxy, FaultProxy]
    batches: int = 0

    @property
    def uri(self) -> str:
        return f"s3a://{BUCKET}/lake/tables/bronze/{self.key}"

    def version(self) -> int:
        return int(DeltaTable(self.uri).version())

    def next_commit(self) -> str:
        """Matches the request that makes the next version."""
        path = f"/{BUCKET}/lake/tables/bronze/{self.key}/_delta_log/{self.version() + 1:020}.json"
        return rf"^PUT {re.escape(path)}$"

    def batch(self, partition: Partition, *rows: int) -> Path:
        """A gated batch in the staging area; where the spec of its publish lies."""
        self.batches += 1
        gated = f"s3a://{BUCKET}/lake/staging/{self.key}/{partition.key}/{self.batches}"
        write_batch(f"{gated}/_outcome=passed/part-00000-{self.batches}.c000.snappy.parquet", rows)
        spec = PublishSpec(
            job_id=f"job-{self.batches}",
            run_id="test",
            headrace_version="1",
            build=TableBuild(
                name="bronze.readings",
                partition=PartitionUnit.MONTH,
                inputs={"t": {"table": "bronze.other"}},
            ),
            contract=contract(self.folder, READINGS),
            partition=partition,
            gated_uri=gated,
            table_uri=self.uri,
            quarantine_uri=f"{self.uri}-quarantine",
        )
        path = self.folder / f"{self.batches}.json"
        path.write_text(spec.model_dump_json())
        return path

    @contextmanager
    def publisher(
        self, proxy: FaultProxy | None = None, account: Account = Account.PUBLISH
    ) -> Iterator[Publisher]:
        """A process with an account's keys that reaches the store through a proxy."""
        keys = self.place.keys_of(account)
        environment = {
            **self.place.environment,
            **self.place.server.environment(proxy.endpoint if proxy else None),
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        }
        made = Publisher(self.folder / "publisher.log", environment)
        try:
            yield made
        finally:
            made.kill()

    def read(self) -> list[int]:
        """The rows that are there, by readers that agree, in a table that is well."""
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.faults.read_rows",
                BUCKET,
                self.uri[len(f"s3a://{BUCKET}/") :],
            ],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, list[int]] = json.loads(ended.stdout)
        assert found["delta-rs"] == found["duckdb"]
        assert [one for one in check(self.uri, Depth.FULL) if not one.is_harmless] == []
        return found["delta-rs"]


def write_batch(uri: str, rows: tuple[int, ...]) -> None:
    """Rows as the gate leaves those that pass, with a working column."""
    fields = [
        {"name": name, "type": type, "nullable": True, "metadata": {}}
        for name, type in (("row_id", "long"), ("_raw", "string"))
    ]
    noted = {SPARK_SCHEMA: json.dumps({"type": "struct", "fields": fields}).encode()}
    content = pa.table(
        {"row_id": pa.array(rows, pa.int64()), "_raw": pa.nulls(len(rows), pa.string())}
    )
    sink = pa.BufferOutputStream()
    parquet.write_table(content.replace_schema_metadata(noted), sink)
    system, name = files.store(uri)
    assert isinstance(system, fs.S3FileSystem)
    with system.open_output_stream(name) as stream:
        stream.write(sink.getvalue())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A store whose accounts may do what those of a deployment may."""
    folder = tmp_path_factory.mktemp("store")
    with ObjectStore(folder / "store") as server:
        made = Place(server, BUCKET, stages=write_keys(folder / "keys"))
        made.provision()
        yield made


@pytest.fixture
def table(
    place: Place, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Table]:
    for name, value in place.server.environment().items():
        monkeypatch.setenv(name, value)
    endpoint = place.server.endpoint
    with FaultProxy(endpoint) as first, FaultProxy(endpoint) as second:
        made = Table(place, tmp_path, re.sub(r"\W", "-", request.node.name), (first, second))
        write_deltalake(
            made.uri,
            pa.table({"row_id": [1, 2], "_partition": [MAY.key, JUNE.key]}),
            partition_by=["_partition"],
            configuration=history_properties(30) | CHECKPOINTS,
        )
        yield made


def test_batch_takes_its_partition_s_place_when_its_files_are_copied_by_the_store(
    table: Table,
) -> None:
    proxy, sent = table.proxies[0], []

    def note(exchange: Exchange) -> None:
        sent.append((len(exchange.body), "x-amz-copy-source" in exchange.headers))
        exchange.pass_on()

    proxy.on(r"^PUT .*/_partition(=|%3D)2024-05/", note)
    with table.publisher(proxy) as publisher:
        for n in range(1, 13):  # with a checkpoint
            publisher.tell(table.batch(MAY, *range(10, 10 + n)))
            assert publisher.answer() == [n, n]
    assert table.read() == [2, *range(10, 22)]
    assert sent == [(0, True)] * 12
    log = [file.path for file in files.below(f"{table.uri}/_delta_log")]
    assert len([name for name in log if name.endswith(".checkpoint.parquet")]) == 1


def test_one_commit_is_made_when_a_batch_is_published_twice_at_once(table: Table) -> None:
    spec, before, gate = table.batch(MAY, 7, 8, 9), table.version(), Gate(2, SECONDS)
    for proxy in table.proxies:
        proxy.on(table.next_commit(), gate, times=1)
    with table.publisher(table.proxies[0]) as one, table.publisher(table.proxies[1]) as other:
        one.tell(spec)
        other.tell(spec)
        assert one.answer() == other.answer() == [before + 1, 3]
    assert gate.met == 1
    assert table.version() == before + 1
    assert table.read() == [2, 7, 8, 9]


def test_both_batches_are_in_when_two_partitions_are_published_at_once(table: Table) -> None:
    before, gate = table.version(), Gate(2, SECONDS)
    for proxy in table.proxies:
        proxy.on(table.next_commit(), gate, times=1)
    with table.publisher(table.proxies[0]) as one, table.publisher(table.proxies[1]) as other:
        one.tell(table.batch(MAY, 7))
        other.tell(table.batch(JUNE, 8, 9))
        found = [one.answer(), other.answer()]
    assert gate.met == 1
    assert sorted(version for version, _ in found) == [before + 1, before + 2]
    assert table.read() == [7, 8, 9]


def test_batch_is_there_once_when_the_answer_to_its_commit_is_lost(table: Table) -> None:
    before = table.version()
    lost = table.proxies[0].on(table.next_commit(), lose_answer)
    with table.publisher(table.proxies[0]) as publisher:
        publisher.tell(table.batch(MAY, 7, 8))
        assert publisher.answer() == [before + 1, 2]
    assert lost.seen >= 1
    assert table.version() == before + 1
    assert table.read() == [2, 7, 8]


@pytest.mark.parametrize("where", ["data", "commit"])
@pytest.mark.parametrize("fault", [slow_down, lose_request], ids=["busy", "reset"])
def test_batch_is_there_once_when_the_store_recovers(
    table: Table, fault: Fault, where: str
) -> None:
    before = table.version()
    asked = table.next_commit() if where == "commit" else r"^PUT .*/_partition(=|%3D)2024-05/"
    met = table.proxies[0].on(asked, fault, times=2)
    with table.publisher(table.proxies[0]) as publisher:
        publisher.tell(table.batch(MAY, 7, 8))
        assert publisher.answer() == [before + 1, 2]
    assert met.seen == 2
    assert table.read() == [2, 7, 8]


def test_error_names_the_copy_when_the_store_stays_away(table: Table) -> None:
    before = table.version()
    asked = table.proxies[0].on(r"^PUT .*/_partition(=|%3D)2024-05/", slow_down)
    with table.publisher(table.proxies[0]) as publisher:
        publisher.tell(table.batch(MAY, 7, 8))
        error = store_unavailable(OSError(publisher.answer()))
    assert error is not None
    assert f"{BUCKET}/lake/tables/bronze/{table.key}/_partition" in error.message
    assert 1 < asked.seen <= 40
    assert table.version() == before


def test_error_names_the_commit_when_nobody_can_tell_whether_it_was_made(table: Table) -> None:
    version, proxy = table.version() + 1, table.proxies[0]
    commit = f"{table.uri}/_delta_log/{version:020}.json"
    proxy.on(table.next_commit(), lose_answer, times=1)
    proxy.on(commit.removeprefix("s3a:/"), slow_down)
    spec = table.batch(MAY, 7, 8)
    with table.publisher(proxy) as publisher:
        publisher.tell(spec)
        answer = publisher.answer()
        proxy.forget()
        publisher.tell(spec)
        assert publisher.answer() == [version, 2]
    assert f"commit outcome unknown: {commit}" in answer
    assert proxy.endpoint in answer
    assert table.read() == [2, 7, 8]


def test_next_try_publishes_when_one_is_killed_between_its_copies_and_its_commit(
    table: Table,
) -> None:
    before, spec = table.version(), table.batch(MAY, 7, 8)
    there = {file.path for file in files.below(table.uri)}
    with table.publisher(table.proxies[0]) as publisher:

        def kill(exchange: Exchange) -> None:
            publisher.kill()
            exchange.reset()

        killed = table.proxies[0].on(table.next_commit(), kill)
        publisher.tell(spec)
        table.proxies[0].wait_for(killed, 1, SECONDS)
        publisher.process.wait()
    left = {file.path for file in files.below(table.uri)} - there
    assert len(left) == 1  # a file of rows that no version has
    assert table.version() == before
    assert table.read() == [1, 2]
    table.proxies[0].forget()
    with table.publisher() as publisher:
        publisher.tell(spec)
        assert publisher.answer() == [before + 1, 2]
    assert table.read() == [2, 7, 8]
    assert not left & {*DeltaTable(table.uri).file_uris()}


def test_staged_batch_is_published_by_the_account_for_it_and_by_no_other(table: Table) -> None:
    before, spec = table.version(), table.batch(MAY, 7, 8)
    with table.publisher(account=Account.INGEST) as publisher:
        publisher.tell(spec)
        answer = publisher.answer()
    assert not isinstance(answer, list)
    assert table.version() == before
    assert table.read() == [1, 2]
