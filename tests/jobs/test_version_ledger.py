"""The ledger of model versions: written once, and never given to another model."""

from pathlib import Path

import pytest

from headrace_jobs.learning.version_ledger import (
    record_evaluation,
    record_version,
    recorded_version,
)
from headrace_lake.ledger import EVALUATIONS, VERSIONS
from headrace_schemas.decisions.model_version import Evaluation, ModelVersion, PinnedModel
from headrace_schemas.model_errors import VersionTaken
from tests.jobs.learning import MAY_3


def version(
    number: str, booster: str = "b", manifest: str = "m", request_id: str = "run-1"
) -> ModelVersion:
    return ModelVersion(
        model="late",
        version=number,
        booster_sha256=booster,
        manifest_sha256=manifest,
        table="gold.trips",
        table_version=3,
        as_of=MAY_3,
        request_id=request_id,
    )


def test_version_is_written_once_when_its_run_is_repeated(tmp_path: Path) -> None:
    uri = str(tmp_path / "versions")
    assert recorded_version(uri, "late", "run-1", "b") is None
    for _ in range(2):
        record_version(uri, version("1"), "{}")
    assert len(VERSIONS.read(uri)) == 1
    assert recorded_version(uri, "late", "run-1", "b") == PinnedModel(
        version="1", booster_sha256="b", manifest_sha256="m"
    )
    for model, request_id, booster in (
        ("other", "run-1", "b"),
        ("late", "run-2", "b"),
        ("late", "run-1", "c"),
    ):
        assert recorded_version(uri, model, request_id, booster) is None


@pytest.mark.parametrize("other", [{"booster": "x"}, {"manifest": "x"}])
def test_number_is_refused_when_it_is_another_models(tmp_path: Path, other: dict[str, str]) -> None:
    uri = str(tmp_path / "versions")
    record_version(uri, version("1"), "{}")
    before = VERSIONS.read(uri)
    with pytest.raises(VersionTaken, match="late version 1: the ledger holds other digests"):
        record_version(uri, version("1", **other), "{}")
    assert VERSIONS.read(uri) == before


def test_newest_evaluation_counts(tmp_path: Path) -> None:
    uri = str(tmp_path / "evaluations")
    for number, digest in (("1", "a"), ("2", "b"), ("1", "c"), ("1", "c")):
        record_evaluation(uri, Evaluation(model="late", version=number, sha256=digest), "{}")
    assert [one.sha256 for one in EVALUATIONS.read(uri, "late")] == ["c", "b"]
