"""XGBoost on the tasks of a Spark stage: odd partitions, bytes that repeat, workers that die."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
import xgboost
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.engine.errors import is_lost, query_errors, refused_by_xgboost
from headrace_jobs.learning import slots
from headrace_jobs.learning.barrier_stage import fitted, matrix_of
from headrace_jobs.learning.spilled_rows import SpilledRows
from headrace_schemas.model_errors import SlotsShort
from tests.jobs.learning import model
from tests.waiting import wait_until

ROWS, FEATURES = 1500, 3
PARAMS = {"objective": "reg:squarederror", "seed": 7, "max_depth": 3}
ERROR_SECONDS = 60


def rows_in_two(spark: SparkSession, first: int) -> DataFrame:
    """Rows in two partitions; the first one has the first of them."""
    row = F.col("id").cast("double")
    inputs = [F.sin(row * (one + 1)).cast("float").alias(f"_x{one}") for one in range(FEATURES)]
    frame = spark.range(ROWS).repartitionById(2, (F.col("id") >= first).cast("int"))
    target = F.cos(row) + 2 * F.sin(row)
    return frame.sortWithinPartitions("id").select(target.alias("_target"), *inputs)


def error_of(content: bytes) -> float:
    """The mean squared error of a booster on all rows."""
    row = np.arange(ROWS, dtype=np.float64)
    inputs = np.column_stack([np.sin(row * (one + 1)) for one in range(FEATURES)])
    found = xgboost.Booster(model_file=bytearray(content)).inplace_predict(
        inputs.astype(np.float32)
    )
    return float(np.mean((found - np.cos(row) - 2 * np.sin(row)) ** 2))


@pytest.mark.parametrize("first", [0, 1, ROWS // 2])
def test_the_same_is_learnt_when_a_partition_is_empty_or_small(
    engine: SparkSession, first: int
) -> None:
    content = fitted(rows_in_two(engine, first), PARAMS, 30)

    assert content == fitted(rows_in_two(engine, first), PARAMS, 30)
    assert xgboost.Booster(model_file=bytearray(content)).num_boosted_rounds() == 30
    assert error_of(content) < 0.7


def test_a_booster_comes_back_whole_when_it_is_larger_than_a_row(
    engine: SparkSession,
) -> None:
    whole = fitted(rows_in_two(engine, 700), PARAMS | {"max_depth": 8, "eta": 0.01}, 900)

    assert len(whole) > 2 * 2**20
    assert error_of(whole) < 0.1


def test_rows_are_learnt_as_the_parameters_say(engine: SparkSession) -> None:
    usual, whole, coarse = (
        fitted(rows_in_two(engine, 700), PARAMS | params, 30)
        for params in ({}, {"tree_method": "approx"}, {"max_bin": "4"})
    )

    assert error_of(usual) == pytest.approx(error_of(whole), rel=0.05)
    assert error_of(coarse) > 1.1 * error_of(usual)


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """Python workers below a process that talk to each other, as XGBoost's do while they train."""
    lines = {
        one: {(line.laddr, line.raddr) for line in one.net_connections("tcp") if line.raddr}
        for one in process.children(recursive=True)
        if one.name().startswith("python")
    }
    everybody = set().union(*lines.values()) if lines else set()
    return [one for one, own in lines.items() if any((far, near) in everybody for near, far in own)]


@pytest.mark.parametrize("victim", [0, 1])
def test_a_training_fails_at_once_and_the_next_one_learns_the_same_when_a_worker_is_killed(
    engine: SparkSession, victim: int
) -> None:
    frame = rows_in_two(engine, 700)
    before = fitted(frame, PARAMS, 30)
    with ThreadPoolExecutor(1) as beside:
        training = beside.submit(fitted, frame, PARAMS, 100_000)
        wait_until(lambda: len(workers_of(psutil.Process())) == 2, "both workers train")
        workers_of(psutil.Process())[victim].kill()

        with pytest.raises(query_errors()) as lost:
            training.result(ERROR_SECONDS)

    assert is_lost(lost.value)
    assert refused_by_xgboost(lost.value) is None
    assert fitted(frame, PARAMS, 30) == before


def test_as_many_slots_are_counted_as_spark_has(engine: SparkSession) -> None:
    assert slots.counted(engine) == 2
    assert slots.slots_for(engine, model("any", training={"num_boost_round": 2})) == 2


def test_a_training_is_refused_when_its_tasks_do_not_start_together(
    connect: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "is_local", lambda _: False)
    slots.require_start(connect, model("fits"), 2)
    monkeypatch.setattr(slots, "REHEARSAL_SECONDS", 3.0)

    with pytest.raises(SlotsShort, match="needs 3 task slots, Spark has 2"):
        slots.require_start(connect, model("wide"), 3)

    assert connect.range(3).count() == 3


def batch(labels: list[float]) -> pa.RecordBatch:
    lists = pa.array([[label] * FEATURES for label in labels], pa.list_(pa.float32()))
    return pa.RecordBatch.from_arrays([pa.array(labels), lists], ["_target", "_features"])


def test_rows_are_read_again_and_again_when_they_came_in_any_batches(tmp_path: Path) -> None:
    labels = [float(number) for number in range(100)]
    boosters = set()
    for size in (1, 7, 100):
        rows = SpilledRows(tmp_path, FEATURES)
        for start in range(0, 100, size):
            rows.add(batch(labels[start : start + size]))
        for _ in range(2):
            assert [one for block in rows.blocks() for one in block[0]] == labels
            assert [list(one) for block in rows.blocks() for one in block[1]] == [
                [label] * FEATURES for label in labels
            ]
        given = {"nthread": 1, **PARAMS}
        boosters.add(bytes(xgboost.train(given, matrix_of(rows, given), 10).save_raw("ubj")))
        rows.close()

    assert len(boosters) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_by_its_name_when_rows_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115 - closed with the rows
    monkeypatch.setattr("headrace_jobs.learning.spilled_rows.TemporaryFile", lambda **_: full)
    rows = SpilledRows(tmp_path, FEATURES)

    with pytest.raises(OSError, match="No space left on device"):
        rows.add(batch([1.0]))
    rows.close()
