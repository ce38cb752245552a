"""Scoring: the champion's predictions, a partition at a time."""

import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xgboost
from deltalake import DeltaTable
from pyspark import cloudpickle
from pyspark.sql import SparkSession

from headrace_jobs.engine import runner
from headrace_jobs.lake import tables
from headrace_jobs.learning import features, score
from headrace_jobs.learning.registry import Registry
from headrace_schemas.errors import SchemaBroken
from headrace_schemas.model_errors import ModelTampered
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.wire.jobs import read_report
from headrace_schemas.wire.model_jobs import ScoreSpec
from tests.e2e.contents import ask
from tests.jobs.learning import CONTRACT, Learned, content, loaded, pinned, score_spec
from tests.jobs.test_registry import artifact

pytestmark = pytest.mark.spark

MARCH = Partition.parse(PartitionUnit.MONTH, "2024-03")


def test_predictions_are_the_boosters_own_when_a_partition_is_scored(
    engine: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)
    kept = loaded("late", learned.version)
    rows = tables.read(engine, learned.features, ["2024-04"])
    numbers = features.feature_numbers(kept.manifest.features, CONTRACT, "x")
    here = rows.select("line", "trip", *numbers).toPandas().sort_values(["line", "trip"])
    booster = xgboost.Booster()
    booster.load_model(bytearray(kept.booster))
    expected = booster.inplace_predict(here.iloc[:, 2:].to_numpy(dtype=np.float32))

    report = score.run(engine, spec)

    found = engine.read.format("delta").load(spec.predictions_uri)
    assert found.columns == [
        "line",
        "trip",
        "starts_at",
        "prediction",
        "model_version",
        "_partition",
    ]
    found = found.orderBy("line", "trip").toPandas()
    np.testing.assert_array_equal(found["prediction"], expected.astype(np.float64))
    assert set(found["model_version"]) == {learned.version}
    assert set(found["_partition"]) == {"2024-04"}
    assert report.counts is not None
    assert (report.counts.rows_in, report.counts.rows_out) == (400, 400)
    assert report.model_version == learned.version
    assert found["prediction"].between(0, 1).all()


def test_partition_is_scored_when_the_contract_has_widened_a_key_since(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)
    wider = [
        column.model_copy(update={"type": "DECIMAL(20,0)"}) if column.name == "trip" else column
        for column in spec.contract.columns
    ]
    contract = spec.contract.model_copy(update={"columns": tuple(wider)})

    score.run(spark, spec.model_copy(update={"contract": contract}))

    found = spark.read.format("delta").load(spec.predictions_uri)
    assert found.schema["trip"].dataType.simpleString() == "decimal(20,0)"
    assert found.where("prediction IS NOT NULL").count() == 400


def test_earlier_partitions_stay_when_a_key_was_widened_between_two(
    engine: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)
    wider = [
        column.model_copy(update={"type": "DECIMAL(20,0)"}) if column.name == "trip" else column
        for column in spec.contract.columns
    ]
    contract = spec.contract.model_copy(update={"columns": tuple(wider)})
    score.run(engine, spec.model_copy(update={"partition": MARCH}))
    before = rows_of_partition(spec.predictions_uri, "2024-03")

    score.run(engine, spec.model_copy(update={"contract": contract}))

    after = rows_of_partition(spec.predictions_uri, "2024-03")
    assert [{**row, "trip": int(float(row["trip"]))} for row in after] == before
    assert len(rows_of_partition(spec.predictions_uri, "2024-04")) == 400
    trip = next(
        one for one in DeltaTable(spec.predictions_uri).schema().fields if one.name == "trip"
    )
    assert trip.type.type == "decimal(20,0)"
    assert not Path(spec.staged_uri).exists()


def test_a_worker_can_train_when_it_has_scored_before(learned: Learned) -> None:
    kept = loaded("late", learned.version)
    row = pa.array([[0.0] * len(kept.manifest.feature_names)], pa.list_(pa.float32()))
    numbers = pa.RecordBatch.from_arrays([row], ["numbers"])
    task = cloudpickle.dumps((score.predicting(kept), numbers))
    worker = (
        "import pickle, sys\n"
        "predict, numbers = pickle.load(sys.stdin.buffer)\n"
        "assert len(list(predict(iter([numbers])))) == 1\n"
        "from xgboost import XGBRegressor\n"
        "XGBRegressor(n_estimators=1).fit([[0], [1]], [0, 1])\n"
    )

    done = subprocess.run([sys.executable, "-c", worker], input=task, capture_output=True)

    assert done.returncode == 0, done.stderr.decode()


def test_content_is_the_same_when_a_partition_is_scored_again(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    april = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)
    march = april.model_copy(update={"partition": MARCH})
    score.run(spark, april)
    score.run(spark, march)
    before = content(spark, tmp_path / "scored")

    score.run(spark, april.model_copy(update={"run_id": "another", "job_id": "score-2"}))

    assert len(before) == 800
    assert content(spark, tmp_path / "scored") == before


def test_the_commit_tells_run_and_table_version_when_rows_must_not(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)

    written = score.run(spark, spec).table

    assert written is not None
    history = spark.sql(f"DESCRIBE HISTORY delta.`{spec.predictions_uri}`").collect()
    note = json.loads(
        next(row for row in history if row["version"] == written.version)["userMetadata"]
    )
    assert note["run_id"] == "run-1"
    assert (note["features"], note["features_version"]) == ("gold.trips", 0)
    assert note["model_version"] == learned.version


@pytest.mark.parametrize(
    ("asked", "writer"),
    [({}, "delta-rs"), ({"delta.enableChangeDataFeed": "true"}, "Apache-Spark")],
)
def test_files_are_named_in_the_log_when_the_table_asks_nothing_more_of_its_writers(
    engine: SparkSession,
    learned: Learned,
    tmp_path: Path,
    asked: dict[str, str],
    writer: str,
) -> None:
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)
    score.run(engine, spec.model_copy(update={"partition": MARCH}))
    for key, value in asked.items():
        engine.sql(
            f"ALTER TABLE delta.`{spec.predictions_uri}` SET TBLPROPERTIES ('{key}' = '{value}')"
        )
    before = rows_of_partition(spec.predictions_uri, "2024-03")

    score.run(engine, spec)
    first = rows_of_partition(spec.predictions_uri, "2024-04")
    report = score.run(engine, spec)

    assert DeltaTable(spec.predictions_uri).history(1)[0]["engineInfo"].startswith(writer)
    assert report.counts is not None
    assert report.counts.rows_out == len(first) == 400
    assert rows_of_partition(spec.predictions_uri, "2024-03") == before
    assert rows_of_partition(spec.predictions_uri, "2024-04") == first
    assert not Path(spec.staged_uri).exists()


def rows_of_partition(uri: str, key: str) -> list[dict[str, Any]]:
    """By a reader that shares no code with the writers, in the order of the key."""
    query = f"SELECT * FROM delta_scan('{uri}') WHERE _partition = '{key}' ORDER BY line, trip"
    rows: list[dict[str, Any]] = ask({"q": query})["q"]
    return rows


def test_the_partition_is_empty_when_no_champion_serves_it(
    engine: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    march = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version, MARCH)
    score.run(engine, march)
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", None)

    first = score.run(engine, spec)
    score.run(engine, spec)

    assert first.counts is not None
    assert first.counts.rows_out == 0
    assert first.notes == ("no champion of late serves 2024-04",)
    assert first.model_version is None
    assert {row[-1] for row in content(engine, tmp_path / "scored")} == {"2024-03"}


def test_earlier_predictions_are_taken_back_when_no_champion_serves_any_more(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)
    score.run(spark, spec)

    score.run(spark, spec.model_copy(update={"champion": None}))

    assert content(spark, tmp_path / "scored") == []


def test_the_table_is_made_when_the_first_partition_has_no_champion(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", None)

    score.run(spark, spec)
    score.run(spark, spec.model_copy(update={"champion": pinned("late", learned.version)}))

    assert len(content(spark, tmp_path / "scored")) == 400


def test_nothing_is_written_when_the_model_was_tampered_with(
    spark: SparkSession, learned: Learned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)
    read = Registry.read

    def tampered(self: Registry, entry: object, path: str) -> bytes:
        found = read(self, entry, path)
        return found[:-1] if path.endswith(".ubj") else found

    monkeypatch.setattr(Registry, "read", tampered)
    with pytest.raises(ModelTampered):
        score.run(spark, spec)
    assert not (tmp_path / "scored").exists()


def run_job(spark: SparkSession, folder: Path, spec: ScoreSpec) -> tuple[int, Any]:
    """The job's exit code and report."""
    directory = folder / "jobs" / spec.job_id
    directory.mkdir(parents=True)
    (directory / "spec.json").write_text(spec.model_dump_json())
    code = runner.run_job(directory, lambda _: nullcontext(spark))
    return code, read_report((directory / "report.json").read_text())


def test_scoring_fails_and_publishes_nothing_when_one_bit_of_the_booster_is_flipped(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)
    score.run(spark, spec.model_copy(update={"partition": MARCH}))
    before = DeltaTable(spec.predictions_uri).version()
    file = artifact(Registry(), "late", learned.version, "model.ubj")
    sound = file.read_bytes()
    flipped = bytearray(sound)
    flipped[len(sound) // 2] ^= 1
    file.write_bytes(flipped)
    try:
        code, report = run_job(spark, tmp_path, spec)
    finally:
        file.write_bytes(sound)

    assert code == 1
    assert report.error is not None
    assert (report.error.type, report.error.retryable) == ("ModelTampered", False)
    assert DeltaTable(spec.predictions_uri).version() == before
    assert run_job(spark, tmp_path, spec.model_copy(update={"job_id": "score-2"}))[0] == 0


def test_scoring_is_refused_when_a_column_is_gone(
    spark: SparkSession, learned: Learned, tmp_path: Path
) -> None:
    columns = tuple(one for one in CONTRACT.columns if one.name != "wind")
    spec = score_spec(learned.model, learned.features, tmp_path / "scored", learned.version)
    spec = spec.model_copy(update={"contract": CONTRACT.model_copy(update={"columns": columns})})

    with pytest.raises(SchemaBroken, match="columns that are gone: wind"):
        score.run(spark, spec)
