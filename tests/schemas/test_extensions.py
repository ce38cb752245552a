"""What other distributions add is found by name, and what cannot be used says whose it is."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from headrace_schemas import extensions
from headrace_schemas.errors import HeadraceError
from headrace_schemas.extension_errors import (
    ExtensionInvalid,
    ExtensionTwice,
    ExtensionUnknown,
)
from headrace_schemas.rules.expectation_classes import class_named
from headrace_schemas.rules.rule import RuleInvalid
from headrace_schemas.wire.jobs import JOBS, read_report, read_spec
from headrace_schemas.wire.report import JobReport
from tests.distributions import on_path, unpack
from tests.projects import make_project

MODULE = """
from typing import Literal

from headrace_schemas.accounts import Account
from headrace_schemas.wire.jobs import Job
from headrace_schemas.wire.report import JobReport
from headrace_schemas.wire.spec import JobSpec


class CountSpec(JobSpec):
    job: Literal["count"] = "count"
    table: str


class CountReport(JobReport):
    job: Literal["count"] = "count"
    rows: int


JOB = Job(CountSpec, CountReport, "counts_of_{name}.work:run", Account.LEARN)
"""

Installed = Callable[..., Path]


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """Installs a distribution that gives a job, and puts it on the path."""
    with ExitStack() as stack:

        def install(name: str, job: str = "count", attribute: str = "JOB") -> Path:
            folder = tmp_path / name
            module = f"job_of_{name}"
            unpack(folder, name, {"headrace.jobs": {job: f"{module}:{attribute}"}})
            (folder / f"{module}.py").write_text(MODULE.replace("{name}", name))
            return stack.enter_context(on_path(folder))

        yield install


HEAD = {"job": "count", "job_id": "1", "run_id": "r", "headrace_version": "0"}


def test_spec_and_report_are_of_the_extension_when_it_is_installed(installed: Installed) -> None:
    installed("first")
    spec = read_spec(
        '{"job": "count", "job_id": "1", "run_id": "r", "headrace_version": "0", "table": "t"}'
    )
    assert (type(spec).__name__, spec.table) == ("CountSpec", "t")
    report = read_report('{"job": "count", "job_id": "1", "status": "succeeded", "rows": 3}')
    assert (type(report).__name__, report.rows) == ("CountReport", 3)
    assert JOBS.names()[-1] == "count"


def test_job_of_the_project_is_known_though_nothing_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "shop", tmp_path, [tmp_path])
    entry = '[project]\nname = "shop"\n[project.entry-points."headrace.jobs"]\ncount = "job_of_shop:JOB"\n'
    (project / "pyproject.toml").open("a").write(entry)
    (tmp_path / "job_of_shop.py").write_text(MODULE.replace("{name}", "shop"))
    monkeypatch.setenv("HEADRACE_PROJECT", str(project))
    with on_path(tmp_path):
        assert JOBS.named("count").spec.__name__ == "CountSpec"
        unpack(tmp_path, "Shop", {"headrace.jobs": {"count": "job_of_shop:JOB"}})  # installed, too
        extensions.installed.cache_clear()
        assert JOBS.names().count("count") == 1


def test_report_is_read_when_a_job_failed_that_nobody_knows() -> None:
    text = '{"job": "gone", "job_id": "1", "status": "failed", "error": {"type": "X", "message": "x", "retryable": false}}'
    assert type(read_report(text)) is JobReport


def test_known_jobs_are_listed_when_there_is_none_of_a_name() -> None:
    with pytest.raises(ExtensionUnknown) as raised:
        read_spec('{"job": "count"}')
    assert "there is no job 'count'. Known: load, gate, publish, " in str(raised.value)


@pytest.mark.parametrize(
    ("second", "job"), [("second", "count"), ("headrace", "load")], ids=["others", "own"]
)
def test_both_distributions_are_named_when_they_give_the_same_name(
    installed: Installed, second: str, job: str
) -> None:
    installed("first", job)
    if second != "headrace":
        installed(second, job)
    with pytest.raises(ExtensionTwice) as raised:
        JOBS.named(job)
    assert set(raised.value.fields["distributions"]) == {"first", second}  # type: ignore[call-overload]  # fields are objects


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"attribute": "Absent"}, "has no attribute 'Absent'"),
        ({"attribute": "CountSpec"}, "it is a ModelMetaclass, not a Job"),
        ({"job": "counted"}, "it calls itself 'count'"),
    ],
    ids=lambda one: str(one),
)
def test_extension_is_refused_when_it_is_not_what_its_group_gives(
    installed: Installed, given: dict[str, str], problem: str
) -> None:
    installed("first", **given)
    with pytest.raises(ExtensionInvalid, match=problem):
        JOBS.named(given.get("job", "count"))
    assert JOBS.named("load").name == "load"


def test_missing_code_is_told_when_it_is_to_run(installed: Installed) -> None:
    installed("first")
    job = JOBS.named("count")  # known without the code
    with pytest.raises(
        HeadraceError, match=r"job 'count' \(counts_of_first.work:run\) cannot be used"
    ):
        JOBS.code(job, job.run)


CLASSES = """
from headrace_schemas.rules.expectation_classes import ExpectationClass

FEW = ExpectationClass("expect_few", "{place}")
"""


@pytest.mark.parametrize(
    ("name", "place", "says"),
    [
        ("expect_few", "few.code:ExpectFew", ""),
        ("expect_few", "few.code", "few.code names no class"),
        ("expect_many", "few.code:ExpectFew", r"'expect_many' \(few_rules:FEW\) cannot be used"),
        ("expect_column_mean_to_be_between", "few.code:ExpectFew", "given by headrace and by few"),
    ],
)
def test_short_name_of_a_class_is_known_when_a_distribution_lends_it(
    tmp_path: Path, name: str, place: str, says: str
) -> None:
    unpack(tmp_path, "few", {"headrace.expectations": {name: "few_rules:FEW"}})
    (tmp_path / "few_rules.py").write_text(CLASSES.replace("{place}", place))
    with on_path(tmp_path), pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "few_rules", raising=False)
        asked = name if name == "expect_many" else "expect_few"
        if says:
            with pytest.raises(RuleInvalid, match=says):
                class_named(asked)
            return
        assert class_named(asked) == place
        with pytest.raises(RuleInvalid, match=r"known: .*expect_few, or a class as module:Class"):
            class_named("expect_fwe")
