"""The one operator that runs jobs: what it asks, how it waits, and what it makes of the answer."""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import psutil
import pytest
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time.timeout import timeout

from headrace_airflow.builders.time_limit import table_limit
from headrace_airflow.engine import job_directory
from headrace_airflow.engine.job_directory import JobDirectory
from headrace_airflow.engine.job_starters import submit
from headrace_airflow.operators import spark_job
from headrace_airflow.operators.spark_job import SparkJobOperator
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.errors import JobCrashed, JobFailed, StaleInput, TimeLimitPassed
from headrace_schemas.planning.planner import Planner
from headrace_schemas.wire.report import JobError, RuleFailure
from headrace_schemas.wire.table_jobs import GateSpec
from tests.plugins.conftest import WHOLE, FakeSubmit

RunContext = Callable[..., Any]

LONG = ["sleep", "60"]


class Gate(SparkJobOperator):
    """What an extender writes: a job's name and one method."""

    job = "gate"

    def plan(self, context: Context, planner: Planner, job_id: str) -> GateSpec:
        return planner.gate("bronze.stations", None, "staged", job_id)


@pytest.fixture
def gate(catalog: Catalog) -> Gate:
    return Gate(task_id="gate", catalog=catalog)


def reported(directory: Path, **answer: Any) -> str:
    """A command that reports in place of a job."""
    content = {"job": "gate", "job_id": "x", "status": "succeeded", **WHOLE["gate"], **answer}
    report = json.dumps(content)
    (directory / "answer.json").write_text(report)
    return f"mv {directory}/answer.json {directory}/report.json"


def test_spec_is_written_when_the_job_is_started(
    gate: Gate, fake_submit: FakeSubmit, run_context: RunContext, home: Path
) -> None:
    fake_submit.answer = {"verdict": "warned", "output_uri": "gated"}
    handed_on = gate.execute(run_context())
    assert fake_submit.spec.staged_uri == "staged"
    assert fake_submit.spec.run_id == "manual__1"
    assert (home / "jobs" / fake_submit.spec.job_id / "spec.json").exists()
    assert handed_on == {
        "job": "gate",
        "job_id": fake_submit.spec.job_id,
        "verdict": "warned",
        "counts": {"rows_in": 0, "rows_out": 0, "rows_quarantined": 0},
        "record_uri": "record",
        "output_uri": "gated",
    }


def test_attempts_share_nothing_when_a_task_runs_twice(
    gate: Gate, fake_submit: FakeSubmit, run_context: RunContext
) -> None:
    gate.execute(run_context())
    gate.execute(run_context())
    first, second = fake_submit.specs
    assert first.job_id != second.job_id
    assert first.gated_uri != second.gated_uri


def test_failed_rules_are_shown_without_values_when_the_report_has_some(
    gate: Gate, fake_submit: FakeSubmit, run_context: RunContext, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = RuleFailure(
        rule="height.minimum",
        severity="critical",
        description="height: minimum 0",
        failed=2,
        examples=("stations.csv:4",),
    )
    fake_submit.answer = {"failures": (failure,), "notes": ("two rows were set aside",)}
    handed_on = gate.execute(run_context())
    shown = capsys.readouterr().out
    assert "critical height.minimum: 2 bad. height: minimum 0 stations.csv:4" in shown
    assert "two rows were set aside" in shown
    assert "failures" not in handed_on


@pytest.mark.parametrize(
    ("retryable", "expected"), [(True, JobFailed), (False, AirflowFailException)]
)
def test_error_is_tried_again_only_when_that_can_help(
    gate: Gate,
    fake_submit: FakeSubmit,
    run_context: RunContext,
    retryable: bool,
    expected: type[Exception],
) -> None:
    error = JobError(type="SourceInvalid", message="a.csv: cut off.", retryable=retryable)
    fake_submit.answer = {"status": "failed", "error": error}
    with pytest.raises(expected, match=r"SourceInvalid: a\.csv: cut off\."):
        gate.execute(run_context())


def test_planning_error_is_tried_again_only_when_that_can_help(
    gate: Gate, run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise StaleInput("silver.trips", "bronze.trips")

    monkeypatch.setattr(Gate, "plan", refuse)
    with pytest.raises(StaleInput):
        gate.execute(run_context())
    monkeypatch.setattr(StaleInput, "retryable", False)
    with pytest.raises(AirflowFailException, match=r"Run bronze\.trips first"):
        gate.execute(run_context())


def test_job_has_crashed_when_it_ends_without_a_report(
    gate: Gate,
    run_context: RunContext,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def start(engine: str, directory: JobDirectory, *_: Any) -> None:
        submit(directory, ["sh", "-c", "echo first; printf 'no line end'; exit 3"])

    monkeypatch.setattr(spark_job, "start_job", start)
    with pytest.raises(JobCrashed, match="ended without a report"):
        gate.execute(run_context())
    shown = capsys.readouterr().out
    assert "first" in shown
    assert "no line end" in shown


def started(context: dict[str, Any], home: Path, command: list[str]) -> JobDirectory:
    """A job that an earlier try started before its worker died."""
    directory = JobDirectory.create(home / "jobs" / "earlier", '{"job": "load"}')
    submit(directory, command)
    told = {"job_dir": str(directory.path), "max_tries": context["ti"].max_tries}
    context["task_state_store"].set(SparkJobOperator.external_id_key, told)
    return directory


def test_running_job_is_found_again_when_the_worker_died(
    gate: Gate, fake_submit: FakeSubmit, run_context: RunContext, home: Path
) -> None:
    context = run_context()
    (home / "jobs" / "earlier").parent.mkdir()
    answer = reported(home, verdict="warned")
    go = home / "go"
    move = answer.replace(f"{home}/report.json", f"{home}/jobs/earlier/report.json")
    directory = started(
        context, home, ["sh", "-c", f"until [ -e {go} ]; do sleep 0.05; done; {move}"]
    )
    assert directory.status() == "RUNNING"
    go.touch()
    assert gate.execute(context)["verdict"] == "warned"
    assert fake_submit.specs == []


def test_report_is_used_when_the_job_ended_while_nobody_waited(
    gate: Gate, fake_submit: FakeSubmit, run_context: RunContext, home: Path
) -> None:
    context = run_context()
    directory = started(context, home, ["true"])
    reported(home, verdict="warned")
    (home / "answer.json").rename(directory.path / "report.json")
    assert gate.execute(context)["verdict"] == "warned"
    assert fake_submit.specs == []


def test_job_is_started_again_when_another_release_wrote_its_report(
    gate: Gate, fake_submit: FakeSubmit, run_context: RunContext, home: Path
) -> None:
    context = run_context()
    directory = started(context, home, ["true"])
    reported(home, verdict="warned", of_another_release=None)
    (home / "answer.json").rename(directory.path / "report.json")
    gate.execute(context)
    assert len(fake_submit.specs) == 1


def test_job_is_started_again_when_the_earlier_one_is_lost(
    gate: Gate, fake_submit: FakeSubmit, run_context: RunContext, home: Path
) -> None:
    context = run_context()
    directory = started(context, home, LONG)
    directory.kill()
    gate.execute(context)
    assert len(fake_submit.specs) == 1


def test_job_is_started_again_when_the_task_was_cleared(
    gate: Gate, fake_submit: FakeSubmit, run_context: RunContext
) -> None:
    context = run_context()
    gate.execute(context)
    context["ti"].id, context["ti"].max_tries = uuid4(), 5  # as Airflow does when one clears a task
    gate.execute(context)
    assert len(fake_submit.specs) == 2


def test_job_ends_when_the_task_is_killed(
    gate: Gate, run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[JobDirectory] = []

    def start(engine: str, directory: JobDirectory, *_: Any) -> None:
        submit(directory, ["sh", "-c", "sleep 60 & sleep 60"])
        seen.append(directory)

    def kill_instead_of_waiting(_: float) -> None:
        assert seen[0].status() == "RUNNING"
        gate.on_kill()

    monkeypatch.setattr(spark_job, "start_job", start)
    monkeypatch.setattr(spark_job, "time", SimpleNamespace(sleep=kill_instead_of_waiting))
    with pytest.raises(JobCrashed):
        gate.execute(run_context())
    assert seen[0].status() == "LOST"


def hang(monkeypatch: pytest.MonkeyPatch, pretended_age_seconds: float) -> list[JobDirectory]:
    """Jobs that never end and were asked for so long ago; their directories."""
    made: list[JobDirectory] = []

    def start(engine: str, directory: JobDirectory, *_: Any) -> None:
        submit(directory, ["sh", "-c", "trap '' TERM; echo working; sleep 60 & sleep 60"])
        asked = (directory.path / "spec.json").stat().st_mtime - pretended_age_seconds
        os.utime(directory.path / "spec.json", (asked, asked))
        made.append(directory)

    monkeypatch.setattr(spark_job, "start_job", start)
    monkeypatch.setattr(job_directory, "KILL_SECONDS", 0.1)
    return made


def assert_ended(directory: JobDirectory) -> None:
    """Neither the job nor what it started runs any longer."""
    assert directory.status() == "LOST"
    pause, deadline = Event(), monotonic() + 10
    while running(directory.pid()):  # killed already; the kernel may need a moment
        assert monotonic() < deadline
        pause.wait(0.01)


def running(group: int | None) -> list[int]:
    """Processes of a group; not those that only wait to be reaped."""
    found = psutil.process_iter(["status"])
    alive = [one.pid for one in found if one.info["status"] != psutil.STATUS_ZOMBIE]
    return [pid for pid in alive if psutil.pid_exists(pid) and os.getpgid(pid) == group]


def test_job_is_ended_when_it_runs_longer_than_its_limit(
    catalog: Catalog, run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hang(monkeypatch, pretended_age_seconds=20 * 60)
    limit = table_limit(catalog, "gold.station_list")
    gate = Gate(task_id="gate", catalog=catalog, time_limit=limit)
    with pytest.raises(TimeLimitPassed, match="ended after 5 minutes") as passed:
        gate.execute(run_context())
    assert "tables.gold.station_list.time_limit_minutes in pipelines/rides.yaml" in str(
        passed.value
    )
    assert f"{made[0].path}/job.log" in str(passed.value)
    assert passed.value.retryable
    assert_ended(made[0])


def test_job_that_hangs_again_fails_for_good(
    gate: Gate, run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hang(monkeypatch, pretended_age_seconds=7 * 3600)
    context = run_context()
    with pytest.raises(TimeLimitPassed, match="ended after 360 minutes"):
        gate.execute(context)
    context["ti"].id = uuid4()  # the next try
    with pytest.raises(AirflowFailException, match="So did the try before"):
        gate.execute(context)
    context["ti"].id, context["ti"].max_tries = uuid4(), 5  # a person has cleared the task
    with pytest.raises(TimeLimitPassed):
        gate.execute(context)
    for directory in made:
        assert_ended(directory)


def test_job_that_an_earlier_try_started_has_no_more_time_than_it_had(
    gate: Gate, run_context: RunContext, home: Path, fake_submit: FakeSubmit
) -> None:
    context = run_context()
    directory = started(context, home, LONG)
    os.utime(directory.path / "spec.json", (0, 0))
    with pytest.raises(TimeLimitPassed):
        gate.execute(context)
    assert_ended(directory)
    assert fake_submit.specs == []


def test_job_is_ended_when_airflow_s_clock_runs_out_first(
    gate: Gate, run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hang(monkeypatch, pretended_age_seconds=0)
    assert gate.execution_timeout == timedelta(minutes=360)
    with timeout(0.2), pytest.raises(TimeLimitPassed, match="by the operator's default"):
        gate.execute(run_context())
    assert_ended(made[0])


def test_nothing_happens_when_a_task_is_killed_before_its_job_runs(gate: Gate, home: Path) -> None:
    gate.on_kill()
    assert not list(home.rglob("spec.json"))


def test_operator_is_a_plain_operator_when_a_dag_is_read(gate: Gate) -> None:
    assert isinstance(gate, BaseOperator)
    assert gate.template_fields == ()
