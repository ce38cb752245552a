"""Reads the lake for people: without Spark, through Delta's own reader."""

import json
import os
from dataclasses import dataclass
from typing import Any

from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import TableNotFoundError

from headrace_launcher.object_store.endpoint import Endpoint
from headrace_schemas.batch import WHOLE
from headrace_schemas.decisions.decision import Decision
from headrace_schemas.decisions.model_version import Evaluation, ModelVersion, PinnedModel, pinned
from headrace_schemas.declarations.column_name import PARTITION
from headrace_schemas.declarations.empty_batches import published_empty
from headrace_schemas.places import Lake, Place


@dataclass(frozen=True)
class LakeView:
    """A lake, read only."""

    lake: Lake

    def open(self, uri: str) -> DeltaTable | None:
        """The newest version of a Delta table; None if it has none."""
        try:
            return DeltaTable(uri)
        except TableNotFoundError:
            return None

    def query(self, uri: str, sql: str) -> list[dict[str, Any]]:
        """Rows of a SQL query over the Delta table at `uri`, called `t`; none without a table."""
        table = self.open(uri)
        if table is None:
            return []
        rows = QueryBuilder().register("t", table).execute(sql).read_all()
        names = rows.column_names
        columns = [rows.column(index).to_pylist() for index in range(len(names))]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def has_table(self, name: str) -> bool:
        """Whether `layer.table` has been published."""
        return self.open(self.lake.table(name)) is not None

    def published(self, name: str) -> set[str]:
        """The keys of the partitions of `layer.table` that were published, without rows or with."""
        table = self.open(self.lake.table(name))
        if table is None or PARTITION not in table.metadata().partition_columns:
            return set()
        held = {one[PARTITION] for one in table.partitions()}
        return held | published_empty(table.metadata().configuration)

    def partition_rows(self, name: str) -> dict[str, int]:
        """Rows of each published partition; of `all` for a table without partitions."""
        return self.rows_by_partition(self.lake.table(name))

    def quarantined_rows(self, name: str) -> dict[str, int]:
        """Rows of each partition that are in quarantine."""
        return self.rows_by_partition(self.lake.quarantine(name))

    def rows_by_partition(self, uri: str) -> dict[str, int]:
        """Counted by reading, not from statistics."""
        table = self.open(uri)
        if table is None:
            return {}
        if "_partition" not in [field.name for field in table.schema().fields]:
            return {WHOLE: self.query(uri, "SELECT count(*) AS n FROM t")[0]["n"]}
        rows = self.query(uri, "SELECT _partition AS p, count(*) AS n FROM t GROUP BY _partition")
        return {row["p"] or WHOLE: row["n"] for row in rows}

    def quarantine_reasons(self, name: str) -> dict[str, dict[str, int]]:
        """Rows in quarantine by partition and rule; a row can break several rules."""
        sql = (
            "SELECT _partition AS p, rule, count(*) AS n FROM "
            "(SELECT _partition, unnest(rule_ids) AS rule FROM t) AS one GROUP BY _partition, rule"
        )
        reasons: dict[str, dict[str, int]] = {}
        for row in self.query(self.lake.quarantine(name), sql):
            reasons.setdefault(row["p"] or WHOLE, {})[row["rule"]] = row["n"]
        return {batch: dict(sorted(rules.items())) for batch, rules in reasons.items()}

    def ledger(self, model: str) -> list[Decision]:
        """A model's decisions, oldest first."""
        sql = f"SELECT * FROM t WHERE model = '{model}'"  # noqa: S608 - a declared name
        rows = self.query(self.lake.ledger, sql)
        fields = Decision.model_fields.keys()
        decisions = [Decision.model_validate({key: row[key] for key in fields}) for row in rows]
        return sorted(decisions, key=lambda one: (one.as_of, one.kind.value, one.id))

    def versions(self, model: str) -> list[ModelVersion]:
        """A model's versions, in the order of their numbers."""
        sql = f"SELECT * FROM t WHERE model = '{model}'"  # noqa: S608 - a declared name
        found = [ModelVersion.model_validate(row) for row in self.query(self.lake.versions, sql)]
        return sorted(found, key=lambda one: int(one.version))

    def digests_of(self, model: str, version: str) -> PinnedModel:
        """A model's version with the digests that the ledger holds of it.

        Raises:
            VersionUnknown: It holds none.
        """
        rows = self.query(self.lake.evaluations, "SELECT * FROM t")
        judged = [Evaluation.model_validate(row) for row in rows]
        return pinned(model, version, self.versions(model), judged)

    def monitoring(self, model: str) -> dict[str, dict[str, Any]]:
        """What monitoring measured, by window."""
        return {
            row["window"]: row for row in self.query(self.lake.monitoring(model), "SELECT * FROM t")
        }

    def rows_in(self, name: str, batch: str) -> int | None:
        """Rows that the gate saw of a batch, by its record; None if there is none."""
        content = read_file(f"{self.lake.gate_record(name, batch)}/result.json")
        return None if content is None else int(json.loads(content)["meta"]["counts"]["rows_in"])


def read_file(uri: str) -> bytes | None:
    """A plain file of the lake, on disk or in the object store; None if there is none."""
    place = Place.parse(uri)
    if place.path is not None:
        return place.path.read_bytes() if place.path.exists() else None
    client = Endpoint.from_environment(os.environ).client()
    try:
        content: bytes = client.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    except client.exceptions.NoSuchKey:
        return None
    return content
