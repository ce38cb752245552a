"""What a model's file leaves out follows from its table and from data."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.evidence import (
    Comparison,
    MonitorEvidence,
    Performance,
    PromotionEvidence,
)
from headrace_schemas.decisions.findings import judge_results
from headrace_schemas.decisions.promotion import decide_promotion
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model, Task
from headrace_schemas.project_errors import DeclarationInvalid
from tests.schemas.declarations import change, write
from tests.schemas.short_model import delay

AS_OF = datetime(2024, 6, 3, tzinfo=UTC)

SHORT = """\
name: load
table: gold.readings
target: kilowatts
event_time: read_at
known_time: known_at
features: [meter]
"""


def declared(root: Path, type_: str, rule: str = "", rest: str = "") -> Model:
    """A short model of a target of this type, with a rule about it."""
    write(root)
    contract = root / "contracts" / "gold" / "readings.odcs.yaml"
    change(contract, "logicalType: number\n        physicalType: DOUBLE", type_)
    if rule:
        plausible = (
            "{type: expect_column_values_to_be_between, kwargs: {min_value: 0, max_value: 100}}"
        )
        change(contract, plausible, rule)
    else:
        text = contract.read_text()
        start, end = (
            text.index("        quality:\n"),
            text.index("    quality:\n      - {name: meters"),
        )
        contract.write_text(text[:start] + text[end:])
    (root / "models" / "load.yaml").write_text(SHORT + rest)
    return Catalog.load(root).models["load"]


INTEGER = "logicalType: integer\n        physicalType: INT"
DOUBLE = "logicalType: number\n        physicalType: DOUBLE"
IN_SET = "{type: expect_column_values_to_be_in_set, kwargs: {value_set: [0, 1]}}"
BETWEEN = "{type: expect_column_values_to_be_between, kwargs: {min_value: 0, max_value: 1}}"


@pytest.mark.parametrize(
    ("type_", "rule", "task", "metric"),
    [
        ("logicalType: boolean\n        physicalType: BOOLEAN", "", Task.BINARY, "auc"),
        (INTEGER, IN_SET, Task.BINARY, "auc"),
        (INTEGER, BETWEEN, Task.BINARY, "auc"),
        (DOUBLE, IN_SET, Task.BINARY, "auc"),
        (DOUBLE, BETWEEN, Task.REGRESSION, "mae"),
        (DOUBLE, "", Task.REGRESSION, "mae"),
        ("logicalType: number\n        physicalType: DECIMAL(10,2)", "", Task.REGRESSION, "mae"),
    ],
)
def test_task_and_metric_follow_from_the_target_when_the_file_is_short(
    tmp_path: Path, type_: str, rule: str, task: Task, metric: str
) -> None:
    model = declared(tmp_path, type_, rule)
    assert model.task is task
    assert (model.gates.champion.metric, model.monitors.performance.metric) == (metric, metric)
    assert (model.owner, model.description) == ("grid", "Predicts kilowatts of gold.readings.")
    assert Model.model_validate_json(model.model_dump_json()) == model


def test_the_file_s_own_words_stand_when_it_says_more(tmp_path: Path) -> None:
    rest = "owner: me\ntask: binary\ngates: {champion: {metric: logloss}}\n"
    model = declared(tmp_path, INTEGER, rest=rest)
    assert (model.owner, model.task) == ("me", Task.BINARY)
    assert model.monitors.performance.metric == "logloss"


@pytest.mark.parametrize(
    ("type_", "rest", "problem"),
    [
        (INTEGER, "", r"load\.yaml:3: target: .* Write `task: regression`, or `task: binary`"),
        (DOUBLE, "gates: {floors: {auc: 0.6}}\n", "metrics auc do not fit regression"),
    ],
)
def test_a_short_file_is_refused_when_the_target_does_not_say_enough(
    tmp_path: Path, type_: str, rest: str, problem: str
) -> None:
    with pytest.raises(DeclarationInvalid, match=problem):
        declared(tmp_path, type_, rest=rest)


@pytest.mark.parametrize(
    ("partitions", "rows", "positive", "waits"),
    [
        (2, None, None, "2 of 3 partitions of history"),
        (3, None, None, None),
        (3, 499, None, "499 of 500 labelled rows"),
        (3, 500, 199, "199 of 200 of the rarer class"),
        (3, 500, 401, "99 of 200 of the rarer class"),
        (3, 500, 200, None),
        (1, 90, 3, "1 of 3 partitions of history, 90 of 500 labelled rows, 3 of 200 of the rarer"),
    ],
)
def test_a_first_model_waits_for_rows_when_the_file_does_not_say(
    partitions: int, rows: int | None, positive: int | None, waits: str | None
) -> None:
    evidence = MonitorEvidence(
        window="w", matured_partitions=partitions, known_rows=rows, known_positive=positive
    )
    found = decide_retraining(delay(split={}), evidence, [], AS_OF)
    assert found.verdict is (Verdict.WAIT if waits else Verdict.TRAIN)
    assert (waits or "no model yet, and 3 partitions") in found.reason


@pytest.mark.parametrize(("better", "verdict"), [(0.9, Verdict.PROMOTE), (0.89, Verdict.REFUSE)])
def test_a_first_model_beats_a_constant_when_there_are_no_floors(
    better: float, verdict: Verdict
) -> None:
    baseline = Comparison(
        metric="auc", challenger=0.6, champion=0.5, share_better=better, min_gain=0.02
    )
    evidence = PromotionEvidence(
        challenger="1", champion=None, holdout_rows=400, positive=99, metrics={}, baseline=baseline
    )
    model = delay(gates={"champion": {"metric": "auc"}})
    found = decide_promotion(model, evidence, [], AS_OF, "run")
    assert found.verdict is verdict
    assert "auc 0.600 against 0.500 of a constant prediction" in found.reason
    unmeasured = evidence.model_copy(update={"baseline": None})
    assert decide_promotion(model, unmeasured, [], AS_OF, "run").verdict is Verdict.REFUSE


@pytest.mark.parametrize(("current", "is_worse"), [(0.645, False), (0.45, True)])
def test_the_allowed_drop_is_what_the_holdout_leaves_open_when_none_is_given(
    current: float, is_worse: bool
) -> None:
    measured = Performance(
        metric="auc",
        current=current,
        reference=0.7,
        error=0.01,
        reference_error=0.03,
        reference_rows=900,
    )
    evidence = MonitorEvidence(
        window="w", matured_partitions=5, labelled=9000, positive=900, performance=measured
    )
    model = delay(monitors={"performance": {"metric": "auc"}})
    found = judge_results(model.monitors.performance, [evidence] * 8)
    assert found.worse is is_worse
    assert "of which chance leaves 0.060 open" in found.text
