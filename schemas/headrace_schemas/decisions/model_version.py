"""What the ledger knows of a model's versions: the digests that their bytes must have.

The registry keeps the bytes. Who can write to it could exchange them and whatever it says of them;
so what they must be stands elsewhere, and jobs are given it with every version that they load.
"""

from collections.abc import Sequence
from datetime import datetime

from headrace_schemas.declarations.declaration import Frozen
from headrace_schemas.model_errors import VersionUnknown


class ModelVersion(Frozen):
    """A version as it was registered: a row that is written once.

    Attributes:
        version: Number in the registry.
        booster_sha256: Of the booster's bytes.
        manifest_sha256: Of the manifest's.
        table: The feature table, of which `table_version` was learnt from.
        as_of: Labels known later were not looked at.
        request_id: Decision or run that asked for the training.
    """

    model: str
    version: str
    booster_sha256: str
    manifest_sha256: str
    table: str
    table_version: int
    as_of: datetime
    request_id: str


class Evaluation(Frozen):
    """The newest evaluation of a version.

    Attributes:
        sha256: Of its document.
    """

    model: str
    version: str
    sha256: str


class PinnedModel(Frozen):
    """A version as a job loads it: only if its bytes have these digests.

    Attributes:
        evaluation_sha256: None if it was never evaluated.
    """

    version: str
    booster_sha256: str
    manifest_sha256: str
    evaluation_sha256: str | None = None


def pinned(
    model: str, version: str, versions: Sequence[ModelVersion], evaluations: Sequence[Evaluation]
) -> PinnedModel:
    """A version with the digests that the ledger holds of it.

    Raises:
        VersionUnknown: It holds none.
    """
    known = [row for row in versions if (row.model, row.version) == (model, version)]
    if not known:
        raise VersionUnknown(model, version)
    judged = [
        evaluation.sha256
        for evaluation in evaluations
        if (evaluation.model, evaluation.version) == (model, version)
    ]
    return PinnedModel(
        version=version,
        booster_sha256=known[0].booster_sha256,
        manifest_sha256=known[0].manifest_sha256,
        evaluation_sha256=judged[0] if judged else None,
    )
