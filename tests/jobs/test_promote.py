"""Promotion: the ledger first, the registry after it."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headrace_jobs.learning import promote
from headrace_jobs.learning.registry import Registry
from headrace_lake.ledger import DECISIONS
from headrace_schemas.decisions.decision import Decision, Verdict, champion_at
from headrace_schemas.decisions.evidence import Comparison, PromotionEvidence
from headrace_schemas.declarations.model import Model
from headrace_schemas.errors import EngineUnavailable
from tests.jobs.learning import MAY_3, aliased, model, promote_spec
from tests.jobs.test_registry import register


def evidence(challenger: str, champion: str | None = None, share: float = 0.0) -> PromotionEvidence:
    comparison = None
    if champion:
        comparison = Comparison(
            metric="auc", challenger=0.7 + (share - 0.5) / 10, champion=0.7, share_better=share
        )
    return PromotionEvidence(
        challenger=challenger,
        champion=champion,
        holdout_rows=100,
        metrics={"auc": 0.7},
        comparison=comparison,
    )


class Story:
    """A model's promotions, one after another, in a ledger of its own."""

    def __init__(self, ledger: Path, name: str) -> None:
        self.ledger = ledger
        self.model: Model = model(name)
        self.registry = Registry()

    def candidate(self, request_id: str) -> str:
        return register(self.registry, self.model.name, request_id)

    def run(self, found: PromotionEvidence, day: int, **changes: Any) -> tuple[Verdict, str]:
        spec = promote_spec(
            self.model, self.ledger, found, MAY_3 + timedelta(days=day), f"run-{day}"
        )
        report = promote.run(spec.model_copy(update=changes))
        assert report.decision is not None
        return report.decision.verdict, report.decision.reason

    @property
    def rows(self) -> list[Decision]:
        return DECISIONS.read(str(self.ledger))

    def status(self, version: str) -> str:
        return str(self.registry.entry(self.model.name, version).tags["status"])

    @property
    def champion(self) -> str:
        return aliased(self.registry, self.model.name)


def test_the_alias_follows_when_a_model_is_promoted(mlflow_uri: str, tmp_path: Path) -> None:
    story = Story(tmp_path / "ledger", "follows")
    version = story.candidate("run-0")

    verdict, reason = story.run(evidence(version), 0)

    assert (verdict, reason[:11]) == (Verdict.PROMOTE, "first model")
    assert story.champion == version
    assert story.status(version) == "promoted"


def test_the_champion_stays_when_a_challenger_is_refused(mlflow_uri: str, tmp_path: Path) -> None:
    story = Story(tmp_path / "ledger", "stays")
    first, tied, worse, better = (story.candidate(f"run-{day}") for day in range(4))
    story.run(evidence(first), 0)

    tie = story.run(evidence(tied, first, 0.5), 1)
    loss = story.run(evidence(worse, first, 0.0), 2)
    before = story.champion
    win = story.run(evidence(better, first, 1.0), 3)

    assert [tie[0], loss[0], win[0]] == [Verdict.REFUSE, Verdict.REFUSE, Verdict.PROMOTE]
    assert [tie[1][:3], loss[1][:5], win[1][:6]] == ["tie", "worse", "better"]
    assert (before, story.champion) == (first, better)
    assert [story.status(one) for one in (first, tied, worse, better)] == [
        "promoted",
        "refused",
        "refused",
        "promoted",
    ]


def test_the_first_answer_stands_when_a_promotion_is_repeated(
    mlflow_uri: str, tmp_path: Path
) -> None:
    story = Story(tmp_path / "ledger", "stands")
    version = story.candidate("run-0")
    story.run(evidence(version), 0)
    before = story.rows

    again = story.run(evidence(version).model_copy(update={"metrics": {"auc": 0.1}}), 0)

    assert again[0] is Verdict.PROMOTE
    assert story.rows == before
    assert story.status(version) == "promoted"


def test_the_alias_does_not_move_back_when_an_older_promotion_is_repeated(
    mlflow_uri: str, tmp_path: Path
) -> None:
    story = Story(tmp_path / "ledger", "forward")
    first, second = story.candidate("run-0"), story.candidate("run-1")
    story.run(evidence(first), 0)
    story.run(evidence(second, first, 1.0), 1)

    story.run(evidence(first), 0)

    assert story.champion == second


def test_the_registry_is_brought_after_when_a_run_died_between(
    mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path / "ledger", "healed")
    version = story.candidate("run-0")

    def gone(*_: object) -> None:
        raise EngineUnavailable("model registry", "http://127.0.0.1:1", "does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(Registry, "set_alias", gone)
        with pytest.raises(EngineUnavailable):
            story.run(evidence(version), 0)

    verdict, _ = story.run(evidence(version), 0)

    assert verdict is Verdict.PROMOTE
    assert story.champion == version
    assert len(story.rows) == 1


def test_the_alias_names_the_later_champion_when_two_are_promoted_at_once(
    mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story(tmp_path / "ledger", "overtaken")
    first, second = (story.candidate(f"run-{day}") for day in range(2))
    set_alias = Registry.set_alias
    meanwhile = iter([lambda: story.run(evidence(second, first, 1.0), 1)])

    def overtaken(registry: Registry, name: str, alias: str, version: str) -> None:
        for promotion in meanwhile:
            promotion()
        set_alias(registry, name, alias, version)

    monkeypatch.setattr(Registry, "set_alias", overtaken)
    story.run(evidence(first), 0)

    assert len(story.rows) == 2
    assert story.champion == second


def test_an_older_version_serves_again_and_nothing_is_copied_when_it_is_promoted_again(
    mlflow_uri: str, tmp_path: Path
) -> None:
    story = Story(tmp_path / "ledger", "back")
    first, second = (story.candidate(f"run-{day}") for day in range(2))
    story.run(evidence(first), 0)
    story.run(evidence(second, first, 1.0), 1)
    kept = files_below(Path(os.environ["HEADRACE_MODELS"]) / "back")

    verdict, _ = story.run(evidence(first, second, 1.0), 2)

    assert verdict is Verdict.PROMOTE
    assert [served(story, day) for day in (1, 2, 3)] == [first, second, first]
    assert story.champion == first
    assert files_below(Path(os.environ["HEADRACE_MODELS"]) / "back") == kept


def served(story: Story, day: int) -> str | None:
    """The version that the ledger says serves what happens until so many days after the first promotion."""
    return champion_at(story.rows, story.model.name, MAY_3 + timedelta(days=day))


def files_below(folder: Path) -> dict[Path, int]:
    """Files with the time of their last change."""
    return {one: one.stat().st_mtime_ns for one in folder.rglob("*") if one.is_file()}


def test_nothing_is_decided_when_the_registry_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    with pytest.raises(EngineUnavailable):
        promote.run(promote_spec(model("m"), tmp_path / "ledger", evidence("1")))

    assert not (tmp_path / "ledger").exists()


def test_a_person_is_named_when_one_approved(mlflow_uri: str, tmp_path: Path) -> None:
    story = Story(tmp_path / "ledger", "approved")
    story.model = model("approved", approval="required")
    version = story.candidate("run-0")

    nobody = story.run(evidence(version), 0)
    ada = story.run(evidence(version), 1, approved_by="Ada")

    assert nobody == (
        Verdict.REFUSE,
        "nobody approved it; first model: all floors are met and nothing serves yet",
    )
    assert ada[1].startswith("approved by Ada; first model")
    assert story.status(version) == "promoted"
