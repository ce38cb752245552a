"""The cluster's own doors: each port asks for a secret, and each account does its own work alone."""

import os
from collections.abc import Iterator

import boto3
import httpx
import psutil
import psycopg2
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway

from headrace_jobs.engine import session
from headrace_launcher.services.compose import FOLDER
from headrace_schemas.accounts import Account, keys_file, read_keys
from headrace_schemas.errors import EngineUnavailable
from tests.cluster.native import Native, marked
from tests.conftest import Cluster
from tests.stranger import Stranger

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

PAGES_OF_SPARK = {("spark-master", 8081), ("spark-worker", 8082)}
"""They ask for no login. Only the network `spark` reaches them, and nothing is published of it."""


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    """A Java process of its own."""
    gateway = launch_gateway()
    try:
        yield Stranger(gateway.jvm)
    finally:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(60)


@pytest.fixture
def no_token(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (
        "HEADRACE_CONNECT_SECRET",
        "HEADRACE_CONNECT_TOKEN",
        "HEADRACE_CONNECT_TOKEN_FILE",
    ):
        monkeypatch.delenv(name, raising=False)
    yield
    os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)


def listening(native: Native) -> dict[tuple[str, int], str]:
    """Where something listens → name of the service that started it."""
    leaders = {
        one.process.pid: one.service.name
        for one in native.all()
        if one.process and one.is_running()
    }
    # A process that gives itself a title loses its mark.
    known = [psutil.Process(pid) for pid in leaders]
    own = {
        *marked(native.root),
        *known,
        *(one for top in known for one in top.children(recursive=True)),
    }
    found = {}
    for process in filter(psutil.Process.is_running, own):
        above = [os.getsid(process.pid), *(one.pid for one in process.parents())]
        name = next((leaders[pid] for pid in above if pid in leaders), process.name())
        for one in process.net_connections("inet"):
            if one.status == psutil.CONN_LISTEN:
                found[one.laddr.ip.removeprefix("::ffff:"), one.laddr.port] = name
    return found


def test_every_port_asks_for_a_secret(
    native_cluster: Cluster, stranger: Stranger, no_token: None
) -> None:
    """Spark's own pages are the exception that is known."""
    ports = listening(native_cluster.native)
    names = {
        "postgres",
        "minio",
        "spark-master",
        "spark-worker",
        "spark-connect",
        "spark-connect-publish",
        "api-server",
    }
    assert names <= set(ports.values())
    for (host, port), name in ports.items():
        if (name, port) in PAGES_OF_SPARK:
            continue
        if name == "postgres":
            with pytest.raises(
                psycopg2.OperationalError, match=r"no password supplied|authentication"
            ):
                psycopg2.connect(host=host, port=port, user="airflow", dbname="airflow")
        elif name == "minio":
            place = f"[{host}]" if ":" in host else host
            assert httpx.get(f"http://{place}:{port}/headrace?list-type=2").status_code == 403
        elif name == "api-server":
            assert httpx.get(f"http://{host}:{port}/api/v2/dags").status_code == 401
            assert httpx.get(f"http://{host}:{port}/execution/variables/x").status_code in (
                401,
                403,
            )
        elif port == 15002:
            with pytest.raises(EngineUnavailable, match="refuses the token"):
                session.connect(f"sc://{host}:{port}")
        else:
            with pytest.raises(Py4JJavaError, match=r"org\.apache\.spark\.SparkException"):
                stranger.reach(port, host)


def client_of(cluster: Cluster, account: Account) -> BaseClient:
    keys = read_keys(keys_file(cluster.native.root / FOLDER, account))
    assert keys
    with cluster.deployment.readable():
        return boto3.Session().client(
            "s3", aws_access_key_id=keys[0], aws_secret_access_key=keys[1]
        )


@pytest.mark.parametrize(
    "account", [Account.DELIVER, Account.INGEST, Account.LEARN, Account.AIRFLOW]
)
def test_no_other_stage_can_change_what_is_published(
    native_cluster: Cluster, account: Account
) -> None:
    store = client_of(native_cluster, account)
    owner = client_of(native_cluster, Account.AIRFLOW)
    prefix = "lake/tables/gold/flight_features/"
    there = [
        one["Key"] for one in owner.list_objects_v2(Bucket="headrace", Prefix=prefix)["Contents"]
    ]
    log = next(one for one in there if one.endswith("_delta_log/00000000000000000000.json"))
    data = next(one for one in there if one.endswith(".parquet"))
    before = owner.get_object(Bucket="headrace", Key=log)["Body"].read()
    for key in (log, data):
        for ask in (
            lambda key=key: store.put_object(Bucket="headrace", Key=key, Body=b"exchanged"),
            lambda key=key: store.delete_object(Bucket="headrace", Key=key),
        ):
            with pytest.raises(ClientError, match="AccessDenied"):
                ask()
    assert owner.get_object(Bucket="headrace", Key=log)["Body"].read() == before


def test_the_spark_that_reads_deliveries_cannot_write_a_table(
    native_cluster: Cluster, no_token: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    native = native_cluster.native
    monkeypatch.setenv("HEADRACE_CONNECT_TOKEN", native.secret("connect_ingest_token"))
    spark = session.connect(f"sc://{native.address('spark-connect')}:15002")
    try:
        rows = spark.range(1)
        rows.write.mode("overwrite").parquet("s3a://headrace/lake/staging/tried/rows")
        for place in ("tables/gold/tried", "ledger/tried", "mlflow/tried", "quarantine/tried"):
            with pytest.raises(PySparkException, match=r"AccessDenied|Access Denied"):
                rows.write.format("delta").save(f"s3a://headrace/lake/{place}")
    finally:
        session.release(spark)
    with pytest.raises(EngineUnavailable, match="refuses the token"):
        session.connect(f"sc://{native.address('spark-connect-publish')}:15002")
