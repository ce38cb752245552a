"""How many tasks Spark can run at once: a training's workers start together or wait for ever."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime

from pyspark import SparkConf
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession, is_remote
from pyspark.sql.conf import RuntimeConfig

from headrace_schemas.declarations.model import FEWEST_ROWS_A_WORKER, Model
from headrace_schemas.model_errors import SlotsShort

SLOT_WAIT_SECONDS = 90.0
"""How long executors of a cluster may take to report; one on a worker that was lost is started
again within a minute."""

REHEARSAL_SECONDS = 45.0
"""How long as many tasks as a training has may take to start together on somebody else's Spark."""

SPLITS = re.compile(r"splits=(\d+)")


def slots_for(spark: SparkSession, model: Model) -> int:
    """Task slots that Spark has.

    Executors of a cluster come one by one: those that the session was promised are waited for, so
    that the same cluster gives as many workers every time.

    Raises:
        SlotsShort: The cluster has fewer task slots.
    """
    wanted = model.training.num_workers or 1
    hoped = model.training.num_workers or promised_slots(spark.conf)
    deadline = time.monotonic() + SLOT_WAIT_SECONDS
    slots = counted(spark)
    while slots < hoped and not is_local(spark) and time.monotonic() < deadline:
        time.sleep(0.5)
        slots = counted(spark)
    if slots < wanted:
        raise SlotsShort(model.name, wanted, slots)
    return slots


def is_local(spark: SparkSession) -> bool:
    """Whether Spark is one process, whose slots never change."""
    return str(spark.conf.get("spark.master", "")).split("[")[0] == "local"


def counted(spark: SparkSession) -> int:
    """Task slots of the executors that Spark has now.

    Of the JVM where it can be asked. A Connect server says over how many cores it spreads rows that
    nobody gave a number of parts; on a cluster two at the least.
    """
    if not is_remote():
        context = spark.sparkContext._jsc.sc()  # only the JVM knows
        profile = context.resourceProfileManager().resourceProfileFromId(0)
        return int(context.maxNumConcurrentTasks(profile))
    plan = spark.sql("EXPLAIN SELECT * FROM range(1)").collect()[0][0]
    found = SPLITS.search(plan)
    return int(found[1]) // task_cores(spark.conf) if found else 1


def promised_slots(settings: RuntimeConfig | SparkConf) -> int:
    """Slots that the session's settings ask the cluster for; 1 where they leave it open."""
    cores, executors, most = (
        int(str(settings.get(name, default)))
        for name, default in (
            ("spark.executor.cores", "1"),
            ("spark.executor.instances", "0"),
            ("spark.cores.max", "0"),
        )
    )
    return max(1, (most or cores * executors) // task_cores(settings))


def task_cores(settings: RuntimeConfig | SparkConf) -> int:
    """Cores of a task."""
    return int(str(settings.get("spark.task.cpus", "1")))


def most_workers(slots: int, rows: int) -> int:
    """All slots, unless a worker might then be left without a row."""
    return max(1, min(slots, rows // FEWEST_ROWS_A_WORKER))


def require_start(spark: SparkSession, model: Model, workers: int) -> None:
    """Let as many empty tasks start together as a training has, where nobody else can say that they will.

    A session of the job's own counts its slots and is alone with them, and so does Spark on one
    machine. A cluster behind a Connect server may have lost some, or give them to others for ever.

    Raises:
        SlotsShort: They do not start in time.
    """
    if not is_remote() or is_local(spark):
        return
    tasks = spark.range(0, workers, 1, workers).mapInArrow(
        lambda batches: batches, "id BIGINT", barrier=True
    )
    with ThreadPoolExecutor(1) as beside:
        rehearsal = beside.submit(tasks.collect)
        try:
            rehearsal.result(REHEARSAL_SECONDS)
        except (NotInTime, PySparkException) as error:
            spark.interruptAll()  # a job has its session to itself
            raise SlotsShort(model.name, workers, counted(spark)) from error
