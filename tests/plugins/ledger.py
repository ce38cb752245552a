"""Small Delta tables, written without Spark: a ledger, and tables with partitions."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arro3.core import Array, DataType, Table
from deltalake import DeltaTable, write_deltalake

from headrace_lake.commits import insert
from headrace_lake.ledger import DECISIONS, VERSIONS
from headrace_schemas.decisions.decision import Decision, Kind, Verdict
from headrace_schemas.decisions.evidence import MonitorEvidence, canonical
from headrace_schemas.decisions.model_version import ModelVersion, PinnedModel
from headrace_schemas.declarations.empty_batches import PUBLISHED_EMPTY
from headrace_schemas.places import Lake

FEBRUARY = datetime(2013, 3, 3, tzinfo=UTC)
"""When the labels of 2013-02 have matured in the small declarations."""


EVIDENCE = canonical(MonitorEvidence(window="2013-02", matured_partitions=2))
"""Of a window in which nothing was measured."""


def decision(
    verdict: Verdict, as_of: datetime = FEBRUARY, model: str = "long_trip", **fields: Any
) -> Decision:
    """A row of the ledger."""
    kind = Kind.PROMOTION if verdict in (Verdict.PROMOTE, Verdict.REFUSE) else Kind.RETRAINING
    given = {
        "id": f"{model}/{kind.value}/{as_of:%Y-%m-%d}/{verdict.value}",
        "model": model,
        "kind": kind,
        "window": "2013-02",
        "as_of": as_of,
        "verdict": verdict,
        "reason": "inputs moved",
        "evidence": EVIDENCE if kind is Kind.RETRAINING else "{}",
        **fields,
    }
    return Decision.model_validate(given)


def write_ledger(home: Path, decisions: Sequence[Decision]) -> None:
    """The ledger of a state directory, as jobs write it."""
    for one in decisions:
        insert(DECISIONS, str(home / "lake" / "ledger" / "decisions"), one, "{}")


def digests(version: str) -> PinnedModel:
    """What the ledger holds of a version that `write_versions` wrote."""
    return PinnedModel(
        version=version, booster_sha256=f"booster {version}", manifest_sha256=f"manifest {version}"
    )


def write_versions(home: Path, *versions: str, model: str = "long_trip") -> None:
    """Registered versions of a model, as trainings write them down."""
    for one in versions:
        row = ModelVersion(
            model=model,
            version=one,
            booster_sha256=digests(one).booster_sha256,
            manifest_sha256=digests(one).manifest_sha256,
            table="gold.trip_features",
            table_version=0,
            as_of=FEBRUARY,
            request_id="asked",
        )
        insert(VERSIONS, str(home / "lake" / "ledger" / "versions"), row, "{}")


def write_table(home: Path, name: str, partitions: Sequence[str]) -> None:
    """A published table with a row a partition; without partitions, a whole one."""
    count = len(partitions) or 1
    columns: dict[str, Any] = {"n": Array(list(range(count)), DataType.int64())}
    if partitions:
        columns["_partition"] = Array(list(partitions), DataType.utf8())
    uri = str(home.joinpath("lake", "tables", *name.split(".")))
    by = ["_partition"] if partitions else None
    write_deltalake(uri, Table.from_pydict(columns), partition_by=by, mode="append")


def write_gate_record(home: Path, table: str, batch: str, warnings: dict[str, int]) -> None:
    """What the gate of a batch left, as far as others read it."""
    uri = Lake(root=str(home / "lake")).gate_record(table, batch)
    file = Path(uri.removeprefix("file://")) / "result.json"
    file.parent.mkdir(parents=True)
    meta = {"counts": {"rows_in": 100, "rows_quarantined": 2}, "warnings": warnings}
    file.write_text(json.dumps({"meta": meta}))


def note_empty(home: Path, name: str, partition: str) -> None:
    """Say of a published table that a partition of it has no rows, as `publish` does."""
    uri = str(home.joinpath("lake", "tables", *name.split(".")))
    noted = {f"{PUBLISHED_EMPTY}{partition}": "true"}
    DeltaTable(uri).alter.set_table_properties(noted, raise_if_not_exists=False)
