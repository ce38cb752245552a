"""Scoring while the world moves: each partition is of one model version and of one table version.

Who tells is DuckDB, by the rows and by what the log says of their commits.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow
import pytest
import xgboost
from deltalake import write_deltalake

from headrace_jobs.learning.manifest import Feature, FeatureKind, Manifest, TrainingWindow
from headrace_jobs.learning.registry import CHAMPION, Registry, sha256
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.declarations.model import Task
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.places import Lake
from headrace_schemas.wire.model_jobs import ScoreReport, ScoreSpec
from headrace_schemas.wire.spec import PinnedTable
from tests.e2e.contents import ask
from tests.fault_proxy import Exchange
from tests.faults.engine import BUCKET, Engine, Seen, killed
from tests.jobs.learning import APRIL, CONTRACT, TABLE, head, model, trips

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

MARCH = Partition.parse(PartitionUnit.MONTH, "2024-03")
FEATURES = ("wind", "stops")
NOON = datetime(2024, 4, 1, 12, tzinfo=UTC)


@dataclass
class Scored:
    """A feature table in the store, and a model of it of which versions are registered."""

    engine: Engine
    key: str
    versions: list[PinnedModel] = field(default_factory=list)

    @property
    def place(self) -> Lake:
        return Lake(root=f"s3a://{BUCKET}/{self.key}")

    @property
    def name(self) -> str:
        return f"late_{self.key}"

    @property
    def registry(self) -> Registry:
        given = self.engine.environment
        return Registry(given["MLFLOW_TRACKING_URI"], given["HEADRACE_MODELS"])

    def write_features(self, more_wind: float = 0.0) -> None:
        """Another version of the whole feature table."""
        rows = trips().assign(wind=lambda rows: rows["wind"] + more_wind)
        columns = pyarrow.table(
            {
                "trip": pyarrow.array(rows["trip"], "int64"),
                "line": pyarrow.array(rows["line"], "string"),
                "starts_at": pyarrow.array(rows["starts_at"], pyarrow.timestamp("us", "UTC")),
                "known_at": pyarrow.array(rows["known_at"], pyarrow.timestamp("us", "UTC")),
                "wind": pyarrow.array(rows["wind"], "float64", from_pandas=True),
                "stops": pyarrow.array(rows["stops"], "int32"),
                "_partition": pyarrow.array(rows["starts_at"].dt.strftime("%Y-%m"), "string"),
            }
        )
        write_deltalake(
            self.place.table(TABLE), columns, mode="overwrite", partition_by=["_partition"]
        )

    def register(self, rounds: int) -> PinnedModel:
        """A further model version, and the champion's alias on it."""
        made = booster(rounds)
        pinned = self.registry.register(
            self.name, made, manifest(self.name, made), {"answers": f"{rounds} rounds"}
        )
        self.registry.set_alias(self.name, CHAMPION, pinned.version)
        return pinned

    def spec(self, champion: PinnedModel, features: int, where: str, at: Partition) -> ScoreSpec:
        pinned = PinnedTable(name=TABLE, uri=self.place.table(TABLE), version=features)
        return ScoreSpec(
            **head("score"),
            model=model(self.name, features=FEATURES),
            contract=CONTRACT,
            features=pinned,
            partition=at,
            champion=champion,
            predictions_uri=self.place.predictions(where),
            staged_uri=self.place.staging(f"predictions.{where}", "2024-01", uuid4().hex),
        )

    def seen(self, where: str) -> Seen:
        return Seen(self.engine.store, self.place.predictions(where))


def booster(rounds: int) -> bytes:
    random = np.random.default_rng(1)
    data = xgboost.DMatrix(
        random.normal(size=(60, 2)) * 10, random.random(60), feature_names=list(FEATURES)
    )
    return bytes(xgboost.train({"max_depth": 2, "nthread": 1}, data, rounds).save_raw("ubj"))


def manifest(name: str, content: bytes) -> Manifest:
    window = TrainingWindow(
        train_start=NOON, holdout_start=NOON, holdout_end=NOON, train_rows=60, holdout_rows=6
    )
    types = {"wind": "DOUBLE", "stops": "INT"}
    return Manifest(
        model=name,
        task=Task.BINARY,
        declaration_hash="d",
        table=TABLE,
        features=tuple(
            Feature(name=one, type=types[one], kind=FeatureKind.NUMBER) for one in FEATURES
        ),
        table_version=0,
        contract_hash="c",
        as_of=NOON,
        window=window,
        workers=1,
        sha256=sha256(content),
        xgboost=xgboost.__version__,
    )


@pytest.fixture
def scored(engine: Engine, tmp_path: Path) -> Scored:
    """Features at version 0, and one model version, with March's and April's predictions by them."""
    made = Scored(engine, tmp_path.name)
    made.write_features()
    made.versions.append(made.register(rounds=5))
    for partition in (MARCH, APRIL):
        assert engine.run(made.spec(made.versions[0], 0, "undisturbed", partition)).error is None
    return made


def of_versions(seen: Seen) -> list[tuple[str, str, int, int]]:
    """Partition, model version, table version and rows, for each that there is of the first three."""
    log = f"read_ndjson_objects('{seen.folder}/_delta_log/*.json', filename = true)"
    table = f"delta_scan('{seen.folder}')"
    found = ask(
        {
            "rows": f"SELECT _partition AS p, model_version AS m, count(*) AS n FROM {table} GROUP BY ALL",
            "files": f"""
            WITH said AS (SELECT filename AS commit, json FROM {log}),
            notes AS (SELECT commit, json->>'$.commitInfo.userMetadata' AS note FROM said
                      WHERE (json->'$.commitInfo') IS NOT NULL),
            gone AS (SELECT json->>'$.remove.path' AS path FROM said
                     WHERE (json->'$.remove') IS NOT NULL)
            SELECT DISTINCT json->>'$.add.partitionValues._partition' AS p,
                   note->>'$.model_version' AS m, (note->>'$.features_version')::INT AS f
            FROM said JOIN notes USING (commit)
            WHERE (json->'$.add') IS NOT NULL
              AND (json->>'$.add.path') NOT IN (SELECT path FROM gone)""",
        }
    )
    rows = {(one["p"], one["m"]): one["n"] for one in found["rows"]}
    files = [(one["p"], one["m"], one["f"]) for one in found["files"]]
    assert len(files) == len(rows)
    return sorted((p, m, f, rows[p, m]) for p, m, f in files)


def test_partition_is_of_one_version_when_model_and_table_move_while_it_is_scored(
    scored: Scored,
) -> None:
    engine, first = scored.engine, scored.versions[0]
    moved: list[str] = []

    def move(exchange: Exchange) -> None:
        """The champion is another one, and all features are others, before the request is answered."""
        moved.append(str(exchange))
        scored.versions.append(scored.register(rounds=5 + len(moved)))
        scored.write_features(more_wind=3.0 * len(moved))
        exchange.pass_on()

    place = f"/{BUCKET}/{scored.key}/tables/gold/trips"
    engine.proxy.on(rf"{place}.*_delta_log", move, times=1)
    engine.proxy.on(rf"^GET {place}/_partition.*\.parquet", move, times=1)

    for partition in (MARCH, APRIL):
        assert engine.run(scored.spec(first, 0, "disturbed", partition)).error is None

    assert len(moved) == 2
    disturbed, before = scored.seen("disturbed"), scored.seen("undisturbed")
    assert of_versions(disturbed) == [
        ("2024-03", first.version, 0, 400),
        ("2024-04", first.version, 0, 400),
    ]
    assert disturbed.rows("trip") == before.rows("trip")


def test_predictions_are_the_same_when_their_driver_is_killed(scored: Scored) -> None:
    engine, first = scored.engine, scored.versions[0]
    assert engine.run(scored.spec(first, 0, "disturbed", MARCH)).error is None
    march = scored.seen("disturbed")

    written = rf"^PUT /{BUCKET}/{scored.key}/predictions/disturbed/_partition.*\.parquet$"
    killed(engine, scored.spec(first, 0, "disturbed", APRIL), written)
    cut_off = scored.seen("disturbed")
    assert (cut_off.version, cut_off.rows("trip")) == (march.version, march.rows("trip"))

    # Before the next try the champion is another one, and the table has moved on.
    scored.write_features(more_wind=3.0)
    second = scored.register(rounds=6)
    again(engine.run(scored.spec(first, 0, "disturbed", APRIL)))
    assert scored.seen("disturbed").rows("trip") == scored.seen("undisturbed").rows("trip")
    again(engine.run(scored.spec(second, 1, "disturbed", APRIL)))
    assert of_versions(scored.seen("disturbed")) == [
        ("2024-03", first.version, 0, 400),
        ("2024-04", second.version, 1, 400),
    ]


def again(report: ScoreReport) -> None:
    assert report.error is None
    assert report.counts is not None
    assert report.counts.rows_out == 400
