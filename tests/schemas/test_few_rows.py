"""Evidence from too few rows, or without numbers: nothing is decided on it, and the reason says so."""

import json

import pytest

from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.evidence import (
    MonitorEvidence,
    Performance,
    PromotionEvidence,
    canonical,
)
from headrace_schemas.decisions.evidence_codec import as_signals, read_evidence
from headrace_schemas.decisions.promotion import decide_promotion
from headrace_schemas.decisions.psi import chi_square_quantile, psi_signal
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.decisions.signal import Signal
from headrace_schemas.declarations.model import Model
from tests.schemas.test_decisions import AS_OF, INFINITE, NAN, model, monitored

__all__ = ["model"]

FEW = {"rows": 12, "labelled": 12, "positive": 4}
ONE_CLASS = {"rows": 109, "labelled": 109, "positive": 0, "performance": None}


def moves(psi: float, rows: int, bins: int = 10, trained: int = 5_000) -> tuple[Signal, ...]:
    return tuple(
        psi_signal(name, psi, 0.5, rows, 0.2, bins, trained) for name in ("temp", "carrier")
    )


def performance(current: float = 0.5, **changes: float) -> Performance:
    return Performance(**({"metric": "auc", "current": current, "reference": 0.7} | changes))


@pytest.mark.parametrize(
    ("evidence", "verdict", "reason"),
    [
        pytest.param(
            monitored(0.5, psi=0.9, **FEW),
            Verdict.KEEP,
            "nothing to go by: results cannot be judged: 12 labelled rows, 4 of the rarer class, 50 "
            "of each are needed; inputs cannot be judged: there are too few rows",
            id="twelve rows",
        ),
        pytest.param(
            monitored(0.5, labelled=12, positive=6),
            Verdict.KEEP,
            "nothing to go by: results cannot be judged: 12 labelled rows, 6 of the rarer class",
            id="twelve labels of many rows",
        ),
        pytest.param(
            monitored(0.9, psi=0.9, labelled=12, positive=6),
            Verdict.WATCH,
            "worth watching: results cannot be judged: 12 labelled rows, 6 of the rarer class, 50 of "
            "each are needed; 60% of the importance lies in features that drifted (temp)",
            id="drifted, and few labels cannot say what that did",
        ),
        pytest.param(
            monitored(None, **ONE_CLASS),
            Verdict.KEEP,
            "nothing to go by: results cannot be judged: 109 labelled rows, all of one class; 0%",
            id="one class",
        ),
        pytest.param(
            monitored(None, **ONE_CLASS | {"positive": 109}),
            Verdict.KEEP,
            "nothing to go by: results cannot be judged: 109 labelled rows, all of one class; 0%",
            id="the other class",
        ),
        pytest.param(
            monitored(None, labelled=900, positive=90),
            Verdict.KEEP,
            "nothing to go by: auc is not defined on 900 labelled rows",
            id="not defined",
        ),
        pytest.param(
            monitored(None, labelled=900, positive=90, unmeasured="version 1 was never evaluated"),
            Verdict.KEEP,
            "nothing to go by: version 1 was never evaluated",
            id="never evaluated",
        ),
        pytest.param(
            monitored(None, unmeasured="none of 900 labelled rows was scored"),
            Verdict.KEEP,
            "nothing to go by: none of 900 labelled rows was scored",
            id="no predictions",
        ),
        pytest.param(
            monitored(NAN),
            Verdict.KEEP,
            "nothing to go by: auc was not measured: it is not a",
            id="results are no number",
        ),
        pytest.param(
            monitored(INFINITE, psi=0.5),
            Verdict.WATCH,
            "worth watching: auc was not measured: it is not a number; 60% of the importance",
            id="infinite results",
        ),
        pytest.param(
            monitored(0.5, reference=NAN),
            Verdict.KEEP,
            "nothing to go by: auc was not measured",
            id="reference is no number",
        ),
        pytest.param(
            monitored(psi=NAN),
            Verdict.KEEP,
            "nothing to go by: auc 0.700 against 0.700 on its own holdout; inputs were not measured: "
            "PSI of temp is not a number",
            id="inputs are no number",
        ),
        pytest.param(
            monitored(performance=performance(0.5, error=0.03, reference_error=0.01)),
            Verdict.KEEP,
            "nothing to go by: auc 0.500 against 0.700 on its own holdout; 0%",
            id="one window alone is not surely worse",
        ),
        pytest.param(
            monitored(None, rows=108, signals=moves(2.0, 108, trained=10**9)),
            Verdict.KEEP,
            "nothing to go by: no matured labels; inputs cannot be judged: there are too few rows",
            id="one row too few",
        ),
        pytest.param(
            monitored(None, rows=109, signals=moves(2.0, 109, trained=10**9)),
            Verdict.WATCH,
            "worth watching: no matured labels; 100%",
            id="just enough rows",
        ),
        pytest.param(
            monitored(
                None,
                rows=200,
                signals=(
                    psi_signal("a", 2.0, 0.7, 200, 0.2, bins=10, trained_rows=5_000),
                    psi_signal("b", 2.0, 0.3, 200, 0.2, bins=90, trained_rows=5_000),
                ),
            ),
            Verdict.WATCH,
            "worth watching: no matured labels; 70% of the importance",
            id="what cannot be judged does not matter",
        ),
        pytest.param(
            monitored(None, rows=0, signals=()),
            Verdict.KEEP,
            "nothing to go by: no matured labels; 0%",
            id="nothing at all",
        ),
    ],
)
def test_nothing_is_decided_when_rows_are_too_few_or_numbers_are_none(
    model: Model, evidence: MonitorEvidence, verdict: Verdict, reason: str
) -> None:
    found = decide_retraining(model, evidence, [], AS_OF)

    assert found.reason.startswith(reason)
    assert found.verdict is verdict


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 6.635), (9, 21.666), (32, 53.486)])
def test_quantile_is_the_table_s_when_degrees_are_given(degrees: int, quantile: float) -> None:
    assert chi_square_quantile(degrees) == pytest.approx(quantile, rel=0.015)


def test_a_decision_can_be_made_again_when_its_evidence_is_older_than_the_counts(
    model: Model,
) -> None:
    kept = (
        '{"champion":"1","champion_as_of":"2024-04-24T00:00:00Z","labelled":19000,"matured_partitions":5,'
        '"performance":{"current":0.6,"first":null,"metric":"auc","reference":0.7},"rows":20000,'
        '"shifts":[{"feature":"temp","importance":1.0,"psi":0.1}],"window":"2024-05"}'
    )
    promoted = '{"challenger":"1","champion":null,"comparison":null,"holdout_rows":900,"metrics":{"auc":1,"logloss":0}}'

    again = decide_retraining(model, as_signals(json.loads(kept), 0.2), [], AS_OF)
    evidence = PromotionEvidence.model_validate_json(promoted)

    assert again.reason.startswith("nothing to go by: auc 0.600 against 0.700")
    assert decide_promotion(model, evidence, [], AS_OF, "run").verdict is Verdict.PROMOTE


def test_a_decision_of_an_older_release_is_made_again_with_its_own_thresholds(
    model: Model,
) -> None:
    kept = (
        '{"champion":"1","champion_as_of":"2024-04-24T00:00:00Z","labelled":0,"matured_partitions":5,'
        '"performance":null,"positive":0,"rows":600,"shifts":['
        '{"bins":10,"feature":"temp","importance":0.6,"psi":0.3,"trained_rows":5000},'
        '{"bins":90,"feature":"carrier","importance":0.4,"psi":"NaN","trained_rows":5000}],'
        '"unmeasured":null,"window":"2024-05"}'
    )
    measured = kept.replace('"NaN"', "0.0")
    before = decide_retraining(model, as_signals(json.loads(measured), 0.2), [], AS_OF)

    again = read_evidence(before.model_copy(update={"evidence": measured}))

    assert decide_retraining(model, again, [], AS_OF) == before
    assert before.reason.startswith(
        "worth watching: no matured labels; 60% of the importance lies in features that drifted (temp)"
    )
    assert read_evidence(before) == again
    odd = decide_retraining(model, as_signals(json.loads(kept), 0.2), [], AS_OF)
    assert "inputs were not measured: PSI of carrier is not a number" in odd.reason


def test_evidence_is_readable_when_a_number_is_none() -> None:
    evidence = monitored(performance=performance(NAN, reference_error=INFINITE))

    again = MonitorEvidence.model_validate_json(evidence.model_dump_json())

    assert canonical(again) == canonical(evidence)
    assert '"current":"NaN"' in canonical(again)
    assert again.performance is not None
    assert not again.performance.is_measured
