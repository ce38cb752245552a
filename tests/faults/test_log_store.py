"""The log store alone, in a Java process without Spark: every way in which a write can end."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import boto3
import pytest
from py4j import java_gateway, protocol
from py4j.java_gateway import JavaGateway
from py4j.protocol import Py4JJavaError

from headrace_launcher.services.settings import Settings
from headrace_launcher.spark.java import find_java
from headrace_launcher.spark.logstore import compile_java
from headrace_launcher.spark.settings import spark_home
from headrace_schemas.wire.spark_settings import S3
from tests.fault_proxy import Exchange, FaultProxy, lose_answer, lose_request, slow_down
from tests.object_store import REGION, ObjectStore

BUCKET = "lake"
HELPERS = Path(__file__).with_name("LogStoreCalls.java")
WAIT_SECONDS = 60
MEMORY_MB = 96

LINE = "x" * 65_535
"""With its end 64 KiB: 80 of them fill the first part of an upload, which takes 5 MB."""

QUICK = {
    "fs.s3a.attempts.maximum": "0",
    "fs.s3a.retry.limit": "1",
    "fs.s3a.retry.interval": "10ms",
    "fs.s3a.retry.throttle.limit": "1",
    "fs.s3a.retry.throttle.interval": "10ms",
}
"""Few retries at once: how many there are does not matter here."""


@dataclass
class Log:
    """A log on S3, and the log store that writes it."""

    gateway: Any
    store: ObjectStore
    proxy: FaultProxy
    conf: Any
    log_store: Any
    versions: Iterator[int]

    @property
    def lines(self) -> Any:
        """Makes lines of a commit: which, how many, and where an error is."""
        return getattr(self.gateway.jvm.headrace, "LogStoreCalls$Lines")

    def path(self, version: int) -> Any:
        return self.gateway.jvm.org.apache.hadoop.fs.Path(f"s3a://{BUCKET}/{key(version)}")

    def write(self, version: int, line: str, lines: int = 1, overwrite: bool = False) -> None:
        """Write a commit; a Java exception comes as Py4J wraps it."""
        content = self.lines(line, lines, -1)
        self.log_store.write(self.path(version), content, overwrite, self.conf)

    def content(self, version: int) -> str:
        """What the store holds."""
        with self.store.client.get_object(BUCKET, key(version)) as answer:
            return answer.read().decode()

    def size(self, version: int) -> int | None:
        """Bytes that the store holds."""
        return self.store.client.stat_object(BUCKET, key(version)).size

    def is_there(self, version: int) -> bool:
        """Whether the store holds it."""
        return any(self.store.client.list_objects(BUCKET, key(version)))

    def unfinished(self, version: int) -> int:
        """How many uploads of it were begun and neither ended nor aborted."""
        client = boto3.client(
            "s3",
            endpoint_url=self.store.endpoint,
            region_name=REGION,
            aws_access_key_id=self.store.access_key,
            aws_secret_access_key=self.store.secret_key,
        )
        found = client.list_multipart_uploads(Bucket=BUCKET, Prefix=key(version))
        return len(found.get("Uploads", []))


def key(version: int) -> str:
    return f"table/_delta_log/{version:020}.json"


def commit(version: int, method: str = "PUT") -> str:
    return rf"^{method} /{BUCKET}/{key(version)}"


def java_class(error: Py4JJavaError) -> str:
    return str(error.java_exception.getClass().getName())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with ObjectStore(tmp_path_factory.mktemp("store")) as made:
        made.make_bucket(BUCKET)
        yield made


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Java process with little memory, the jars of a job, and the tests' helpers."""
    runtime, _ = find_java(os.environ)
    assert runtime is not None
    spark_jars = spark_home() / "jars"
    named = os.environ.get("HEADRACE_JARS")
    jars = Path(named) if named else Settings.from_environment(os.environ).cache / "jars"
    classes = tmp_path_factory.mktemp("classes")
    needed = [*spark_jars.glob("hadoop-client-*.jar"), *jars.glob("delta-storage-*.jar")]
    compile_java(HELPERS, classes, needed, runtime.executable, spark_jars)
    gateway = JavaGateway.launch_gateway(
        classpath=f"{classes}:{jars}/*:{spark_jars}/*",
        java_path=str(runtime.executable),
        jarpath=str(next(spark_jars.glob("py4j-*.jar"))),
        die_on_exit=True,
        enable_auth=True,
        javaopts=[f"-Xmx{MEMORY_MB}m", f"-Djava.io.tmpdir={classes}", "-Dlog4j2.level=error"],
    )
    yield gateway
    gateway.shutdown()
    gateway.java_process.stdin.close()
    gateway.java_process.wait()


@pytest.fixture(scope="module")
def shared(
    java: Any, store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Log]:
    with FaultProxy(store.endpoint) as proxy:
        conf = java.jvm.org.apache.hadoop.conf.Configuration()
        given = (
            {name.removeprefix("spark.hadoop."): value for name, value in S3.items()}
            | QUICK
            | {
                "fs.s3a.endpoint": proxy.endpoint,
                "fs.s3a.path.style.access": "true",
                "fs.s3a.access.key": store.access_key,
                "fs.s3a.secret.key": store.secret_key,
                "fs.s3a.multipart.size": "5M",
                "fs.s3a.buffer.dir": str(tmp_path_factory.mktemp("buffer")),
            }
        )
        for name, value in given.items():
            conf.set(name, value)
        log_store = java.jvm.headrace.ConditionalS3LogStore(conf)
        yield Log(java, store, proxy, conf, log_store, count())


@pytest.fixture
def log(shared: Log, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    # Where PySpark has run, it reads every Java error in its own Java process, and this is another.
    monkeypatch.setattr(java_gateway, "get_return_value", protocol.get_return_value)
    yield shared
    shared.proxy.forget()


@pytest.fixture
def version(log: Log) -> int:
    return next(log.versions)


def test_commit_is_one_conditional_request(log: Log, version: int) -> None:
    log.write(version, "first")
    assert log.content(version) == "first\n"
    assert [(one.text, one.is_conditional) for one in log.proxy.seen(r"table/")] == [
        (f"PUT /{BUCKET}/{key(version)}", True)
    ]


def test_commit_is_refused_when_the_version_is_taken(log: Log, version: int) -> None:
    log.write(version, "first")
    with pytest.raises(Py4JJavaError) as raised:
        log.write(version, "second")
    assert java_class(raised.value) == "java.nio.file.FileAlreadyExistsException"
    assert log.content(version) == "first\n"


def test_commit_is_refused_when_a_writer_without_ids_was_first(log: Log, version: int) -> None:
    log.store.client.put_object(BUCKET, key(version), BytesIO(b"other\n"), 6)
    with pytest.raises(Py4JJavaError) as raised:
        log.write(version, "second")
    assert java_class(raised.value) == "java.nio.file.FileAlreadyExistsException"
    assert log.content(version) == "other\n"


def test_hint_is_replaced_when_delta_asks_for_it(log: Log, version: int) -> None:
    log.write(version, "first")
    log.write(version, "second", overwrite=True)
    assert log.content(version) == "second\n"


def test_commit_succeeds_when_its_answer_is_lost(log: Log, version: int) -> None:
    log.proxy.on(commit(version), lose_answer)
    log.write(version, "first")
    assert log.content(version) == "first\n"


def test_commit_fails_as_it_failed_when_the_store_has_not_got_it(log: Log, version: int) -> None:
    log.proxy.on(commit(version), lose_request)
    with pytest.raises(Py4JJavaError) as raised:
        log.write(version, "first")
    assert java_class(raised.value).startswith("java.net.")
    assert "outcome unknown" not in str(raised.value)
    assert not log.is_there(version)


def test_outcome_is_unknown_when_nothing_can_be_read_back(log: Log, version: int) -> None:
    log.proxy.on(commit(version), lose_answer)
    log.proxy.on(commit(version, "HEAD"), slow_down)
    with pytest.raises(Py4JJavaError, match="commit outcome unknown") as raised:
        log.write(version, "first")
    assert java_class(raised.value) == "java.io.IOException"
    assert key(version) in str(raised.value)


def test_nothing_is_written_when_the_commit_ends_in_an_error(log: Log, version: int) -> None:
    for broken in (2, 100):  # within the first part of an upload, and in a later one
        content = log.lines(LINE, 200, broken)
        with pytest.raises(Py4JJavaError, match=f"line {broken} cannot be made"):
            log.log_store.write(log.path(version), content, False, log.conf)
        assert not log.is_there(version)
        assert log.unfinished(version) == 0


def test_commit_larger_than_memory_is_conditional_too(log: Log, version: int) -> None:
    lines = 3 * (MEMORY_MB << 20) // 2 // (len(LINE) + 1)
    log.write(version, LINE, lines)
    assert log.size(version) == lines * (len(LINE) + 1)
    with pytest.raises(Py4JJavaError) as raised:
        log.write(version, LINE, lines=200)
    assert java_class(raised.value) == "java.nio.file.FileAlreadyExistsException"
    assert log.size(version) == lines * (len(LINE) + 1)
    ends = log.proxy.seen(commit(version, "POST") + r"\?uploadId=")
    assert ends
    assert all(one.is_conditional for one in ends)


def test_large_commit_succeeds_when_its_last_answer_is_lost(log: Log, version: int) -> None:
    log.proxy.on(commit(version, "POST") + r"\?uploadId=", lose_answer)
    log.write(version, LINE, lines=200)
    assert log.size(version) == 200 * (len(LINE) + 1)


@pytest.mark.parametrize("lands", [True, False])
def test_interrupted_commit_knows_whether_it_was_made(log: Log, version: int, lands: bool) -> None:
    arrived, interrupted = Event(), Event()

    def hold(exchange: Exchange) -> None:
        arrived.set()
        assert interrupted.wait(WAIT_SECONDS)
        if lands:
            exchange.forward()
        exchange.reset()

    log.proxy.on(commit(version), hold)
    write = getattr(log.gateway.jvm.headrace, "LogStoreCalls$Write")(
        log.log_store, log.path(version), log.conf
    )
    write.start()
    assert arrived.wait(WAIT_SECONDS)
    write.interrupt()
    interrupted.set()
    write.join(WAIT_SECONDS * 1000)
    assert not write.isAlive()
    assert write.leftInterrupted()
    assert (write.failure() == "") is lands
    assert log.is_there(version) is lands
