"""A lake on S3 is refused where commits could overwrite each other."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.engine import runner
from headrace_jobs.lake.commit_safety import require_safe_commits
from headrace_jobs.tables import load
from headrace_schemas.errors import CommitsUnsafe
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spark_settings import LOG_STORE, LOG_STORE_KEY
from headrace_schemas.wire.table_jobs import LoadSpec
from tests.jobs.batches import Batch, contract
from tests.jobs.test_runner import job_dir, report_of

pytestmark = pytest.mark.spark

STOCK = "io.delta.storage.S3SingleDriverLogStore"


@pytest.fixture
def spec(tmp_path: Path) -> LoadSpec:
    """A job that would write to S3."""
    batch = Batch(None, tmp_path, contract(tmp_path))  # type: ignore[arg-type]
    made = batch.load_spec(batch.deliver("meter,read_at,kilowatts,phase\na,2024-05-01,1,1\n"))
    return made.model_copy(update={"staged_uri": "s3a://lake/staging/readings"})


@pytest.fixture
def stock(engine: SparkSession) -> Iterator[SparkSession]:
    """A session of a Spark that was started with Delta's own log store."""
    engine.conf.set(LOG_STORE_KEY, STOCK)
    yield engine
    engine.conf.set(LOG_STORE_KEY, LOG_STORE)


def test_job_reads_the_setting_that_spark_was_started_with(
    engine: SparkSession, spec: LoadSpec
) -> None:
    assert engine.conf.get(LOG_STORE_KEY) == LOG_STORE
    require_safe_commits(engine, spec)


def test_job_is_refused_before_it_starts_when_commits_could_overwrite(
    stock: SparkSession, tmp_path: Path, spec: LoadSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> JobReport:
        raise AssertionError

    monkeypatch.setattr(load, "run", work)
    directory = job_dir(tmp_path, spec)
    assert runner.run_job(directory, lambda _: nullcontext(stock)) == 1
    error = report_of(directory).error
    assert error is not None
    assert (error.type, error.retryable) == ("CommitsUnsafe", False)
    assert error.message == (
        "s3a://lake/staging/readings: commits are not conditional: spark.delta.logStore.s3a.impl "
        f"is {STOCK}, so another writer's commit could be lost. Nothing was written. Start Spark "
        "with spark.delta.logStore.s3a.impl=headrace.ConditionalS3LogStore and the jars of "
        "`headrace jars place`."
    )


@pytest.mark.parametrize("scheme", ["s3", "s3n", "S3"])
def test_other_schemes_of_s3_are_refused_with_the_right_one(
    spark: SparkSession, spec: LoadSpec, scheme: str
) -> None:
    given = spec.model_copy(update={"staged_uri": f"{scheme}://key:hidden@lake/staging"})
    with pytest.raises(CommitsUnsafe, match=r"s3a://lake/staging, in HEADRACE_LAKE") as raised:
        require_safe_commits(spark, given)
    assert "hidden" not in raised.value.message + str(raised.value.fields)


@pytest.mark.parametrize(
    ("uri", "is_refused"),
    [("/var/lake", False), ("file:///var/lake", False), ("s3a://lake/staging", True)],
)
def test_only_a_lake_on_s3_needs_the_log_store(
    stock: SparkSession, spec: LoadSpec, uri: str, is_refused: bool
) -> None:
    given = spec.model_copy(update={"staged_uri": uri})
    refused = []
    try:
        require_safe_commits(stock, given)
    except CommitsUnsafe as error:
        refused.append(error)
    assert bool(refused) is is_refused
