"""A ledger with a story: a window that is normal, one that trains, one that is held, one that is released."""

from datetime import UTC, datetime
from pathlib import Path

from headrace_schemas.decisions.decision import Decision, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, Performance
from headrace_schemas.decisions.gain import Gain, Moments
from headrace_schemas.decisions.holds import release
from headrace_schemas.decisions.incident import Incident, Scope
from headrace_schemas.decisions.retraining import decide_retraining
from headrace_schemas.decisions.signal import Question, Signal
from headrace_schemas.declarations.catalog import Catalog
from tests.plugins.ledger import decision, write_ledger

SCHEMAS = Path(__file__).parents[2] / "schemas"
MODEL = Catalog.load(SCHEMAS).models["delay"]

BROKEN = Incident(
    scope=Scope.COLUMN,
    subject="visib",
    sign="missing share",
    value=0.9,
    high=0.1,
    weight=0.2,
    text="missing share of visib: 0.9, at most 0.1 by its history",
)


def matured(month: int) -> datetime:
    """When the labels of a month of 2013 have matured."""
    return datetime(2013, month + 1, 3, tzinfo=UTC)


def measured(month: int, gain: float, *incidents: Incident) -> MonitorEvidence:
    """What was measured of a month in which one challenger would have gained so much."""
    return MonitorEvidence(
        window=f"2013-{month:02}",
        matured_partitions=month,
        champion="1",
        champion_as_of=datetime(2013, 2, 1, tzinfo=UTC),
        rows=25_000,
        labelled=24_000,
        positive=5_000,
        performance=Performance(
            metric="auc",
            current=0.71,
            reference=0.74,
            first=0.7,
            error=0.004,
            reference_error=0.005,
        ),
        signals=(
            signal("wind_speed", 0.05, 0.3),
            signal("pressure", 0.4, 0.1),
            signal("visib", 0.3, 0.2),
            Signal(
                question=Question.DATA,
                subject="flight_features.fast",
                method="share of rows that break the rule",
                value=0.01,
            ),
        ),
        incidents=incidents,
        gains=(
            Gain(
                family="the newest 3",
                since="2013-01",
                learnt_rows=60_000,
                difference=Moments(rows=24_000, mean=gain, variance=0.01),
            ),
        ),
        loss=Moments(rows=24_000, mean=0.45, variance=0.09),
        base_loss=0.5,
    )


def signal(column: str, value: float, weight: float) -> Signal:
    return Signal(
        question=Question.INPUTS,
        subject=column,
        method="PSI",
        value=value,
        threshold=0.2,
        weight=weight,
    )


def write_story(home: Path) -> list[Decision]:
    """Write the ledger: what is in it."""
    promoted = decision(
        Verdict.PROMOTE,
        datetime(2013, 2, 1, tzinfo=UTC),
        "delay",
        request_id="first",
        model_version="1",
        effective_from=datetime(2013, 2, 1, tzinfo=UTC),
    )
    history = [promoted]
    for month, gain, incidents in (
        (2, 0.0, ()),
        (3, 0.0, (BROKEN,)),
        (4, 0.0, (BROKEN,)),
        (5, 0.05, ()),
    ):
        evidence = measured(month, gain, *incidents)
        history.append(decide_retraining(MODEL, evidence, history, matured(month)))
        if month == 3:
            word = release("delay", "2013-03", matured(3), "the sensor was away", "Uma")
            history.append(word)
    refused = decision(
        Verdict.REFUSE,
        matured(5),
        "delay",
        request_id=history[-1].id,
        model_version="2",
        reason="tie",
    )
    history.append(refused)
    write_ledger(home, history)
    return history
