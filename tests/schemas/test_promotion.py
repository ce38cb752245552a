"""Promotion where a measured gain asked for the training, and where labels are held."""

from datetime import UTC, datetime

import pytest

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import (
    Comparison,
    MonitorEvidence,
    PromotionEvidence,
    canonical,
)
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.promotion import decide_promotion
from tests.schemas.short_model import delay

AS_OF = datetime(2024, 6, 3, tzinfo=UTC)

ASKED = Decision(
    id="delay/retraining/2024-05",
    model="delay",
    kind=Kind.RETRAINING,
    window="2024-05",
    as_of=AS_OF,
    verdict=Verdict.TRAIN,
    reason="retraining pays",
    evidence=canonical(MonitorEvidence(window="2024-05", matured_partitions=5)),
    measured_gain=0.0123,
)

GATES = {
    "floors": {"auc": 0.6},
    "champion": {"metric": "auc", "confidence": 0.9, "min_gain": 0.01},
    "slices": {"columns": ["carrier"], "max_drop": 0.05},
}


def evaluated(comparison: Comparison | None, **changes: object) -> PromotionEvidence:
    found = {
        "challenger": "2",
        "champion": "1" if comparison else None,
        "holdout_rows": 1000,
        "positive": 300,
        "metrics": {"auc": 0.7},
        "comparison": comparison,
        "learn_from": "2024-03",
    }
    return PromotionEvidence.model_validate(found | changes)


def compared(challenger: float, better: float, worse: float, drop: float = 0.0) -> Comparison:
    return Comparison(
        metric="auc",
        challenger=challenger,
        champion=0.7,
        share_better=better,
        share_worse=worse,
        worst_slice="carrier=UA" if drop else None,
        worst_slice_drop=drop,
    )


TIE = compared(0.69, 0.05, 0.6)


@pytest.mark.parametrize(
    ("evidence", "verdict", "reason"),
    [
        pytest.param(
            evaluated(TIE),
            Verdict.PROMOTE,
            "the measured gain stands: at least 0.0123 a window; a tie: auc 0.690 against",
            id="a tie",
        ),
        pytest.param(
            evaluated(compared(0.69, 0.5, 0.4), measured=47, positive=9),
            Verdict.PROMOTE,
            "the measured gain stands: at least 0.0123 a window; the holdout cannot say otherwise: "
            "47 holdout rows, 9 of the rarer class",
            id="a holdout of few rows",
        ),
        pytest.param(
            evaluated(compared(0.60, 0.0, 1.0), measured=47, positive=9, metrics={"auc": 0.5}),
            Verdict.PROMOTE,
            "the measured gain stands",
            id="few rows that look bad",
        ),
        pytest.param(
            evaluated(compared(0.75, 0.95, 0.01)), Verdict.PROMOTE, "better: auc", id="better"
        ),
        pytest.param(
            evaluated(compared(0.65, 0.0, 0.9)), Verdict.REFUSE, "worse: auc", id="surely worse"
        ),
        pytest.param(
            evaluated(TIE, metrics={"auc": 0.59}),
            Verdict.REFUSE,
            "auc 0.590 misses the floor",
            id="below a floor",
        ),
        pytest.param(
            evaluated(
                compared(0.59, 0.64, 0.36).model_copy(update={"champion": 0.58}),
                metrics={"auc": 0.59},
            ),
            Verdict.PROMOTE,
            "the measured gain stands: at least 0.0123 a window; a tie: auc 0.590 against the "
            "champion's 0.580 on the same rows, better in 64% of the resamples; auc 0.590 misses the "
            "floor 0.6, and what serves misses it by more",
            id="below a floor that the champion misses by more",
        ),
        pytest.param(
            evaluated(
                compared(0.58, 0.3, 0.7).model_copy(update={"champion": 0.59}),
                metrics={"auc": 0.58},
            ),
            Verdict.REFUSE,
            "auc 0.580 misses the floor 0.6",
            id="below a floor and below the champion",
        ),
        pytest.param(
            evaluated(compared(0.69, 0.05, 0.6, 0.06)),
            Verdict.REFUSE,
            "loses 0.060 in slice carrier=UA",
            id="worse in a slice",
        ),
        pytest.param(
            evaluated(None, champion="1"),
            Verdict.REFUSE,
            "it was not compared with champion 1",
            id="never compared",
        ),
        pytest.param(
            evaluated(None, measured=47, positive=9),
            Verdict.REFUSE,
            "it cannot be judged",
            id="no champion",
        ),
    ],
)
def test_gates_are_a_veto_when_a_measured_gain_asked(
    evidence: PromotionEvidence, verdict: Verdict, reason: str
) -> None:
    found = decide_promotion(delay(gates=GATES), evidence, [ASKED], AS_OF, ASKED.id)
    assert found.verdict is verdict
    assert found.reason.startswith(reason)
    assert found.learn_from == "2024-03"


@pytest.mark.parametrize("request_id", ["manual:1", "scheduled:1"])
@pytest.mark.parametrize("evidence", [evaluated(TIE), evaluated(TIE, measured=47, positive=9)])
def test_gates_ask_for_proof_when_no_measured_gain_asked(
    evidence: PromotionEvidence, request_id: str
) -> None:
    found = decide_promotion(delay(gates=GATES), evidence, [ASKED], AS_OF, request_id)
    assert found.verdict is Verdict.REFUSE


def test_nothing_is_promoted_when_the_newest_labels_are_held() -> None:
    sign = Incident(scope=Scope.LABEL, subject="is_late", sign="rate", value=1, text="all are late")
    evidence = MonitorEvidence(window="2024-05", matured_partitions=5, incidents=(sign,))
    held = ASKED.model_copy(
        update={"verdict": Verdict.HOLD, "evidence": canonical(evidence), "measured_gain": None}
    )
    better = evaluated(compared(0.75, 0.95, 0.01))
    found = decide_promotion(delay(), better, [held], AS_OF, "manual:1")
    assert found.verdict is Verdict.REFUSE
    assert found.reason == (
        "the labels of 2024-05 are held: all are late; nothing is promoted until they are released"
    )
