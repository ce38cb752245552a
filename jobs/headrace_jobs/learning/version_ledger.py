"""The ledger of model versions: which digests the bytes of each must have."""

from headrace_lake.commits import insert, replace
from headrace_lake.ledger import EVALUATIONS, VERSIONS
from headrace_schemas.decisions.model_version import Evaluation, ModelVersion, PinnedModel
from headrace_schemas.model_errors import VersionTaken


def recorded_version(
    uri: str, model: str, request_id: str, booster_sha256: str
) -> PinnedModel | None:
    """The version that a repeated run has registered before, by its own booster; None if there is none."""
    for found in VERSIONS.read(uri, model):
        if (found.request_id, found.booster_sha256) == (request_id, booster_sha256):
            return PinnedModel(
                version=found.version,
                booster_sha256=booster_sha256,
                manifest_sha256=found.manifest_sha256,
            )
    return None


def record_version(uri: str, version: ModelVersion, note: str) -> None:
    """Write a version down; one that is written down already must be the same.

    Raises:
        VersionTaken: It has other digests.
        WriteConflict: Others committed first, each time.
    """
    found = insert(VERSIONS, uri, version, note).row
    digests = (version.booster_sha256, version.manifest_sha256)
    if (found.booster_sha256, found.manifest_sha256) != digests:
        raise VersionTaken(version.model, version.version)


def record_evaluation(uri: str, evaluation: Evaluation, note: str) -> None:
    """Write down which evaluation of a version counts: the newest.

    Raises:
        WriteConflict: Others committed first, each time.
    """
    replace(EVALUATIONS, uri, evaluation, note)
