"""The cluster's own doors: each account does its own work alone."""

import os
from collections.abc import Iterator

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from pyspark.errors import PySparkException

from headrace_jobs import session
from headrace_launcher.compose import FOLDER
from headrace_schemas.accounts import Account, keys_file, read_keys
from headrace_schemas.errors import EngineUnavailable
from tests.conftest import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


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
