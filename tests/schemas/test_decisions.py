"""Decisions, branch by branch: evidence and history in, verdict and reason out."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headrace_schemas.decisions.decision import (
    Decision,
    Kind,
    Verdict,
    champion_at,
    first_champion,
    open_request,
)
from headrace_schemas.decisions.evidence import (
    Comparison,
    MonitorEvidence,
    Performance,
    PromotionEvidence,
    canonical,
)
from headrace_schemas.decisions.promotion import decide_promotion
from headrace_schemas.decisions.psi import psi_signal
from headrace_schemas.declarations.model import Model, load_model

AS_OF = datetime(2024, 6, 3, tzinfo=UTC)

MODEL = """\
name: delay
description: Late or not.
owner: flights
table: gold.flights
task: binary
target: is_late
event_time: departs_at
known_time: known_at
label_delay_days: 2
features: [carrier, temp]
split: {holdout_days: 21, first_after_partitions: 3}
gates:
  floors: {auc: 0.6, logloss: 0.7}
  champion: {metric: auc, confidence: 0.9}
  slices: {columns: [carrier], max_drop: 0.05}
monitors:
  inputs: {psi: 0.2, importance_share: 0.5}
  performance: {metric: auc, max_drop: 0.03}
retraining: {cooldown_days: 25, cost: 0.06}
"""


@pytest.fixture
def model(tmp_path: Path) -> Model:
    file = tmp_path / "delay.yaml"
    file.write_text(MODEL)
    return load_model(file)


NAN, INFINITE = float("nan"), float("inf")


def days_ago(days: float) -> datetime:
    return AS_OF - timedelta(days=days)


def decision(verdict: Verdict, as_of: datetime, **fields: object) -> Decision:
    promotes = verdict in (Verdict.PROMOTE, Verdict.REFUSE)
    fields.setdefault("kind", Kind.PROMOTION if promotes else Kind.RETRAINING)
    fields.setdefault("id", f"{verdict.value}/{as_of:%Y-%m-%d}")
    if verdict is Verdict.PROMOTE:
        fields.setdefault("effective_from", as_of)
    return Decision(
        **{
            "model": "delay",
            "window": "w",
            "as_of": as_of,
            "verdict": verdict,
            "reason": "",
            **fields,
        }
    )


def monitored(
    current: float | None = 0.70,
    reference: float = 0.70,
    psi: float = 0.0,
    age: float = 40,
    **fields: object,
) -> MonitorEvidence:
    performance = None
    if current is not None:
        performance = Performance(metric="auc", current=current, reference=reference)
    found = {
        "window": "2024-05",
        "matured_partitions": 5,
        "champion": "1",
        "champion_as_of": days_ago(age),
        "performance": performance,
        "rows": 20_000,
        "labelled": 0 if current is None else 20_000,
        "positive": 0 if current is None else 4_000,
    }
    found |= fields
    rows = int(str(found["rows"]))
    moves = (psi_signal("temp", psi, 0.6, rows, 0.2), psi_signal("carrier", 0.0, 0.4, rows, 0.2))
    return MonitorEvidence.model_validate({"signals": moves, **found})


def evaluated(comparison: Comparison | None = None, **metrics: float) -> PromotionEvidence:
    return PromotionEvidence(
        challenger="2",
        champion="1" if comparison else None,
        holdout_rows=1000,
        metrics={"auc": 0.7, "logloss": 0.5} | metrics,
        comparison=comparison,
    )


def compared(challenger: float, share_better: float, drop: float = 0.0) -> Comparison:
    return Comparison(
        metric="auc",
        challenger=challenger,
        champion=0.7,
        share_better=share_better,
        worst_slice="carrier=UA" if drop else None,
        worst_slice_drop=drop,
    )


@pytest.mark.parametrize(
    ("evidence", "verdict", "reason"),
    [
        pytest.param(evaluated(), Verdict.PROMOTE, "first model", id="first"),
        pytest.param(
            evaluated(auc=0.6, logloss=0.7), Verdict.PROMOTE, "first model", id="on floors"
        ),
        pytest.param(
            evaluated(auc=0.599),
            Verdict.REFUSE,
            "auc 0.599 misses the floor 0.6",
            id="below a floor",
        ),
        pytest.param(
            evaluated(logloss=0.71),
            Verdict.REFUSE,
            "logloss 0.710 misses the floor 0.7",
            id="above a ceiling",
        ),
        pytest.param(evaluated(auc=NAN), Verdict.REFUSE, "auc was not measured", id="not a number"),
        pytest.param(
            evaluated(logloss=-INFINITE),
            Verdict.REFUSE,
            "logloss was not measured",
            id="infinitely good",
        ),
        pytest.param(
            evaluated(compared(NAN, 1.0)),
            Verdict.REFUSE,
            "it was not compared with champion 1",
            id="compared with no number",
        ),
        pytest.param(
            evaluated(compared(0.75, NAN)),
            Verdict.REFUSE,
            "it was not compared with champion 1",
            id="no share of resamples",
        ),
        pytest.param(
            evaluated().model_copy(update={"holdout_rows": 47}),
            Verdict.REFUSE,
            "it cannot be judged: 47 holdout rows, 50 are needed; lengthen `split.holdout",
            id="first on a tiny holdout",
        ),
        pytest.param(
            evaluated(compared(0.75, 0.95)).model_copy(update={"positive": 49}),
            Verdict.REFUSE,
            "it cannot be judged: 1000 holdout rows, 49 of the rarer class, 50 of each are",
            id="better on few of a class",
        ),
        pytest.param(
            evaluated().model_copy(update={"measured": 90, "positive": 50}),
            Verdict.REFUSE,
            "it cannot be judged: 90 holdout rows, 40 of the rarer",
            id="small sample",
        ),
        pytest.param(
            evaluated().model_copy(update={"positive": 0}),
            Verdict.REFUSE,
            "it cannot be judged: 1000 holdout rows, all of one class",
            id="one class",
        ),
        pytest.param(
            evaluated().model_copy(update={"positive": 50}),
            Verdict.PROMOTE,
            "first model",
            id="just enough of a class",
        ),
        pytest.param(
            evaluated().model_copy(update={"metrics": {"auc": 0.7}}),
            Verdict.REFUSE,
            "logloss was not measured",
            id="floor without a measurement",
        ),
        pytest.param(
            evaluated().model_copy(update={"champion": "1"}),
            Verdict.REFUSE,
            "it was not compared with champion 1",
            id="not compared",
        ),
        pytest.param(
            evaluated(compared(0.75, 0.95)),
            Verdict.PROMOTE,
            "better: auc 0.750 against",
            id="better",
        ),
        pytest.param(evaluated(compared(0.75, 0.9)), Verdict.PROMOTE, "better", id="just sure"),
        pytest.param(
            evaluated(compared(0.71, 0.89)),
            Verdict.REFUSE,
            "tie, the champion stays",
            id="not sure enough",
        ),
        pytest.param(
            evaluated(compared(0.7, 0.0)),
            Verdict.REFUSE,
            "tie, the champion stays",
            id="the same model again",
        ),
        pytest.param(
            evaluated(compared(0.65, 0.02)), Verdict.REFUSE, "worse: auc 0.650 against", id="worse"
        ),
        pytest.param(
            evaluated(compared(0.75, 0.95, 0.06)),
            Verdict.REFUSE,
            "loses 0.060 in slice carrier=UA, 0.05 allowed",
            id="worse in a slice",
        ),
        pytest.param(
            evaluated(compared(0.75, 0.95, 0.05)),
            Verdict.PROMOTE,
            "better",
            id="slice within limits",
        ),
    ],
)
def test_promotion_is_judged_when_evidence_says(
    model: Model, evidence: PromotionEvidence, verdict: Verdict, reason: str
) -> None:
    found = decide_promotion(model, evidence, [], AS_OF, "run-1")

    assert found.verdict is verdict
    assert found.reason.startswith(reason)
    assert found.id == "delay/promotion/run-1"
    assert found.effective_from == (AS_OF if verdict is Verdict.PROMOTE else None)
    assert (found.request_id, found.model_version) == ("run-1", "2")


def test_slices_are_not_judged_when_the_model_declares_none(model: Model) -> None:
    gates = model.gates.model_copy(update={"slices": None})
    evidence = evaluated(compared(0.75, 0.95, 0.5))

    found = decide_promotion(model.model_copy(update={"gates": gates}), evidence, [], AS_OF, "r")

    assert found.verdict is Verdict.PROMOTE


@pytest.mark.parametrize(
    ("approved_by", "evidence", "verdict", "reason"),
    [
        (None, evaluated(), Verdict.REFUSE, "nobody approved it; first model"),
        ("Ada", evaluated(), Verdict.PROMOTE, "approved by Ada; first model"),
        ("Ada", evaluated(auc=0.5), Verdict.REFUSE, "auc 0.500 misses"),
    ],
    ids=["nobody", "somebody", "somebody against the floors"],
)
def test_a_person_must_approve_when_the_model_asks_for_it(
    model: Model,
    approved_by: str | None,
    evidence: PromotionEvidence,
    verdict: Verdict,
    reason: str,
) -> None:
    asking = model.model_copy(update={"approval": "required"})

    found = decide_promotion(asking, evidence, [], AS_OF, "run-1", approved_by)

    assert found.verdict is verdict
    assert found.reason.startswith(reason)


HISTORY = [
    decision(Verdict.PROMOTE, days_ago(10), model_version="2"),
    decision(Verdict.PROMOTE, days_ago(40), model_version="1"),
    decision(Verdict.REFUSE, days_ago(5), model_version="3"),
    decision(Verdict.PROMOTE, days_ago(1), model_version="9", model="other"),
]


@pytest.mark.parametrize(
    ("instant", "version"),
    [
        (days_ago(41), None),
        (days_ago(40), None),
        (days_ago(39), "1"),
        (days_ago(10), "1"),
        (days_ago(9), "2"),
        (AS_OF, "2"),
    ],
    ids=[
        "before all",
        "at the first",
        "first",
        "at the second",
        "second",
        "refusal changes nothing",
    ],
)
def test_the_newest_promotion_in_force_serves_when_asked_for_an_instant(
    instant: datetime, version: str | None
) -> None:
    assert champion_at(HISTORY, "delay", instant) == version


def test_the_oldest_promotion_is_first_when_history_is_out_of_order() -> None:
    assert first_champion(HISTORY, "delay") == "1"
    assert first_champion(HISTORY, "unheard_of") is None


def test_a_rollback_serves_when_an_older_version_is_promoted_again() -> None:
    again = decision(Verdict.PROMOTE, days_ago(2), model_version="1", id="rollback")

    assert champion_at([*HISTORY, again], "delay", AS_OF) == "1"


ASKED = decision(Verdict.TRAIN, days_ago(20))
KEPT = decision(Verdict.KEEP, days_ago(4))


@pytest.mark.parametrize(
    ("history", "is_open"),
    [
        pytest.param([], False, id="nothing asked"),
        pytest.param([KEPT], False, id="nothing to train"),
        pytest.param([ASKED], True, id="asked"),
        pytest.param([ASKED, KEPT], True, id="asked before the newest decision"),
        pytest.param(
            [ASKED, decision(Verdict.PROMOTE, days_ago(20), request_id=ASKED.id)],
            False,
            id="answered by a promotion",
        ),
        pytest.param(
            [ASKED, decision(Verdict.REFUSE, days_ago(20), request_id=ASKED.id)],
            False,
            id="answered by a refusal",
        ),
        pytest.param(
            [ASKED, decision(Verdict.PROMOTE, days_ago(19), request_id="by hand")],
            False,
            id="overtaken by a later training",
        ),
        pytest.param(
            [ASKED, decision(Verdict.PROMOTE, days_ago(21), request_id="by hand")],
            True,
            id="an earlier training does not answer",
        ),
        pytest.param(
            [ASKED, decision(Verdict.PROMOTE, days_ago(1), model="other")],
            True,
            id="another model's promotion",
        ),
        pytest.param(
            [
                decision(Verdict.TRAIN, days_ago(50)),
                ASKED,
                decision(Verdict.REFUSE, days_ago(50), request_id="train/2024-04-14"),
            ],
            True,
            id="only an older request was answered",
        ),
    ],
)
def test_a_request_stays_open_when_no_promotion_decision_answers_it(
    history: list[Decision], is_open: bool
) -> None:
    assert open_request(history, "delay") == (ASKED if is_open else None)


def test_evidence_is_the_same_text_whatever_order_its_metrics_came_in():
    one, other = (
        PromotionEvidence(challenger="1", champion=None, holdout_rows=9, metrics=metrics)
        for metrics in ({"auc": 0.7, "brier": 0.2}, {"brier": 0.2, "auc": 0.7})
    )
    assert canonical(one) == canonical(other)
    assert PromotionEvidence.model_validate_json(canonical(one)) == one
