"""The ledger of model versions: which digests the bytes of each must have."""

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.lake.history import declare
from headrace_jobs.monitoring.ledger import at_last
from headrace_schemas.decisions.model_version import Evaluation, ModelVersion, PinnedModel
from headrace_schemas.declarations.pipeline import HISTORY_DAYS
from headrace_schemas.model_errors import VersionTaken
from headrace_schemas.wire.spec import PinnedTable

VERSIONS, EVALUATIONS = "ledger.versions", "ledger.evaluations"
KEY = ("model", "version")

VERSION_SCHEMA = (
    "model STRING, version STRING, booster_sha256 STRING, manifest_sha256 STRING, table STRING, "
    "table_version BIGINT, as_of TIMESTAMP, answers STRING"
)
EVALUATION_SCHEMA = "model STRING, version STRING, sha256 STRING"


def recorded_version(
    spark: SparkSession, uri: str, model: str, answers: str, booster_sha256: str
) -> PinnedModel | None:
    """The version that a repeated run has registered before, by its own booster; None if there is none."""
    if not tables.exists(spark, uri):
        return None
    rows = spark.read.format("delta").load(uri)
    given = {"model": model, "answers": answers, "booster_sha256": booster_sha256}
    for name, value in given.items():
        rows = rows.where(F.col(name) == F.lit(value))
    found = sorted(rows.collect(), key=lambda row: int(row["version"]))
    if not found:
        return None
    return PinnedModel(
        version=found[0]["version"],
        booster_sha256=booster_sha256,
        manifest_sha256=found[0]["manifest_sha256"],
    )


def record_version(spark: SparkSession, uri: str, version: ModelVersion) -> None:
    """Write a version down; one that is written down already must be the same.

    Raises:
        VersionTaken: It has other digests.
        WriteConflict: Others committed first, each time.
    """
    row = tuple(version.model_dump()[name] for name in ModelVersion.model_fields)
    frame = spark.createDataFrame([row], VERSION_SCHEMA)

    def insert() -> PinnedTable:
        declare(spark, HISTORY_DAYS, (VERSIONS, uri))
        return tables.insert_new(spark, frame, uri, VERSIONS, KEY, partition_by=["model"])

    written = at_last(VERSIONS, insert)
    is_own = (F.col("model") == version.model) & (F.col("version") == version.version)
    found = tables.read(spark, written).where(is_own).first()
    digests = (version.booster_sha256, version.manifest_sha256)
    if found is None or (found["booster_sha256"], found["manifest_sha256"]) != digests:
        raise VersionTaken(version.model, version.version)


def record_evaluation(spark: SparkSession, uri: str, evaluation: Evaluation) -> None:
    """Write down which evaluation of a version counts: the newest.

    Raises:
        WriteConflict: Others committed first, each time.
    """
    row = (evaluation.model, evaluation.version, evaluation.sha256)
    frame = spark.createDataFrame([row], EVALUATION_SCHEMA)
    update = "WHEN MATCHED AND target.sha256 <> source.sha256 THEN UPDATE SET *"

    def replace() -> None:
        declare(spark, HISTORY_DAYS, (EVALUATIONS, uri))
        with tables.committing(spark, EVALUATIONS, "merge"):
            tables.create(spark, frame, uri, ["model"])
            tables.merge(spark, frame, uri, KEY, f"{update} WHEN NOT MATCHED THEN INSERT *")

    at_last(EVALUATIONS, replace)
