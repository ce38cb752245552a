"""A staged batch, judged, in an area of the gate's own.

A batch of which no row breaks a rule is copied as its files lie there, and the copies are judged:
its rows are read once, for figures, and not written again. Any other is written by outcome, with
what each row breaks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from headrace_jobs.lake import files
from headrace_jobs.lake.files import Copy, ListedFile
from headrace_jobs.tables import belonging, evaluation, row_rules
from headrace_jobs.tables.figures import Figures, figures_of
from headrace_jobs.tables.measures import QueryValue
from headrace_jobs.tables.row_rules import ALL, BROKEN, OUTCOME, PASSED, QUARANTINED, READABLE
from headrace_schemas.declarations.contract import Contract
from headrace_schemas.wire.table_jobs import GateSpec

Ask = Callable[[DataFrame], dict[Any, Column]]
"""What Great Expectations would aggregate of a batch, by metric."""

FEW_FILES, LARGE_FILE = 8, 1 << 20
"""More files than these are copied only if they have so many bytes each: a table of small ones is slow."""


@dataclass(frozen=True)
class JudgedBatch:
    """A batch as it was judged.

    Attributes:
        rows: Its rows, with `OUTCOME`, and what they break if any of them breaks a rule.
        seen: How many there are of each kind.
        uniqueness: What was measured of these rows, by query.
        figures: What else is known of them, by metric.
    """

    rows: DataFrame
    seen: dict[str, int]
    uniqueness: Mapping[str, QueryValue] = field(default_factory=dict)
    figures: Figures = field(default_factory=dict)


def judged_batch(
    spark: SparkSession, spec: GateSpec, ask: Ask
) -> tuple[JudgedBatch, dict[str, str]]:
    """Judge the batch at `spec.staged_uri` and have it at `spec.gated_uri`, by outcome.

    Returns:
        It, and the rules that cannot run, by id, with the reason.
    """
    staged = spark.read.parquet(spec.staged_uri)
    is_looked_up = belonging.is_looked_up(spec.contract)
    if is_looked_up:
        staged = belonging.looked_up(spark, spec, staged)
    # What is true of a copy has to be true of it later, and by itself.
    may_stay = not is_looked_up and not any(map(evaluation.asks_clock, spec.contract.row_rules))

    def judge(contract: Contract, is_careful: bool) -> JudgedBatch:
        all_run = len(contract.row_rules) == len(spec.contract.row_rules)
        if may_stay and all_run and not is_careful:
            found = as_it_lies(spark, spec, staged.schema, ask)
            if found is not None:
                return found
        repeated = row_rules.repeated(contract, row_rules.uniqueness(staged, contract))
        judged = row_rules.judged(staged, contract, repeated, is_careful).drop(belonging.ELSEWHERE)
        return written(spark, spec, judged)

    return evaluation.carefully(staged, spec.contract, judge)


def as_it_lies(
    spark: SparkSession, spec: GateSpec, schema: StructType, ask: Ask
) -> JudgedBatch | None:
    """The batch's own files, copied; None if some row breaks a rule, or there is no row.

    Copied first and judged then, so that nothing changes between the two.
    """
    lying = [file for file in files.below(spec.staged_uri) if file.path.endswith(".parquet")]
    if is_in_crumbs(lying):
        return None
    files.remove(spec.gated_uri)  # what an earlier try has left
    copies = [Copy(file.path, f"{OUTCOME}={PASSED}/{file.path}", file.size) for file in lying]
    if files.all_copied(spec.staged_uri, spec.gated_uri, copies) is None:
        return None
    with_outcome = StructType([*schema.fields, StructField(OUTCOME, StringType())])
    rows = row_rules.gated(spark, spec.gated_uri, schema=with_outcome)
    uniqueness = row_rules.uniqueness(rows, spec.contract)
    if row_rules.repeated(spec.contract, uniqueness):
        return None
    asked = ask(rows)
    rules = [rule.bad for rule in spec.contract.row_rules if rule.bad is not None]
    broken = [F.count_if(~row_rules.is_readable()), *[F.count_if(F.expr(bad)) for bad in rules]]
    (found,) = rows.agg(F.count(F.lit(1)), *broken, *asked.values()).collect()
    count, bad, known = found[0], found[1 : 1 + len(broken)], found[1 + len(broken) :]
    if not count or any(bad):
        return None
    seen = {ALL: count, READABLE: count, QUARANTINED: 0, BROKEN: 0}
    return JudgedBatch(rows, seen, uniqueness, figures_of(asked, known))


def is_in_crumbs(lying: Sequence[ListedFile]) -> bool:
    """Whether files are better joined: many, and small."""
    return len(lying) > FEW_FILES and sum(file.size for file in lying) < LARGE_FILE * len(lying)


def written(spark: SparkSession, spec: GateSpec, judged: DataFrame) -> JudgedBatch:
    """Judged rows, written by outcome."""
    seen = Observation()
    wanted = row_rules.counts()
    counting = judged.observe(seen, *[count.alias(name) for name, count in wanted.items()])
    counting.write.mode("overwrite").partitionBy(OUTCOME).parquet(spec.gated_uri)
    counted = {name: int(seen.get.get(name, 0)) for name in wanted}
    if not counted[ALL]:  # nothing to split leaves no file, so no columns for `publish` to read
        judged.write.mode("overwrite").parquet(spec.gated_uri)
    return JudgedBatch(row_rules.gated(spark, spec.gated_uri, schema=judged.schema), counted)
