"""A small feature table, models that learn from it, and the jobs' specs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from headrace_jobs.lake import tables
from headrace_jobs.learning import evaluate, promote, score, train
from headrace_jobs.learning.registry import (
    BOOSTER,
    CHAMPION,
    MANIFEST,
    LoadedModel,
    Registry,
    sha256,
)
from headrace_schemas.decisions.decision import Decision
from headrace_schemas.decisions.evidence import MonitorEvidence, PromotionEvidence
from headrace_schemas.decisions.model_version import PinnedModel
from headrace_schemas.declarations.contract import Column, Contract
from headrace_schemas.declarations.model import Model
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.wire.model_jobs import (
    DecideSpec,
    EvaluateReport,
    EvaluateSpec,
    MonitorSpec,
    PromoteSpec,
    ScoreSpec,
    TrainReport,
    TrainSpec,
)
from headrace_schemas.wire.spec import PinnedTable

TABLE = "gold.trips"
MONTHS = ("2024-01", "2024-02", "2024-03", "2024-04")
APRIL = Partition.parse(PartitionUnit.MONTH, "2024-04")
MAY_3 = datetime(2024, 5, 3, tzinfo=UTC)

COLUMNS = {
    "trip": "BIGINT",
    "line": "STRING",
    "starts_at": "TIMESTAMP",
    "known_at": "TIMESTAMP",
    "wind": "DOUBLE",
    "stops": "INT",
    "fare": "DECIMAL(10,2)",
    "is_peak": "BOOLEAN",
    "depot": "STRING",
    "is_late": "BOOLEAN",
    "minutes": "DOUBLE",
}

CONTRACT = Contract(
    name=TABLE,
    version="1.0.0",
    key=("line", "trip"),
    columns=tuple(Column(name=name, type=type_) for name, type_ in COLUMNS.items()),
)

FEATURES = ("wind", "stops", "fare", "is_peak", "depot")


def trips(seed: int = 1, a_month: int = 400) -> pd.DataFrame:
    """Trips of four months. Wind and depot make them late; the label is known six hours after the start."""
    random = np.random.default_rng(seed)
    months = [pd.Timestamp(f"{key}-01", tz="UTC") for key in MONTHS]
    count = a_month * len(months)
    starts = np.concatenate(
        [
            month.value + np.sort(random.integers(0, 28 * 86_400, a_month)) * 1_000_000_000
            for month in months
        ]
    )
    starts_at = pd.Series(pd.to_datetime(starts, utc=True))
    depot = random.choice(["north", "south", "east"], count, p=[0.5, 0.3, 0.2])
    wind = random.normal(10, 3, count)
    is_peak = random.random(count) < 0.3
    strain = 0.8 * (wind - 10) + 2.0 * (depot == "south") + 1.0 * is_peak - 1
    is_late = random.random(count) < 1 / (1 + np.exp(-strain))
    rows = pd.DataFrame(
        {
            "trip": np.arange(count, dtype=np.int64),
            "line": random.choice(["A", "B"], count),
            "starts_at": starts_at,
            "known_at": starts_at + timedelta(hours=6),
            "wind": wind,
            "stops": random.integers(3, 30, count).astype(np.int32),
            "fare": random.integers(100, 900, count) / 100,
            "is_peak": is_peak,
            "depot": depot,
            "is_late": is_late,
            "minutes": strain * 3 + random.normal(0, 1, count),
        }
    )
    rows.loc[random.random(count) < 0.05, "depot"] = None
    rows.loc[random.random(count) < 0.05, "wind"] = np.nan
    return rows


def publish(spark: SparkSession, uri: Path, rows: pd.DataFrame, name: str = TABLE) -> PinnedTable:
    """Write the trips as a Delta table by month."""
    casts = [
        f"CAST(`{column}` AS {type_}) AS `{column}`"
        for column, type_ in COLUMNS.items()
        if column in rows
    ]
    frame = spark.createDataFrame(rows).selectExpr(
        *casts, "date_format(starts_at, 'yyyy-MM') AS _partition"
    )
    frame.write.format("delta").mode("overwrite").partitionBy("_partition").save(str(uri))
    return PinnedTable(name=name, uri=str(uri), version=tables.newest_version(spark, str(uri)))


def model(name: str, **changes: Any) -> Model:
    """A model of late trips, with changes to its declaration."""
    declared: dict[str, Any] = {
        "name": name,
        "description": "Late or not.",
        "owner": "lines",
        "table": TABLE,
        "task": "binary",
        "target": "is_late",
        "event_time": "starts_at",
        "known_time": "known_at",
        "label_delay_days": 2,
        "features": FEATURES,
        "training": {
            "num_workers": 2,
            "num_boost_round": 20,
            "refit": False,  # so that most tests fit once
            "params": {"max_depth": 3},
        },
        "split": {"holdout_days": 21, "first_after_partitions": 3},
        "gates": {
            "floors": {"auc": 0.6},
            "champion": {"metric": "auc", "resamples": 50},
            "slices": {"columns": ["depot"], "max_drop": 0.2, "min_rows": 20},
        },
        "monitors": {"performance": {"metric": "auc", "max_drop": 0.05}},
    }
    return Model.model_validate(declared | changes)


def regression(name: str, **changes: Any) -> Model:
    """A model of how many minutes late."""
    return model(
        name,
        **(
            {
                "task": "regression",
                "target": "minutes",
                "gates": {"floors": {"rmse": 4}, "champion": {"metric": "rmse", "resamples": 50}},
                "monitors": {"performance": {"metric": "rmse", "max_drop": 1}},
            }
            | changes
        ),
    )


def head(job: str) -> dict[str, Any]:
    """What every spec carries."""
    return {"job_id": f"{job}-1", "run_id": "run-1", "headrace_version": version("headrace")}


def train_spec(
    model: Model, features: PinnedTable, as_of: datetime = MAY_3, request_id: str = "run-1"
) -> TrainSpec:
    return TrainSpec(
        **head("train"),
        model=model,
        contract=CONTRACT,
        features=features,
        as_of=as_of,
        request_id=request_id,
        versions_uri=f"{features.uri}-ledger/versions",
    )


def evaluate_spec(spec: TrainSpec, challenger: str, champion: str | None = None) -> EvaluateSpec:
    return EvaluateSpec(
        **head("evaluate"),
        model=spec.model,
        contract=spec.contract,
        features=spec.features,
        as_of=spec.as_of,
        challenger=pinned(spec.model.name, challenger),
        champion=pinned(spec.model.name, champion) if champion else None,
        evaluations_uri=f"{spec.features.uri}-ledger/evaluations",
    )


def pinned(model: str, version: str) -> PinnedModel:
    """A version as it lies in the registry now, evaluation included."""
    registry = Registry()
    entry = registry.entry(model, version)
    return PinnedModel(
        version=version,
        booster_sha256=sha256(registry.read(entry, BOOSTER)),
        manifest_sha256=sha256(registry.read(entry, MANIFEST)),
        evaluation_sha256=entry.tags.get("evaluation_sha256"),
    )


def loaded(model: str, version: object) -> LoadedModel:
    """A version as it lies in the registry now."""
    return Registry().load(model, pinned(model, str(version)))


def promote_spec(
    model: Model,
    ledger: Path,
    evidence: PromotionEvidence,
    as_of: datetime = MAY_3,
    request_id: str = "run-1",
    history: tuple[Decision, ...] = (),
) -> PromoteSpec:
    return PromoteSpec(
        **head("promote"),
        model=model,
        as_of=as_of,
        request_id=request_id,
        evidence=evidence,
        history=history,
        ledger_uri=str(ledger),
    )


def score_spec(
    model: Model,
    features: PinnedTable,
    predictions: Path,
    champion: str | None,
    partition: Partition = APRIL,
) -> ScoreSpec:
    served = pinned(model.name, champion) if champion else None
    return ScoreSpec(
        **head("score"),
        model=model,
        contract=CONTRACT,
        features=features,
        partition=partition,
        champion=served,
        predictions_uri=str(predictions),
        staged_uri=f"{predictions}-staged-{uuid4()}",
    )


def scored(
    spark: SparkSession,
    model: Model,
    features: PinnedTable,
    folder: Path,
    version: str,
    partition: Partition = APRIL,
) -> PinnedTable:
    """Predictions of a month."""
    spec = score_spec(model, features, folder / "scored", version, partition)
    written = score.run(spark, spec).table
    assert written is not None
    return written


def april(rows: pd.DataFrame) -> pd.Series:
    """Which rows are of the newest month."""
    return rows["starts_at"].dt.strftime("%Y-%m") == "2024-04"


def monitor_spec(
    model: Model,
    features: PinnedTable,
    predictions: PinnedTable | None,
    monitoring: Path,
    champion: str | None,
    first: str | None = None,
    as_of: datetime = MAY_3,
) -> MonitorSpec:
    return MonitorSpec(
        **head("monitor"),
        model=model,
        contract=CONTRACT,
        features=features,
        partition=APRIL,
        as_of=as_of,
        predictions=predictions,
        champion=pinned(model.name, champion) if champion else None,
        first=pinned(model.name, first) if first else None,
        monitoring_uri=str(monitoring),
        sketches_uri=f"{monitoring}-sketches",
    )


def decide_spec(
    model: Model, evidence: MonitorEvidence, ledger: Path, history: tuple[Decision, ...] = ()
) -> DecideSpec:
    return DecideSpec(
        **head("decide"),
        model=model,
        as_of=MAY_3,
        evidence=evidence,
        history=history,
        ledger_uri=str(ledger),
    )


def aliased(registry: Registry, name: str) -> str:
    """The version that is called champion."""
    return str(registry.client.get_model_version_by_alias(name, CHAMPION).version)


def content(spark: SparkSession, uri: Path | str) -> list[tuple[Any, ...]]:
    """All rows of a Delta table in some fixed order."""
    rows = spark.read.format("delta").load(str(uri)).collect()
    return sorted((tuple(row) for row in rows), key=repr)


class Learned:
    """A model that was trained and evaluated once, and what it learnt from."""

    def __init__(self, spark: SparkSession, folder: Path, model: Model) -> None:
        self.model = model
        self.rows = trips()
        self.features = publish(spark, folder / "features", self.rows)
        self.spec = train_spec(model, self.features)
        self.trained: TrainReport = train.run(spark, self.spec)
        self.version = str(self.trained.model_version)
        self.evaluated: EvaluateReport = evaluate.run(spark, evaluate_spec(self.spec, self.version))
        assert self.evaluated.promotion_evidence is not None
        self.evidence = self.evaluated.promotion_evidence

    def promoted(self, ledger: Path) -> Decision:
        """Its promotion, in a ledger of its own."""
        decision = promote.run(promote_spec(self.model, ledger, self.evidence)).decision
        assert decision is not None
        return decision


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry in a file; models of different tests have different names."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        uri = f"sqlite:///{folder}/mlflow.db"
        patch.setenv("HEADRACE_MODELS", str(folder / "models"))
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        yield uri


@pytest.fixture(scope="session")
def learned(
    spark: SparkSession, mlflow_uri: str, tmp_path_factory: pytest.TempPathFactory
) -> Learned:
    """A model that tests must not promote or retrain."""
    return Learned(spark, tmp_path_factory.mktemp("learned"), model("late"))
