"""Rows that do not belong where they are delivered, and batches of which too little is left."""

from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from headrace_jobs.tables import belonging, gate, row_rules
from headrace_schemas.declarations.contract import Column, Contract
from headrace_schemas.declarations.pipeline import WriteMode
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.wire.report import RuleFailure
from headrace_schemas.wire.spec import PinnedTable
from headrace_schemas.wire.table_jobs import GateReport, GateSpec
from tests.jobs.batches import HEADER as READ
from tests.jobs.batches import JUNE, MAY, READINGS, Batch, contract, failure, table_rule

pytestmark = pytest.mark.spark

FRESH = "[{property: freshness, value: 40, unit: d, element: readings.read_at}]"

NUMBERED = """
- {name: trip, logicalType: string, physicalType: STRING, primaryKey: true, primaryKeyPosition: 1}
- {name: leg, logicalType: integer, physicalType: INT, primaryKey: true, primaryKeyPosition: 2}
- {name: distance, logicalType: number, physicalType: DOUBLE}
"""
"""A key that says nothing of a time."""


def spec(tmp_path: Path, columns: str = READINGS, sla: str = FRESH, **changes: object) -> GateSpec:
    """A gate of June's batch."""
    batch = Batch(None, tmp_path, contract(tmp_path, columns, sla=sla))  # type: ignore[arg-type]
    batch.partition = JUNE
    return batch.gate_spec().model_copy(update=changes)


def ours(spec: GateSpec) -> list[str]:
    """The rules that the contract has not written."""
    written = len(spec.contract.row_rules)
    return [rule.id for rule in belonging.with_rules(spec).contract.row_rules[written:]]


PUBLISHED = PinnedTable(name="bronze.readings", uri="/nowhere", version=3)
DECLARED = READINGS.replace("physicalType: TIMESTAMP", "physicalType: TIMESTAMP, partitioned: true")
DENIED = READINGS.replace("physicalType: TIMESTAMP", "physicalType: TIMESTAMP, partitioned: false")


def test_time_of_the_partition_is_what_contract_or_model_names(tmp_path: Path) -> None:
    rule = ["read_at.in_partition"]
    assert ours(spec(tmp_path)) == rule
    assert ours(spec(tmp_path, sla="[]")) == []
    assert ours(spec(tmp_path, sla="[]", event_time="read_at")) == rule
    assert ours(spec(tmp_path, DECLARED, sla="[]")) == rule
    assert ours(spec(tmp_path, DENIED)) == []
    assert ours(spec(tmp_path, partition=None)) == []
    # What is merged corrects rows of any time, unless the contract says else.
    assert ours(spec(tmp_path, write=WriteMode.MERGE)) == []
    assert ours(spec(tmp_path, DECLARED, write=WriteMode.MERGE)) == rule


def test_key_is_looked_up_only_where_another_partition_can_have_it(tmp_path: Path) -> None:
    rule = ["key.unique_in_table"]
    numbered = spec(tmp_path, NUMBERED, sla="[]", table=PUBLISHED)
    assert ours(numbered) == rule
    for changes in ({"table": None}, {"partition": None}, {"write": WriteMode.MERGE}):
        assert ours(numbered.model_copy(update=changes)) == []
    assert ours(numbered.model_copy(update={"write": WriteMode.APPEND})) == rule
    # A key with the time of the partition cannot be in two of them.
    assert ours(spec(tmp_path, table=PUBLISHED)) == ["read_at.in_partition"]
    assert ours(spec(tmp_path, DENIED, table=PUBLISHED)) == rule


def test_rule_of_the_contract_takes_the_place_of_ours_when_it_has_its_name(tmp_path: Path) -> None:
    quality = (
        "quality: [{name: read_at.in_partition, severity: info, type: custom, "
        "engine: greatExpectations, implementation: {type: unexpected_rows_expectation, kwargs: "
        "{unexpected_rows_query: 'SELECT * FROM {batch} WHERE kilowatts < 0'}}}]"
    )
    columns = READINGS.replace("physicalType: DOUBLE}", f"physicalType: DOUBLE, {quality}}}")
    assert ours(spec(tmp_path, columns)) == []
    # The times are not bounded then, so another partition may have the key.
    assert ours(spec(tmp_path, columns, table=PUBLISHED)) == ["key.unique_in_table"]


HOUR = Partition.parse(PartitionUnit.HOUR, "2024-05-31T23")
DAY = Partition.parse(PartitionUnit.DAY, "2024-05-31")
WEEK = Partition.parse(PartitionUnit.WEEK, "2020-W53")
QUARTER = Partition.parse(PartitionUnit.QUARTER, "2024-Q2")
EDGES = [
    ("TIMESTAMP", MAY, "TIMESTAMP '2024-05-01T00:00:00Z'", False),
    ("TIMESTAMP", MAY, "TIMESTAMP '2024-04-30T23:59:59.999999Z'", True),
    ("TIMESTAMP", MAY, "TIMESTAMP '2024-05-31T23:59:59.999999Z'", False),
    ("TIMESTAMP", MAY, "TIMESTAMP '2024-06-01T00:00:00Z'", True),
    ("TIMESTAMP", MAY, "TIMESTAMP '2024-06-01T01:00:00+02:00'", False),
    ("TIMESTAMP", MAY, "CAST(NULL AS TIMESTAMP)", None),
    ("TIMESTAMP", HOUR, "TIMESTAMP '2024-05-31T23:00:00Z'", False),
    ("TIMESTAMP", HOUR, "TIMESTAMP '2024-05-31T22:59:59Z'", True),
    ("TIMESTAMP_NTZ", DAY, "TIMESTAMP_NTZ '2024-05-31T23:59:59.999999'", False),
    ("TIMESTAMP_NTZ", DAY, "TIMESTAMP_NTZ '2024-06-01T00:00:00'", True),
    ("TIMESTAMP_NTZ", DAY, "TIMESTAMP_NTZ '2024-05-30T23:59:59'", True),
    ("TIMESTAMP", WEEK, "TIMESTAMP '2021-01-03T23:59:59.999999Z'", False),
    ("TIMESTAMP", WEEK, "TIMESTAMP '2021-01-04T00:00:00Z'", True),
    ("DATE", WEEK, "DATE '2020-12-28'", False),
    ("DATE", WEEK, "DATE '2020-12-27'", True),
    ("DATE", QUARTER, "DATE '2024-06-30'", False),
    ("DATE", QUARTER, "DATE '2024-07-01'", True),
    ("DATE", MAY, "DATE '2024-05-01'", False),
    ("DATE", MAY, "DATE '2024-05-31'", False),
    ("DATE", MAY, "DATE '2024-06-01'", True),
    ("DATE", MAY, "DATE '2024-04-30'", True),
    ("DATE", HOUR, "DATE '2024-05-31'", False),
    ("DATE", HOUR, "DATE '2024-06-01'", True),
    ("DATE", DAY, "DATE '2024-06-01'", True),
]


def test_time_belongs_to_the_partition_from_its_start_to_before_its_end(
    engine: SparkSession,
) -> None:
    cells = []
    for type, partition, value, _ in EDGES:
        bad = belonging.outside(Column(name="at it", type=type), partition)
        cells.append(f"(SELECT {bad} FROM (SELECT {value} AS `at it`))")
    found = engine.sql(f"SELECT array({', '.join(cells)}) AS found").collect()[0]["found"]
    assert found == [is_outside for *_, is_outside in EDGES]


def month(partition: Partition, rows: int, meter: str = "m") -> list[str]:
    """So many readings within a month."""
    start = partition.start
    return [
        f"{meter}{n},{start + timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ},1,1" for n in range(rows)
    ]


def gated(batch: Batch, *rows: str, header: str = READ, **changes: object) -> GateReport:
    """The batch's report, with what is published already pinned as Airflow would."""
    batch.load_rows(*rows, header=header)
    pinned = None
    if DeltaTable.is_deltatable(batch.table):
        version = DeltaTable(batch.table).version()
        pinned = PinnedTable(name=batch.contract.name, uri=batch.table, version=version)
    spec = batch.gate_spec().model_copy(update={"table": pinned, **changes})
    return gate.run(batch.spark, spec)


def test_batch_is_held_back_when_it_is_another_month_s(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path, sla=FRESH))
    batch.partition = JUNE
    report = gated(batch, *month(MAY, 20))
    assert report.status == "failed"
    assert report.error is not None
    assert report.error.message.startswith(
        "bronze.readings [2024-06]: 2 critical rule(s) do not hold: "
        "read_at.in_partition (20 of 20 rows); the batch has rows. 20 of 20 rows would go"
    )
    assert "say `partitioned: false` of it" in report.error.message
    # A single row that strayed is set aside, and says why.
    report = gated(batch, *month(JUNE, 3), *month(MAY, 1))
    assert report.verdict == "warned"
    assert failure(report.failures, "read_at.in_partition").examples == ("readings/one.csv:4",)
    assert failure(report.failures, "read_at.in_partition").description == (
        "read_at lies in 2024-06, UTC"
    )


HEADER = "trip,leg,distance"


def published(batch: Batch) -> list[tuple[object, ...]]:
    rows = DeltaTable(batch.table).to_pyarrow_table().to_pylist()
    return sorted((row["_partition"], row["trip"], row["leg"], row["distance"]) for row in rows)


def put(batch: Batch, partition: Partition, *rows: str) -> GateReport:
    """Load, gate and publish; the gate's report."""
    batch.partition = partition
    report = gated(batch, *rows, header=HEADER)
    batch.publish()
    return report


MAY_S = [("2024-05", "a", 1, 1.0), ("2024-05", "a", 2, 1.0), ("2024-05", "b", 1, 1.0)]
JUNE_S = [("2024-06", "a", 3, 2.0), ("2024-06", "z", 1, 2.0)]


def test_row_is_set_aside_when_another_partition_has_its_key(
    engine: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(engine, tmp_path, contract(tmp_path, NUMBERED))
    put(batch, MAY, "a,1,1", "a,2,1", "b,1,1")
    report = put(batch, JUNE, "a,1,2", "a,3,2", "b,1,2", "z,1,2", "y,,2")
    assert report.counts is not None
    assert report.counts.rows_quarantined == 3
    broken = failure(report.failures, "key.unique_in_table")
    assert (broken.failed, broken.examples) == (2, ("readings/one.csv:1", "readings/one.csv:3"))
    assert failure(report.failures, "leg.required").failed == 1
    assert published(batch) == MAY_S + JUNE_S
    assert belonging.ELSEWHERE not in row_rules.gated(engine, batch.gated).columns


def test_what_is_published_first_stays_when_partitions_share_a_key(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path, NUMBERED), write=WriteMode.APPEND)
    put(batch, MAY, "a,1,1", "a,2,1", "b,1,1")
    again = [put(batch, JUNE, "a,1,2", "a,3,2", "b,1,2", "z,1,2") for _ in range(2)]
    assert again[0].counts == again[1].counts
    assert published(batch) == MAY_S + JUNE_S
    # Built again, the older partition meets only itself; a key that came to June first is June's.
    late = put(batch, MAY, "a,1,1", "z,1,7")
    assert [one.rule for one in late.failures] == ["key.unique_in_table"]
    assert published(batch) == [("2024-05", "a", 1, 1.0), *JUNE_S]


TYPED = """
- {name: text, logicalType: string, physicalType: VARCHAR(9), primaryKey: true, primaryKeyPosition: 1}
- {name: at, logicalType: timestamp, physicalType: TIMESTAMP, primaryKey: true, primaryKeyPosition: 2}
- {name: day, logicalType: date, physicalType: DATE, primaryKey: true, primaryKeyPosition: 3}
- {name: cost, logicalType: number, physicalType: "DECIMAL(20,6)", primaryKey: true, primaryKeyPosition: 4}
- {name: share, logicalType: number, physicalType: DOUBLE, primaryKey: true, primaryKeyPosition: 5}
- {name: big, logicalType: integer, physicalType: BIGINT, primaryKey: true, primaryKeyPosition: 6}
- {name: flag, logicalType: boolean, physicalType: BOOLEAN, primaryKey: true, primaryKeyPosition: 7}
- {name: a space, logicalType: string, physicalType: STRING, primaryKey: true, primaryKeyPosition: 8}
"""


def test_only_files_with_near_keys_are_read_and_none_is_missed(
    engine: SparkSession, tmp_path: Path
) -> None:
    made = contract(tmp_path, TYPED)
    row = (
        "SELECT CAST('ä' AS STRING) AS text, TIMESTAMP '2024-05-01T00:00:00.000001Z' AS at, "
        "DATE '2024-05-01' AS day, CAST('12345678901234.000001' AS DECIMAL(20,6)) AS cost, "
        "CAST('0.1' AS DOUBLE) AS share, 9007199254740993L AS big, TRUE AS flag, 'x' AS `a space`"
    )
    batch = engine.sql(row)
    conditions = belonging.between_bounds(made, batch.select(*[f"`{one}`" for one in made.key]))
    assert len(conditions) == 7  # not the flag
    kept = batch
    for condition in conditions:
        kept = kept.where(condition)
    assert kept.count() == 1
    for place, beyond in enumerate(
        (
            "'ö' AS text",
            "at + INTERVAL 0.000001 SECOND AS at",
            "DATE '2024-05-02' AS day",
            "cost + 0.000001 AS cost",
            "share + 1e-15 AS share",
            "big - 1 AS big",
            "'y' AS `a space`",
        )
    ):
        name = beyond.rpartition(" AS ")[2].strip("`")
        other = batch.selectExpr(*[beyond if one == name else f"`{one}`" for one in batch.columns])
        assert other.where(conditions[place]).count() == 0, beyond


ENOUGH = table_rule("type: library, metric: rowCount, mustBeGreaterThan: 30")


@pytest.mark.parametrize(
    ("good", "bad", "share", "is_stopped"),
    [
        (2, 3, None, False),  # a few rows say nothing of a share
        (3, 9, None, False),
        (60, 12, None, False),
        (40, 11, None, True),
        (1, 19, 0.95, False),
        (40, 11, 0.3, False),
        (9, 1, 0.05, True),  # what is declared holds to the letter
        (9, 1, 0.0, True),
        (0, 1, 1.0, True),  # nothing is left, and that is no empty delivery
    ],
)
def test_batch_is_stopped_when_too_much_of_it_goes_to_quarantine(
    tmp_path: Path, good: int, bad: int, share: float | None, is_stopped: bool
) -> None:
    asked = spec(tmp_path, most_quarantined=share)
    failures = [
        RuleFailure(rule="phase.type", severity="critical", description="", failed=bad),
        RuleFailure(rule="meter.odd", severity="warning", description="", failed=good),
        RuleFailure(rule="key.unique", severity="critical", description="", failed=1),
    ]
    seen = {row_rules.ALL: good + bad, row_rules.QUARANTINED: bad}
    named = gate.emptied_by(asked, failures, seen, is_blocked=False)
    rows = good + bad
    expected = [f"phase.type ({bad} of {rows} rows)", f"key.unique (1 of {rows} rows)"]
    assert named == (expected if is_stopped else [])


def test_message_names_the_rules_that_emptied_the_batch(
    spark: SparkSession, tmp_path: Path
) -> None:
    batch = Batch(spark, tmp_path, contract(tmp_path, quality=ENOUGH))
    rows = month(MAY, 1200)
    spoilt = [f"{row[:-1]}x" for row in rows[:1190]]
    report = gated(batch, *spoilt, *rows[1190:])
    assert report.error is not None
    assert report.error.message == (
        "bronze.readings [2024-05]: 2 critical rule(s) do not hold: phase.type (1,190 of 1,200 "
        "rows); readings.rule (found 10). 1,190 of 1,200 rows would go to quarantine; "
        "`most_quarantined` of the pipeline allows a share of 0.2. Nothing was published. Fix the "
        "source and run the load again, or change the rule in the contract."
    )
    assert report.counts is not None
    assert report.counts.rows_quarantined == 1190
    # Declared, it goes on.
    batch.contract = contract(tmp_path)
    assert gated(batch, *spoilt, *rows[1190:], most_quarantined=0.999).verdict == "warned"


def test_freshness_is_judged_in_the_first_year(tmp_path: Path) -> None:
    first = Partition.parse(PartitionUnit.MONTH, "0001-01")
    asked = spec(tmp_path, partition=first, as_of=first.end)
    (fresh,) = [rule for rule in gate.table_rules(asked) if rule.id == gate.FRESH]
    assert "0001-01-01T00:00:00+00:00" in str(fresh.expectation.kwargs)


def test_contract_that_says_nothing_of_time_has_no_time(tmp_path: Path) -> None:
    made: Contract = contract(tmp_path)
    assert made.time_of_partition() is None
    assert made.time_of_partition(["nowhere", "meter"]) is None
