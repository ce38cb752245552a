"""Classes of Great Expectations' kind that a contract names are run by the gate, on both engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headrace_schemas.project import Project
from headrace_schemas.wire.table_jobs import GateReport
from tests.distributions import install, on_path
from tests.jobs.batches import Batch, contract, failure, properties
from tests.projects import make_project

pytestmark = pytest.mark.spark

SHOP_EXTRAS = Path(__file__).parents[1] / "extensions" / "shop_extras"

MODULE = """
from typing import Any, ClassVar

from great_expectations.expectations.expectation import (
    BatchExpectation,
    ColumnAggregateExpectation,
)
from great_expectations.expectations.core import UnexpectedRowsExpectation


class ExpectMetersMeanBelow(ColumnAggregateExpectation):
    most: float
    metric_dependencies: ClassVar = ("column.mean",)
    success_keys: ClassVar = ("most",)

    def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
        return {"success": metrics["column.mean"] < self.most}


class ExpectNobodyElse(UnexpectedRowsExpectation):
    unexpected_rows_query: str = "SELECT * FROM {batch} WHERE meter = 'nobody'"


class Answering(BatchExpectation):
    metric_dependencies: ClassVar = ("table.row_count",)
    success_keys: ClassVar = ()

    @classmethod
    def is_abstract(cls) -> bool:
        return cls.__name__ == "Answering"


class ExpectLuck(Answering):
    def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
        raise LookupError("out of luck")


class ExpectMeasured(Answering):
    metric_dependencies: ClassVar = ("meters.nowhere",)

    def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
        return {"success": True}


class ExpectNothingSaid(Answering):
    def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
        return {}


class ExpectAText(Answering):
    def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
        return {"success": "no"}


class ExpectColumnMeanToBeBetween(Answering):
    def _validate(self, metrics: Any, **_: Any) -> dict[str, Any]:
        return {"success": True}


class Unrelated:
    pass
"""


@pytest.fixture(autouse=True, scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The wheel, and a project whose package has classes of its own."""
    folder = tmp_path_factory.mktemp("classes")
    install(folder / "installed", SHOP_EXTRAS)
    (folder / "jobs" / "meters").mkdir(parents=True)
    (folder / "jobs" / "meters" / "__init__.py").touch()
    (folder / "jobs" / "meters" / "expectations.py").write_text(MODULE)
    root = make_project(folder / "project", folder / "schemas", [folder / "jobs"])
    with on_path(folder / "installed"), pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))  # so that `sys.path` is put back
        Project.read(root).use()
        yield


ROWS = ("a,2024-05-01,1.25,1", "b,2024-05-01,2.5,1", "c,2024-05-01,,1", "d,2024-05-01,3.125,1")


def listed(*rules: str) -> str:
    return f"[{', '.join(f'{{type: custom, engine: greatExpectations, {one}}}' for one in rules)}]"


def gated(batch: Batch, *rows: str) -> GateReport:
    batch.load_rows(*(rows or ROWS))
    report = batch.gate()
    assert (batch.record / "index.html").is_file()
    return report


def of_column(engine: SparkSession, folder: Path, *rules: str) -> Batch:
    """A batch with rules in the list of kilowatts."""
    return Batch(engine, folder, contract(folder, properties(f"quality: {listed(*rules)}")))


def of_table(engine: SparkSession, folder: Path, *rules: str) -> Batch:
    """A batch with rules in the table's list."""
    return Batch(engine, folder, contract(folder, quality=listed(*rules)))


def rule(name: str, kind: str, kwargs: str = "{}", severity: str = "critical") -> str:
    implementation = f'{{type: "{kind}", kwargs: {kwargs}}}'
    return f"name: {name}, severity: {severity}, implementation: {implementation}"


def own(name: str, kind: str, kwargs: str = "{}", severity: str = "critical") -> str:
    return rule(name, f"meters.expectations:{kind}", kwargs, severity)


def test_classes_of_project_and_wheel_judge_the_batch_when_they_are_named(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = of_column(
        engine,
        tmp_path,
        rule("cents", "expect_whole_cents", severity="warning"),
        rule("most_cents", "expect_whole_cents", "{mostly: 0.6}"),
        rule("by_place", "shop_extras.whole_cents:ExpectWholeCents", severity="info"),
        own("low", "ExpectMetersMeanBelow", "{most: 2.0}", "warning"),
        own("lower", "ExpectMetersMeanBelow", "{most: 9.0}"),
    )
    report = gated(batch)
    assert report.verdict == "warned"
    assert {one.rule: one.description for one in report.failures} == {
        "cents": "cents",
        "by_place": "by_place",
        "low": "low",
    }
    assert report.counts is not None
    assert report.counts.rows_quarantined == 0


def test_batch_is_held_back_when_a_critical_class_does_not_hold(
    engine: SparkSession, tmp_path: Path
) -> None:
    report = gated(of_column(engine, tmp_path, rule("cents", "expect_whole_cents")))
    assert (report.verdict, report.output_uri) == ("failed", None)
    assert report.error is not None
    assert report.error.fields["rules"] == ["cents"]
    assert report.counts is not None
    assert report.counts.rows_quarantined == 0


@pytest.mark.parametrize(("meter", "verdict"), [("d", "passed"), ("nobody", "failed")])
def test_query_of_a_class_is_asked_of_the_batch(
    engine: SparkSession, tmp_path: Path, meter: str, verdict: str
) -> None:
    batch = of_table(engine, tmp_path, own("else", "ExpectNobodyElse"))
    report = gated(batch, *ROWS[:2], f"{meter},2024-05-02,1.5,1")
    assert report.verdict == verdict, report.failures


BROKEN = {
    "luck": (own("luck", "ExpectLuck"), "ExpectLuck: out of luck"),
    "metric": (own("metric", "ExpectMeasured"), "ExpectMeasured"),
    "nothing": (own("nothing", "ExpectNothingSaid"), "ExpectNothingSaid: its result is neither"),
    "text": (own("text", "ExpectAText"), "ExpectAText: its result is neither true nor false"),
    "argument": (
        own("argument", "ExpectMetersMeanBelow", "{column: kilowatts, moost: 2}"),
        "ExpectMetersMeanBelow does not take its arguments: ",
    ),
    "namesake": (
        own("namesake", "ExpectColumnMeanToBeBetween"),
        "ExpectColumnMeanToBeBetween is called like another class",
    ),
    "unrelated": (own("unrelated", "Unrelated"), "Unrelated is no class that derives"),
    "abstract": (own("abstract", "Answering"), "Answering is no class that derives"),
    "lost": (rule("lost", "meters.lost:ExpectLuck"), "cannot be imported: No module named meters"),
}


def test_rule_is_named_with_its_class_when_that_cannot_judge(
    engine: SparkSession, tmp_path: Path
) -> None:
    mean = "expect_column_mean_to_be_between"
    batch = of_table(
        engine,
        tmp_path,
        *[text for text, _ in BROKEN.values()],
        rule("mean", mean, "{column: kilowatts, min_value: 100}"),
    )
    report = gated(batch)
    assert report.verdict == "failed"
    for name, (_, says) in BROKEN.items():
        description = failure(report.failures, name).description
        assert description.startswith(f"{name} (cannot be judged: meters."), description
        assert says in description
    assert failure(report.failures, "mean").description == "mean"  # Great Expectations' own
    assert len(report.failures) == len(BROKEN) + 1
