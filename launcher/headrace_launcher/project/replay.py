"""Replays a pipeline's deliveries through a running Headrace, partition by partition.

Deliveries land as they would have arrived, Airflow does the rest. What a partition has reached is
read from tables and ledger, so a replay that was interrupted goes on where it stopped.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from headrace_lake.decision_story import answer_to, decision_on
from headrace_lake.ledger import DECISIONS
from headrace_lake.tables import published_keys
from headrace_lake.versions import newest_version
from headrace_launcher.errors import NothingDelivered
from headrace_launcher.project.deliveries import Deliveries
from headrace_launcher.services.airflow_api import UNDER_WAY, AirflowApi, DagRun
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline, TableBuild
from headrace_schemas.errors import HeadraceError
from headrace_schemas.partition import Partition, PartitionUnit
from headrace_schemas.places import Lake

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
class Step:
    """What a replay is doing now, for whoever shows progress."""

    done: int
    total: int
    partition: str
    doing: str


@dataclass(frozen=True)
class Replay:
    """The deliveries of one pipeline, and all that is built and learnt from them alone.

    Attributes:
        stall_seconds: Without any task running for this long, the replay gives up with an error.
    """

    api: AirflowApi
    lake: Lake
    catalog: Catalog
    pipeline: Pipeline
    deliveries: Deliveries
    stall_seconds: float = 180

    @cached_property
    def partitions(self) -> list[Partition]:
        """Everything that is replayed, oldest first."""
        return self.deliveries.partitions(self.pipeline)

    @cached_property
    def tables(self) -> list[TableBuild]:
        """The pipeline's tables, and those of other pipelines that need no other's deliveries."""
        roots = sources(self.catalog)
        own = self.pipeline.entries.keys()
        return [self.catalog.build(name) for name in self.catalog.order if roots[name] <= own]

    @property
    def models(self) -> list[Model]:
        """The models that learn from these tables."""
        tables = {build.name for build in self.tables}
        return [model for model in self.catalog.models.values() if model.table in tables]

    def sources(self, unit: PartitionUnit | None) -> list[TableBuild]:
        """Delivered tables with this partition, or without any."""
        own = self.pipeline.tables
        return [build for build in own if build.source is not None and build.partition is unit]

    def run(self) -> Iterator[Step]:
        """Replay what is not done yet; a step is given whenever there is news.

        Raises:
            NothingDelivered: No file is for this pipeline.
            ReplayStalled, RunFailed: It cannot go on.
        """
        total = len(self.partitions)
        yield Step(0, total, "", "waiting until Airflow has read the DAG files")
        self.wait_for_dags()
        yield from self.snapshots(total)
        for done, partition in enumerate(self.partitions):
            if self.is_done(partition):
                continue
            delivered = self.deliveries.deliver(self.sources(partition.unit), partition)
            if not self.is_under_way(partition):
                for table in delivered:
                    self.api.trigger(table, partition.key, note=f"delivery of {partition.key}")
            for doing in self.waiting(partition):
                yield Step(done, total, partition.key, doing)
        last = self.partitions[-1].key if self.partitions else "snapshots"
        yield Step(total, total, last, "done")

    def wait_for_dags(self) -> None:
        """Until Airflow knows every table's DAG.

        Raises:
            ReplayStalled: It does not read them, or cannot.
        """
        wanted = {build.name for build in self.tables}
        wanted |= {f"monitor.{model.name}" for model in self.models}
        deadline = time.monotonic() + self.stall_seconds
        while missing := wanted - self.api.dag_ids():
            errors = self.api.import_errors()
            if errors or time.monotonic() > deadline:
                why = errors[0] if errors else f"DAGs {', '.join(sorted(missing))}"
                raise ReplayStalled("start", self.stall_seconds, why)
            pause()

    def snapshots(self, total: int) -> Iterator[Step]:
        """Deliver the unpartitioned sources and wait for what is derived from them alone.

        Raises:
            NothingDelivered: There are none, nor partitions.
        """
        delivered = self.deliveries.deliver(self.sources(None), None)
        if not delivered and not self.partitions:
            patterns = [
                build.source.files for build in self.pipeline.tables if build.source is not None
            ]
            raise NothingDelivered(str(self.deliveries.folder), self.pipeline.name, patterns)
        roots = sources(self.catalog)
        whole = [build.name for build in self.tables if build.partition is None]
        names = [name for name in whole if roots[name] <= set(delivered)]
        todo = [name for name in names if not self.is_published(name)]
        if not todo:
            return
        started = {name: self.api.trigger(name) for name in delivered if name in todo}
        watch = StallWatch(self, "snapshots")
        while todo := [name for name in todo if not self.is_published(name)]:
            self.raise_failure(started)
            yield Step(0, total, "snapshots", watch.look(", ".join(todo)))
            pause()

    def is_published(self, table: str) -> bool:
        """Whether anything of a table has been published."""
        return newest_version(self.lake.table(table)) is not None

    def waiting(self, partition: Partition) -> Iterator[str]:
        """What runs now, until the partition is published, decided, and the decision carried out."""
        watch = StallWatch(self, partition.key)
        models = self.watching(partition)
        goal = f"the decision on {partition.key}" if models else f"tables of {partition.key}"
        while not self.is_done(partition):
            yield watch.look(goal)
            pause()

    def watching(self, partition: Partition) -> list[Model]:
        """The models that decide on the partition."""
        return [model for model in self.models if self.catalog.model_unit(model) is partition.unit]

    def is_under_way(self, partition: Partition) -> bool:
        """Whether an earlier replay's runs of the partition still go on.

        One that was cut off or failed leaves none: then the deliveries start anew, which changes
        nothing in what is published already.
        """
        return any(run.partition == partition.key for run in self.api.runs("~", UNDER_WAY))

    def is_done(self, partition: Partition) -> bool:
        """Whether every table has the partition and every model has decided on it and done so."""
        return all(self.is_decided(model, partition) for model in self.watching(partition)) and all(
            partition.key in published_keys(self.lake.table(build.name))
            for build in self.tables
            if build.partition is partition.unit
        )

    def is_decided(self, model: Model, partition: Partition) -> bool:
        """Whether the window is decided, and a training that was asked for is answered."""
        ledger = DECISIONS.read(self.lake.ledger, model.name)
        decision = decision_on(ledger, partition.key)
        if decision is None:
            return False
        return decision.verdict is not Verdict.TRAIN or answer_to(ledger, decision) is not None

    def raise_failure(self, runs: dict[str, DagRun]) -> None:
        """Stop at the first of some runs that has failed."""
        known = {(run.dag_id, run.run_id) for run in runs.values()}
        for run in self.api.failed_runs():
            if (run.dag_id, run.run_id) in known:
                raise self.api.failure(run)


class StallWatch:
    """Says what runs, and notices when nothing does."""

    def __init__(self, replay: Replay, partition: str) -> None:
        self.replay, self.partition = replay, partition
        self.last_activity = time.monotonic()
        # All of them: what is among the last hundred changes when one of those is cleared. As they
        # are, with the time of their end: one that is cleared and fails again is another failure.
        self.failed_before = set(replay.api.runs("~", ["failed"]))

    def look(self, waiting_for: str) -> str:
        """The tasks that run now.

        Raises:
            RunFailed: A run has failed since the watch began.
            ReplayStalled: Nothing has run for too long.
        """
        for run in self.replay.api.failed_runs():
            if run not in self.failed_before and is_work(run.dag_id):
                raise self.replay.api.failure(run)
        tasks = [task for task in self.replay.api.tasks(RUNNING) if is_work(task["dag_id"])]
        if tasks:
            self.last_activity = time.monotonic()
        idle = time.monotonic() - self.last_activity
        if idle > self.replay.stall_seconds:
            raise ReplayStalled(self.partition, idle, waiting_for)
        names = sorted({f"{task['dag_id']} {task['task_id']}" for task in tasks})
        return ", ".join(names[:4]) or "between tasks"


def sources(catalog: Catalog) -> dict[str, set[str]]:
    """Table → the delivered tables that it is made of, in the end."""
    found: dict[str, set[str]] = {}
    for name in catalog.order:
        inputs = catalog.build(name).inputs.values()
        found[name] = {root for upstream in inputs for root in found[upstream.table]} or {name}
    return found


def is_work(dag_id: str) -> bool:
    """Whether a Dag's tasks move anything on.

    Drift's sensor only waits, for an hour of every day, and a held window for a person; what looks after
    the lake changes no row.
    """
    return not dag_id.startswith(("retrain.", "release.", "maintain"))


def pause() -> None:
    """Wait a little before asking again; Ctrl-C ends the wait at once."""
    threading.Event().wait(POLL_SECONDS)
