"""Columns may be called as users call them: no name meets one of Headrace's own on its way."""

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from headrace_jobs.columns import check_columns
from headrace_schemas.errors import SchemaBroken
from headrace_schemas.pipeline import Evolution
from tests.jobs.batches import Batch, contract
from tests.jobs.readers import read

WORKING = (
    "outcome", "prediction", "model_version", "window", "rows", "label", "challenger", "champion",
    "source", "target", "value", "name", "id", "batch", "measured", "refused", "all", "readable",
    "passed", "quarantined", "rule_ids", "row_json", "source_file", "source_row", "partition",
    "number", "count", "where", "start", "end", "x0", "column", "t", "version",
)  # fmt: skip
"""Words that the jobs use for columns, views, aliases or metrics of their own."""

ODD = (
    "wind speed (m/s)", "a.b", "x/y", "[m/s]", '"quoted"', "it's", "größe", "p%c",
    "semi;colon", "{brace}", "eq=l", "com,ma", " lead", "1st", "a:b", "😀", "back\\slash",
)  # fmt: skip


def properties(names: tuple[str, ...]) -> str:
    columns = [
        {"name": "meter", "logicalType": "string", "physicalType": "STRING", "primaryKey": True,
         "primaryKeyPosition": 1},
        *[{"name": name, "logicalType": "integer", "physicalType": "INT"} for name in names],
    ]  # fmt: skip
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
    lines = [("meter", *names), ("a", *numbers), ("b", *numbers), ("b", *numbers),
             ("c", "x", *numbers[1:])]  # fmt: skip
    batch.load(batch.deliver("".join(csv_line(*line) for line in lines)))
    report = batch.gate()
    assert report.status == "succeeded", report.error
    assert {one.rule for one in report.failures} == {"outcome.type", "key.unique"}
    batch.publish()
    values = dict(zip(names, range(len(names)), strict=True))
    origin = {"_batch_id": "bronze.readings/2024-05", "_source_file": "readings/one.csv",
              "_partition": "2024-05"}  # fmt: skip
    assert read(batch.table, "meter") == [
        {"meter": "a", **values, **origin, "_source_row": 1},
        {"meter": "b", **values, **origin, "_source_row": 2},
    ]
    bad = sorted(read(batch.quarantine, "source_row"), key=lambda row: row["source_row"])
    assert [row["rule_ids"] for row in bad] == [["key.unique"], ["outcome.type"]]
    assert json.loads(bad[0]["row_json"]) == {"meter": "b", **values}


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
)  # fmt: skip
def test_header_is_refused_by_name_when_columns_cannot_be_told_apart(
    tmp_path: Path, evolution: Evolution, found: list[str], told: str
) -> None:
    known = contract(tmp_path, properties(()))
    with pytest.raises(SchemaBroken) as raised:
        check_columns(known, "one.csv", found, evolution, in_order=True)
    assert str(raised.value).startswith("bronze.readings: one.csv ")
    assert told in str(raised.value)
