"""A job ends in a report, whatever happens; without one it crashed."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from headrace_jobs.engine import runner, session
from headrace_jobs.tables import load
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.evidence import MonitorEvidence
from headrace_schemas.errors import EngineUnavailable, SchemaBroken
from headrace_schemas.wire.jobs import read_report
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spec import JobSpec
from headrace_schemas.wire.table_jobs import LoadSpec
from tests.jobs.batches import Batch, contract
from tests.jobs.conftest import connected, free_port, start_server, wait_for_port
from tests.jobs.hosts import SUBMITTED
from tests.jobs.learning import decide_spec, model
from tests.projects import CHECKOUT

pytestmark = pytest.mark.spark

Work = Callable[[SparkSession, LoadSpec], JobReport]


def job_dir(folder: Path, spec: JobSpec) -> Path:
    directory = folder / "jobs" / spec.job_id
    directory.mkdir(parents=True)
    (directory / "spec.json").write_text(spec.model_dump_json())
    return directory


def report_of(directory: Path) -> Any:
    return read_report((directory / "report.json").read_text())


@pytest.fixture
def spec(tmp_path: Path) -> LoadSpec:
    batch = Batch(None, tmp_path, contract(tmp_path))  # type: ignore[arg-type]
    return batch.load_spec(batch.deliver("meter,read_at,kilowatts,phase\na,2024-05-01,1,1\n"))


def run(
    monkeypatch: pytest.MonkeyPatch, spark: SparkSession, directory: Path, work: Work
) -> tuple[int, Any]:
    """Run a job that does `work`."""
    monkeypatch.setattr(load, "run", work)

    def opened(_: str) -> AbstractContextManager[SparkSession]:
        return nullcontext(spark)

    return runner.run_job(directory, opened), report_of(directory)


def test_report_is_written_when_the_job_succeeds(
    engine: SparkSession, tmp_path: Path, spec: LoadSpec
) -> None:
    directory = job_dir(tmp_path, spec)
    assert runner.run_job(directory, lambda _: nullcontext(engine)) == 0
    report = report_of(directory)
    assert (report.status, report.job_id, report.output_uri) == (
        "succeeded",
        spec.job_id,
        spec.staged_uri,
    )
    assert report.seconds > 0
    assert sorted(one.name for one in directory.iterdir()) == ["report.json", "spec.json"]


def test_no_session_is_opened_when_the_job_needs_none(tmp_path: Path) -> None:
    def opened(_: str) -> AbstractContextManager[SparkSession]:
        raise AssertionError

    evidence = MonitorEvidence(window="2024-04", matured_partitions=1)
    asked = decide_spec(model("late"), evidence, tmp_path / "ledger")
    directory = job_dir(tmp_path, asked)
    assert runner.run_job(directory, opened) == 0
    decision = report_of(directory).decision
    assert DECISIONS.read(str(tmp_path / "ledger")) == [decision]
    (note,) = {one["userMetadata"] for one in DeltaTable(str(tmp_path / "ledger")).history()}
    assert json.loads(note) == {"job": "decide", "job_id": "decide-1", "run_id": "run-1"}


def test_report_has_class_and_fields_when_the_job_fails(
    spark: SparkSession, tmp_path: Path, spec: LoadSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> JobReport:
        raise SchemaBroken("bronze.readings", "lacks", ["phase"], "Deliver it.")

    code, report = run(monkeypatch, spark, job_dir(tmp_path, spec), work)
    assert code == 1
    assert report.error is not None
    assert report.error.model_dump() == {
        "type": "SchemaBroken",
        "retryable": False,
        "message": "bronze.readings: lacks: phase. Deliver it.",
        "fields": {"table": "bronze.readings", "problem": "lacks", "columns": ["phase"]},
    }


def test_report_and_log_hold_no_value_when_spark_fails(
    engine: SparkSession,
    tmp_path: Path,
    spec: LoadSpec,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def work(spark: SparkSession, _: LoadSpec) -> JobReport:
        spark.sql("SELECT CAST(concat('sec', 'ret') AS INT)").collect()
        raise AssertionError

    # as a library's dictConfig leaves it
    monkeypatch.setattr(logging.getLogger("pyspark.sql.connect.logging"), "disabled", False)
    code, report = run(monkeypatch, engine, job_dir(tmp_path, spec), work)
    assert code == 1
    assert report.error is not None
    assert report.error.type == "NumberFormatException"
    assert report.error.fields == {"condition": "CAST_INVALID_INPUT"}
    assert not report.error.retryable
    assert "CAST_INVALID_INPUT" in report.error.message
    told = capfd.readouterr()
    assert "CAST_INVALID_INPUT" in caplog.text
    assert "test_runner.py" in caplog.text  # where it happened
    assert "secret" not in report.model_dump_json() + told.out + told.err + caplog.text


def test_report_names_the_class_when_an_error_is_unexpected(
    spark: SparkSession, tmp_path: Path, spec: LoadSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> JobReport:
        raise ZeroDivisionError("division by zero\nsecond line")

    _, report = run(monkeypatch, spark, job_dir(tmp_path, spec), work)
    assert report.error is not None
    assert (report.error.type, report.error.message) == ("ZeroDivisionError", "division by zero")
    assert not report.error.retryable


def test_session_is_not_opened_when_the_other_side_has_another_version(
    tmp_path: Path, spec: LoadSpec
) -> None:
    directory = job_dir(tmp_path, spec.model_copy(update={"headrace_version": "0.0.0"}))

    def opened(_: str) -> AbstractContextManager[SparkSession]:
        raise AssertionError

    assert runner.run_job(directory, opened) == 1
    error = report_of(directory).error
    assert error is not None
    assert error.type == "VersionSkew"
    assert error.fields["spec_version"] == "0.0.0"


def test_commit_says_who_asked_when_a_job_writes(spark: SparkSession, tmp_path: Path) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path))
    batch.load_rows("a,2024-05-01,1,1")
    batch.gate()
    spec = batch.publish_spec()
    directory = tmp_path / "job"
    directory.mkdir()
    (directory / "spec.json").write_text(spec.model_dump_json())
    runner.run_job(directory, lambda _: nullcontext(spark))
    spark.conf.unset(runner.COMMIT_NOTE)
    note = spark.sql(f"DESCRIBE HISTORY delta.`{batch.table}` LIMIT 1").collect()[0]["userMetadata"]
    said = json.loads(note)
    assert len(said.pop("batch")) == 64
    assert said == {"job": "publish", "job_id": spec.job_id, "run_id": "test"}


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SPARK_")}
    return kept | {"HEADRACE_PROJECT": str(CHECKOUT), "SPARK_LOCAL_IP": "127.0.0.1"} | more


def test_job_runs_over_connect_when_started_by_the_command_line(
    connect_url: str, tmp_path: Path, spec: LoadSpec
) -> None:
    directory = job_dir(tmp_path, spec)
    ended = subprocess.run(
        [sys.executable, "-m", "headrace_jobs", "run", "--job-dir", directory],
        env=environment(SPARK_REMOTE=connect_url),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert report_of(directory).status == "succeeded"
    assert "load job-1: succeeded" in ended.stderr


def test_job_runs_classic_when_no_connect_server_is_named(tmp_path: Path, spec: LoadSpec) -> None:
    import pyspark

    directory = job_dir(tmp_path, spec)
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    ended = subprocess.run(
        [
            submit,
            "--master",
            "local[2]",
            "--driver-class-path",
            f"{session.jars_folder()}/*",
            "--conf",
            "spark.ui.enabled=false",
            "--conf",
            f"spark.sql.warehouse.dir={tmp_path}",
            SUBMITTED,
            "run",
            "--job-dir",
            directory,
        ],
        env=environment(PYSPARK_PYTHON=sys.executable, PYSPARK_DRIVER_PYTHON=sys.executable),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert report_of(directory).status == "succeeded"


# A server that is not there


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, Callable[[], None], Callable[[], None]]]:
    """A port, and how to start and kill a server on it."""
    port = free_port()
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        started.append(start_server(tmp_path, port))
        wait_for_port(port, started[-1])

    def kill() -> None:
        while started:
            process = started.pop()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    yield port, start, kill
    kill()


def test_session_waits_when_the_server_is_still_starting(
    server: tuple[int, Callable[[], None], Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, start, _ = server
    monkeypatch.setattr(session, "RETRIES", 60)
    starter = Thread(target=start)
    starter.start()
    with connected(f"sc://localhost:{port}") as found:
        assert found.range(3).count() == 3
    starter.join()


def test_job_asks_to_be_tried_again_when_no_server_answers(
    tmp_path: Path, spec: LoadSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "RETRIES", 2)
    monkeypatch.setenv("SPARK_REMOTE", f"sc://localhost:{free_port()}/;token=secret")
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
    directory = job_dir(tmp_path, spec)
    with pytest.warns(UserWarning, match="RETRIES_EXCEEDED"):
        assert runner.run_job(directory) == 1
    error = report_of(directory).error
    assert error is not None
    assert (error.type, error.retryable) == ("EngineUnavailable", True)
    assert "secret" not in (directory / "report.json").read_text()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_job_ends_and_asks_to_be_tried_again_when_its_server_dies(
    server: tuple[int, Callable[[], None], Callable[[], None]],
    tmp_path: Path,
    spec: LoadSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, start, kill = server
    start()
    monkeypatch.setattr(session, "RETRIES", 4)

    def work(spark: SparkSession, _: LoadSpec) -> JobReport:
        assert spark.range(3).count() == 3
        Timer(1, kill).start()
        pairs = "range(1000000) AS a CROSS JOIN range(1000000) AS b"
        spark.sql(f"SELECT sum(hash(a.id, b.id)) FROM {pairs}").collect()
        raise AssertionError

    monkeypatch.setenv("SPARK_REMOTE", f"sc://localhost:{port}")
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")
    monkeypatch.setattr(load, "run", work)
    directory = job_dir(tmp_path, spec)
    assert runner.run_job(directory) == 1
    error = report_of(directory).error
    assert error is not None
    assert (error.type, error.retryable) == (EngineUnavailable.__name__, True)
    assert "went away during the job" in error.message
