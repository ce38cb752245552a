"""Who has no secret gets nowhere: Spark's own ports, and the port of a Connect server."""

import os
from pathlib import Path

import pytest
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from headrace_jobs.engine import session
from headrace_schemas.errors import EngineUnavailable
from tests.stranger import Stranger

pytestmark = pytest.mark.spark


def test_a_stranger_reaches_a_driver_that_asks_for_no_secret(spark: SparkSession) -> None:
    stranger = Stranger(spark.sparkContext._jvm)
    server = stranger.environment(is_client=False)
    try:
        assert "endpoint-verifier" in stranger.reach(server.address().port())
    finally:
        server.shutdown()


def test_a_stranger_does_not_reach_the_driver(spark: SparkSession) -> None:
    port = int(str(spark.sparkContext.getConf().get("spark.driver.port")))
    with pytest.raises(Py4JJavaError, match=r"org\.apache\.spark\.SparkException"):
        Stranger(spark.sparkContext._jvm).reach(port)
    assert spark.range(3).count() == 3


def test_an_answer_is_not_believed_when_the_server_lacks_the_proof(
    connect_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    told.write_text("token\nproof")
    monkeypatch.setenv("HEADRACE_CONNECT_SECRET", str(told))
    try:
        with pytest.raises(EngineUnavailable, match="somebody else answers there"):
            session.connect(connect_url)
    finally:
        os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)


def test_a_server_is_not_asked_when_nobody_told_its_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_CONNECT_SECRET", str(tmp_path / "nothing"))
    monkeypatch.setattr(session, "SECRET_SECONDS", 0.0)
    with pytest.raises(EngineUnavailable, match="nobody was told its token"):
        session.connect_secret("localhost:1")
