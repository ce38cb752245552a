"""Job maintain on a lake that is three years old: what is promised keeps, the rest goes, rows stay."""

import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as installed
from pathlib import Path

import pyarrow
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake
from pyspark.sql import SparkSession

from headrace_jobs.lake import files, tables
from headrace_jobs.lake.delta_log import DeltaLog
from headrace_jobs.lake.removal import remove_needless
from headrace_jobs.tables.maintain import maintain, refuse_skew, run
from headrace_schemas.errors import ClockSkewed, VersionGone
from headrace_schemas.planning.pins import Pin, PinKind
from headrace_schemas.planning.table_history import history_properties
from headrace_schemas.wire.maintenance_jobs import MaintainedTable, MaintainReport, MaintainSpec
from headrace_schemas.wire.spec import PinnedTable
from tests.jobs import readers
from tests.jobs.aged import DAY, age, date
from tests.object_store import ObjectStore

NAME = "gold.readings"
DAYS, EVERY, HISTORY, PARTITIONS = 3 * 365, 5, 100, 12
COMMITS = DAYS // EVERY
OLDEST = COMMITS - HISTORY // EVERY
"""The first commit of the history."""

PINNED = 47

Rows = list[tuple[int, str]]


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of which a partition was replaced every five days for three years."""
    table = tmp_path_factory.mktemp("years") / "table"
    kept = {**history_properties(HISTORY), "delta.checkpointInterval": "10"}
    for number in range(COMMITS):
        key = f"p{number % PARTITIONS}"
        rows = pyarrow.table({"n": [2 * number, 2 * number + 1], "_partition": [key, key]})
        write_deltalake(
            table,
            rows,
            mode="overwrite",
            partition_by=["_partition"],
            configuration=kept,
            predicate=f"_partition = '{key}'" if number else None,
        )
    age(table, lambda version: DAYS - EVERY * version)
    return table


@pytest.fixture
def table(years: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    copied = tmp_path / "tables" / "gold" / "readings"
    shutil.copytree(years, copied)
    return copied


def pin(version: int, kind: PinKind = PinKind.HOLD) -> Pin:
    return Pin(table=NAME, version=version, kind=kind, why="an audit")


def spec(table: Path, *pins: Pin, **given: object) -> MaintainSpec:
    root = table.parents[2]
    kept = MaintainedTable(name=NAME, uri=str(table), history_days=HISTORY, pins=pins)
    return MaintainSpec(
        job_id="job-1",
        run_id="test",
        headrace_version=installed("headrace"),
        tables=(kept,),
        staging_uri=str(root / "staging" / NAME),
        gates_uri=str(root / "gates" / NAME),
        time_limit_minutes=60,
        **{"is_written": True, **given},
    )


def done(table: Path, *pins: Pin, **given: object) -> MaintainReport:
    """Maintain without Spark, which only joins files."""
    return maintain(None, spec(table, *pins, **given), datetime.now(tz=UTC))  # type: ignore[arg-type]


def rows(table: Path, version: int | None = None) -> Rows:
    """Read by deltalake."""
    opened = DeltaTable(table, version=version)
    found = QueryBuilder().register("t", opened).execute("SELECT n, _partition FROM t").read_all()
    return sorted(zip(found.column(0).to_pylist(), found.column(1).to_pylist(), strict=True))


def names(table: Path) -> list[str]:
    return [one.path for one in files.below(str(table))]


def test_history_and_pins_keep_and_the_rest_goes_when_a_lake_is_three_years_old(
    table: Path,
) -> None:
    wanted = {version: rows(table, version) for version in (PINNED, *range(OLDEST, COMMITS))}
    before = len(names(table))
    report = done(table, pin(PINNED))
    assert {version: rows(table, version) for version in wanted} == wanted
    assert rows(table) == wanted[COMMITS - 1]
    data = [name for name in names(table) if name.endswith(".parquet") and "_delta_log" not in name]
    assert len(data) == PARTITIONS + (COMMITS - 1 - OLDEST) + PARTITIONS
    assert len(names(table)) < before / 3
    metrics = report.metrics
    assert (metrics["files_before"], metrics["files_after"]) == (before, len(names(table)))
    assert metrics["data_files_removed"] == COMMITS - len(data)
    assert metrics["bytes_after"] == metrics["bytes_before"] - metrics["bytes_removed"]
    size = sum(one.size for one in DeltaLog.at(str(table)).files_at(PINNED).values())
    assert report.notes == (
        f"{NAME} version {PINNED} is kept, hold: an audit: {size:,} bytes by it alone",
    )


def test_nothing_is_left_to_do_when_it_is_done_again(table: Path) -> None:
    done(table, pin(PINNED))
    left = names(table)
    again = done(table, pin(PINNED)).metrics
    assert (again["data_files_removed"], again["log_entries_removed"]) == (0, 0)
    assert names(table) == left


def test_pin_costs_nothing_when_another_one_keeps_the_same_files(table: Path) -> None:
    report = done(table, pin(PINNED), pin(COMMITS - 2), pin(PINNED, PinKind.MODEL))
    log = DeltaLog.at(str(table))
    size = sum(one.size for one in log.files_at(PINNED).values())
    assert [f"{size:,} bytes" in one for one in report.notes] == [True, False, True]
    assert ": 0 bytes by it alone" in report.notes[1]


def test_version_that_a_running_job_reads_is_spared(table: Path) -> None:
    wanted = rows(table, 3)
    done(table, pin(3, PinKind.JOB))
    assert rows(table, 3) == wanted


def test_pin_is_named_when_its_version_was_gone_before(table: Path) -> None:
    done(table)
    assert done(table, pin(PINNED)).notes == (
        f"{NAME} version {PINNED} is kept, hold: an audit: the version was gone before",
    )


@pytest.mark.parametrize("hours", [1.5, -1.5])
def test_nothing_is_removed_when_the_clock_is_not_the_stores(table: Path, hours: float) -> None:
    before = names(table)
    now = datetime.now(tz=UTC) + timedelta(hours=hours)
    with pytest.raises(ClockSkewed, match="1.5 h " + ("ahead" if hours > 0 else "behind")):
        maintain(None, spec(table), now)  # type: ignore[arg-type]
    assert names(table) == before


def test_nothing_is_removed_when_a_commit_is_of_tomorrow(table: Path) -> None:
    before = names(table)
    date(table / "_delta_log" / f"{COMMITS - 1:020}.json", time.time() + DAY)
    with pytest.raises(ClockSkewed, match=r"24\.0 h behind the table's newest commit"):
        done(table)
    assert names(table) == before


def test_history_keeps_when_a_clock_was_behind_at_one_commit(table: Path) -> None:
    wanted = {version: rows(table, version) for version in range(OLDEST, COMMITS)}
    late = OLDEST + 3
    date(table / "_delta_log" / f"{late:020}.json", time.time() - (HISTORY + 2) * DAY)
    done(table)
    assert {version: rows(table, version) for version in wanted} == wanted


def test_nothing_is_removed_when_the_log_has_a_gap(table: Path) -> None:
    (table / "_delta_log" / f"{COMMITS - 3:020}.json").unlink()
    for checkpoint in (table / "_delta_log").glob("*.checkpoint.parquet"):
        checkpoint.unlink()
    (table / "_delta_log" / f"{5:020}.json").unlink()
    before = names(table)
    (note,) = done(table).notes
    assert "nothing is removed, since its log has a gap" in note
    assert names(table) == before


def test_file_of_no_commit_goes_only_when_it_is_old(table: Path) -> None:
    for name, days in (("young", 0.5), ("old", 3)):
        file = table / "_partition=p1" / f"{name}.parquet"
        file.write_bytes(b"x")
        date(file, time.time() - days * DAY)
    other = table / "_change_data" / "part.parquet"
    other.parent.mkdir()
    other.write_bytes(b"x")
    date(other, time.time() - DAYS * DAY)
    done(table)
    assert (table / "_partition=p1" / "young.parquet").exists()
    assert not (table / "_partition=p1" / "old.parquet").exists()
    assert other.exists()


def test_staging_goes_when_it_is_published_or_nobody_comes_back(table: Path) -> None:
    root = table.parents[2] / "staging" / NAME
    ages = {
        "a/published": 2,
        "a/fresh": 0.5,
        "a/open": 10,
        "a/left": 20,
        "a/used": 20,
        "a/used_delivered": 20,
        "a/gone_delivered": 2,
        "rebuild/job": 2,
    }
    for unit, days in ages.items():
        folder = root / unit / "inner" if unit.startswith("rebuild") else root / unit
        folder.mkdir(parents=True)
        (folder / "part.parquet").write_bytes(b"x")
        date(folder, time.time() - days * DAY)
    published = (str(root / "a/published"), str(root / "a/fresh"), str(root / "rebuild/job/inner"))
    report = done(table, running=(str(root / "a/used"),), published=published)
    left = {str(path.relative_to(root)) for path in root.glob("*/*") if path.is_dir()}
    assert left == {"a/fresh", "a/open", "a/used", "a/used_delivered"}
    assert report.metrics["staging_removed"] == 4


def test_gate_records_go_when_they_are_older_than_the_history(table: Path) -> None:
    root = table.parents[2] / "gates" / NAME
    for batch, days in (("old", HISTORY + 1), ("new", HISTORY - 1)):
        (root / batch).mkdir(parents=True)
        (root / batch / "result.json").write_text("{}")
        date(root / batch, time.time() - days * DAY)
    assert done(table).metrics["gate_records_removed"] == 1
    assert [path.name for path in root.iterdir()] == ["new"]


def test_objects_go_when_the_lake_is_in_an_object_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ObjectStore(tmp_path / "store") as store:
        store.make_bucket("lake")
        for name, value in store.environment().items():
            monkeypatch.setenv(name, value)
        uri = "s3a://lake/tables/gold/readings"
        for number in range(25):
            row = pyarrow.table({"n": [number], "_partition": ["a b"]})
            write_deltalake(
                uri,
                row,
                mode="overwrite",
                partition_by=["_partition"],
                configuration={**history_properties(HISTORY), "delta.checkpointInterval": "10"},
            )
        kept = MaintainedTable(name=NAME, uri=uri, history_days=HISTORY, pins=(pin(3),))
        later = datetime.now(tz=UTC) + timedelta(days=DAYS)
        log = DeltaLog.at(uri)
        entries, data, _ = remove_needless(kept, log, files.below(uri), later, later)
        assert (len(data), len(files.below(uri))) == (23, len(log.listed) - len(entries) + 2)
        for version in (3, 24):
            read = QueryBuilder().register("t", DeltaTable(uri, version=version))
            assert read.execute("SELECT n FROM t").read_all().column(0).to_pylist() == [version]
        asked = spec(tmp_path / "a" / "b" / "c").model_copy(
            update={"staging_uri": "s3a://lake/staging/x"}
        )
        refuse_skew(asked, datetime.now(tz=UTC))
        with pytest.raises(ClockSkewed):
            refuse_skew(asked, later)


def test_small_files_are_joined_when_a_partition_has_many(
    engine: SparkSession, tmp_path: Path
) -> None:
    table = tmp_path / "tables" / "gold" / "readings"
    for count, key in ((9, "many"), (2, "few")):
        frame = engine.range(90).selectExpr("id AS n", "id % 3 AS `with blank`").repartition(count)
        tables.replace(engine, frame, str(table), NAME, key)
    wanted, log = rows(table), DeltaLog.at(str(table))
    report = run(engine, spec(table, is_written=False))
    assert report.metrics["files_joined"] == 9
    assert rows(table) == rows(table, log.newest) == wanted
    joined = DeltaLog.at(str(table))
    assert sorted(
        sum(one.partition == key for one in joined.files_at(joined.newest).values())
        for key in (("many",), ("few",))
    ) == [1, 2]
    changes = [
        action["dataChange"]
        for _, action in joined.actions(joined.newest)
        if "dataChange" in action
    ]
    assert set(changes) == {False}
    assert run(engine, spec(table, is_written=False)).metrics["files_joined"] == 0


def test_spark_reads_what_is_kept_and_is_refused_the_rest_when_a_table_was_cleaned(
    spark: SparkSession, tmp_path: Path, table: Path
) -> None:
    wanted = {version: rows(table, version) for version in (PINNED, OLDEST, COMMITS - 1)}
    done(table, pin(PINNED))
    for version, expected in wanted.items():
        assert by_spark(spark, table, version) == expected
    seen = readers.read(str(table), "n")  # DuckDB and deltalake agree
    assert sorted((row["n"], row["_partition"]) for row in seen) == wanted[COMMITS - 1]
    with pytest.raises(VersionGone, match=f"{NAME}: version 20 is gone: {HISTORY} days"):
        by_spark(spark, table, 20)


def by_spark(spark: SparkSession, table: Path, version: int) -> Rows:
    pinned = PinnedTable(name=NAME, uri=str(table), version=version)
    found: Sequence[object] = tables.read(spark, pinned).collect()
    return sorted((row.n, row._partition) for row in found)  # type: ignore[attr-defined]
