"""The ledger: every decision as one row that is written once and never changed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headrace_jobs.lake import tables
from headrace_jobs.lake.history import declare
from headrace_jobs.learning.features import moment
from headrace_schemas.decisions.decision import Decision
from headrace_schemas.declarations.pipeline import HISTORY_DAYS
from headrace_schemas.errors import WriteConflict
from headrace_schemas.wire.spec import PinnedTable

log = logging.getLogger(__name__)

T = TypeVar("T")

NAME = "ledger.decisions"
KEY = ("model", "id")  # the partition column in the key keeps models from conflicting
INSTANTS = tuple(
    name
    for name, field in Decision.model_fields.items()
    if field.annotation in (datetime, datetime | None)
)
SCHEMA = ", ".join(
    f"{name} {'TIMESTAMP' if name in INSTANTS else 'STRING'}" for name in Decision.model_fields
)
ATTEMPTS = 5
"""How often a row is offered when other writers commit first; each attempt sees what they wrote."""


@dataclass(frozen=True)
class Recorded:
    """What stands in the ledger after a decision was offered.

    Attributes:
        decision: The first answer to the question.
        history: All decisions of the model, oldest first.
    """

    decision: Decision
    history: list[Decision]
    table: PinnedTable


def record(spark: SparkSession, uri: str, decision: Decision) -> Recorded:
    """Write a decision unless its question was answered before: the first answer stands.

    Raises:
        WriteConflict: Others committed first, each time.
    """
    fields = decision.model_dump()
    row = tuple(
        fields[name] if name in INSTANTS or fields[name] is None else str(fields[name])
        for name in Decision.model_fields
    )
    frame = spark.createDataFrame([row], SCHEMA)

    def insert() -> PinnedTable:
        declare(spark, HISTORY_DAYS, (NAME, uri))
        return tables.insert_new(spark, frame, uri, NAME, KEY, partition_by=["model"])

    written = at_last(NAME, insert)
    decisions = history(spark, written, decision.model)
    stands = next(one for one in decisions if one.id == decision.id)
    log.info("%s: %s: %s: %s", NAME, stands.id, stands.verdict, stands.reason)
    return Recorded(stands, decisions, written)


def at_last(name: str, write: Callable[[], T]) -> T:
    """What a write gives, which is tried again where other writers commit first.

    Raises:
        WriteConflict: They did each time.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            return write()
        except WriteConflict:
            log.info("%s: another writer was first, attempt %d", name, attempt)
    return write()


def history(spark: SparkSession, table: PinnedTable, model: str) -> list[Decision]:
    """A model's decisions, oldest first."""
    rows = in_micros(tables.read(spark, table).where(F.col("model") == model)).collect()
    decisions = []
    for row in rows:
        fields = row.asDict()
        for name in INSTANTS:
            fields[name] = None if fields[name] is None else moment(fields[name])
        decisions.append(Decision.model_validate(fields))
    return sorted(decisions, key=lambda one: (one.as_of, one.id))


def in_micros(frame: DataFrame) -> DataFrame:
    """The ledger with instants as numbers: collected timestamps take on the process's zone."""
    return frame.select(
        *[
            F.unix_micros(name).alias(name) if name in INSTANTS else F.col(name)
            for name in Decision.model_fields
        ]
    )
