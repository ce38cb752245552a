"""Which versions of tables models and people keep, and until when."""

from datetime import UTC, datetime, timedelta

from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.model_version import ModelVersion
from headrace_schemas.planning.pins import Hold, Pin, hold_pins, model_pins

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HISTORY = 100


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def learnt(version: int, table_version: int, days: float) -> ModelVersion:
    return ModelVersion(
        model="load",
        version=str(version),
        booster_sha256="b",
        manifest_sha256="m",
        table="gold.readings",
        table_version=table_version,
        as_of=ago(days),
        request_id="run",
    )


def judged(version: int, days: float, verdict: Verdict = Verdict.PROMOTE) -> Decision:
    serves = ago(days) if verdict is Verdict.PROMOTE else None
    return Decision(
        id=f"load/promotion/{version}",
        model="load",
        kind=Kind.PROMOTION,
        window=str(version),
        as_of=ago(days),
        verdict=verdict,
        reason="better",
        model_version=str(version),
        effective_from=serves,
    )


def kept(learnt_from: list[ModelVersion], history: list[Decision]) -> set[tuple[int, str]]:
    found = model_pins(learnt_from, history, NOW, HISTORY)
    return {(pin.version, pin.kind.value) for pin in found}


def test_champion_is_kept_for_as_long_as_it_serves():
    pins = model_pins([learnt(1, 10, 900)], [judged(1, 900)], NOW, HISTORY)
    assert [(pin.kind.value, pin.why, pin.since) for pin in pins] == [
        ("model", "load v1: serves", ago(900)),
        ("evidence", "load v1: the newest judgement is about it (promote)", ago(900)),
    ]


def test_former_champion_is_kept_until_the_history_has_passed_since_its_service():
    rows = [learnt(1, 10, 900), learnt(2, 20, 500), learnt(3, 30, 99)]
    history = [judged(1, 900), judged(2, 500), judged(3, 99)]
    assert kept(rows, history) == {(20, "model"), (30, "model"), (30, "evidence")}


def test_refused_version_is_kept_only_while_its_judgement_is_the_newest():
    rows = [learnt(1, 10, 900), learnt(2, 20, 50), learnt(3, 30, 20)]
    history = [judged(1, 900), judged(2, 50, Verdict.REFUSE)]
    assert kept(rows, history) == {(10, "model"), (20, "evidence"), (30, "model")}
    history.append(judged(3, 20, Verdict.REFUSE))
    assert kept(rows, history) == {(10, "model"), (30, "evidence")}


def test_newest_candidate_is_kept_until_somebody_decides():
    assert kept([learnt(1, 10, 29), learnt(2, 20, 31)], []) == {(20, "model")}
    assert kept([], [judged(1, 900)]) == set()


def test_hold_lasts_until_its_release():
    said = [
        Hold(
            table="gold.readings",
            version=version,
            action=action,
            reason="audit",
            by="ada",
            at=ago(days),
        )
        for version, action, days in [
            (1, "release", 1),
            (1, "hold", 3),
            (2, "hold", 3),
            (2, "hold", 2),
            (3, "release", 4),
            (3, "hold", 2),
        ]
    ]
    found = {pin.version: pin for pin in hold_pins(said)}
    assert set(found) == {2, 3}
    assert found[2] == Pin(
        table="gold.readings", version=2, kind="hold", why="audit (ada)", since=ago(2)
    )
