"""Training: what it may look at, what it refuses, and that it repeats."""

import json
from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark import SparkConf
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.learning import evaluate, features, learnable, slots, train
from headrace_jobs.learning.manifest import FeatureKind
from headrace_jobs.learning.registry import Registry
from headrace_jobs.learning.score import predicted_here
from headrace_schemas.model_errors import SlotsShort, TrainingDataInvalid
from headrace_schemas.partition import Partition, PartitionUnit
from tests.jobs.learning import (
    CONTRACT,
    FEATURES,
    MAY_3,
    Learned,
    content,
    evaluate_spec,
    loaded,
    model,
    publish,
    regression,
    train_spec,
    trips,
)

pytestmark = pytest.mark.spark


def sha256_of(spark: SparkSession, spec: train.TrainSpec) -> str:
    report = train.run(spark, spec)
    return loaded(spec.model.name, str(report.model_version)).manifest.sha256


def test_manifest_tells_origin_and_inputs_when_a_model_is_trained(learned: Learned) -> None:
    manifest = loaded("late", learned.version).manifest
    latest = learned.rows["starts_at"].max().to_pydatetime()
    older = int((learned.rows["starts_at"] < latest - timedelta(days=21)).sum())

    assert manifest.feature_names == list(FEATURES)
    assert [one.kind.value for one in manifest.features] == [
        "number",
        "number",
        "number",
        "flag",
        "category",
    ]
    assert manifest.window.holdout_end == latest
    assert manifest.window.holdout_start == latest - timedelta(days=21)
    assert manifest.window.train_rows == older
    assert manifest.window.holdout_rows == len(learned.rows) - older
    assert (manifest.table, manifest.table_version) == ("gold.trips", learned.features.version)
    assert manifest.contract_hash == CONTRACT.hash
    assert manifest.declaration_hash == train.declaration_hash(learned.model)
    assert manifest.as_of == MAY_3
    assert sum(one.importance for one in manifest.features) == pytest.approx(1)
    assert max(manifest.features, key=lambda one: one.importance).name == "wind"
    assert all(sum(one.histogram.shares) == pytest.approx(1) for one in manifest.features)


def test_categories_are_ordered_by_mean_target_when_a_model_is_trained(learned: Learned) -> None:
    depot = loaded("late", learned.version).manifest.features[-1]
    start = learned.rows["starts_at"].max() - timedelta(days=21)
    older = learned.rows[learned.rows["starts_at"] < start]
    means = older.groupby("depot")["is_late"].mean().sort_values()

    assert sorted(depot.codes, key=lambda name: depot.codes[name]) == list(means.index)
    assert depot.codes["south"] == 2
    assert depot.histogram.categories == ("north", "south", "east")


def test_the_same_version_comes_back_when_a_run_is_repeated(
    spark: SparkSession, learned: Learned
) -> None:
    assert train.run(spark, learned.spec).model_version == learned.version
    assert Registry().entry("late", learned.version).tags["answers"] == "run-1"


def test_the_same_version_comes_back_when_the_table_has_moved_on_since(
    spark: SparkSession, mlflow_uri: str, tmp_path: Path
) -> None:
    rows, declared = trips(), model("moved")
    first = train_spec(declared, publish(spark, tmp_path / "features", rows))
    again = train_spec(declared, publish(spark, tmp_path / "features", rows))
    assert again.features.version > first.features.version

    found = [train.run(spark, one).model_version for one in (first, again)]

    assert found == ["1", "1"]
    assert loaded("moved", "1").manifest.table_version == first.features.version
    assert len(content(spark, first.versions_uri)) == 1


def test_the_same_booster_is_learnt_when_spark_is_a_connect_server(
    learned: Learned, connect: SparkSession
) -> None:
    spec = learned.spec.model_copy(update={"model": model("warm")})

    report = train.run(connect, spec)

    assert report.notes == ("trained by 2 workers; Spark has 2 task slots",)
    assert loaded("warm", report.model_version).booster == loaded("late", learned.version).booster


@pytest.mark.parametrize("workers", [1, 2])
def test_bytes_repeat_when_the_table_is_written_in_another_order(
    spark: SparkSession, mlflow_uri: str, tmp_path: Path, workers: int
) -> None:
    training = {"num_workers": workers, "num_boost_round": 10, "params": {"subsample": 0.8}}
    twice = model(f"twice_{workers}", training=training)
    rows = trips()
    shuffled = rows.sample(frac=1.0, random_state=3)

    first = sha256_of(
        spark, train_spec(twice, publish(spark, tmp_path / "a", rows), request_id="a")
    )
    second = sha256_of(
        spark, train_spec(twice, publish(spark, tmp_path / "b", shuffled), request_id="b")
    )

    assert first == second


def test_labels_known_later_are_never_looked_at_when_training_as_of_a_time(
    spark: SparkSession, mlflow_uri: str, tmp_path: Path
) -> None:
    blind = model("blind")
    as_of = pd.Timestamp("2024-03-20", tz="UTC")
    rows = trips()
    late = rows["known_at"] > as_of
    late_for_old_events = rows["starts_at"].between(
        pd.Timestamp("2024-02-10", tz="UTC"), pd.Timestamp("2024-02-12", tz="UTC")
    )
    rows.loc[late_for_old_events, "known_at"] = as_of + timedelta(seconds=1)
    unknown = late | late_for_old_events
    lies = rows.copy()
    assert (~late & (rows["starts_at"].dt.month == 3)).sum() > 200
    lies["is_late"] = np.where(unknown, ~lies["is_late"], lies["is_late"])
    lies.loc[unknown, "depot"] = "never seen by then"
    truth, told = (
        train_spec(blind, publish(spark, tmp_path / name, found), as_of.to_pydatetime(), name)
        for name, found in (("truth", rows), ("lies", lies))
    )
    # March is not delivered before it has ended, whatever is known of its first weeks by then.
    delivered = rows["starts_at"] < pd.Timestamp("2024-03-01", tz="UTC")
    kept = publish(spark, tmp_path / "known", rows[delivered & ~unknown])
    only_known = train_spec(blind, kept, as_of.to_pydatetime(), "known")

    first = sha256_of(spark, truth)

    assert sha256_of(spark, told) == first
    assert sha256_of(spark, only_known) == first
    window = loaded("blind", "1").manifest.window
    assert window.train_rows + window.holdout_rows == (delivered & ~unknown).sum()
    judged = evaluate.run(spark, evaluate_spec(told, "2"))
    assert judged.metrics == evaluate.run(spark, evaluate_spec(truth, "1")).metrics


def test_only_partitions_that_have_ended_are_seen_when_training_as_of_a_time(
    engine: SparkSession,
) -> None:
    start, random = datetime(2023, 12, 30, tzinfo=UTC), np.random.default_rng(2)
    held = [
        Partition.of(unit, start + timedelta(hours=int(hours)))
        for unit in PartitionUnit
        for hours in random.integers(0, 2000, 40)
    ]
    frame = engine.createDataFrame([(one.key,) for one in held], "_partition STRING")
    offset = timezone(timedelta(hours=-7))
    times = [
        held[7].start,
        held[50].end,
        held[90].end,
        held[90].end - timedelta(microseconds=1),
        start + timedelta(days=40, hours=3, minutes=7),
        (held[60].end + timedelta(hours=3)).astimezone(offset),
    ]
    seen = [
        features.delivered_rows(frame, as_of).withColumn("time", F.lit(index))
        for index, as_of in enumerate(times)
    ]
    found = reduce(DataFrame.unionAll, seen).collect()

    assert sorted((row["time"], row["_partition"]) for row in found) == sorted(
        (index, one.key) for index, as_of in enumerate(times) for one in held if one.end <= as_of
    )


def test_only_chosen_partitions_are_learnt_from_and_judged_on_when_some_are_held(
    spark: SparkSession, learned: Learned
) -> None:
    chosen = {"learn_from": "2024-02", "left_out": ("2024-04",), "request_id": "chosen"}
    spec = learned.spec.model_copy(update={"model": model("chosen"), **chosen})
    version = str(train.run(spark, spec).model_version)
    manifest = loaded("chosen", version).manifest
    starts = learned.rows["starts_at"]
    months = starts.dt.strftime("%Y-%m").isin(["2024-02", "2024-03"])

    assert (manifest.learn_from, manifest.left_out) == ("2024-02", ("2024-04",))
    assert manifest.window.train_start == starts[months].min().to_pydatetime()
    assert manifest.window.holdout_end == starts[months].max().to_pydatetime()
    assert manifest.window.train_rows + manifest.window.holdout_rows == months.sum()
    evidence = evaluate.run(spark, evaluate_spec(spec, version, None)).promotion_evidence
    assert (evidence.measured, evidence.learn_from) == (manifest.window.holdout_rows, "2024-02")
    notes = Registry().client.get_run(str(Registry().entry("chosen", version).run_id)).data.params
    assert (notes["learn_from"], notes["left_out"]) == ("2024-02", "2024-04")


def test_columns_keep_their_meaning_when_they_have_names_that_spark_xgboost_reserves(
    spark: SparkSession, mlflow_uri: str, tmp_path: Path
) -> None:
    renamed = {"wind": "weight", "stops": "label", "fare": "values"}
    plain, trap = model("plain"), model("trap", features=("weight", "label", "values", "is_peak"))
    contract = CONTRACT.model_copy(
        update={
            "columns": tuple(
                one.model_copy(update={"name": renamed.get(one.name, one.name)})
                for one in CONTRACT.columns
            )
        }
    )
    plain = plain.model_copy(update={"features": ("wind", "stops", "fare", "is_peak")})
    table = publish(spark, tmp_path / "plain", trips())
    frame = spark.read.format("delta").load(table.uri).withColumnsRenamed(renamed)
    frame.write.format("delta").partitionBy("_partition").save(str(tmp_path / "trap"))
    trapped = table.model_copy(update={"uri": str(tmp_path / "trap"), "version": 0})
    kept = []
    for spec in (
        train_spec(plain, table),
        train_spec(trap, trapped).model_copy(update={"contract": contract}),
    ):
        version = str(train.run(spark, spec).model_version)
        kept.append(loaded(spec.model.name, version))
    numbers = pd.DataFrame(np.random.default_rng(0).normal(8, 4, (50, 4)), dtype=np.float32)

    np.testing.assert_array_equal(
        predicted_here(kept[0], numbers), predicted_here(kept[1], numbers)
    )


def test_missing_and_unseen_values_are_nan_when_a_row_is_encoded(
    spark: SparkSession, learned: Learned
) -> None:
    known = {one.name: one for one in loaded("late", learned.version).manifest.features}
    frame = spark.createDataFrame(
        [("south", True, 1.5), ("nowhere", None, None), (None, False, float("nan"))],
        "depot STRING, is_peak BOOLEAN, wind DOUBLE",
    )

    encoded = frame.select(
        *[features.feature_number(known[name]).alias(name) for name in frame.columns]
    ).toPandas()

    assert encoded.dtypes.tolist() == [np.float32] * 3
    np.testing.assert_array_equal(encoded["depot"], [2, np.nan, np.nan])
    np.testing.assert_array_equal(encoded["is_peak"], [1, np.nan, 0])
    np.testing.assert_array_equal(encoded["wind"], [np.float32(1.5), np.nan, np.nan])


def test_text_survives_when_it_needs_escaping(spark: SparkSession) -> None:
    odd = ["it's", 'a "quote"', "back\\slash", "\u00e9\u4e2d\U0001f682", "", " "]
    feature = features.declared_feature(model("m"), CONTRACT, "depot")
    feature = feature.model_copy(update={"codes": {name: code for code, name in enumerate(odd)}})
    frame = spark.createDataFrame([(name,) for name in odd], "depot STRING")

    found = [row[0] for row in frame.select(features.feature_number(feature)).collect()]

    assert found == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("column", "value", "target", "message"),
    [
        ("minutes", float("nan"), "minutes", "column minutes: NaN or infinite in 3 of 1600 rows"),
        ("minutes", float("inf"), "minutes", "column minutes: NaN or infinite in 3 of 1600 rows"),
        ("minutes", 2.0, "flag", "column minutes: neither 0 nor 1 in 3 of 1600 rows"),
        ("wind", float("inf"), "is_late", "column wind: infinite, or beyond 32-bit floats, in 3"),
        ("wind", float("-inf"), "is_late", "column wind: infinite, or beyond 32-bit floats, in 3"),
        ("wind", 1e300, "is_late", "column wind: infinite, or beyond 32-bit floats, in 3 of 1600"),
    ],
    ids=["nan", "infinite", "not a class", "infinite feature", "minus infinity", "too large"],
)
def test_training_is_refused_when_values_cannot_be_learnt_from(
    spark: SparkSession, column: str, value: float, target: str, message: str
) -> None:
    declared = {
        "flag": model("refused", target="minutes"),
        "minutes": regression("refused"),
        "is_late": model("refused"),
    }[target]
    frame = spark.createDataFrame(trips())
    if target == "flag":
        frame = frame.withColumn("minutes", F.col("is_late").cast("int").cast("double"))
    wrong = F.lit(value).cast("double")
    frame = frame.withColumn(column, F.when(F.col("trip") < 3, wrong).otherwise(F.col(column)))
    known = features.known_rows(frame, declared, MAY_3)
    inputs = [features.declared_feature(declared, CONTRACT, name) for name in declared.features]

    with pytest.raises(TrainingDataInvalid) as caught:
        learnable.check_known(known, declared, CONTRACT, inputs)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows.assign(is_late=True),
            "column is_late: the same value, 1, in all 1300 rows. There is nothing to tell apart",
        ),
        (
            lambda rows: rows.assign(known_at=pd.Timestamp("2030-01-01", tz="UTC")),
            "column is_late: no row has a value that was known in time",
        ),
        (
            lambda rows: rows.iloc[-380:],
            "column is_late: 80 rows lie before the holdout, 100 are needed",
        ),
    ],
    ids=["single class", "nothing known", "too few rows"],
)
def test_nothing_is_registered_when_rows_cannot_be_learnt_from(
    spark: SparkSession, mlflow_uri: str, tmp_path: Path, change: object, message: str
) -> None:
    declared = model("unlearnable")
    assert callable(change)
    table = publish(spark, tmp_path / "features", change(trips()))

    with pytest.raises(TrainingDataInvalid) as caught:
        train.run(spark, train_spec(declared, table))

    assert str(caught.value).startswith("model unlearnable: ")
    assert message in str(caught.value)
    assert Registry().client.search_model_versions("name = 'unlearnable'") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": ("wind", "known")}, "column known: is not in gold.trips"),
        ({"features": ("wind", "ends_at")}, "column ends_at: has type TIMESTAMP"),
        ({"target": "depot", "features": ("wind",)}, "column depot: has type STRING"),
    ],
    ids=["unknown", "no number", "text target"],
)
def test_training_is_refused_when_a_column_cannot_become_a_number(
    spark: SparkSession, learned: Learned, changes: dict[str, object], message: str
) -> None:
    ends_at = CONTRACT.columns[2].model_copy(update={"name": "ends_at"})
    contract = CONTRACT.model_copy(update={"columns": (*CONTRACT.columns, ends_at)})
    spec = train_spec(model("refused", **changes), learned.features)

    with pytest.raises(TrainingDataInvalid, match=message):
        train.run(spark, spec.model_copy(update={"contract": contract}))


def test_training_is_refused_when_the_table_has_no_key(
    spark: SparkSession, learned: Learned
) -> None:
    contract = CONTRACT.model_copy(update={"key": ()})
    spec = train_spec(model("refused"), learned.features)

    with pytest.raises(TrainingDataInvalid, match=r"column primaryKey: gold\.trips declares none"):
        train.run(spark, spec.model_copy(update={"contract": contract}))


def test_training_is_refused_when_a_text_is_a_name_rather_than_a_category(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learnable, "MOST_CATEGORIES", 50)
    frame = spark.createDataFrame(trips()).withColumn("depot", F.col("trip").cast("string"))
    declared = model("refused")
    inputs = [features.declared_feature(declared, CONTRACT, name) for name in FEATURES]

    with pytest.raises(TrainingDataInvalid, match="depot: has more than 50 different values"):
        learnable.learn_codes(frame, declared, CONTRACT, inputs)


def test_all_slots_are_used_and_said_when_no_number_of_workers_is_declared(
    spark: SparkSession, mlflow_uri: str, learned: Learned
) -> None:
    declared = model("all_slots", training={"num_boost_round": 2})

    report = train.run(spark, train_spec(declared, learned.features))

    assert report.notes == ("trained by 2 workers; Spark has 2 task slots",)
    assert loaded("all_slots", str(report.model_version)).manifest.workers == 2


@pytest.mark.parametrize(
    ("settings", "promised"),
    [
        ({}, 1),
        ({"spark.cores.max": "8"}, 8),
        ({"spark.cores.max": "8", "spark.task.cpus": "2"}, 4),
        ({"spark.executor.instances": "3", "spark.executor.cores": "4"}, 12),
    ],
)
def test_as_many_slots_are_waited_for_as_the_settings_ask_for(
    settings: dict[str, str], promised: int
) -> None:
    assert slots.promised_slots(SparkConf(loadDefaults=False).setAll(settings.items())) == promised


def test_no_worker_is_without_rows_when_slots_are_many() -> None:
    assert slots.most_workers(64, 499) == 9
    assert slots.most_workers(64, 10) == 1
    assert slots.most_workers(2, 10_000) == 2


def test_training_is_refused_when_slots_are_short(
    spark: SparkSession, mlflow_uri: str, learned: Learned
) -> None:
    training = {"num_workers": 3, "num_boost_round": 2}

    with pytest.raises(SlotsShort, match="needs 3 task slots, Spark has 2"):
        train.run(spark, train_spec(model("wide", training=training), learned.features))


def test_manifest_is_plain_json_when_read_by_others(learned: Learned) -> None:
    manifest = loaded("late", learned.version).manifest

    document = json.loads(manifest.model_dump_json())

    assert document["features"][4]["kind"] == FeatureKind.CATEGORY
    assert set(document) >= {"sha256", "contract_hash", "table_version", "as_of", "window"}
