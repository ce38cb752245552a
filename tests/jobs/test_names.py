"""Columns may be called as users call them: no name meets one of Headrace's own on its way."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.learning import evaluate, score, train
from headrace_jobs.monitoring import monitor
from headrace_jobs.sources.columns import check_columns
from headrace_schemas.declarations.contract import Column, Contract
from headrace_schemas.declarations.pipeline import Evolution
from headrace_schemas.errors import SchemaBroken
from headrace_schemas.wire.spec import PinnedTable
from tests.jobs.batches import Batch, contract
from tests.jobs.learning import (
    COLUMNS,
    FEATURES,
    TABLE,
    evaluate_spec,
    loaded,
    model,
    monitor_spec,
    score_spec,
    train_spec,
    trips,
)
from tests.jobs.readers import read

WORKING = (
    "outcome",
    "prediction",
    "model_version",
    "window",
    "rows",
    "label",
    "source",
    "target",
    "value",
    "name",
    "id",
    "batch",
    "measured",
    "readable",
    "rule_ids",
    "row_json",
    "source_row",
    "where",
    "t",
)
"""Words that the jobs use for columns, views, aliases or metrics of their own."""

ODD = (
    "wind speed (m/s)",
    "a.b",
    "x/y",
    "[m/s]",
    '"quoted"',
    "it's",
    "größe",
    "p%c",
    "{brace};",
    "eq=l",
    "com,ma",
    " lead",
    "a:b",
    "😀",
)


def properties(names: tuple[str, ...]) -> str:
    columns = [
        {
            "name": "meter",
            "logicalType": "string",
            "physicalType": "STRING",
            "primaryKey": True,
            "primaryKeyPosition": 1,
        },
        *[{"name": name, "logicalType": "integer", "physicalType": "INT"} for name in names],
    ]
    return json.dumps(columns, ensure_ascii=False)


def csv_line(*cells: str) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"


@pytest.mark.spark
def test_every_value_is_published_when_columns_are_called_as_headrace_calls_its_own(
    engine: SparkSession, tmp_path: Path
) -> None:
    names = (*WORKING, *ODD)
    batch = Batch(engine, tmp_path, contract(tmp_path, properties(names)))
    numbers = [str(index) for index in range(len(names))]
    lines = [
        ("meter", *names),
        ("a", *numbers),
        ("b", *numbers),
        ("b", *numbers),
        ("c", "x", *numbers[1:]),
    ]
    batch.load(batch.deliver("".join(csv_line(*line) for line in lines)))
    report = batch.gate()
    assert report.status == "succeeded", report.error
    assert {one.rule for one in report.failures} == {"outcome.type", "key.unique"}
    batch.publish()
    values = dict(zip(names, range(len(names)), strict=True))
    origin = {
        "_batch_id": "bronze.readings/2024-05",
        "_source_file": "readings/one.csv",
        "_partition": "2024-05",
    }
    assert read(batch.table, "meter") == [
        {"meter": "a", **values, **origin, "_source_row": 1},
        {"meter": "b", **values, **origin, "_source_row": 2},
    ]
    bad = sorted(read(batch.quarantine, "source_row"), key=lambda row: row["source_row"])
    assert [row["rule_ids"] for row in bad] == [["key.unique"], ["outcome.type"]]
    assert json.loads(bad[0]["row_json"]) == {"meter": "b", **values}


TRIPS = {
    "trip": "value",
    "line": "source.id",
    "starts_at": "window",
    "known_at": "known at",
    "wind": "prediction",
    "stops": "model_version",
    "fare": "fare.net [EUR] <it's, 100 %>",
    "is_peak": "challenger",
    "depot": "champion",
    "is_late": "label",
    "minutes": "rows",
}
"""What else the columns of the trips may be called."""


@pytest.mark.spark
def test_model_learns_scores_and_is_watched_when_columns_are_called_as_headrace_calls_its_own(
    spark: SparkSession, mlflow_uri: str, tmp_path: Path
) -> None:
    columns = tuple(Column(name=TRIPS[name], type=type) for name, type in COLUMNS.items())
    known = Contract(name=TABLE, version="1", key=("source.id", "value"), columns=columns)
    late = model(
        "odd",
        target="label",
        event_time="window",
        known_time="known at",
        features=[TRIPS[name] for name in FEATURES],
        training={"num_workers": 1, "num_boost_round": 5, "params": {"max_depth": 2}},
        gates={
            "floors": {"auc": 0.5},
            "champion": {"metric": "auc", "resamples": 50},
            "slices": {"columns": ["champion"], "max_drop": 0.2, "min_rows": 5},
        },
    )
    casts = [F.col(old).cast(COLUMNS[old]).alias(new) for old, new in TRIPS.items()]
    months = F.date_format("starts_at", "yyyy-MM").alias("_partition")
    frame = spark.createDataFrame(trips(a_month=120)).select(*casts, months)
    uri = str(tmp_path / "features")
    tables.writing(frame, "overwrite").save(uri)
    table = PinnedTable(name=TABLE, uri=uri, version=0)
    spec = train_spec(late, table).model_copy(update={"contract": known})

    trained = train.run(spark, spec)
    version = str(trained.model_version)
    judged = evaluate.run(spark, evaluate_spec(spec, version, version))
    scoring = score_spec(late, table, tmp_path / "scored", version)
    scored = score.run(spark, scoring.model_copy(update={"contract": known}))
    watching = monitor_spec(late, table, scored.table, tmp_path / "watched", version, version)
    watched = monitor.run(spark, watching.model_copy(update={"contract": known}))

    features = loaded("odd", version).manifest.features
    assert [one.name for one in features] == list(late.features)
    assert sum(one.importance for one in features) == pytest.approx(1)
    assert judged.promotion_evidence is not None
    assert judged.promotion_evidence.comparison is not None
    assert judged.promotion_evidence.comparison.challenger > 0.6
    rows = read(str(tmp_path / "scored"), "value")
    assert len(rows) == 120
    assert list(rows[0]) == [
        "_partition",
        "source.id",
        "value",
        "window",
        "prediction",
        "model_version",
    ]
    assert watched.monitor_evidence is not None
    assert watched.monitor_evidence.labelled == 120
    assert {one.subject for one in watched.monitor_evidence.weighed} == set(late.features)


MANY = [f"c{index}" for index in range(20_000)]


@pytest.mark.parametrize("evolution", list(Evolution))
@pytest.mark.parametrize(
    ("found", "told"),
    [
        (["meter", "METER"], "has a column twice, as case makes no difference: meter, METER"),
        (["meter", "new", "New"], "has a column twice, as case makes no difference: new, New"),
        (["Meter"], "differ from known ones by case: Meter"),
        (["meter", ""], "has columns without a name, by their place: 2"),
        (["meter", " "], "has columns without a name, by their place: 2"),
        (["meter", "_partition"], "whose names are Headrace's own: _partition"),
        (["meter", "_Raw"], "whose names are Headrace's own: _Raw"),
        (["meter", "_mine"], "whose names are Headrace's own: _mine"),
        (["meter", *MANY, "C7"], "has a column twice, as case makes no difference: c7, C7"),
        (["other"], "lacks columns of the contract: meter. It has other"),
    ],
)
def test_header_is_refused_by_name_when_columns_cannot_be_told_apart(
    tmp_path: Path, evolution: Evolution, found: list[str], told: str
) -> None:
    known = contract(tmp_path, properties(()))
    with pytest.raises(SchemaBroken) as raised:
        check_columns(known, "one.csv", found, evolution, in_order=True)
    assert str(raised.value).startswith("bronze.readings: one.csv ")
    assert told in str(raised.value)
