"""The flagship's loop as a bare script: the same job functions, in order, in one warm session.

What it lacks is everything Airflow is for: no schedule, no retry, no page, no second chance after a crash.
It is the yardstick for what orchestration costs.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from headrace_jobs.engine.session import classic
from headrace_lake.landing import delivered_files
from headrace_lake.ledger import DECISIONS, digests_of
from headrace_lake.versions import newest_version
from headrace_launcher.project.deliveries import Deliveries
from headrace_schemas.batch import Batch
from headrace_schemas.decisions.decision import Verdict
from headrace_schemas.decisions.training_windows import windows_left_out
from headrace_schemas.declarations.catalog import Catalog
from headrace_schemas.declarations.model import Model
from headrace_schemas.declarations.pipeline import Pipeline
from headrace_schemas.partition import Partition, partitions_between
from headrace_schemas.places import Lake
from headrace_schemas.planning.planner import Planner, matured_at
from headrace_schemas.wire.jobs import JOBS
from headrace_schemas.wire.spec import JobSpec


@dataclass
class BareLoop:
    """One pipeline and one model, without an orchestrator."""

    catalog: Catalog
    pipeline: Pipeline
    model: Model
    lake: Lake
    landing: Path
    deliveries: Deliveries
    jobs: int = 0
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    planner: Planner = field(init=False)

    def __post_init__(self) -> None:
        digests = partial(digests_of, self.lake)
        self.planner = Planner(self.catalog, self.lake, newest_version, digests, "bare")
        self.spark = classic("bare loop")

    def run(self, news: Callable[[str], None]) -> None:
        """Everything from the pipeline's start to its end."""
        assert self.pipeline.ends_at is not None
        builds = self.pipeline.tables
        self.deliveries.deliver([one for one in builds if one.partition is None], None)
        for table in self.tables(partitioned=False):
            self.build(table, None)
        unit, start = self.pipeline.partition, self.pipeline.starts_at
        for partition in partitions_between(unit, start, self.pipeline.ends_at):
            news(partition.key)
            self.deliveries.deliver([one for one in builds if one.partition], partition)
            for table in self.tables(partitioned=True):
                self.build(table, partition)
            self.serve(partition)

    def tables(self, partitioned: bool) -> list[str]:
        """The pipeline's tables, inputs first."""
        builds = self.catalog.builds
        own = [name for name in self.catalog.order if name in self.pipeline.entries]
        return [name for name in own if (builds[name].partition is not None) is partitioned]

    def build(self, table: str, partition: Partition | None) -> None:
        """Load, gate and publish one batch."""
        landing, build = str(self.landing), self.catalog.build(table)
        files = delivered_files(landing, build, Batch(table=table, partition=partition))
        staged = self.job(self.planner.load(table, partition, files, self.name("load")))
        gated = self.job(
            self.planner.gate(table, partition, str(staged.output_uri), self.name("gate"))
        )
        self.job(
            self.planner.publish(table, partition, str(gated.output_uri), self.name("publish"))
        )

    def serve(self, partition: Partition) -> None:
        """Score, monitor and decide; retrain where it is decided."""
        model = self.model
        history = DECISIONS.read(self.lake.ledger, model.name)
        self.job(self.planner.score(model, partition, history, self.name("score")))
        seen = self.job(self.planner.monitor(model, partition, history, None, self.name("monitor")))
        assert seen.monitor_evidence is not None
        decided = self.job(
            self.planner.decide(
                model, partition, seen.monitor_evidence, history, self.name("decide")
            )
        )
        decision = decided.decision
        assert decision is not None
        if decision.verdict is not Verdict.TRAIN:
            return
        history = DECISIONS.read(self.lake.ledger, model.name)
        as_of = matured_at(model, partition)
        asked = self.planner.train(model, as_of, decision.id, self.name("train"))
        left_out = windows_left_out(model, history, as_of)
        train = asked.model_copy(update={"learn_from": decision.learn_from, "left_out": left_out})
        version = str(self.job(train).model_version)
        judged = self.job(self.planner.evaluate(train, version, history, self.name("evaluate")))
        assert judged.promotion_evidence is not None
        self.job(
            self.planner.promote(
                model,
                as_of,
                decision.id,
                judged.promotion_evidence,
                history,
                None,
                self.name("promote"),
            )
        )

    def name(self, job: str) -> str:
        """A job id that no other job has."""
        self.jobs += 1
        return f"{self.jobs:04d}-{job}"

    def job(self, spec: JobSpec) -> Any:
        """Call the job's function and count its seconds."""
        job = JOBS.named(spec.job)
        run = JOBS.code(job, job.run)
        start = time.monotonic()
        report = run(self.spark, spec) if job.needs_spark else run(spec)
        self.seconds[spec.job] += time.monotonic() - start
        return report
