"""Replays a data set's history through a running Headrace, partition by partition.

Deliveries land as they would have arrived, Airflow does the rest. What a partition has reached is
read from the ledger, so a replay that was interrupted goes on where it stopped.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace_launcher.project.lake_view import LakeView
from headrace_launcher.services.airflow_api import ENDED, AirflowApi, DagRun
from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline
from headrace_schemas.errors import HeadraceError
from headrace_schemas.partition import Partition, partitions_between

POLL_SECONDS = 1.0
RUNNING = ("running", "queued", "scheduled", "deferred", "up_for_retry", "restarting")


class ReplayStalled(HeadraceError):
    """Nothing ran for so long that the partition will not get done."""

    def __init__(self, partition: str, seconds: float, waiting_for: str) -> None:
        super().__init__(
            f"partition {partition}: nothing has run for {seconds:.0f} s while waiting for "
            f"{waiting_for}. `headrace status` shows the services, `headrace logs scheduler` why.",
            partition=partition,
            seconds=seconds,
            waiting_for=waiting_for,
        )


@dataclass(frozen=True)
class Delivery:
    """Puts a data set's files where the pipeline looks for them."""

    snapshots: Callable[[Path], Sequence[Path]]
    partition: Callable[[Path, str], Sequence[Path]]


@dataclass(frozen=True)
class Step:
    """What a replay is doing now, for whoever shows progress."""

    done: int
    total: int
    partition: str
    doing: str


@dataclass(frozen=True)
class Replay:
    """One pipeline and one model, from the pipeline's start to its end.

    Attributes:
        stall_seconds: Without any task running for this long, the replay gives up with an error.
    """

    api: AirflowApi
    lake: LakeView
    catalog: Catalog
    pipeline: Pipeline
    model: Model
    landing: Path
    delivery: Delivery
    stall_seconds: float = 180

    @property
    def partitions(self) -> list[Partition]:
        """Everything that is replayed, oldest first."""
        end = self.pipeline.ends_at
        if end is None:
            raise ValueError(
                f"pipeline {self.pipeline.name} has no end; only ended data is replayed"
            )
        return list(partitions_between(self.pipeline.partition, self.pipeline.starts_at, end))

    def sources(self, partitioned: bool) -> list[str]:
        """Delivered tables, with or without partitions."""
        return [
            build.name
            for build in self.pipeline.tables
            if build.source is not None and (build.partition is not None) is partitioned
        ]

    def run(self) -> Iterator[Step]:
        """Replay what is not done yet; a step is given whenever there is news."""
        partitions = self.partitions
        yield Step(0, len(partitions), "", "waiting until Airflow has read the DAG files")
        self.wait_for_dags()
        yield from self.snapshots(len(partitions))
        for done, partition in enumerate(partitions):
            if self.is_done(partition):
                continue
            self.delivery.partition(self.landing, partition.key)
            if not self.is_under_way(partition):
                for table in self.sources(partitioned=True):
                    self.api.trigger(table, partition.key, note=f"delivery of {partition.key}")
            for doing in self.waiting(partition):
                yield Step(done, len(partitions), partition.key, doing)
        yield Step(len(partitions), len(partitions), partitions[-1].key, "done")

    def wait_for_dags(self) -> None:
        """Until Airflow knows every table's DAG.

        Raises:
            ReplayStalled: It does not read them, or cannot.
        """
        wanted = {build.name for build in self.pipeline.tables} | {f"monitor.{self.model.name}"}
        deadline = time.monotonic() + self.stall_seconds
        while missing := wanted - self.api.dag_ids():
            errors = self.api.import_errors()
            if errors or time.monotonic() > deadline:
                why = errors[0] if errors else f"DAGs {', '.join(sorted(missing))}"
                raise ReplayStalled("start", self.stall_seconds, why)
            pause()

    def snapshots(self, total: int) -> Iterator[Step]:
        """Deliver the unpartitioned sources and wait for what is derived from them alone."""
        self.delivery.snapshots(self.landing)
        names = [build.name for build in self.pipeline.tables if build.partition is None]
        todo = [name for name in names if not self.lake.has_table(name)]
        if not todo:
            return
        started = {name: self.api.trigger(name) for name in self.sources(False) if name in todo}
        watch = StallWatch(self, "snapshots")
        while todo := [name for name in todo if not self.lake.has_table(name)]:
            self.raise_failure(started)
            yield Step(0, total, "snapshots", watch.look(", ".join(todo)))
            pause()

    def waiting(self, partition: Partition) -> Iterator[str]:
        """What runs now, until the partition is decided and the decision carried out."""
        watch = StallWatch(self, partition.key)
        while not self.is_done(partition):
            yield watch.look(f"the decision on {partition.key}")
            pause()

    def is_under_way(self, partition: Partition) -> bool:
        """Whether an earlier replay's runs of the partition still go on.

        One that was cut off or failed leaves none: then the deliveries start anew, which changes
        nothing in what is published already.
        """
        runs = [run for run in self.api.runs("~") if run.partition == partition.key]
        return any(run.state not in ENDED for run in runs)

    def is_done(self, partition: Partition) -> bool:
        """Whether the window is decided, and a training that was asked for is answered."""
        ledger = self.lake.ledger(self.model.name)
        decision = decision_on(ledger, partition.key)
        if decision is None:
            return False
        return decision.verdict is not Verdict.TRAIN or answer_to(ledger, decision) is not None

    def raise_failure(self, runs: dict[str, DagRun] | None = None) -> None:
        """Stop at the first run that failed since this replay began to wait for it."""
        known = {run.run_id for run in runs.values()} if runs else None
        for run in self.api.runs("~"):
            if run.state == "failed" and (known is None or run.run_id in known):
                raise self.api.failure(run)


class StallWatch:
    """Says what runs, and notices when nothing does."""

    def __init__(self, replay: Replay, partition: str) -> None:
        self.replay, self.partition = replay, partition
        self.last_activity = time.monotonic()
        self.failed_before = {run.run_id for run in replay.api.runs("~") if run.state == "failed"}

    def look(self, waiting_for: str) -> str:
        """The tasks that run now.

        Raises:
            RunFailed: A run has failed since the watch began.
            ReplayStalled: Nothing has run for too long.
        """
        for run in self.replay.api.runs("~", limit=50):
            is_new = run.run_id not in self.failed_before
            if run.state == "failed" and is_new and is_work(run.dag_id):
                raise self.replay.api.failure(run)
        tasks = [task for task in self.replay.api.tasks(RUNNING) if is_work(task["dag_id"])]
        if tasks:
            self.last_activity = time.monotonic()
        idle = time.monotonic() - self.last_activity
        if idle > self.replay.stall_seconds:
            raise ReplayStalled(self.partition, idle, waiting_for)
        names = sorted({f"{task['dag_id']} {task['task_id']}" for task in tasks})
        return ", ".join(names[:4]) or "between tasks"


def is_work(dag_id: str) -> bool:
    """Whether a Dag's tasks move anything on.

    Drift's sensor only waits, for an hour of every day; what looks after the lake changes no row.
    """
    return not dag_id.startswith(("drift.", "maintain"))


def decision_on(ledger: Sequence[Decision], window: str) -> Decision | None:
    """The retraining decision on a window."""
    found = [one for one in ledger if one.kind is Kind.RETRAINING and one.window == window]
    return found[-1] if found else None


def answer_to(ledger: Sequence[Decision], decision: Decision) -> Decision | None:
    """The promotion decision that answers a decision to train."""
    return next((one for one in ledger if one.answers == decision.id), None)


def pause() -> None:
    """Wait a little before asking again; Ctrl-C ends the wait at once."""
    threading.Event().wait(POLL_SECONDS)
